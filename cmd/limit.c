/* SPDX-License-Identifier: Apache-2.0
 *
 * Who takes part in a run. A limit that leaves nothing to do is a slip, and so
 * is one that leaves out the host through which everything is done.
 */
#include "limit.h"

#include "transport/error.h"
#include "transport/pattern.h"

#include <string.h>

static bool has_master(GHashTable *limit, const char *command,
		       const struct cluster *roles, GError **error)
{
	const struct host *master = roles->first->host;

	if (strcmp(command, "play") == 0)
		return true;
	for (guint i = 0; i < roles->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(roles->nodes, i);

		if (node->role == NODE_MASTER &&
		    g_hash_table_contains(limit, node->host))
			return true;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "%s needs the master '%s', which --limit or --exclude "
		    "leaves out (workers join through it, and it proves "
		    "them): add it, as in -l %s,...", command, master->name,
		    master->name);
	return false;
}

static bool has_play(GHashTable *limit, const struct inventory *inventory,
		     const struct playbook *playbook, GError **error)
{
	for (guint i = 0; i < playbook->plays->len; i++) {
		const struct play *play =
			g_ptr_array_index(playbook->plays, i);
		g_autoptr(GPtrArray) hosts = pattern_select(
			inventory, play->on, true, NULL);

		for (guint k = 0; hosts && k < hosts->len; k++)
			if (g_hash_table_contains(
				    limit, g_ptr_array_index(hosts, k)))
				return true;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "no play of %s is for a host that --limit and --exclude "
		    "leave", playbook->file);
	return false;
}

bool limit_find(const struct options *options, const char *command,
		const struct inventory *inventory,
		const struct cluster *roles, const struct playbook *playbook,
		GHashTable **limit, GError **error)
{
	g_autoptr(GHashTable) set = NULL;
	g_autoptr(GPtrArray) hosts = NULL;

	if (!options->limit && !options->exclude) {
		*limit = NULL;
		return true;
	}
	hosts = pattern_limit(inventory, options->limit, options->exclude,
			      error);
	if (!hosts)
		return false;
	set = g_hash_table_new(NULL, NULL);
	for (guint i = 0; i < hosts->len; i++)
		g_hash_table_add(set, g_ptr_array_index(hosts, i));
	if (!has_master(set, command, roles, error) ||
	    !has_play(set, inventory, playbook, error))
		return false;
	*limit = g_steal_pointer(&set);
	return true;
}
