/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines with plain names are found through a hash table. Lines with patterns
 * and hashed names have to be tried one by one for each host, which for
 * thousands of hashed names takes longer than to connect; so those that have
 * the very key in question are tried first, and mostly decide. Lookups happen
 * on the sessions' threads. Keys are compared as bytes, so a key type this
 * program never heard of is still told apart.
 */
#include "known_hosts.h"

#include <string.h>

#define HASH_MAGIC "|1|"
#define SHA1_LENGTH 20
#define DEFAULT_PORT 22

enum marker { MARKER_NONE, MARKER_REVOKED, MARKER_AUTHORITY, MARKER_OTHER };

struct entry {
	const char *file;	/* owned by the index */
	unsigned line;
	enum marker marker;
	char *hosts;		/* first field, lower case unless hashed */
	char *type;		/* NULL if the line makes no sense */
	guchar *blob;
	size_t length;
};

struct known_hosts {
	GPtrArray *files;	/* char * */
	GPtrArray *entries;	/* struct entry *, in order */
	GHashTable *by_name;	/* char * -> GPtrArray of borrowed entries */
	/* borrowed entries, each list in order: */
	GPtrArray *to_try;	/* with patterns or hashes */
	GPtrArray *patterns;	/* of these the ones without hashes */
	GPtrArray *unreadable;	/* of these the ones without a key */
	GHashTable *by_key;	/* GBytes -> GPtrArray of to_try's entries */
};

static void entry_free(void *data)
{
	struct entry *entry = data;
	g_free(entry->hosts);
	g_free(entry->type);
	g_free(entry->blob);
	g_free(entry);
}

static void unref_array(void *array)
{
	g_ptr_array_unref(array);
}

static void unref_bytes(void *bytes)
{
	g_bytes_unref(bytes);
}

struct known_hosts *known_hosts_new(void)
{
	struct known_hosts *known = g_new0(struct known_hosts, 1);
	known->files = g_ptr_array_new_with_free_func(g_free);
	known->entries = g_ptr_array_new_with_free_func(entry_free);
	known->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       unref_array);
	known->to_try = g_ptr_array_new();
	known->patterns = g_ptr_array_new();
	known->unreadable = g_ptr_array_new();
	known->by_key = g_hash_table_new_full(g_bytes_hash, g_bytes_equal,
					      unref_bytes, unref_array);
	return known;
}

void known_hosts_free(struct known_hosts *known)
{
	if (!known)
		return;
	g_hash_table_unref(known->by_key);
	g_ptr_array_unref(known->unreadable);
	g_ptr_array_unref(known->patterns);
	g_ptr_array_unref(known->to_try);
	g_hash_table_unref(known->by_name);
	g_ptr_array_unref(known->entries);
	g_ptr_array_unref(known->files);
	g_free(known);
}

char *known_hosts_name(const char *address, unsigned port)
{
	g_autofree char *lower = g_ascii_strdown(address, -1);
	if (port == DEFAULT_PORT)
		return g_steal_pointer(&lower);
	return g_strdup_printf("[%s]:%u", lower, port);
}

char *known_hosts_fingerprint(const void *blob, size_t length)
{
	guint8 digest[32];
	gsize size = sizeof(digest);
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

	g_checksum_update(sum, blob, (gssize)length);
	g_checksum_get_digest(sum, digest, &size);
	g_autofree char *text = g_base64_encode(digest, size);
	text[strcspn(text, "=")] = '\0';
	return g_strconcat("SHA256:", text, NULL);
}

/* g_base64_decode() skips what is not base64; a key must have nothing else. */
static guchar *decode(const char *text, size_t *length)
{
	size_t n = strlen(text);
	size_t digits = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			       "abcdefghijklmnopqrstuvwxyz0123456789+/");
	size_t padding = strspn(text + digits, "=");

	if (n == 0 || n % 4 != 0 || digits + padding != n || padding > 2)
		return NULL;
	gsize size = 0;
	guchar *bytes = g_base64_decode(text, &size);
	*length = size;
	return bytes;
}

