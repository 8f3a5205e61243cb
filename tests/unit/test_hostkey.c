/* SPDX-License-Identifier: Apache-2.0
 *
 * The known_hosts index: what each form of line says of a key, and that
 * whatever cannot be understood never makes a host unknown.
 */
#include "transport/known_hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Two made-up ed25519 keys. */
#define KEY_A "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGh" \
	      "scHR4f"
#define KEY_B "AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQ" \
	      "QDAgEA"
#define A "ssh-ed25519 " KEY_A
#define B "ssh-ed25519 " KEY_B

static struct known_hosts *index_of(const char *text)
{
	struct known_hosts *known = known_hosts_new();
	known_hosts_add(known, "kh", text, strlen(text));
	return known;
}

/* "n1" as ssh-keygen -H writes it, with a salt of our own. */
static char *hashed(const char *name)
{
	static const guchar salt[20] = "twenty bytes of salt";
	guint8 digest[20];
	gsize size = sizeof(digest);
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, salt, sizeof(salt));
	g_hmac_update(hmac, (const guchar *)name, -1);
	g_hmac_get_digest(hmac, digest, &size);
	g_hmac_unref(hmac);
	g_autofree char *left = g_base64_encode(salt, sizeof(salt));
	g_autofree char *right = g_base64_encode(digest, size);
	return g_strdup_printf("|1|%s|%s", left, right);
}

static enum known_hosts_result check(const struct known_hosts *known,
				     const char *address, unsigned port,
				     unsigned *line)
{
	gsize length = 0;
	g_autofree guchar *blob = g_base64_decode(KEY_A, &length);
	struct known_hosts_verdict verdict = known_hosts_check(
		known, address, port, blob, length);
	g_free(verdict.fingerprint);
	*line = verdict.line;
	return verdict.result;
}

