/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what reach.sh printed: lines of three or four words.
 */
#include "reach.h"

#include "transport/error.h"

#include <string.h>

static const struct {
	const char *name;
	bool has_port;
} kinds[] = {
	[REACH_ROUTE] = { "route", false },
	[REACH_TCP] = { "tcp", true },
	[REACH_HEALTH] = { "health", false },
	[REACH_NAME] = { "name", false },
};

static void reach_free(void *data)
{
	struct reach *reach = data;

	g_free(reach->peer);
	g_free(reach->word);
	g_free(reach);
}

static struct reach *parse_line(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", -1);
	guint n = g_strv_length(words);

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		guint wanted = kinds[i].has_port ? 4 : 3;
		guint64 port = 0;

		if (n != wanted || strcmp(words[0], kinds[i].name) != 0)
			continue;
		if (kinds[i].has_port &&
		    !g_ascii_string_to_unsigned(words[2], 10, 1, 65535, &port,
						NULL))
			continue;
		struct reach *reach = g_new0(struct reach, 1);

		reach->kind = (enum reach_kind)i;
		reach->peer = g_strdup(words[1]);
		reach->port = (unsigned)port;
		reach->word = g_strdup(words[n - 1]);
		return reach;
	}
	return NULL;
}

GPtrArray *reach_parse(const char *text, size_t length, GError **error)
{
	g_autofree char *copy = g_strndup(text, length);
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(reach_free);
	char *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) && all->len < REACH_MAX) {
		struct reach *reach = parse_line(line);

		if (strcmp(line, "end") == 0)
			return g_steal_pointer(&all);
		if (!reach)
			break;
		g_ptr_array_add(all, reach);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "the host's account of its ways makes no sense");
	return NULL;
}

const char *reach_word(const GPtrArray *all, enum reach_kind kind,
		       const char *peer, unsigned port)
{
	for (guint i = 0; i < all->len; i++) {
		const struct reach *reach = g_ptr_array_index(all, i);

		if (reach->kind == kind && reach->port == port &&
		    strcmp(reach->peer, peer) == 0)
			return reach->word;
	}
	return NULL;
}
