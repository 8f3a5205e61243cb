/* SPDX-License-Identifier: Apache-2.0
 *
 * --limit and --exclude beside masters that take part in any case.
 */
#include "choice.h"

#include "transport/error.h"
#include "transport/pattern.h"

void choice_take(struct choice *choice, struct options *options)
{
	choice->limit = g_steal_pointer(&options->limit);
	choice->exclude = g_steal_pointer(&options->exclude);
}

bool choice_admit(struct choice *choice, const struct inventory *inventory,
		  struct cluster *cluster, GHashTable **limit, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;
	unsigned nodes = 0;

	if (!choice->limit && !choice->exclude)
		return true;
	hosts = pattern_limit(inventory, choice->limit, choice->exclude,
			      error);
	if (!hosts)
		return false;
	choice->chosen = g_hash_table_new(NULL, NULL);
	*limit = g_hash_table_new(NULL, NULL);
	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		nodes += cluster_find(cluster, host) != NULL;
		g_hash_table_add(choice->chosen, host);
		g_hash_table_add(*limit, host);
	}
	cluster_invite_masters(cluster, *limit);
	cluster->chosen = choice->chosen;
	if (nodes > 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "none of the hosts that --limit and --exclude leave is in "
		    "[masters] or [workers]");
	return false;
}

void choice_clear(struct choice *choice)
{
	g_clear_pointer(&choice->chosen, g_hash_table_unref);
	g_clear_pointer(&choice->limit, g_free);
	g_clear_pointer(&choice->exclude, g_free);
}