static const struct {
	const char *text, *address;
	unsigned port;
	enum known_hosts_result want;
	unsigned line;
} judged[] = {
	{"", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	{"# n1 " A "\n\n  \n", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	{"n1 " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"n1 " A, "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"n1 " A "\r\n", "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"\t n1\t" A " a comment\n", "N1", 22, KNOWN_HOSTS_MATCH, 1},
	{"x,n1,y " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"N1 " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"n1 " B "\n", "n1", 22, KNOWN_HOSTS_CHANGED, 1},
	{"n1 " B "\nn1 " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 2},
	{"n2 " A "\n", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	/* patterns */
	{"n* " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 1},
	{"n?,!n1 " A "\n", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	{"*.example.com " B "\n", "a.example.com", 22,
	 KNOWN_HOSTS_CHANGED, 1},
	/* ports */
	{"[n1]:2222 " A "\n", "n1", 2222, KNOWN_HOSTS_MATCH, 1},
	{"[n1]:2222 " A "\n", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	{"n1 " A "\n", "n1", 2222, KNOWN_HOSTS_MATCH, 1},
	{"n1 " B "\n", "n1", 2222, KNOWN_HOSTS_UNKNOWN, 0},
	{"n1 " A "\n[n1]:2222 " B "\n", "n1", 2222,
	 KNOWN_HOSTS_CHANGED, 2},
	{"[fd00::1]:2222 " A "\n", "fd00::1", 2222,
	 KNOWN_HOSTS_MATCH, 1},
	/* markers */
	{"@revoked n1 " A "\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_REVOKED, 1},
	{"n1 " A "\n@revoked * " A "\n", "n1", 22,
	 KNOWN_HOSTS_REVOKED, 2},
	{"@revoked n1 " B "\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_MATCH, 2},
	{"@revoked * " A "\n", "n1", 2222, KNOWN_HOSTS_REVOKED, 1},
	{"@cert-authority * " A "\n", "n1", 22,
	 KNOWN_HOSTS_AUTHORITY, 1},
	{"@cert-authority * " B "\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_MATCH, 2},
	/* lines that make no sense */
	{"n1\n", "n1", 22, KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 ssh-ed25519\n", "n1", 22, KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 ssh-ed25519 %%%%\n", "n1", 22, KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 ssh-rsa " KEY_A "\n", "n1", 22,
	 KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 1024 35 1234567890\n", "n1", 22,
	 KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 junk\nn1 " B "\n", "n1", 22, KNOWN_HOSTS_UNREADABLE, 1},
	{"n1 junk\nn1 " A "\n", "n1", 22, KNOWN_HOSTS_MATCH, 2},
	{"@revoked n1 junk\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_UNREADABLE, 1},
	{"@what n1 " A "\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_UNREADABLE, 1},
	{"n2 junk\n", "n1", 22, KNOWN_HOSTS_UNKNOWN, 0},
	{"|1|bad\n|1|a|b|c x y\nn1 " A "\n", "n1", 22,
	 KNOWN_HOSTS_MATCH, 3},
};

static void test_hostkey_lines_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(judged); i++) {
		struct known_hosts *known = index_of(judged[i].text);
		unsigned line = 0;
		enum known_hosts_result got = check(
			known, judged[i].address, judged[i].port, &line);
		if (got != judged[i].want || line != judged[i].line)
			fail_msg("case %zu: result %d line %u", i, (int)got,
				 line);
		known_hosts_free(known);
	}
}

static void test_hostkey_hashed_names_are_found(void **state)
{
	g_autofree char *plain = hashed("n1");
	g_autofree char *ported = hashed("[n1]:2222");
	g_autofree char *text = g_strdup_printf("%s %s\n%s %s\n", plain, A,
						ported, B);
	struct known_hosts *known = index_of(text);
	unsigned line = 0;
	(void)state;
	assert_int_equal(check(known, "n1", 22, &line), KNOWN_HOSTS_MATCH);
	assert_int_equal(check(known, "N1", 22, &line), KNOWN_HOSTS_MATCH);
	assert_int_equal(check(known, "n1", 2222, &line),
			 KNOWN_HOSTS_CHANGED);
	assert_int_equal(check(known, "n2", 22, &line), KNOWN_HOSTS_UNKNOWN);
	known_hosts_free(known);
}

static void test_hostkey_hashed_lines_are_weighed(void **state)
{
	g_autofree char *one = hashed("n1"), *two = hashed("n2");
	const struct {
		const char *first, *second, *third;	/* lines, or ends */
		enum known_hosts_result want;
		unsigned line;
	} cases[] = {
		{" " B, " " A, " junk", KNOWN_HOSTS_MATCH, 2},
		{" " B, " junk", " " B, KNOWN_HOSTS_UNREADABLE, 2},
		{" " B, " " B, " " B, KNOWN_HOSTS_CHANGED, 1},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strdup_printf(
			"%s%s\n%s%s\n%s%s\n@revoked %s %s\n%s %s\n", one,
			cases[i].first, one, cases[i].second, one,
			cases[i].third, two, A, two, A);
		struct known_hosts *known = index_of(text);
		unsigned line = 0;

		assert_int_equal(check(known, "n1", 22, &line),
				 cases[i].want);
		assert_int_equal(line, cases[i].line);
		assert_int_equal(check(known, "n2", 22, &line),
				 KNOWN_HOSTS_REVOKED);
		known_hosts_free(known);
	}
}

static void test_hostkey_types_of_hashed_lines_if_asked(void **state)
{
	g_autofree char *name = hashed("n1");
	g_autofree char *text = g_strdup_printf("%s %s\n", name, A);
	struct known_hosts *known = index_of(text);
	g_autoptr(GPtrArray) quick = known_hosts_types(known, "n1", 22, false);
	g_autoptr(GPtrArray) all = known_hosts_types(known, "n1", 22, true);
	(void)state;
	assert_int_equal(quick->len, 0);
	assert_int_equal(all->len, 1);
	known_hosts_free(known);
}

static void test_hostkey_long_line_hides_nothing(void **state)
{
	GString *text = g_string_new("far ");
	unsigned line = 0;
	(void)state;
	for (int i = 0; i < 20000; i++)
		g_string_append(text, "AAAA");
	g_string_append(text, "\nn1 " B "\n");
	struct known_hosts *known = index_of(text->str);
	assert_int_equal(check(known, "n1", 22, &line), KNOWN_HOSTS_CHANGED);
	assert_int_equal(line, 2);
	known_hosts_free(known);
	g_string_free(text, TRUE);
}

static void test_hostkey_types_are_each_once(void **state)
{
	struct known_hosts *known = index_of(
		"n1 " A "\nn1 " B "\n@revoked n1 " A "\nn1 junk\n");
	g_autoptr(GPtrArray) types = known_hosts_types(known, "n1", 22,
						       true);
	g_autoptr(GPtrArray) fallback = known_hosts_types(known, "n1", 2222,
							  true);
	g_autoptr(GPtrArray) none = known_hosts_types(known, "n2", 22,
						      true);
	(void)state;
	assert_int_equal(types->len, 1);
	assert_string_equal(g_ptr_array_index(types, 0), "ssh-ed25519");
	assert_int_equal(fallback->len, 1);
	assert_int_equal(none->len, 0);
	known_hosts_free(known);
}

static void test_hostkey_fingerprint_is_as_ssh_keygen_prints(void **state)
{
	gsize length = 0;
	g_autofree guchar *blob = g_base64_decode(KEY_A, &length);
	g_autofree char *got = known_hosts_fingerprint(blob, length);
	(void)state;
	assert_string_equal(
		got, "SHA256:ZkAslGjFiUHdGf/WUL8rQvkib4PTvQatUV0OUQSncCA");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostkey_lines_are_judged),
		cmocka_unit_test(test_hostkey_hashed_names_are_found),
		cmocka_unit_test(test_hostkey_hashed_lines_are_weighed),
		cmocka_unit_test(test_hostkey_types_of_hashed_lines_if_asked),
		cmocka_unit_test(test_hostkey_long_line_hides_nothing),
		cmocka_unit_test(test_hostkey_types_are_each_once),
		cmocka_unit_test(
			test_hostkey_fingerprint_is_as_ssh_keygen_prints),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
