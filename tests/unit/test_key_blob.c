/* SPDX-License-Identifier: Apache-2.0
 *
 * Which certificate is for which key, from blobs put together by hand.
 */
#include "transport/key_blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Strings of RFC 4251, one after another. */
static GBytes *blob_of(const char *const *strings)
{
	GByteArray *bytes = g_byte_array_new();

	for (; *strings; strings++) {
		guint32 n = GUINT32_TO_BE((guint32)strlen(*strings));

		g_byte_array_append(bytes, (const guint8 *)&n, sizeof(n));
		g_byte_array_append(bytes, (const guint8 *)*strings,
				    (guint)strlen(*strings));
	}
	return g_byte_array_free_to_bytes(bytes);
}

#define BLOB(...) blob_of((const char *const[]){__VA_ARGS__, NULL})
#define CERT "-cert-v01@openssh.com"

static void test_key_blob_certificates_are_matched(void **state)
{
	struct {
		GBytes *blob, *plain;
		bool want;
	} cases[] = {
		{BLOB("ssh-ed25519" CERT, "nonce", "PK", "more"),
		 BLOB("ssh-ed25519", "PK"), true},
		{BLOB("ssh-rsa" CERT, "n", "e", "N", "serial"),
		 BLOB("ssh-rsa", "e", "N"), true},
		{BLOB("ecdsa-sha2-nistp256" CERT, "", "nistp256", "Q", "x"),
		 BLOB("ecdsa-sha2-nistp256", "nistp256", "Q"), true},
		/* of another key, another type, no certificate */
		{BLOB("ssh-ed25519" CERT, "nonce", "PX", "more"),
		 BLOB("ssh-ed25519", "PK"), false},
		{BLOB("ssh-rsa" CERT, "nonce", "PK"),
		 BLOB("ssh-ed25519", "PK"), false},
		{BLOB("ssh-ed25519", "PK"), BLOB("ssh-ed25519", "PK"), false},
		/* no sense at all */
		{BLOB("ssh-ed25519" CERT, "nonce"), BLOB("ssh-ed25519"),
		 false},
		{BLOB("ssh-ed25519" CERT), BLOB("ssh-ed25519", "PK"), false},
		{g_bytes_new("", 0), BLOB("ssh-ed25519", "PK"), false},
		{BLOB("x" CERT, "n", "k"), g_bytes_new("", 0), false},
		{g_bytes_new("\xff\xff\xff\xffxx", 6), BLOB("a", "b"), false},
		{g_bytes_new("\0\0", 2), BLOB("a", "b"), false},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (key_blob_certifies(cases[i].blob, cases[i].plain) !=
		    cases[i].want)
			fail_msg("case %zu", i);
		g_bytes_unref(cases[i].blob);
		g_bytes_unref(cases[i].plain);
	}
}

static void test_key_blob_files_are_read_or_not(void **state)
{
	static const struct {
		const char *text;
		gssize want;		/* length, -1: none */
	} cases[] = {
		{"ssh-ed25519" CERT " QUJD me@here\n", 3},
		{"ssh-ed25519" CERT " QUJD", 3},
		{"one", -1},
		{"", -1},
	};
	g_autofree char *path = g_build_filename(g_get_tmp_dir(),
						 "muster-key-blob-XXXXXX",
						 NULL);
	(void)state;
	assert_true(g_mkdtemp(path));
	g_autofree char *file = g_build_filename(path, "k-cert.pub", NULL);

	assert_null(key_blob_read(file));
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_true(g_file_set_contents(file, cases[i].text, -1,
						NULL));
		g_autoptr(GBytes) blob = key_blob_read(file);

		if (cases[i].want < 0)
			assert_null(blob);
		else
			assert_int_equal(g_bytes_get_size(blob),
					 cases[i].want);
	}
	assert_int_equal(remove(file), 0);
	assert_int_equal(remove(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_blob_certificates_are_matched),
		cmocka_unit_test(test_key_blob_files_are_read_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
