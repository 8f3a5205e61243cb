/* SPDX-License-Identifier: Apache-2.0
 *
 * Host patterns. Terms are cut at commas, or at colons outside brackets when
 * there is no comma; plain terms add, "&" terms keep, "!" terms take away, in
 * that order wherever they stand.
 */
#include "pattern.h"

#include "error.h"
#include "nearest.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#define LIMIT_FILE_MAX (1024 * 1024)

struct term {
	char kind;		/* '+', '&' or '!' */
	char *text;		/* without '&', '!' and the subscript */
	char *whole;		/* as it was written */
	bool has_range;
	bool is_dashed;		/* "[0-2]", which is no range */
	bool is_open;		/* "[2:]" */
	gint64 first, last;	/* may count from the end: -1 */
};

static void term_free(void *data)
{
	struct term *term = data;

	g_free(term->text);
	g_free(term->whole);
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

	colon = strpbrk(inside, ":-");
	if (!colon || colon == inside) {
		term->has_range = whole_number(inside, true, &term->first);
		term->last = term->first;
	} else {
		term->is_dashed = *colon == '-';
		*colon++ = '\0';
		term->is_open = *colon == '\0';
		term->has_range =
			whole_number(inside, false, &term->first) &&
			(term->is_open ||
			 whole_number(colon, false, &term->last));
		term->is_dashed = term->is_dashed && term->has_range;
	}
	if (term->has_range)
		*open = '\0';
}

static struct term *term_new(const char *text)
{
	struct term *term = g_new0(struct term, 1);

	term->kind = *text == '&' || *text == '!' ? *text : '+';
	term->text = g_strdup(term->kind == '+' ? text : text + 1);
	term->whole = g_strdup(text);
	cut_subscript(term);
	return term;
}

static bool is_host_name(const struct inventory *inventory, const char *text)
{
	return inventory_find(inventory, text + strspn(text, "&!"));
}

/* An address with colons, and the name of a file, are not cut at them. */
static bool is_one_term(const struct inventory *inventory,
			const char *pattern)
{
	return is_host_name(inventory, pattern) || *pattern == '@';
}

/* The terms' texts. */
static GPtrArray *split(const struct inventory *inventory,
			const char *pattern)
{
	GPtrArray *texts = g_ptr_array_new_with_free_func(g_free);
	bool has_commas = strchr(pattern, ',');
	const char *separators = has_commas ? "," :
		is_one_term(inventory, pattern) ? "" : ": \t";
	g_autoptr(GString) text = g_string_new(NULL);
	int depth = 0;

	for (const char *c = pattern;; c++) {
		depth += *c == '[' ? 1 : *c == ']' && depth > 0 ? -1 : 0;
		if (*c && ((depth > 0 && !has_commas) ||
			   !strchr(separators, *c))) {
			g_string_append_c(text, *c);
			continue;
		}
		g_autofree char *trimmed = g_strstrip(g_strdup(text->str));

		if (*trimmed)
			g_ptr_array_add(texts, g_steal_pointer(&trimmed));
		g_string_truncate(text, 0);
		if (!*c)
			return texts;
	}
}

static bool matches(const char *name, const char *glob, const GRegex *regex)
{
	if (regex)
		return g_regex_match(regex, name, G_REGEX_MATCH_ANCHORED,
				     NULL);
	return fnmatch(glob, name, FNM_NOESCAPE) == 0;
}

static void add_new(GPtrArray *to, GHashTable *seen, gpointer host)
{
	if (g_hash_table_add(seen, host))
		g_ptr_array_add(to, host);
}

/* A pattern under way: which hosts it has chosen so far. */
struct selection {
	const struct inventory *inventory;
	GHashTable *chosen;	/* set of struct host * */
	bool is_strict;		/* every term must match something */
};

static void set_no_match(const struct selection *s, const struct term *term,
			 GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *hint = NULL;
	const char *nearest;

	for (guint i = 0; i < s->inventory->groups->len; i++) {
		const struct inventory_group *group =
			g_ptr_array_index(s->inventory->groups, i);

		g_ptr_array_add(names, group->name);
	}
	for (guint i = 0; i < s->inventory->hosts->len; i++) {
		const struct host *host =
			g_ptr_array_index(s->inventory->hosts, i);

		g_ptr_array_add(names, host->name);
	}
	nearest = nearest_name(term->text, names);
	if (term->has_range)
		hint = g_strdup("a number in brackets picks one of the hosts "
				"that match, [0] the first; ~w[12] is a regex");
	else if (nearest)
		hint = g_strdup_printf("did you mean %s?", nearest);
	else
		hint = g_strdup("muster inventory list shows hosts and groups");
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "no host matches '%s' (%s)", term->whole, hint);
}

