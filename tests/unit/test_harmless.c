/* SPDX-License-Identifier: Apache-2.0
 *
 * What of a host's bytes reaches a terminal.
 */
#include "cmd/harmless.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *in, *out;	/* with colour */
	const char *plain;	/* without; NULL: the same */
} cases[] = {
	{ "", "", NULL },
	{ "plain\ttext\n", "plain\ttext\n", NULL },
	{ "gr\xc3\xbc\xc3\x9f\x65 \xe2\x9c\x93\n",
	  "gr\xc3\xbc\xc3\x9f\x65 \xe2\x9c\x93\n", NULL },
	{ "dos\r\nline\r\n", "dos\nline\n", NULL },
	{ "50%\rw2: all well", "50%^Mw2: all well", NULL },
	{ "a\bb\a\f\v\177", "a^Hb^G^L^K^?", NULL },
	{ "\033[31mred\033[0m\n", "\033[31mred\033[0m\033[0m\n", "red\n" },
	{ "\033[1;31mred\nnext", "\033[1;31mred\033[0m\nnext", "red\nnext" },
	{ "\033[mreset", "\033[mreset\033[0m", "reset" },
	/* cursor, erase, title, clipboard, answers, charsets, 8-bit CSI */
	{ "\033[2J\033[H", "^[[2J^[[H", NULL },
	{ "\033]0;title\a", "^[]0;title^G", NULL },
	{ "\033]52;c;ZXZpbA==\033\\", "^[]52;c;ZXZpbA==^[\\", NULL },
	{ "\033[6n\033c\033(0", "^[[6n^[c^[(0", NULL },
	{ "\033[?1049h", "^[[?1049h", NULL },
	{ "\033[>4;2m", "^[[>4;2m", NULL },
	{ "\033[31", "^[[31", NULL },
	{ "\033", "^[", NULL },
	{ "\x9b" "2J", "\\x9b2J", NULL },
	{ "\xc2\x9b" "2J", "<U+009B>2J", NULL },
	/* no UTF-8: a lone tail, a short head, a surrogate, too long */
	{ "\x80\xc3", "\\x80\\xc3", NULL },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80", NULL },
	{ "\xc0\xaf", "\\xc0\\xaf", NULL },
	{ "a\xe2\x80\xae" "b", "a<U+202E>b", NULL },
	{ "a\xe2\x81\xa6" "b", "a<U+2066>b", NULL },
	{ "a\xe2\x80\xa8" "b", "a<U+2028>b", NULL },
};

static void test_harmless_keeps_text_and_colour_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		size_t n = strlen(cases[i].in);
		g_autofree char *out = harmless(cases[i].in, n, true);
		g_autofree char *plain = harmless(cases[i].in, n, false);

		assert_string_equal(out, cases[i].out);
		assert_string_equal(plain, cases[i].plain ? cases[i].plain
							  : cases[i].out);
	}
}

static void test_harmless_shows_nul(void **state)
{
	g_autofree char *out = harmless("a\0b", 3, true);
	(void)state;

	assert_string_equal(out, "a^@b");
}

static void test_harmless_long_colour_is_none(void **state)
{
	g_autoptr(GString) in = g_string_new("\033[");
	(void)state;

	for (int i = 0; i < 100; i++)
		g_string_append(in, "1;");
	g_string_append(in, "1mx");
	g_autofree char *out = harmless(in->str, in->len, true);

	assert_true(g_str_has_prefix(out, "^[[1;1;"));
	assert_null(strchr(out, '\033'));
}

/* Of all one- and two-byte texts none leaves a control character. */
static void test_harmless_never_lets_control_through(void **state)
{
	(void)state;
	for (guint i = 0; i < 65536; i++) {
		const char in[2] = { (char)(i >> 8), (char)(i & 0xff) };
		g_autofree char *out = harmless(in, 2, true);

		assert_true(g_utf8_validate(out, -1, NULL));
		for (const char *c = out; *c; c = g_utf8_next_char(c)) {
			gunichar wide = g_utf8_get_char(c);

			assert_true(wide == '\n' || wide == '\t' ||
				    !g_unichar_iscntrl(wide));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_harmless_keeps_text_and_colour_only),
		cmocka_unit_test(test_harmless_shows_nul),
		cmocka_unit_test(test_harmless_long_colour_is_none),
		cmocka_unit_test(test_harmless_never_lets_control_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