/* A blob begins with its own type as an SSH string; it has to agree with the
 * type the line names. */
static bool blob_is_of_type(const guchar *blob, size_t length,
			    const char *type)
{
	if (length < 4)
		return false;
	size_t n = (size_t)blob[0] << 24 | (size_t)blob[1] << 16 |
		   (size_t)blob[2] << 8 | (size_t)blob[3];
	return n < length - 4 && n == strlen(type) &&
	       memcmp(blob + 4, type, n) == 0;
}

/* Next blank-separated field of a line that is cut up in place, or "". */
static char *take_field(char **cursor)
{
	char *field = *cursor + strspn(*cursor, " \t");
	char *end = field + strcspn(field, " \t");
	*cursor = *end ? end + 1 : end;
	*end = '\0';
	return field;
}

static enum marker parse_marker(const char *field)
{
	if (strcmp(field, "@revoked") == 0)
		return MARKER_REVOKED;
	if (strcmp(field, "@cert-authority") == 0)
		return MARKER_AUTHORITY;
	return *field == '@' ? MARKER_OTHER : MARKER_NONE;
}

/* NULL for a comment or an empty line. Cuts `line` up. */
static struct entry *parse_line(char *line)
{
	char *cursor = line;
	char *field = take_field(&cursor);
	if (*field == '\0' || *field == '#')
		return NULL;

	struct entry *entry = g_new0(struct entry, 1);
	entry->marker = parse_marker(field);
	if (entry->marker != MARKER_NONE)
		field = take_field(&cursor);
	entry->hosts = g_str_has_prefix(field, HASH_MAGIC)
		? g_strdup(field) : g_ascii_strdown(field, -1);

	const char *type = take_field(&cursor);
	guchar *blob = decode(take_field(&cursor), &entry->length);
	if (blob && entry->marker != MARKER_OTHER &&
	    blob_is_of_type(blob, entry->length, type)) {
		entry->type = g_strdup(type);
		entry->blob = blob;
	} else {
		g_free(blob);
	}
	return entry;
}

/* Adds to the list that `table` has for `key`, which it takes. */
static void add_to_list(GHashTable *table, void *key, struct entry *entry)
{
	GPtrArray *list = g_hash_table_lookup(table, key);

	if (list)
		g_ptr_array_ref(list);
	else
		list = g_ptr_array_new();
	g_ptr_array_add(list, entry);
	g_hash_table_insert(table, key, list);
}

static void index_to_try(struct known_hosts *known, struct entry *entry,
			 bool is_hashed)
{
	g_ptr_array_add(known->to_try, entry);
	if (!is_hashed)
		g_ptr_array_add(known->patterns, entry);
	if (!entry->type)
		g_ptr_array_add(known->unreadable, entry);
	else
		add_to_list(known->by_key, g_bytes_new_static(
				    entry->blob, entry->length), entry);
}

static void index_entry(struct known_hosts *known, struct entry *entry)
{
	bool is_hashed = g_str_has_prefix(entry->hosts, HASH_MAGIC);

	if (is_hashed || strpbrk(entry->hosts, "*?!")) {
		index_to_try(known, entry, is_hashed);
		return;
	}
	g_auto(GStrv) names = g_strsplit(entry->hosts, ",", -1);
	for (char **name = names; *name; name++)
		add_to_list(known->by_name, g_strdup(*name), entry);
}

void known_hosts_add(struct known_hosts *known, const char *file,
		     const char *text, size_t length)
{
	char *name = g_strdup(file);
	const char *end = text + length;
	unsigned number = 0;

	g_ptr_array_add(known->files, name);
	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));
		if (!stop)
			stop = end;
		size_t n = (size_t)(stop - text);
		if (n > 0 && text[n - 1] == '\r')
			n--;
		g_autofree char *line = g_strndup(text, n);
		struct entry *entry = parse_line(line);
		number++;
		if (entry) {
			entry->file = name;
			entry->line = number;
			g_ptr_array_add(known->entries, entry);
			index_entry(known, entry);
		}
		text = stop + 1;
	}
}

