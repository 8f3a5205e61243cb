/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the key=value lines of probe.sh. The table says which key goes where;
 * a value that makes no sense is as good as none.
 */
#include "probe.h"

#include "transport/error.h"

#include <stdlib.h>
#include <string.h>

static const char *const reach_names[] = {
	"-", "ok", "refused", "lost", "unreachable", "untold"
};

const char *reach_name(enum reach reach)
{
	return reach_names[reach];
}

static enum reach read_reach(const char *text)
{
	for (guint i = REACH_OK; i < G_N_ELEMENTS(reach_names); i++)
		if (strcmp(text, reach_names[i]) == 0)
			return (enum reach)i;
	return REACH_UNASKED;
}

static void peer_free(void *data)
{
	struct probe_peer *peer = data;

	g_free(peer->node_ip);
	g_free(peer->src);
	g_free(peer);
}

void probe_free(struct probe *probe)
{
	if (!probe)
		return;
	g_free(probe->card);
	g_free(probe->vxlan_local);
	g_free(probe->vxlan_card);
	g_free(probe->dns);
	g_free(probe->provider);
	g_ptr_array_unref(probe->peers);
	g_free(probe);
}

/* --- values --- */

enum kind { TEXT, NUMBER, REACH };

struct field {
	const char *key;
	enum kind kind;
	size_t offset;
};

static void set_text(char **where, const char *value)
{
	g_free(*where);
	*where = g_strdup(value);
}

static bool set_field(void *object, const struct field *fields, size_t n,
		      const char *key, const char *value)
{
	for (size_t i = 0; i < n; i++) {
		void *where = (char *)object + fields[i].offset;

		if (strcmp(key, fields[i].key) != 0)
			continue;
		if (fields[i].kind == TEXT)
			set_text(where, value);
		else if (fields[i].kind == REACH)
			*(enum reach *)where = read_reach(value);
		else
			*(unsigned *)where = (unsigned)MIN(
				g_ascii_strtoull(value, NULL, 10), G_MAXINT);
		return true;
	}
	return false;
}

/* Microseconds of "1795624092.679746080" or "1795624092"; 0: neither. */
static gint64 read_time(const char *text)
{
	char *end;
	gint64 us = g_ascii_strtoll(text, &end, 10);
	gint64 unit = G_USEC_PER_SEC;

	if (us <= 0 || us > G_MAXINT32 * G_GINT64_CONSTANT(64))
		return 0;
	us *= G_USEC_PER_SEC;
	if (*end != '.')
		return *end ? 0 : us;
	for (end++; g_ascii_isdigit(*end); end++) {
		unit /= 10;
		us += unit * (*end - '0');
	}
	return *end ? 0 : us;
}

static void read_provider(struct probe *probe, const char *value)
{
	g_autofree guchar *bytes = NULL;
	gsize length = 0;

	if (strlen(value) > PROBE_FILE_MAX / 3 * 4 + 4)
		return;
	bytes = g_base64_decode(value, &length);
	g_free(probe->provider);
	probe->provider = g_strndup((const char *)bytes, length);
}

static void read_dns(struct probe *probe, const char *value)
{
	probe->dns_reach = read_reach(value);
	g_clear_pointer(&probe->dns, g_free);
	if (probe->dns_reach != REACH_UNASKED)
		return;
	probe->dns_reach = REACH_OK;
	set_text(&probe->dns, value);
}

/* --- lines --- */

#define PEER(member, kind) { #member, kind, \
	G_STRUCT_OFFSET(struct probe_peer, member) }
static const struct field peer_fields[] = {
	PEER(kubelet, REACH), PEER(api, REACH), PEER(agent, REACH),
	PEER(small, REACH), PEER(full, REACH), PEER(tunnel, REACH),
	PEER(pod, REACH), PEER(src, TEXT),
};
#undef PEER

static void read_peer(struct probe *probe, const char *value)
{
	g_auto(GStrv) words = g_strsplit(value, " ", -1);
	struct probe_peer *peer;

	if (!words[0] || !*words[0])
		return;
	peer = g_new0(struct probe_peer, 1);
	peer->node_ip = g_strdup(words[0]);
	for (char **word = words + 1; *word; word++) {
		char *equals = strchr(*word, '=');

		if (!equals)
			continue;
		*equals = '\0';
		set_field(peer, peer_fields, G_N_ELEMENTS(peer_fields), *word,
			  equals + 1);
	}
	g_ptr_array_add(probe->peers, peer);
}

#define HOST(member, kind) { #member, kind, \
	G_STRUCT_OFFSET(struct probe, member) }
static const struct field host_fields[] = {
	HOST(card, TEXT), HOST(card_mtu, NUMBER), HOST(vxlan_mtu, NUMBER),
	HOST(vxlan_local, TEXT), HOST(vxlan_card, TEXT),
	HOST(api_service, REACH), HOST(dns_service, REACH),
};
#undef HOST

static void read_pair(struct probe *probe, const char *key, const char *value)
{
	if (strcmp(key, "peer") == 0) {
		read_peer(probe, value);
	} else if (strcmp(key, "begin") == 0) {
		probe->begin_us = read_time(value);
	} else if (strcmp(key, "finish") == 0) {
		probe->finish_us = read_time(value);
	} else if (strcmp(key, "answer") == 0) {
		probe->answer = strcmp(value, "untold") == 0 ? -1
			: (int)MIN(g_ascii_strtoull(value, NULL, 10), 999);
	} else if (strcmp(key, "dns") == 0) {
		read_dns(probe, value);
	} else if (strcmp(key, "provider") == 0) {
		read_provider(probe, value);
	} else if (strcmp(key, "tokens") == 0) {
		probe->has_tokens = true;
		probe->tokens = (unsigned)MIN(
			g_ascii_strtoull(value, NULL, 10), G_MAXINT);
	} else if (strcmp(key, "tokens_left") == 0) {
		probe->tokens_left_s = g_ascii_strtoll(value, NULL, 10);
	} else {
		set_field(probe, host_fields, G_N_ELEMENTS(host_fields), key,
			  value);
	}
}

