/* SPDX-License-Identifier: Apache-2.0
 *
 * Parses the key=value lines of playbooks/actions/facts.sh. One table says
 * which key fills which field and how; unknown keys are passed over, so that
 * script and parser may differ by a version.
 */
#include "facts.h"
#include "facts_files.h"
#include "snap_text.h"

#include "transport/error.h"

#include <string.h>

/* Fills `field` from `value`; false if the value makes no sense. */
typedef bool (*fill)(struct facts *facts, void *field, const char *value);

static bool fill_string(struct facts *facts, void *field, const char *value)
{
	char **string = field;

	(void)facts;
	g_free(*string);
	*string = g_strdup(value);
	return true;
}

/* Seconds and sizes; below 0 only by clock jumps, which count as 0. */
static bool fill_number(struct facts *facts, void *field, const char *value)
{
	gint64 number;

	(void)facts;
	if (!g_ascii_string_to_signed(value, 10, G_MININT64, G_MAXINT64,
				      &number, NULL))
		return false;
	*(gint64 *)field = MAX(number, 0);
	return true;
}

static bool fill_flag(struct facts *facts, void *field, const char *value)
{
	(void)facts;
	*(bool *)field = strcmp(value, "1") == 0;
	return true;
}

/* "eth0 10.0.0.1/24" */
static bool fill_address(struct facts *facts, void *field, const char *value)
{
	GPtrArray *addresses = facts->addresses;
	g_auto(GStrv) words = g_strsplit(value, " ", 2);
	struct facts_address *address;
	guint64 prefix = 32;
	char *slash;

	(void)field;
	if (!words[0] || !words[1] || addresses->len >= FACTS_ADDRESSES_MAX)
		return false;
	slash = strchr(words[1], '/');
	if (slash) {
		*slash = '\0';
		if (!g_ascii_string_to_unsigned(slash + 1, 10, 0, 32, &prefix,
						NULL))
			return false;
	}
	if (!g_hostname_is_ip_address(words[1]) || strchr(words[1], ':'))
		return false;
	address = g_new0(struct facts_address, 1);
	address->iface = g_strdup(words[0]);
	address->ip = g_strdup(words[1]);
	address->prefix = (unsigned)prefix;
	g_ptr_array_add(addresses, address);
	return true;
}

static bool fill_snap_row(struct facts *facts, void *field, const char *value)
{
	struct snap_row *row = snap_text_find_row(value, "microk8s");

	(void)field;
	if (!row)
		return false;
	facts->installed = true;
	g_free(facts->version);
	facts->version = g_steal_pointer(&row->version);
	g_free(facts->revision);
	facts->revision = g_steal_pointer(&row->revision);
	g_free(facts->channel);
	facts->channel = g_steal_pointer(&row->channel);
	g_free(facts->notes);
	facts->notes = g_steal_pointer(&row->notes);
	facts->held = snap_notes_has(facts->notes, "held");
	snap_row_free(row);
	return true;
}

static const struct {
	const char *name;
	unsigned bit;
} lock_table[] = {
	{ "clustered.lock", LOCK_CLUSTERED },
	{ "no-cert-reissue", LOCK_NO_CERT_REISSUE },
	{ "join-in-progress", LOCK_JOIN_IN_PROGRESS },
	{ "stopped.lock", LOCK_STOPPED },
	{ "no-apiserver-proxy", LOCK_NO_APISERVER_PROXY },
	{ "no-k8s-dqlite", LOCK_NO_DQLITE },
	{ "ha-cluster", LOCK_HA_CLUSTER },
	{ "installed.lock", LOCK_INSTALLED },
	{ "lite.lock", LOCK_LITE },
	{ "low-memory-guard.lock", LOCK_LOW_MEMORY },
	{ "cni-loaded", LOCK_CNI_LOADED },
}, pending_table[] = {
	{ "kubelite", FACTS_PENDING_KUBELITE },
	{ "k8s-dqlite", FACTS_PENDING_DQLITE },
	{ "apiserver-proxy", FACTS_PENDING_PROXY },
	{ "containerd", FACTS_PENDING_CONTAINERD },
	{ "cluster-agent", FACTS_PENDING_AGENT },
};