/* "|1|salt|hash": HMAC-SHA1 of the name, keyed with the salt. A hash that is
 * no hash can be for any host, but not even OpenSSH could tell which. */
static bool hash_matches(const char *hosts, const char *name)
{
	g_auto(GStrv) parts = g_strsplit(hosts + strlen(HASH_MAGIC), "|", 3);
	if (g_strv_length(parts) != 2)
		return false;

	size_t salt_length = 0, hash_length = 0;
	g_autofree guchar *salt = decode(parts[0], &salt_length);
	g_autofree guchar *hash = decode(parts[1], &hash_length);
	if (!salt || !hash || hash_length != SHA1_LENGTH)
		return false;

	guint8 digest[SHA1_LENGTH];
	gsize size = sizeof(digest);
	GHmac *hmac = g_hmac_new(G_CHECKSUM_SHA1, salt, salt_length);
	g_hmac_update(hmac, (const guchar *)name, -1);
	g_hmac_get_digest(hmac, digest, &size);
	g_hmac_unref(hmac);
	return memcmp(digest, hash, SHA1_LENGTH) == 0;
}

/* '*' and '?' only; iterative, so that a hostile pattern costs at most
 * length times length. */
static bool glob_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *resume = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			resume = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static bool hosts_match(const char *hosts, const char *name)
{
	if (g_str_has_prefix(hosts, HASH_MAGIC))
		return hash_matches(hosts, name);

	bool matches = false;
	g_auto(GStrv) patterns = g_strsplit(hosts, ",", -1);
	for (char **pattern = patterns; *pattern; pattern++) {
		bool negated = **pattern == '!';
		if (!glob_matches(*pattern + negated, name))
			continue;
		if (negated)
			return false;
		matches = true;
	}
	return matches;
}

static void add_matching(GPtrArray *found, const GPtrArray *to_try,
			 const char *name)
{
	for (guint i = 0; to_try && i < to_try->len; i++) {
		struct entry *entry = g_ptr_array_index(to_try, i);
		if (hosts_match(entry->hosts, name))
			g_ptr_array_add(found, entry);
	}
}

/* Those with the plain name, and those of `to_try` that match it. */
static GPtrArray *entries_for(const struct known_hosts *known,
			      const char *name, const GPtrArray *to_try)
{
	GPtrArray *found = g_ptr_array_new();
	const GPtrArray *list = g_hash_table_lookup(known->by_name, name);

	for (guint i = 0; list && i < list->len; i++)
		g_ptr_array_add(found, g_ptr_array_index(list, i));
	add_matching(found, to_try, name);
	return found;
}

static bool has_key(const struct entry *entry, const void *blob,
		    size_t length)
{
	return entry->blob && entry->length == length &&
	       memcmp(entry->blob, blob, length) == 0;
}

/* What one line says of the key. */
static enum known_hosts_result judge(const struct entry *entry,
				     const void *blob, size_t length)
{
	if (!entry->type)
		return KNOWN_HOSTS_UNREADABLE;
	bool same = has_key(entry, blob, length);
	switch (entry->marker) {
	case MARKER_REVOKED:
		return same ? KNOWN_HOSTS_REVOKED : KNOWN_HOSTS_UNKNOWN;
	case MARKER_AUTHORITY:
		return KNOWN_HOSTS_AUTHORITY;
	default:
		return same ? KNOWN_HOSTS_MATCH : KNOWN_HOSTS_CHANGED;
	}
}

/* Which of two lines' judgements wins. A line that cannot be read does not
 * undo a match, unless it was meant to revoke a key: it may be this one. */
static int weight(enum known_hosts_result result, const struct entry *entry)
{
	static const int weights[] = {
		[KNOWN_HOSTS_UNKNOWN] = 0,	[KNOWN_HOSTS_AUTHORITY] = 1,
		[KNOWN_HOSTS_CHANGED] = 2,	[KNOWN_HOSTS_UNREADABLE] = 3,
		[KNOWN_HOSTS_MATCH] = 4,	[KNOWN_HOSTS_REVOKED] = 6,
	};
	if (result == KNOWN_HOSTS_UNREADABLE &&
	    (entry->marker == MARKER_REVOKED || entry->marker == MARKER_OTHER))
		return 5;
	return weights[result];
}

