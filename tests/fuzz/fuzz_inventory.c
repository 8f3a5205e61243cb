/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an inventory: no crash, an error exactly when a problem is
 * fatal, and what was accepted can be asked about.
 */
#include "transport/inventory.h"
#include "transport/pattern.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void free_problem(void *problem)
{
	problem_free(problem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct inventory_var vars[] = {
		{ "node_ip", INVENTORY_IPV4, "" },
		{ "microk8s_channel", INVENTORY_CHANNEL, "" },
	};
	static const struct inventory_group_alias aliases[] = {
		{ "master", "masters" },
		{ "worker", "workers" },
	};
	static const struct inventory_rules rules = {
		"microk8s_", vars, G_N_ELEMENTS(vars),
		aliases, G_N_ELEMENTS(aliases), NULL
	};
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(GError) error = NULL;
	g_autoptr(Inventory) inventory = inventory_parse((const char *)data,
			size, "fuzz", &rules, problems, &error);

	if (!inventory != (error != NULL))
		abort();
	for (guint i = 0; i < problems->len; i++)
		g_free(problem_format(g_ptr_array_index(problems, i)));
	for (guint i = 0; inventory && i < inventory->hosts->len; i++) {
		struct host *host = g_ptr_array_index(inventory->hosts, i);
		g_autoptr(GPtrArray) chosen = NULL;

		if (inventory_find(inventory, host->name) != host)
			abort();
		if (i < 4)
			chosen = pattern_select(inventory, host->name, true,
						NULL);
	}
	return 0;
}
