/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything goes that is not known to do no harm. ECMA-48 has the sequences;
 * of those only SGR ("ESC [ 1 ; 31 m") is known.
 */
#include "harmless.h"

#include <glib.h>
#include <string.h>

#define SGR_MAX 40		/* bytes; longer is not a colour */
#define RESET "\033[0m"

struct cleaner {
	GString *out;
	bool has_color;
	bool is_colored;	/* a colour is on */
};

/* Length of the colour sequence at `at`, or 0. */
static size_t sgr_length(const char *at, const char *end)
{
	size_t room = (size_t)(end - at), i = 2;

	if (room < 3 || at[0] != '\033' || at[1] != '[')
		return 0;
	while (i < room && i < SGR_MAX &&
	       (g_ascii_isdigit(at[i]) || at[i] == ';'))
		i++;
	return i < room && at[i] == 'm' ? i + 1 : 0;
}

static void end_color(struct cleaner *c)
{
	if (c->is_colored)
		g_string_append(c->out, RESET);
	c->is_colored = false;
}

static void add_sgr(struct cleaner *c, const char *at, size_t length)
{
	if (!c->has_color)
		return;
	g_string_append_len(c->out, at, (gssize)length);
	c->is_colored = true;
}

/* Bytes eaten. */
static size_t add_ascii(struct cleaner *c, const char *at, const char *end)
{
	size_t sgr = sgr_length(at, end);

	if (sgr > 0) {
		add_sgr(c, at, sgr);
		return sgr;
	}
	if (*at == '\r' && at + 1 < end && at[1] == '\n')
		return 1;
	if (*at == '\n')
		end_color(c);
	if (*at == '\n' || *at == '\t' || (*at >= ' ' && *at < '\177'))
		g_string_append_c(c->out, *at);
	else
		g_string_append_printf(c->out, "^%c", *at ^ '@');
	return 1;
}

/* Characters that make text read in another order than it is stored. */
static bool turns_text(gunichar c)
{
	return c == 0x061C || c == 0x200E || c == 0x200F ||
		(c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static size_t add_wide(struct cleaner *c, const char *at, const char *end)
{
	gunichar wide = g_utf8_get_char_validated(at, end - at);

	if (wide == (gunichar)-1 || wide == (gunichar)-2) {
		g_string_append_printf(c->out, "\\x%02x",
				       (unsigned)(guchar)*at);
		return 1;
	}
	if (turns_text(wide) || wide < 0xA0 || wide == 0x2028 ||
	    wide == 0x2029)
		g_string_append_printf(c->out, "<U+%04X>", wide);
	else
		g_string_append_unichar(c->out, wide);
	return (size_t)(g_utf8_next_char(at) - at);
}

char *harmless(const char *bytes, size_t n, bool has_color)
{
	struct cleaner c = {
		.out = g_string_sized_new(n + 1), .has_color = has_color,
	};
	const char *end = bytes + n;

	while (bytes < end)
		bytes += *bytes & '\200' ? add_wide(&c, bytes, end)
					 : add_ascii(&c, bytes, end);
	end_color(&c);
	return g_string_free(c.out, FALSE);
}