/* Whatever line has another key weighs less than these. */
#define WEIGHT_DECISIVE 3

/* The line that decides, or NULL; the first of those that weigh the same. */
static const struct entry *decide(const GPtrArray *entries, const void *blob,
				  size_t length, int *best)
{
	const struct entry *decider = NULL;

	*best = 0;
	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = g_ptr_array_index(entries, i);
		int w = weight(judge(entry, blob, length), entry);

		if (w <= *best)
			continue;
		*best = w;
		decider = entry;
	}
	return decider;
}

/* The lines that can outweigh all others, without trying all. */
static GPtrArray *decisive_entries(const struct known_hosts *known,
				   const char *name, const void *blob,
				   size_t length)
{
	g_autoptr(GBytes) key = g_bytes_new_static(blob, length);
	GPtrArray *found = entries_for(known, name, known->unreadable);

	add_matching(found, g_hash_table_lookup(known->by_key, key), name);
	return found;
}

static struct known_hosts_verdict check_name(const struct known_hosts *known,
					     const char *name,
					     const void *blob, size_t length)
{
	struct known_hosts_verdict verdict = {KNOWN_HOSTS_UNKNOWN};
	g_autoptr(GPtrArray) few = decisive_entries(known, name, blob, length);
	int best;
	const struct entry *decider = decide(few, blob, length, &best);

	if (best < WEIGHT_DECISIVE) {
		g_autoptr(GPtrArray) all = entries_for(known, name,
						       known->to_try);
		decider = decide(all, blob, length, &best);
	}
	if (!decider)
		return verdict;
	verdict.result = judge(decider, blob, length);
	verdict.file = decider->file;
	verdict.line = decider->line;
	verdict.type = decider->type;
	if (decider->blob)
		verdict.fingerprint = known_hosts_fingerprint(decider->blob,
							decider->length);
	return verdict;
}

struct known_hosts_verdict known_hosts_check(const struct known_hosts *known,
					     const char *address,
					     unsigned port, const void *blob,
					     size_t length)
{
	g_autofree char *name = known_hosts_name(address, port);
	struct known_hosts_verdict verdict = check_name(known, name, blob,
							length);
	if (verdict.result != KNOWN_HOSTS_UNKNOWN || port == DEFAULT_PORT)
		return verdict;

	/* A machine often has one key for all its ports. Only a match (or a
	 * revocation) counts here: another key on another port is normal. */
	g_autofree char *bare = known_hosts_name(address, DEFAULT_PORT);
	struct known_hosts_verdict other = check_name(known, bare, blob,
						      length);
	if (other.result == KNOWN_HOSTS_MATCH ||
	    other.result == KNOWN_HOSTS_REVOKED)
		return other;
	g_free(other.fingerprint);
	return verdict;
}

GPtrArray *known_hosts_types(const struct known_hosts *known,
			     const char *address, unsigned port,
			     bool try_hashed)
{
	const unsigned ports[] = {port, DEFAULT_PORT};
	GPtrArray *types = g_ptr_array_new();

	for (size_t p = 0; p < G_N_ELEMENTS(ports); p++) {
		g_autofree char *name = known_hosts_name(address, ports[p]);
		g_autoptr(GPtrArray) entries = entries_for(
			known, name, try_hashed ? known->to_try
						: known->patterns);
		for (guint i = 0; i < entries->len; i++) {
			struct entry *entry = g_ptr_array_index(entries, i);
			if (!entry->type || entry->marker != MARKER_NONE ||
			    g_ptr_array_find_with_equal_func(
				    types, entry->type, g_str_equal, NULL))
				continue;
			g_ptr_array_add(types, entry->type);
		}
		if (types->len > 0)
			break;
	}
	return types;
}