/* Hosts of matching groups, then matching hosts. A name that is a group's is
 * not asked of the hosts, as in Ansible. */
static void add_matching(const struct inventory *inventory,
			 const struct term *term, const GRegex *regex,
			 GPtrArray *found, bool *is_any_group)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < inventory->groups->len; i++) {
		const struct inventory_group *group =
			g_ptr_array_index(inventory->groups, i);
		g_autoptr(GPtrArray) hosts = NULL;

		if (!matches(group->name, term->text, regex))
			continue;
		*is_any_group = true;
		hosts = inventory_group_hosts(group);
		for (guint j = 0; j < hosts->len; j++)
			add_new(found, seen, g_ptr_array_index(hosts, j));
	}
	if (*is_any_group && !regex && !strpbrk(term->text, ".?*["))
		return;
	for (guint i = 0; i < inventory->hosts->len; i++) {
		struct host *host = g_ptr_array_index(inventory->hosts, i);

		if (matches(host->name, term->text, regex))
			add_new(found, seen, host);
	}
}

/* What the term matches before its subscript; NULL on a mistake in it. */
static GPtrArray *candidates(const struct selection *s,
			     const struct term *term, bool *is_any_group,
			     GError **error)
{
	struct host *host = inventory_find(s->inventory, term->text);
	g_autoptr(GRegex) regex = NULL;
	g_autoptr(GError) why = NULL;
	GPtrArray *found;

	if (term->is_dashed) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "host pattern '%s': a subscript is written [%"
			    G_GINT64_FORMAT ":%" G_GINT64_FORMAT "]",
			    term->whole, term->first, term->last);
		return NULL;
	}
	if (*term->text == '~') {
		regex = g_regex_new(term->text + 1, 0, 0, &why);
		if (!regex) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
				    "host pattern '%s': %s", term->whole,
				    why->message);
			return NULL;
		}
	}
	found = g_ptr_array_new();
	if (host && !term->has_range &&
	    (term->kind == '+' ||
	     !inventory_find_group(s->inventory, term->text)))
		g_ptr_array_add(found, host);
	else
		add_matching(s->inventory, term, regex, found, is_any_group);
	return found;
}

/* The set of hosts of one term; NULL on a mistake in it. */
static GHashTable *term_hosts(const struct selection *s,
			      const struct term *term, GError **error)
{
	bool is_any_group = false;
	g_autoptr(GPtrArray) found = candidates(s, term, &is_any_group, error);
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
	if (s->is_strict && g_hash_table_size(set) == 0 &&
	    (term->has_range || !is_any_group)) {
		set_no_match(s, term, error);
		g_hash_table_unref(set);
		return NULL;
	}
	return set;
}

static gboolean is_not_in(gpointer host, gpointer value, gpointer set)
{
	(void)value;
	return !g_hash_table_contains(set, host);
}

static bool apply(struct selection *s, const struct term *term,
		  GError **error)
{
	g_autoptr(GHashTable) set = term_hosts(s, term, error);
	GHashTableIter iter;
	gpointer host;

	if (!set)
		return false;
	if (term->kind == '&') {
		g_hash_table_foreach_remove(s->chosen, is_not_in, set);
		return true;
	}
	g_hash_table_iter_init(&iter, set);
	while (g_hash_table_iter_next(&iter, &host, NULL))
		if (term->kind == '+')
			g_hash_table_add(s->chosen, host);
		else
			g_hash_table_remove(s->chosen, host);
	return true;
}

