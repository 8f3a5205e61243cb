/* SPDX-License-Identifier: Apache-2.0
 *
 * A certificate begins like the key it is for, but for the name of its type
 * and a nonce between that and the key's numbers.
 */
#include "key_blob.h"

#include <string.h>

#define TYPE_SUFFIX "-cert-v01@openssh.com"
#define FILE_MAX ((gsize)64 * 1024)

struct reader {
	const guint8 *at;
	gsize left;
};

static struct reader open_blob(GBytes *blob)
{
	struct reader reader;

	reader.at = g_bytes_get_data(blob, &reader.left);
	return reader;
}

/* A length and so many bytes. False: there are not as many. */
static bool take_string(struct reader *reader, const guint8 **text, gsize *n)
{
	guint32 length;

	if (reader->left < sizeof(length))
		return false;
	memcpy(&length, reader->at, sizeof(length));
	length = GUINT32_FROM_BE(length);
	if (reader->left - sizeof(length) < length)
		return false;
	*text = reader->at + sizeof(length);
	*n = length;
	reader->at += sizeof(length) + length;
	reader->left -= sizeof(length) + length;
	return true;
}

bool key_blob_certifies(GBytes *blob, GBytes *plain)
{
	struct reader one = open_blob(blob), other = open_blob(plain);
	const guint8 *long_type, *type, *nonce;
	gsize n, m, ignored;
	const gsize suffix = strlen(TYPE_SUFFIX);

	return take_string(&one, &long_type, &n) &&
		take_string(&other, &type, &m) && n == m + suffix &&
		memcmp(long_type, type, m) == 0 &&
		memcmp(long_type + m, TYPE_SUFFIX, suffix) == 0 &&
		take_string(&one, &nonce, &ignored) && other.left > 0 &&
		one.left >= other.left &&
		memcmp(one.at, other.at, other.left) == 0;
}

GBytes *key_blob_read(const char *path)
{
	g_autofree char *text = NULL;
	gsize length = 0;

	if (!g_file_get_contents(path, &text, &length, NULL) ||
	    length > FILE_MAX)
		return NULL;
	g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n", 3);
	guchar *bytes = words[0] && words[1]
		? g_base64_decode(words[1], &length) : NULL;

	return bytes ? g_bytes_new_take(bytes, length) : NULL;
}
