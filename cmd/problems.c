/* SPDX-License-Identifier: Apache-2.0
 *
 * Tells mistakes where they were made.
 */
#include "problems.h"

#include "playbooks/cluster.h"

#include <stdio.h>

void problems_print(const GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = problem_format(
			g_ptr_array_index(problems, i));

		fprintf(stderr, "%s\n", text);
	}
}

struct inventory *problems_load_inventory(const struct options *options,
					  GError **error)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	struct inventory *inventory = inventory_load(
		options->inventory, cluster_inventory_rules(), problems,
		error);

	problems_print(problems);
	return inventory;
}
