/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups by a key of how a host ended and the checksums of its two streams,
 * which cover what was not kept as well.
 */
#include "gather.h"

#include "fold.h"

#include "transport/error.h"

#include <string.h>

struct capture {
	GString *text[2];	/* out, err */
	GChecksum *sum[2];
	bool keeps, is_cut;
};

struct capture *capture_new(bool keeps)
{
	struct capture *capture = g_new0(struct capture, 1);

	capture->keeps = keeps;
	for (int i = 0; i < 2; i++) {
		capture->text[i] = g_string_new(NULL);
		capture->sum[i] = g_checksum_new(G_CHECKSUM_SHA256);
	}
	return capture;
}

void capture_add(struct capture *capture, const char *bytes, size_t n,
		 bool is_stderr)
{
	size_t room = CAPTURE_MAX - capture->text[0]->len -
		capture->text[1]->len;

	if (!capture->keeps)
		return;
	g_checksum_update(capture->sum[is_stderr], (const guchar *)bytes,
			  (gssize)n);
	capture->is_cut = capture->is_cut || n > room;
	g_string_append_len(capture->text[is_stderr], bytes,
			    (gssize)MIN(n, room));
}

void capture_free(struct capture *capture)
{
	if (!capture)
		return;
	for (int i = 0; i < 2; i++) {
		if (capture->text[i])
			g_string_free(capture->text[i], TRUE);
		g_checksum_free(capture->sum[i]);
	}
	g_free(capture);
}

struct gather {
	GMutex lock;		/* all below */
	GHashTable *by_key;	/* char * -> struct group *, borrowed */
	GPtrArray *groups;	/* struct group *, owned */
	size_t kept, max;	/* bytes of output in all groups */
};

static void group_free(void *data)
{
	struct group *group = data;

	g_array_unref(group->members);
	g_clear_error(&group->error);
	g_string_free(group->out, TRUE);
	g_string_free(group->err, TRUE);
	g_free(group->names);
	g_free(group);
}

struct gather *gather_new(size_t max)
{
	struct gather *gather = g_new0(struct gather, 1);

	g_mutex_init(&gather->lock);
	gather->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					       NULL);
	gather->groups = g_ptr_array_new_with_free_func(group_free);
	gather->max = max;
	return gather;
}

void gather_free(struct gather *gather)
{
	if (!gather)
		return;
	g_hash_table_unref(gather->by_key);
	g_ptr_array_unref(gather->groups);
	g_mutex_clear(&gather->lock);
	g_free(gather);
}

static bool is_in_name(char c)
{
	return g_ascii_isalnum(c) || c == '-' || c == '_';
}

/* `text` with "%h" for each `word` that stands alone there: neither the 1 of
 * 10.0.0.1 nor the w1 of w1.example.org is host w1. */
static char *without_word(const char *text, const char *word)
{
	GString *out = g_string_new(NULL);
	size_t length = strlen(word);
	const char *from = text, *at = strstr(text, word);

	while (length > 0 && at) {
		const char *end = at + length;
		bool is_word = (at == text || (!is_in_name(at[-1]) &&
					       at[-1] != '.')) &&
			!is_in_name(*end) &&
			(*end != '.' || !is_in_name(end[1]));

		g_string_append_len(out, from, at - from);
		g_string_append(out, is_word ? "%h" : word);
		from = end;
		at = strstr(from, word);
	}
	g_string_append(out, from);
	return g_string_free(out, FALSE);
}

/* What the error says when it is not of one host. */
static char *common_text(const struct host *host, const GError *error)
{
	g_autofree char *text = without_word(error->message, host->address);

	return without_word(text, host->name);
}

static char *key_of(const struct capture *capture, int status,
		    const GError *error, const char *common)
{
	return g_strdup_printf("%d %d %s %s %s", status,
			       error ? error->code : -1,
			       g_checksum_get_string(capture->sum[0]),
			       g_checksum_get_string(capture->sum[1]),
			       common ? common : "");
}

static void cut(struct group *group, GString *text, size_t room)
{
	group->is_cut = group->is_cut || text->len > room;
	g_string_truncate(text, MIN(text->len, room));
}

/* Takes the capture's text and the error. */
static struct group *group_new(struct gather *gather, struct capture *capture,
			       int status, GError *error)
{
	struct group *group = g_new0(struct group, 1);
	size_t room = gather->max - gather->kept;

	group->members = g_array_new(FALSE, FALSE, sizeof(struct member));
	group->status = status;
	group->error = error;
	group->out = g_steal_pointer(&capture->text[0]);
	group->err = g_steal_pointer(&capture->text[1]);
	group->is_cut = capture->is_cut;
	cut(group, group->out, room);
	cut(group, group->err, room - group->out->len);
	gather->kept += group->out->len + group->err->len;
	return group;
}

void gather_add(struct gather *gather, const struct member *member,
		struct capture *capture, int status, GError *error)
{
	g_autofree char *common = error ? common_text(member->host, error)
					: NULL;
	g_autofree char *key = key_of(capture, status, error, common);
	struct group *group;

	g_mutex_lock(&gather->lock);
	group = g_hash_table_lookup(gather->by_key, key);
	if (!group) {
		group = group_new(gather, capture, status,
				  g_steal_pointer(&error));
		g_ptr_array_add(gather->groups, group);
		g_hash_table_insert(gather->by_key, g_steal_pointer(&key),
				    group);
	} else if (group->error && strcmp(group->error->message,
					  error->message) != 0) {
		g_free(group->error->message);
		group->error->message = g_steal_pointer(&common);
	}
	g_array_append_val(group->members, *member);
	g_mutex_unlock(&gather->lock);
	g_clear_error(&error);
	capture_free(capture);
}

static gint by_index(gconstpointer a, gconstpointer b)
{
	const struct member *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static gint largest_first(gconstpointer a, gconstpointer b)
{
	const struct group *x = *(const struct group *const *)a;
	const struct group *y = *(const struct group *const *)b;

	if (x->members->len != y->members->len)
		return x->members->len > y->members->len ? -1 : 1;
	return by_index(x->members->data, y->members->data);
}

static char *member_names(const struct group *group)
{
	g_autofree const char **names = g_new0(const char *,
					       group->members->len);

	for (guint i = 0; i < group->members->len; i++)
		names[i] = g_array_index(group->members, struct member,
					 i).host->name;
	return fold_names(names, group->members->len);
}

const GPtrArray *gather_groups(struct gather *gather)
{
	for (guint i = 0; i < gather->groups->len; i++) {
		struct group *group = g_ptr_array_index(gather->groups, i);

		g_array_sort(group->members, by_index);
		g_free(group->names);
		group->names = member_names(group);
	}
	g_ptr_array_sort(gather->groups, largest_first);
	return gather->groups;
}