static struct probe *refuse(struct probe *probe, const char *why,
			    GError **error)
{
	probe_free(probe);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "what the host answered makes no sense: %s", why);
	return NULL;
}

struct probe *probe_parse(const char *text, size_t length, GError **error)
{
	struct probe *probe = g_new0(struct probe, 1);
	g_auto(GStrv) lines = NULL;
	bool is_whole = false;
	guint n;

	probe->peers = g_ptr_array_new_with_free_func(peer_free);
	if (length > PROBE_SIZE_MAX || memchr(text, '\0', length))
		return refuse(probe, "too long, or not text", error);
	g_autofree char *copy = g_strndup(text, length);

	lines = g_strsplit(copy, "\n", PROBE_LINES_MAX + 1);
	n = g_strv_length(lines);
	if (n > PROBE_LINES_MAX)
		return refuse(probe, "too many lines", error);
	for (guint i = 0; i < n; i++) {
		char *equals = strchr(lines[i], '=');

		is_whole = is_whole || strcmp(lines[i], "end=1") == 0;
		if (!equals)
			continue;
		*equals = '\0';
		read_pair(probe, lines[i], equals + 1);
		if (probe->peers->len > PROBE_PEERS_MAX)
			return refuse(probe, "too many peers", error);
	}
	if (!is_whole)
		return refuse(probe, "it is cut short", error);
	probe->has_clock = probe->begin_us > 0 &&
		probe->finish_us >= probe->begin_us;
	return probe;
}

const struct probe_peer *probe_find(const struct probe *probe,
				    const char *node_ip)
{
	for (guint i = 0; i < probe->peers->len; i++) {
		const struct probe_peer *peer =
			g_ptr_array_index(probe->peers, i);

		if (strcmp(peer->node_ip, node_ip) == 0)
			return peer;
	}
	return NULL;
}

void probe_set_offset(struct probe *probe, gint64 sent_us, gint64 came_us)
{
	/* Its begin is not before we sent, its finish not after it came. */
	gint64 most = probe->begin_us - sent_us;
	gint64 least = probe->finish_us - came_us;

	probe->offset_us = least + (most - least) / 2;
	probe->slack_us = (most - least) / 2;
	/* A date without fractions may be a second behind. */
	if (probe->begin_us % G_USEC_PER_SEC == 0 &&
	    probe->finish_us % G_USEC_PER_SEC == 0)
		probe->slack_us += G_USEC_PER_SEC;
	probe->slack_us = MAX(probe->slack_us, 0);
}

/* --- DNS --- */

#define DNS_HEADER 12
#define DNS_QUERY_ID 0x1234
#define DNS_MAX 512

static unsigned number_at(const guint8 *bytes, size_t at)
{
	return (unsigned)(bytes[at] << 8 | bytes[at + 1]);
}

/* Where the name at `at` ends, or 0 if it does not. */
static size_t skip_name(const guint8 *bytes, size_t n, size_t at)
{
	while (at < n) {
		if (bytes[at] == 0)
			return at + 1;
		if (bytes[at] >= 0xc0)
			return at + 2;
		at += 1U + bytes[at];
	}
	return 0;
}

/* The first A record's address, or NULL. */
static char *first_address(const guint8 *bytes, size_t n)
{
	unsigned questions = number_at(bytes, 4), answers = number_at(bytes, 6);
	size_t at = DNS_HEADER;

	for (; questions > 0 && at > 0; questions--) {
		at = skip_name(bytes, n, at);
		at = at && at + 4 <= n ? at + 4 : 0;
	}
	for (; answers > 0 && at > 0; answers--) {
		at = skip_name(bytes, n, at);
		if (!at || at + 10 > n)
			return NULL;
		unsigned type = number_at(bytes, at);
		unsigned length = number_at(bytes, at + 8);

		at += 10;
		if (at + length > n)
			return NULL;
		if (type == 1 && length == 4)
			return g_strdup_printf("%u.%u.%u.%u", bytes[at],
					       bytes[at + 1], bytes[at + 2],
					       bytes[at + 3]);
		at += length;
	}
	return NULL;
}

static size_t read_hex(const char *hex, guint8 bytes[static DNS_MAX])
{
	size_t n = strlen(hex) / 2;

	if (n > DNS_MAX || strlen(hex) % 2)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int high = g_ascii_xdigit_value(hex[2 * i]);
		int low = g_ascii_xdigit_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return 0;
		bytes[i] = (guint8)(high << 4 | low);
	}
	return n;
}

bool probe_dns_address(const char *hex, char **address)
{
	guint8 bytes[DNS_MAX];
	size_t n = read_hex(hex, bytes);
	unsigned code;

	if (n < DNS_HEADER || number_at(bytes, 0) != DNS_QUERY_ID ||
	    !(bytes[2] & 0x80)) {
		*address = g_strdup("what came back is no answer");
		return false;
	}
	code = bytes[3] & 0x0f;
	*address = code == 0 ? first_address(bytes, n) : NULL;
	if (*address)
		return true;
	*address = code == 3 ? g_strdup("it does not know the name")
		: code ? g_strdup_printf("it answers with error %u", code)
		: g_strdup("the answer has no address");
	return false;
}