static bool fill_lock(struct facts *facts, void *field, const char *value)
{
	(void)field;
	for (size_t i = 0; i < G_N_ELEMENTS(lock_table); i++) {
		if (strcmp(lock_table[i].name, value) == 0)
			facts->locks |= lock_table[i].bit;
	}
	return true;
}

static bool fill_pending(struct facts *facts, void *field, const char *value)
{
	(void)field;
	for (size_t i = 0; i < G_N_ELEMENTS(pending_table); i++) {
		if (strcmp(pending_table[i].name, value) == 0)
			facts->pending |= pending_table[i].bit;
	}
	return true;
}

/* The text of a quoted YAML scalar on one line, or NULL if it does not end.
 * In double quotes \x is taken for x, which is all that a method can need; in
 * single ones '' is '. */
static char *unquoted(const char *value)
{
	const char quote = *value;
	GString *text = g_string_new(NULL);

	for (const char *p = value + 1; *p; p++) {
		bool is_escape = quote == '"' ? *p == '\\' :
			p[0] == quote && p[1] == quote;

		if (is_escape && p[1])
			p++;
		else if (*p == quote)
			return g_string_free(text, FALSE);
		g_string_append_c(text, *p);
	}
	g_string_free(text, TRUE);
	return NULL;
}

/* The rest of the line behind "value:" in cni.yaml: a plain or quoted scalar,
 * perhaps a comment. */
static bool fill_method(struct facts *facts, void *field, const char *value)
{
	g_autofree char *method = NULL;
	char *end;

	if (value[0] == '"' || value[0] == '\'') {
		method = unquoted(value);
	} else {
		method = g_strdup(value);
		end = method[0] == '#' ? method : strstr(method, " #");
		if (end)
			*end = '\0';
		g_strstrip(method);
	}
	return !method || !*method || fill_string(facts, field, method);
}

#define FIELD(member) offsetof(struct facts, member)
static const struct {
	const char *key;
	fill fill;
	size_t offset;
} key_table[] = {
	{ "hostname", fill_string, FIELD(hostname) },
	{ "machine_id", fill_string, FIELD(machine_id) },
	{ "kernel", fill_string, FIELD(kernel) },
	{ "os", fill_string, FIELD(os) },
	{ "arch", fill_string, FIELD(arch) },
	{ "epoch", fill_number, FIELD(epoch) },
	{ "uptime", fill_number, FIELD(uptime_s) },
	{ "memory_kb", fill_number, FIELD(memory_kb) },
	{ "address", fill_address, 0 },
	{ "default_iface", fill_string, FIELD(default_iface) },
	{ "default_src", fill_string, FIELD(default_src) },
	{ "systemd", fill_flag, FIELD(has_systemd) },
	{ "openssl", fill_flag, FIELD(has_openssl) },
	{ "proxy_environment", fill_flag, FIELD(proxy_environment) },
	{ "snap_path", fill_string, FIELD(snap_path) },
	{ "snap_error", fill_string, FIELD(snap_error) },
	{ "snap_row", fill_snap_row, 0 },
	{ "lock", fill_lock, 0 },
	{ "pending", fill_pending, 0 },
	{ "cni_method", fill_method, FIELD(cni_method) },
};
#undef FIELD

static void address_free(void *data)
{
	struct facts_address *address = data;

	g_free(address->iface);
	g_free(address->ip);
	g_free(address);
}

static struct facts *facts_new(void)
{
	struct facts *facts = g_new0(struct facts, 1);

	facts->addresses = g_ptr_array_new_with_free_func(address_free);
	facts->server_cert.sans = g_new0(char *, 1);
	facts->kubelet_cert.sans = g_new0(char *, 1);
	facts->clustered_age_s = FACTS_AGE_NONE;
	facts->provider_age_s = FACTS_AGE_NONE;
	return facts;
}

