/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets the fields that a host's files fill from lines of text.
 */
#include "told_facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void tell_word(void *field, const char *value)
{
	char **word = field;

	g_free(*word);
	*word = g_strdup(value);
}

static void tell_base64(void *field, const char *value)
{
	gsize length = 0;
	g_autofree guchar *bytes = g_base64_decode(value, &length);
	char **text = field;

	g_free(*text);
	*text = g_strndup((const char *)bytes, length);
}

static void tell_names(void *field, const char *value)
{
	char ***names = field;

	g_strfreev(*names);
	*names = g_strsplit(value, ", ", -1);
}

static void tell_end(void *field, const char *value)
{
	GDateTime *end = g_date_time_new_from_iso8601(value, NULL);

	if (!end)
		fail_msg("no time: %s", value);
	*(gint64 *)field = g_date_time_to_unix(end);
	g_date_time_unref(end);
}

#define FIELD(member) offsetof(struct facts, member)
static const struct {
	const char *key;
	void (*tell)(void *field, const char *value);
	size_t field;
} key_table[] = {
	{ "sha256.ca=", tell_word, FIELD(ca_sha256) },
	{ "sha256.ca_remote=", tell_word, FIELD(ca_remote_sha256) },
	{ "file.args_apiserver=", tell_base64, FIELD(args_apiserver) },
	{ "file.provider=", tell_base64, FIELD(provider) },
	{ "file.backend_info=", tell_base64, FIELD(backend_info) },
	{ "file.backend_cluster=", tell_base64, FIELD(backend_cluster) },
	{ "cert.server.san=", tell_names, FIELD(server_cert.sans) },
	{ "cert.server.end=", tell_end, FIELD(server_cert.not_after) },
	{ "cert.kubelet.san=", tell_names, FIELD(kubelet_cert.sans) },
	{ "cert.kubelet.end=", tell_end, FIELD(kubelet_cert.not_after) },
};
#undef FIELD

static void tell(struct facts *facts, const char *line)
{
	for (size_t i = 0; i < G_N_ELEMENTS(key_table); i++)
		if (g_str_has_prefix(line, key_table[i].key))
			key_table[i].tell((char *)facts + key_table[i].field,
					  line + strlen(key_table[i].key));
}

struct facts *told_facts(const char *text, GError **error)
{
	struct facts *facts = facts_parse(text, strlen(text), error);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; facts && *line; line++)
		tell(facts, *line);
	return facts;
}
