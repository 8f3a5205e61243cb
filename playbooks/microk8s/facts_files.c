/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts apart the files that a host sends, and makes of each what the facts
 * have of it: its text, the hash of a CA, what a certificate says, an age. One
 * table says which file is what.
 */
#include "facts_files.h"

#include "certificate.h"

#include "transport/error.h"

#include <string.h>

/* Fills `field` from a file's bytes. */
typedef void (*take)(void *field, const char *bytes, gsize length);

static void take_text(void *field, const char *bytes, gsize length)
{
	char **text = field;

	g_free(*text);
	/* A NUL ends the text for every reader of it. */
	*text = g_strndup(bytes, length);
}

/* White space does not count: the copy a worker keeps of its master's
 * certificate has travelled through JSON. */
static void take_hash(void *field, const char *bytes, gsize length)
{
	g_autoptr(GString) kept = g_string_sized_new(length);
	char **hash = field;

	for (gsize i = 0; i < length; i++)
		if (bytes[i] == '\0' || !strchr(" \t\r\n", bytes[i]))
			g_string_append_c(kept, bytes[i]);
	g_free(*hash);
	*hash = g_compute_checksum_for_data(G_CHECKSUM_SHA256,
					    (const guchar *)kept->str,
					    kept->len);
}

/* One that cannot be read is left unknown. */
static void take_cert(void *field, const char *bytes, gsize length)
{
	struct facts_cert *cert = field;
	char **sans;

	if (!certificate_read(bytes, length, &sans, &cert->not_after))
		return;
	g_strfreev(cert->sans);
	cert->sans = sans;
}

#define FIELD(member) offsetof(struct facts, member)
static const struct wanted {
	const char *path;		/* below SNAP_DATA */
	take take;			/* NULL: only its age is wanted */
	size_t field;
	size_t age;			/* a gint64's offset, or 0 */
} wanted_table[] = {
	{ "var/lock/clustered.lock", NULL, 0, FIELD(clustered_age_s) },
	{ "args/kube-apiserver", take_text, FIELD(args_apiserver), 0 },
	{ "args/kubelet", take_text, FIELD(args_kubelet), 0 },
	{ "args/kube-proxy", take_text, FIELD(args_proxy), 0 },
	{ "args/apiserver-proxy", take_text, FIELD(args_apiserver_proxy), 0 },
	{ "args/cluster-agent", take_text, FIELD(args_cluster_agent), 0 },
	{ "args/traefik/provider.yaml", take_text, FIELD(provider),
	  FIELD(provider_age_s) },
	{ "var/kubernetes/backend/info.yaml", take_text, FIELD(backend_info),
	  0 },
	{ "var/kubernetes/backend/cluster.yaml", take_text,
	  FIELD(backend_cluster), 0 },
	{ "certs/ca.crt", take_hash, FIELD(ca_sha256), 0 },
	{ "certs/ca.remote.crt", take_hash, FIELD(ca_remote_sha256), 0 },
	{ "certs/server.crt", take_cert, FIELD(server_cert), 0 },
	{ "certs/kubelet.crt", take_cert, FIELD(kubelet_cert), 0 },
};
#undef FIELD

static void *field_at(struct facts *facts, size_t offset)
{
	return (char *)facts + offset;
}

void facts_files_clear(struct facts *facts)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wanted_table); i++) {
		const struct wanted *wanted = &wanted_table[i];

		if (wanted->take == take_text || wanted->take == take_hash) {
			char **text = field_at(facts, wanted->field);

			g_clear_pointer(text, g_free);
		} else if (wanted->take == take_cert) {
			struct facts_cert *cert =
				field_at(facts, wanted->field);

			g_clear_pointer(&cert->sans, g_strfreev);
		}
	}
}

/* --- what is told of them --- */

struct told {
	const struct wanted *wanted;	/* NULL: of no use */
	gsize size;
	gint64 written;			/* Unix seconds */
	bool is_sent, is_dated;
};

struct facts_files {
	GArray *told;			/* struct told, in order */
	const char *contents;		/* base64; borrowed */
};

struct facts_files *facts_files_new(void)
{
	struct facts_files *files = g_new0(struct facts_files, 1);

	files->told = g_array_new(FALSE, FALSE, sizeof(struct told));
	files->contents = "";
	return files;
}

void facts_files_free(struct facts_files *files)
{
	if (!files)
		return;
	g_array_unref(files->told);
	g_free(files);
}

static const struct wanted *find_wanted(const char *path)
{
	for (size_t i = 0; i < G_N_ELEMENTS(wanted_table); i++)
		if (strcmp(wanted_table[i].path, path) == 0)
			return &wanted_table[i];
	return NULL;
}

static bool read_told(const char *value, struct told *told)
{
	g_auto(GStrv) words = g_strsplit(value, " ", 3);
	guint64 size = 0;
	gint64 written = 0;

	if (g_strv_length(words) != 3)
		return false;
	told->wanted = find_wanted(words[0]);
	told->is_sent = strcmp(words[1], "too_large") != 0;
	told->is_dated = strcmp(words[2], "-") != 0;
	if (told->is_sent &&
	    !g_ascii_string_to_unsigned(words[1], 10, 0, FACTS_FILE_MAX,
					&size, NULL))
		return false;
	if (told->is_dated &&
	    !g_ascii_string_to_signed(words[2], 10, G_MININT64, G_MAXINT64,
				      &written, NULL))
		return false;
	told->size = (gsize)size;
	told->written = MAX(written, 0);
	return true;
}

bool facts_files_add(struct facts_files *files, const char *value)
{
	struct told told;

	if (files->told->len >= FACTS_FILES_MAX || !read_told(value, &told))
		return false;
	g_array_append_val(files->told, told);
	return true;
}

void facts_files_set_contents(struct facts_files *files, const char *base64)
{
	files->contents = base64;
}

/* --- what becomes of them --- */

static void take_told(struct facts *facts, const struct told *told,
		      const char *bytes)
{
	const struct wanted *wanted = told->wanted;

	if (!wanted)
		return;
	if (wanted->take && told->is_sent)
		wanted->take(field_at(facts, wanted->field), bytes,
			     told->size);
	/* Below 0 only by clock jumps, which count as 0. */
	if (wanted->age && told->is_dated && facts->epoch)
		*(gint64 *)field_at(facts, wanted->age) =
			MAX(facts->epoch - told->written, 0);
}

bool facts_files_take(const struct facts_files *files, struct facts *facts,
		      GError **error)
{
	const struct told *told = (const void *)files->told->data;
	gsize length = 0, sum = 0;
	g_autofree guchar *bytes = g_base64_decode(files->contents, &length);
	const char *at = (const char *)bytes;

	for (guint i = 0; i < files->told->len; i++)
		sum += told[i].size;
	if (sum != length) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "the host's files were written while they were "
			    "read: %" G_GSIZE_FORMAT " bytes of %"
			    G_GSIZE_FORMAT " came (try again)", length, sum);
		return false;
	}
	for (guint i = 0; i < files->told->len; i++) {
		take_told(facts, &told[i], at);
		at += told[i].size;
	}
	return true;
}