void facts_free(struct facts *facts)
{
	if (!facts)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(key_table); i++) {
		fill how = key_table[i].fill;

		if (how == fill_string || how == fill_method)
			g_free(*(char **)(void *)((char *)facts +
						  key_table[i].offset));
	}
	g_free(facts->version);
	g_free(facts->revision);
	g_free(facts->channel);
	g_free(facts->notes);
	g_free(facts->node_name);
	facts_files_clear(facts);
	g_ptr_array_unref(facts->addresses);
	g_free(facts);
}

/* --- parsing --- */

static bool refuse(GError **error, unsigned line, const char *why)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "the host's facts make no sense: line %u: %s", line, why);
	return false;
}

static bool fill_key(struct facts *facts, const char *line, size_t length,
		     unsigned number, GError **error)
{
	const char *value = line + length + 1;

	for (size_t i = 0; i < G_N_ELEMENTS(key_table); i++) {
		if (strlen(key_table[i].key) != length ||
		    memcmp(key_table[i].key, line, length) != 0)
			continue;
		if (strlen(value) > FACTS_VALUE_MAX)
			return refuse(error, number, "value too long");
		if (!key_table[i].fill(facts, (char *)facts +
				       key_table[i].offset, value))
			return refuse(error, number, key_table[i].key);
		return true;
	}
	return true;
}

static bool read_line(struct facts *facts, struct facts_files *files,
		      const char *line, unsigned number, GError **error)
{
	const char *equals = strchr(line, '=');

	if (!equals)
		return refuse(error, number, "not of the form key=value");
	if (g_str_has_prefix(line, "file="))
		return facts_files_add(files, equals + 1) ||
			refuse(error, number, "file");
	if (g_str_has_prefix(line, "contents=")) {
		facts_files_set_contents(files, equals + 1);
		return true;
	}
	return fill_key(facts, line, (size_t)(equals - line), number, error);
}

/* A host whose route names no source address uses the interface's first. */
static void default_source(struct facts *facts)
{
	if (facts->default_src || !facts->default_iface)
		return;
	for (guint i = 0; i < facts->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(facts->addresses, i);

		if (strcmp(address->iface, facts->default_iface) == 0) {
			facts->default_src = g_strdup(address->ip);
			return;
		}
	}
}

static bool read_lines(struct facts *facts, struct facts_files *files,
		       char *text, GError **error)
{
	unsigned number = 0;
	bool end = false;

	for (char *line = text; *line; number++) {
		char *newline = strchr(line, '\n');

		/* A line without its newline was cut. */
		if (!newline)
			break;
		*newline = '\0';
		if (number >= FACTS_LINES_MAX)
			return refuse(error, number + 1, "too many lines");
		if (end)
			return refuse(error, number + 1, "text behind the end");
		end = strcmp(line, "end=1") == 0;
		if (*line &&
		    !read_line(facts, files, line, number + 1, error))
			return false;
		line = newline + 1;
	}
	if (!end)
		return refuse(error, number + 1, "cut short, no end=1");
	return true;
}

struct facts *facts_parse(const char *text, size_t length, GError **error)
{
	g_autoptr(FactsFiles) files = facts_files_new();
	g_autofree char *copy = NULL;
	struct facts *facts;

	if (length > FACTS_SIZE_MAX || memchr(text, '\0', length)) {
		refuse(error, 0, "too long, or binary");
		return NULL;
	}
	copy = g_strndup(text, length);
	facts = facts_new();
	if (!read_lines(facts, files, copy, error) ||
	    !facts_files_take(files, facts, error)) {
		facts_free(facts);
		return NULL;
	}
	if (!facts->hostname) {
		refuse(error, 0, "no hostname");
		facts_free(facts);
		return NULL;
	}
	facts->node_name = g_ascii_strdown(facts->hostname, -1);
	default_source(facts);
	return facts;
}
