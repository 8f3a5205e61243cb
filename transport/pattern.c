/* SPDX-License-Identifier: Apache-2.0
 *
 * Host patterns. Terms are cut at commas, or at colons outside brackets when
 * there is no comma; plain terms add, "&" terms keep, "!" terms take away, in
 * that order wherever they stand.
 */
#include "pattern.h"

#include "error.h"

#include <fnmatch.h>
#include <string.h>

struct term {
	char kind;		/* '+', '&' or '!' */
	char *text;		/* without '&', '!' and the subscript */
	bool has_range;
	bool is_open;		/* "[2:]" */
	gint64 first, last;	/* may count from the end: -1 */
};

static void term_free(void *data)
{
	struct term *term = data;

	g_free(term->text);
	g_free(term);
}

static bool whole_number(const char *text, bool may_be_negative, gint64 *n)
{
	const char *digits = *text == '-' && may_be_negative ? text + 1 : text;
	size_t length = strspn(digits, "0123456789");

	*n = g_ascii_strtoll(text, NULL, 10);
	return length > 0 && length < 10 && !digits[length];
}

/* Cuts "[1]", "[0:2]", "[2:]" off the end, if that is what stands there;
 * other brackets belong to a glob. */
static void cut_subscript(struct term *term)
{
	size_t length = strlen(term->text);
	char *open = strrchr(term->text, '['), *colon;

	if (!open || open == term->text || term->text[length - 1] != ']' ||
	    *term->text == '~')
		return;
	g_autofree char *inside = g_strndup(open + 1, (gsize)(
			term->text + length - open) - 2);

	colon = strchr(inside, ':');
	if (!colon) {
		term->has_range = whole_number(inside, true, &term->first);
		term->last = term->first;
	} else {
		*colon++ = '\0';
		term->is_open = *colon == '\0';
		term->has_range =
			whole_number(inside, false, &term->first) &&
			(term->is_open ||
			 whole_number(colon, false, &term->last));
	}
	if (term->has_range)
		*open = '\0';
}

static struct term *term_new(const char *text)
{
	struct term *term = g_new0(struct term, 1);

	term->kind = *text == '&' || *text == '!' ? *text : '+';
	term->text = g_strdup(term->kind == '+' ? text : text + 1);
	cut_subscript(term);
	return term;
}

static bool is_host_name(const struct inventory *inventory, const char *text)
{
	return inventory_find(inventory, text);
}

static GPtrArray *split(const struct inventory *inventory,
			const char *pattern)
{
	GPtrArray *terms = g_ptr_array_new_with_free_func(term_free);
	char separator = strchr(pattern, ',') ? ',' : ':';
	g_autoptr(GString) text = g_string_new(NULL);
	bool is_whole = is_host_name(inventory, pattern);
	int depth = 0;

	for (const char *c = pattern;; c++) {
		depth += *c == '[' ? 1 : *c == ']' && depth > 0 ? -1 : 0;
		if (*c && (*c != separator || depth > 0 || is_whole)) {
			g_string_append_c(text, *c);
			continue;
		}
		g_autofree char *trimmed = g_strstrip(g_strdup(text->str));

		if (*trimmed)
			g_ptr_array_add(terms, term_new(trimmed));
		g_string_truncate(text, 0);
		if (!*c)
			return terms;
	}
}

static bool matches(const char *name, const char *glob, const GRegex *regex)
{
	if (regex)
		return g_regex_match(regex, name, G_REGEX_MATCH_ANCHORED,
				     NULL);
	return fnmatch(glob, name, 0) == 0;
}

static void add_new(GPtrArray *to, GHashTable *seen, gpointer host)
{
	if (g_hash_table_add(seen, host))
		g_ptr_array_add(to, host);
}

