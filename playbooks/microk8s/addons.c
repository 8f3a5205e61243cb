/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of addons that a person writes and the one that MicroK8s prints.
 * A comma is ambiguous in the first: metallb's argument has some itself.
 */
#include "addons.h"
#include "word_list.h"

#include <string.h>

#define ALNUM_DASH "abcdefghijklmnopqrstuvwxyz0123456789-"

static void want_free(void *data)
{
	struct addon_want *want = data;

	g_free(want->name);
	g_free(want->argument);
	g_free(want);
}

static void addon_free(void *data)
{
	struct addon *addon = data;

	g_free(addon->name);
	g_free(addon->repository);
	g_free(addon);
}

/* --- what is asked for --- */

/* Bytes of a name, or of REPOSITORY/NAME, at the begin of `text`; 0: none. */
static size_t name_length(const char *text)
{
	size_t length = strspn(text, ALNUM_DASH), more;

	if (!g_ascii_islower(*text))
		return 0;
	if (text[length] != '/')
		return length;
	more = strspn(text + length + 1, ALNUM_DASH);
	return more ? length + 1 + more : 0;
}

/* "fd00:" is the begin of an IPv6 address, not of an addon. */
static bool is_ipv6(const char *piece)
{
	size_t digits = strspn(piece, "0123456789abcdefABCDEF");

	return digits <= 4 && piece[digits] == ':';
}

/* Whether what stands between two commas is an addon of its own. */
static bool is_addon(const char *piece)
{
	size_t length = name_length(piece);

	return length > 0 && !is_ipv6(piece) &&
		(piece[length] == '\0' || piece[length] == ':');
}

static bool is_there(const GPtrArray *wants, const char *name)
{
	for (guint i = 0; i < wants->len; i++) {
		const struct addon_want *want = g_ptr_array_index(wants, i);

		if (strcmp(want->name, name) == 0)
			return true;
	}
	return false;
}

static bool add_want(GPtrArray *wants, const char *piece, size_t where,
		     size_t *at, GError **error)
{
	size_t length = name_length(piece);
	g_autofree char *name = g_strndup(piece, length);
	struct addon_want *want;

	if (!is_addon(piece)) {
		word_list_refuse(at, where, error, "'%s' is not the name of "
				 "an addon (such as dns, or metallb:FROM-TO "
				 "with an argument)", piece);
		return false;
	}
	if (piece[length] && !piece[length + 1]) {
		word_list_refuse(at, where + length, error,
				 "'%s' has no argument behind its colon",
				 name);
		return false;
	}
	if (strcmp(name, "ha-cluster") == 0 ||
	    strcmp(name, "core/ha-cluster") == 0) {
		word_list_refuse(at, where, error, "'%s' is what every "
				 "cluster of muster's has already", name);
		return false;
	}
	if (is_there(wants, name)) {
		word_list_refuse(at, where, error, "'%s' is there twice",
				 name);
		return false;
	}
	want = g_new0(struct addon_want, 1);
	want->argument = piece[length] ? g_strdup(piece + length + 1) : NULL;
	want->name = g_steal_pointer(&name);
	g_ptr_array_add(wants, want);
	return true;
}

/* Whether the argument of the last addon may go on behind a comma. */
static bool extend_last(GPtrArray *wants, const char *piece)
{
	struct addon_want *last = wants->len
		? g_ptr_array_index(wants, wants->len - 1) : NULL;
	char *longer;

	if (!last || !last->argument || is_addon(piece))
		return false;
	longer = g_strconcat(last->argument, ",", piece, NULL);
	g_free(last->argument);
	last->argument = longer;
	return true;
}

/* The pieces of one word, between its commas. */
static bool add_word(GPtrArray *wants, const struct list_word *word,
		     size_t *at, GError **error)
{
	g_auto(GStrv) pieces = g_strsplit(word->text, ",", -1);
	size_t where = word->at;

	for (guint i = 0; pieces[i]; i++) {
		if (*pieces[i] && !(i > 0 && extend_last(wants, pieces[i])) &&
		    !add_want(wants, pieces[i], where, at, error))
			return false;
		where += strlen(pieces[i]) + 1;
	}
	return true;
}

GPtrArray *addons_parse(const char *text, size_t *at, GError **error)
{
	g_autoptr(GPtrArray) wants = g_ptr_array_new_with_free_func(want_free);
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_BLANKS, at, error);

	for (guint i = 0; words && i < words->len; i++)
		if (!add_word(wants, g_ptr_array_index(words, i), at, error))
			return NULL;
	return words ? g_steal_pointer(&wants) : NULL;
}

bool addons_check(const char *name, const char *text, size_t *at,
		  GError **error)
{
	g_autoptr(GPtrArray) wants = addons_parse(text, at, error);

	(void)name;
	return wants != NULL;
}

/* --- what there is --- */

/* The value of `key` in a line such as "  - name: dns", or NULL. */
static const char *value_of(const char *line, const char *key)
{
	line += strspn(line, " ");
	return g_str_has_prefix(line, key) ? line + strlen(key) : NULL;
}

static void read_line(GPtrArray *addons, const char *line)
{
	struct addon *addon = addons->len
		? g_ptr_array_index(addons, addons->len - 1) : NULL;
	const char *value = value_of(line, "- name: ");

	if (value && addons->len < ADDONS_MAX) {
		addon = g_new0(struct addon, 1);
		addon->name = g_strstrip(g_strdup(value));
		addon->repository = g_strdup("");
		g_ptr_array_add(addons, addon);
	} else if (addon && (value = value_of(line, "repository: "))) {
		g_free(addon->repository);
		addon->repository = g_strstrip(g_strdup(value));
	} else if (addon && (value = value_of(line, "status: "))) {
		addon->is_enabled = g_str_has_prefix(value, "enabled");
	}
}

GPtrArray *addons_status(const char *text)
{
	g_autoptr(GPtrArray) addons =
		g_ptr_array_new_with_free_func(addon_free);
	g_autofree char *copy = g_strndup(text, ADDONS_STATUS_MAX);
	g_auto(GStrv) lines = g_strsplit(copy, "\n", -1);
	bool inside = false;

	for (char **line = lines; *line; line++) {
		if (g_str_has_prefix(*line, "addons:"))
			inside = true;
		else if (inside)
			read_line(addons, *line);
	}
	return addons->len ? g_steal_pointer(&addons) : NULL;
}

const struct addon *addons_find(const GPtrArray *addons, const char *name)
{
	const char *slash = strchr(name, '/');
	const char *plain = slash ? slash + 1 : name;

	for (guint i = 0; i < addons->len; i++) {
		const struct addon *addon = g_ptr_array_index(addons, i);

		if (strcmp(addon->name, plain) == 0 &&
		    (!slash || (strncmp(addon->repository, name,
					(size_t)(slash - name)) == 0 &&
				strlen(addon->repository) ==
				(size_t)(slash - name))))
			return addon;
	}
	return NULL;
}