/* Plain terms first, then "&", then "!", wherever they stand. */
static bool apply_all(struct selection *s, GPtrArray *texts, GError **error)
{
	static const char order[] = "+&!";
	g_autoptr(GPtrArray) terms = g_ptr_array_new_with_free_func(term_free);
	bool has_plain = false;

	for (guint i = 0; i < texts->len; i++) {
		struct term *term = term_new(g_ptr_array_index(texts, i));

		g_ptr_array_add(terms, term);
		has_plain = has_plain || term->kind == '+';
	}
	if (!has_plain && terms->len > 0)
		g_ptr_array_add(terms, term_new("all"));
	for (const char *kind = order; *kind; kind++)
		for (guint i = 0; i < terms->len; i++) {
			const struct term *term = g_ptr_array_index(terms, i);

			if (term->kind == *kind && !apply(s, term, error))
				return false;
		}
	return true;
}

/* What is chosen, in the order of the inventory. */
static GPtrArray *in_order(const struct selection *s)
{
	GPtrArray *hosts = g_ptr_array_new();

	for (guint i = 0; i < s->inventory->hosts->len; i++) {
		gpointer host = g_ptr_array_index(s->inventory->hosts, i);

		if (g_hash_table_contains(s->chosen, host))
			g_ptr_array_add(hosts, host);
	}
	return hosts;
}

GPtrArray *pattern_select(const struct inventory *inventory,
			  const char *pattern, bool allow_empty,
			  GError **error)
{
	g_autoptr(GPtrArray) texts = split(inventory, pattern), hosts = NULL;
	g_autoptr(GHashTable) chosen = g_hash_table_new(NULL, NULL);
	struct selection s = { .inventory = inventory, .chosen = chosen };

	if (!apply_all(&s, texts, error))
		return NULL;
	hosts = in_order(&s);
	if (hosts->len == 0 && !allow_empty) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "no host matches '%s' (muster inventory list shows "
			    "hosts and groups)", pattern);
		return NULL;
	}
	return g_steal_pointer(&hosts);
}

/* The patterns of a file, one a line; blank lines and comments are none. */
static bool add_lines(GPtrArray *texts, const char *path, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;
	g_auto(GStrv) lines = NULL;
	gsize length;

	if (!g_file_get_contents(path, &text, &length, &why)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "read the patterns of '@%s': %s", path,
			    why->message);
		return false;
	}
	if (length > LIMIT_FILE_MAX || strlen(text) < length) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "'@%s': this is no list of host patterns", path);
		return false;
	}
	lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++) {
		const char *pattern = g_strstrip(*line);

		if (*pattern && *pattern != '#')
			g_ptr_array_add(texts, g_strdup(pattern));
	}
	return true;
}

/* The set of hosts of what --limit or --exclude says; NULL on a mistake. */
static GHashTable *limit_hosts(const struct inventory *inventory,
			       const char *pattern, GError **error)
{
	g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GPtrArray) parts = split(inventory, pattern);
	g_autoptr(GHashTable) chosen = g_hash_table_new(NULL, NULL);
	struct selection s = {
		.inventory = inventory, .chosen = chosen, .is_strict = true,
	};

	for (guint i = 0; i < parts->len; i++) {
		const char *part = g_ptr_array_index(parts, i);

		if (*part != '@')
			g_ptr_array_add(texts, g_strdup(part));
		else if (!add_lines(texts, part + 1, error))
			return NULL;
	}
	return apply_all(&s, texts, error) ? g_steal_pointer(&chosen) : NULL;
}

GPtrArray *pattern_limit(const struct inventory *inventory, const char *limit,
			 const char *exclude, GError **error)
{
	g_autoptr(GHashTable) kept = limit_hosts(inventory,
						 limit ? limit : "all", error);
	g_autoptr(GHashTable) gone = NULL;
	g_autoptr(GPtrArray) hosts = g_ptr_array_new();

	if (!kept)
		return NULL;
	if (exclude) {
		gone = limit_hosts(inventory, exclude, error);
		if (!gone)
			return NULL;
	}
	for (guint i = 0; i < inventory->hosts->len; i++) {
		gpointer host = g_ptr_array_index(inventory->hosts, i);

		if (g_hash_table_contains(kept, host) &&
		    !(gone && g_hash_table_contains(gone, host)))
			g_ptr_array_add(hosts, host);
	}
	if (hosts->len > 0)
		return g_steal_pointer(&hosts);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "no host is left by --limit '%s' and --exclude '%s'",
		    limit ? limit : "all", exclude ? exclude : "");
	return NULL;
}