/* Hosts of matching groups, then matching hosts; NULL on a bad regex. */
static GPtrArray *candidates(const struct inventory *inventory,
			     const struct term *term, GError **error)
{
	g_autoptr(GRegex) regex = NULL;
	g_autoptr(GError) why = NULL;
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	GPtrArray *found;

	if (*term->text == '~') {
		regex = g_regex_new(term->text + 1, 0, 0, &why);
		if (!regex) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
				    "host pattern '%s': %s", term->text,
				    why->message);
			return NULL;
		}
	}
	found = g_ptr_array_new();
	for (guint i = 0; i < inventory->groups->len; i++) {
		const struct inventory_group *group =
			g_ptr_array_index(inventory->groups, i);
		g_autoptr(GPtrArray) hosts = NULL;

		if (!matches(group->name, term->text, regex))
			continue;
		hosts = strcmp(group->name, "all") == 0
			? g_ptr_array_ref(inventory->hosts)
			: inventory_group_hosts(group);
		for (guint j = 0; j < hosts->len; j++)
			add_new(found, seen, g_ptr_array_index(hosts, j));
	}
	for (guint i = 0; i < inventory->hosts->len; i++) {
		struct host *host = g_ptr_array_index(inventory->hosts, i);

		if (matches(host->name, term->text, regex))
			add_new(found, seen, host);
	}
	return found;
}

/* The set of hosts of one term; NULL on a mistake in it. */
static GHashTable *term_hosts(const struct inventory *inventory,
			      const struct term *term, GError **error)
{
	g_autoptr(GPtrArray) found = candidates(inventory, term, error);
	GHashTable *set;
	gint64 first = term->first, last;

	if (!found)
		return NULL;
	last = !term->has_range || term->is_open ? (gint64)found->len - 1
		: term->last;
	if (first < 0) {
		first += found->len;
		last = first;
	}
	set = g_hash_table_new(NULL, NULL);
	for (gint64 i = MAX(first, 0); i <= last && i < found->len; i++)
		if (first >= 0)
			g_hash_table_add(set, g_ptr_array_index(found, i));
	return set;
}

static bool keeps(char kind, bool was_in, bool is_in)
{
	if (kind == '+')
		return was_in || is_in;
	return kind == '&' ? was_in && is_in : was_in && !is_in;
}

static bool apply_kind(const struct inventory *inventory, GPtrArray *terms,
		       char kind, bool *chosen, GError **error)
{
	for (guint i = 0; i < terms->len; i++) {
		const struct term *term = g_ptr_array_index(terms, i);
		g_autoptr(GHashTable) set = NULL;

		if (term->kind != kind)
			continue;
		set = term_hosts(inventory, term, error);
		if (!set)
			return false;
		for (guint h = 0; h < inventory->hosts->len; h++)
			chosen[h] = keeps(kind, chosen[h],
				g_hash_table_contains(set, g_ptr_array_index(
					inventory->hosts, h)));
	}
	return true;
}

GPtrArray *pattern_select(const struct inventory *inventory,
			  const char *pattern, bool allow_empty,
			  GError **error)
{
	static const char order[] = "+&!";
	g_autoptr(GPtrArray) terms = split(inventory, pattern);
	g_autofree bool *chosen = g_new0(bool, inventory->hosts->len + 1);
	g_autoptr(GPtrArray) hosts = g_ptr_array_new();
	bool has_plain = false;

	for (guint i = 0; i < terms->len; i++) {
		const struct term *term = g_ptr_array_index(terms, i);

		has_plain = has_plain || term->kind == '+';
	}
	if (!has_plain && terms->len > 0)
		g_ptr_array_add(terms, term_new("all"));
	for (const char *kind = order; *kind; kind++)
		if (!apply_kind(inventory, terms, *kind, chosen, error))
			return NULL;
	for (guint i = 0; i < inventory->hosts->len; i++)
		if (chosen[i])
			g_ptr_array_add(hosts, g_ptr_array_index(
					inventory->hosts, i));
	if (hosts->len == 0 && !allow_empty) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "no host matches '%s' (muster inventory list shows "
			    "hosts and groups)", pattern);
		return NULL;
	}
	return g_steal_pointer(&hosts);
}
