/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read from a certificate, and what is none.
 */
#include "playbooks/microk8s/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define END "20271124090000Z"
#define END_S 1827046800

/* --- making certificates --- */

static EVP_PKEY *key;

static int make_key(void **state)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, NULL);

	(void)state;
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_keygen(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return 0;
}

static int free_key(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

/* The names of openssl.cnf, "DNS:a,IP:10.0.0.1"; NULL if there are none. */
static GENERAL_NAMES *names_of(const char *text)
{
	X509_EXTENSION *extension;
	GENERAL_NAMES *names;

	if (!text)
		return NULL;
	extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
					text);
	assert_non_null(extension);
	names = X509V3_EXT_d2i(extension);
	X509_EXTENSION_free(extension);
	return names;
}

/* A name of any bytes. */
static GENERAL_NAMES *name_of(const char *bytes, int length)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	ASN1_STRING_set(string, bytes, length);
	GENERAL_NAME_set0_value(name, GEN_DNS, string);
	sk_GENERAL_NAME_push(names, name);
	return names;
}

/* Takes the names. `end` as ASN1_TIME_set_string() has it, of 13 characters
 * for UTCTime, of 15 for GeneralizedTime. */
static char *pem_of(GENERAL_NAMES *names, const char *end)
{
	X509 *x = X509_new();
	BIO *bio = BIO_new(BIO_s_mem());
	char *bytes, *pem;
	long length;

	X509_set_version(x, 2);
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20200101000000Z");
	assert_int_equal(ASN1_TIME_set_string(X509_getm_notAfter(x), end), 1);
	X509_set_pubkey(x, key);
	if (names)
		X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
	assert_true(X509_sign(x, key, NULL) > 0);
	PEM_write_bio_X509(bio, x);
	length = BIO_get_mem_data(bio, &bytes);
	pem = g_strndup(bytes, (gsize)length);
	BIO_free(bio);
	X509_free(x);
	GENERAL_NAMES_free(names);
	return pem;
}

/* --- reading them --- */

static void assert_reads(const char *pem, const char *names, gint64 end)
{
	g_auto(GStrv) sans = NULL;
	g_autofree char *joined = NULL;
	gint64 not_after = -1;

	assert_true(certificate_read(pem, strlen(pem), &sans, &not_after));
	joined = g_strjoinv("|", sans);
	assert_string_equal(joined, names);
	assert_true(not_after == end);
	assert_int_equal(ERR_peek_error(), 0);
}

static void assert_is_none(const char *pem, size_t length)
{
	char *untouched[] = { NULL }, **sans = untouched;
	gint64 not_after = -1;

	assert_false(certificate_read(pem, length, &sans, &not_after));
	assert_ptr_equal(sans, untouched);
	assert_int_equal(not_after, -1);
	assert_int_equal(ERR_peek_error(), 0);
}

static void test_certificate_names_are_as_openssl_prints_them(void **state)
{
	static const struct { const char *made, *read; } cases[] = {
		{ NULL, "" },
		{ "DNS:kubernetes,DNS:kubernetes.default.svc,IP:10.152.183.1",
		  "DNS:kubernetes|DNS:kubernetes.default.svc|"
		  "IP Address:10.152.183.1" },
		{ "IP:fd00::1,IP:::1", "IP Address:FD00:0:0:0:0:0:0:1|"
		  "IP Address:0:0:0:0:0:0:0:1" },
		{ "email:a@b.c,URI:spiffe://x/y,RID:1.2.3.4",
		  "email:a@b.c|URI:spiffe://x/y|Registered ID:1.2.3.4" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *pem = pem_of(names_of(cases[i].made), END);

		assert_reads(pem, cases[i].read, END_S);
	}
}

static void test_certificate_name_of_odd_bytes_is_one_line(void **state)
{
	static const struct {
		const char *bytes;
		int length;
		const char *read;
	} cases[] = {
		/* one name, and not an address behind another */
		{ "a, IP Address:10.8.0.4", 22,
		  "DNS:a, IP Address:10.8.0.4" },
		{ "a\nb\r\x1b[2Jc", 9, "DNS:a b .[2Jc" },
		{ "a\0b", 3, "DNS:a.b" },
		{ "\xc3\xa4", 2, "DNS:.." },
		{ "", 0, "DNS:" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *pem = pem_of(
			name_of(cases[i].bytes, cases[i].length), END);

		assert_reads(pem, cases[i].read, END_S);
	}
}

static void test_certificate_end_is_read_in_both_forms(void **state)
{
	static const struct { const char *made; gint64 read; } cases[] = {
		{ "271124090000Z", END_S },
		{ "300104000001Z", 1893715201 },
		{ "280229000000Z", 1835395200 },
		{ "20280229000000Z", 1835395200 },
		{ "20601124090000Z", 2868512400 },
		{ "99991231235959Z", 253402300799 },
		{ "700101000001Z", 1 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *pem = pem_of(NULL, cases[i].made);

		assert_reads(pem, "", cases[i].read);
	}
}

static void test_certificate_first_of_a_file_counts(void **state)
{
	g_autofree char *one = pem_of(names_of("DNS:one"), END);
	g_autofree char *two = pem_of(names_of("DNS:two"), END);
	g_autofree char *chain = g_strconcat("Certificate:\n  Data:\n", one,
					     two, NULL);
	g_autofree char *broken = g_strconcat(one, "-----BEGIN CERTIFICATE",
					      NULL);

	(void)state;
	assert_reads(chain, "DNS:one", END_S);
	assert_reads(broken, "DNS:one", END_S);
}

static void test_certificate_garbage_is_none(void **state)
{
	static const char *const cases[] = {
		"", "\n", "no certificate\n",
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nMAA=\n"
		"-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
		"-----BEGIN PRIVATE KEY-----\nMAA=\n"
		"-----END PRIVATE KEY-----\n",
		/* would ask for a password */
		"-----BEGIN CERTIFICATE-----\nProc-Type: 4,ENCRYPTED\n"
		"DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
		"MAAwADAAMAAwADAAMAAwAA==\n-----END CERTIFICATE-----\n",
	};
	g_autofree char *whole = pem_of(names_of("DNS:a"), END);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_is_none(cases[i], strlen(cases[i]));
	/* whatever of its last line is missing */
	for (size_t cut = 0; cut + 2 < strlen(whole); cut++)
		assert_is_none(whole, cut);
}

static void test_certificate_with_too_many_names_is_none(void **state)
{
	g_autoptr(GString) names = g_string_new("DNS:0");
	g_autofree char *most = NULL, *more = NULL;
	g_auto(GStrv) sans = NULL;
	gint64 end;

	(void)state;
	for (int i = 1; i < CERTIFICATE_SANS_MAX; i++)
		g_string_append_printf(names, ",DNS:%d", i);
	most = pem_of(names_of(names->str), END);
	g_string_append(names, ",DNS:x");
	more = pem_of(names_of(names->str), END);
	assert_true(certificate_read(most, strlen(most), &sans, &end));
	assert_int_equal(g_strv_length(sans), CERTIFICATE_SANS_MAX);
	assert_is_none(more, strlen(more));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_certificate_names_are_as_openssl_prints_them),
		cmocka_unit_test(
			test_certificate_name_of_odd_bytes_is_one_line),
		cmocka_unit_test(test_certificate_end_is_read_in_both_forms),
		cmocka_unit_test(test_certificate_first_of_a_file_counts),
		cmocka_unit_test(test_certificate_garbage_is_none),
		cmocka_unit_test(
			test_certificate_with_too_many_names_is_none),
	};

	return cmocka_run_group_tests(tests, make_key, free_key);
}
