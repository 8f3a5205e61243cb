/* SPDX-License-Identifier: Apache-2.0
 *
 * Two passes: the registered secrets, longest first so that one that contains
 * another goes as a whole; then everything shaped like a MicroK8s join token.
 * SHA-256 fingerprints (64 hex digits) and UUIDs are not token shaped and stay
 * readable.
 */
#include "redact.h"

#include <stdbool.h>
#include <string.h>

#define SECRET_MIN 4
#define TOKEN_HEX 32		/* microk8s add-node: secrets.token_hex(16) */
#define FINGERPRINT_HEX 12	/* what add-node appends after "/" */
#define MASK "[redacted]"

struct redactor {
	GMutex lock;		/* protects secrets */
	GPtrArray *secrets;	/* char *, longest first */
};

static void wipe(void *secret)
{
	explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

struct redactor *redactor_new(void)
{
	struct redactor *redactor = g_new0(struct redactor, 1);

	g_mutex_init(&redactor->lock);
	redactor->secrets = g_ptr_array_new_with_free_func(wipe);
	return redactor;
}

void redactor_free(struct redactor *redactor)
{
	if (!redactor)
		return;
	g_ptr_array_unref(redactor->secrets);
	g_mutex_clear(&redactor->lock);
	g_free(redactor);
}

void redactor_add(struct redactor *redactor, const char *secret)
{
	if (!secret || strlen(secret) < SECRET_MIN)
		return;

	g_mutex_lock(&redactor->lock);
	guint at = 0;
	bool known = false;
	for (; at < redactor->secrets->len; at++) {
		const char *other = g_ptr_array_index(redactor->secrets, at);
		known = strcmp(other, secret) == 0;
		if (known || strlen(other) < strlen(secret))
			break;
	}
	if (!known)
		g_ptr_array_insert(redactor->secrets, (int)at,
				   g_strdup(secret));
	g_mutex_unlock(&redactor->lock);
}

static size_t hex_run(const char *text)
{
	size_t n = 0;
	while (g_ascii_isxdigit(text[n]))
		n++;
	return n;
}

/* Length of the token that starts here, 0 if none. */
static size_t token_length(const char *text)
{
	if (hex_run(text) != TOKEN_HEX)
		return 0;
	const char *rest = text + TOKEN_HEX;
	/* A longer word (a base64 text, an identifier) is not a token. */
	if (g_ascii_isalnum(*rest))
		return 0;
	if (*rest == '/' && hex_run(rest + 1) == FINGERPRINT_HEX &&
	    !g_ascii_isalnum(rest[1 + FINGERPRINT_HEX]))
		return TOKEN_HEX + 1 + FINGERPRINT_HEX;
	return TOKEN_HEX;
}

static char *mask_tokens(const char *text)
{
	GString *out = g_string_sized_new(strlen(text));
	bool word = false;	/* the byte before is part of a word */

	while (*text) {
		size_t n = word ? 0 : token_length(text);
		if (n > 0) {
			g_string_append(out, MASK);
			text += n;
			continue;
		}
		word = g_ascii_isalnum(*text);
		g_string_append_c(out, *text++);
	}
	return g_string_free(out, FALSE);
}

char *redactor_apply(struct redactor *redactor, const char *text)
{
	if (!text)
		return NULL;

	GString *out = g_string_new(text);
	g_mutex_lock(&redactor->lock);
	for (guint i = 0; i < redactor->secrets->len; i++)
		g_string_replace(out, g_ptr_array_index(redactor->secrets, i),
				 MASK, 0);
	g_mutex_unlock(&redactor->lock);

	char *masked = mask_tokens(out->str);
	g_string_free(out, TRUE);
	return masked;
}
