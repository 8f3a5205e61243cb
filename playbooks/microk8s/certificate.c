/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads a certificate with libcrypto. Its bytes come from a host, so nothing
 * in them is believed: no password is asked for, names are bounded, and what
 * is wrong with them does not stay behind in libcrypto's list of errors.
 */
#include "certificate.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GENERAL_NAMES, GENERAL_NAMES_free)

/* Instead of libcrypto's own, which would ask at the terminal. */
static int no_password(char *buffer, int size, int is_written, void *data)
{
	(void)buffer;
	(void)size;
	(void)is_written;
	(void)data;
	return -1;
}

static X509 *first_of(const char *pem, size_t length)
{
	g_autoptr(BIO) bio = NULL;

	if (length == 0 || length > INT_MAX)
		return NULL;
	bio = BIO_new_mem_buf(pem, (int)length);
	return bio ? PEM_read_bio_X509(bio, NULL, no_password, NULL) : NULL;
}

/* Freed by the caller; never NULL. */
static char *name_text(GENERAL_NAME *name)
{
	g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
	char *bytes = NULL, *text;
	long length = 0;

	if (bio && GENERAL_NAME_print(bio, name) > 0)
		length = BIO_get_mem_data(bio, &bytes);
	text = g_strndup(bytes, length > 0 ? (gsize)length : 0);
	for (char *p = text; *p; p++)
		if (g_ascii_iscntrl(*p))
			*p = ' ';
	return text;
}

/* NULL if there are too many; freed by the caller. */
static char **names_of(const X509 *certificate)
{
	g_autoptr(GENERAL_NAMES) names =
		X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL,
				 NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0;
	char **texts;

	if (n > CERTIFICATE_SANS_MAX)
		return NULL;
	texts = g_new0(char *, (gsize)n + 1);
	for (int i = 0; i < n; i++)
		texts[i] = name_text(sk_GENERAL_NAME_value(names, i));
	return texts;
}

static bool end_of(const X509 *certificate, gint64 *seconds)
{
	g_autoptr(GDateTime) end = NULL;
	struct tm tm;

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm))
		return false;
	end = g_date_time_new_utc(tm.tm_year + 1900, tm.tm_mon + 1,
				  tm.tm_mday, tm.tm_hour, tm.tm_min,
				  tm.tm_sec);
	if (!end)
		return false;
	*seconds = g_date_time_to_unix(end);
	return true;
}

static bool read_first(const char *pem, size_t length, char ***sans,
		       gint64 *not_after)
{
	g_autoptr(X509) certificate = first_of(pem, length);
	gint64 end;
	char **names;

	if (!certificate || !end_of(certificate, &end))
		return false;
	names = names_of(certificate);
	if (!names)
		return false;
	*sans = names;
	*not_after = end;
	return true;
}

bool certificate_read(const char *pem, size_t length, char ***sans,
		      gint64 *not_after)
{
	bool done;

	ERR_set_mark();
	done = read_first(pem, length, sans, not_after);
	ERR_pop_to_mark();
	return done;
}
