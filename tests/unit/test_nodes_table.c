/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of nodes at the end of a run: sorted, aligned, and honest where
 * inventory and API disagree.
 */
#include "cmd/report.h"
#include "playbooks/cluster.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define INVENTORY "[masters]\nm node_ip=10.8.0.4\n[workers]\n" \
	"w node_ip=10.8.0.5\nv node_ip=10.8.0.6\n"

/* Of `days` ago, so that its age is the same all day long. */
static void add_seen(GPtrArray *seen, const char *name, const char *ip,
		     gint64 days)
{
	struct kube_node *node = g_new0(struct kube_node, 1);

	node->name = g_strdup(name);
	node->internal_ip = g_strdup(ip);
	node->ready = KUBE_READY;
	node->roles = g_strdup("<none>");
	node->version = ip ? g_strdup("v1.31.9") : NULL;
	node->created = g_get_real_time() / G_USEC_PER_SEC - days * 86400 -
		3600;
	g_ptr_array_add(seen, node);
}

static void free_seen(void *node)
{
	kube_node_free(node);
}

static void free_problem(void *problem)
{
	problem_free(problem);
}

static void test_nodes_table_compares_api_and_inventory(void **state)
{
	static const char *const names[] = { "m", "w" };
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(Inventory) inventory = inventory_parse(
		INVENTORY, strlen(INVENTORY), "i", cluster_inventory_rules(),
		problems, NULL);
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);
	g_autofree char *table = NULL;

	(void)state;
	assert_null(nodes_table(cluster));
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		struct node *node = g_ptr_array_index(cluster->nodes, i);
		g_autofree char *text = g_strdup_printf("hostname=%s\nend=1\n",
							names[i]);

		node->facts = facts_parse(text, strlen(text), NULL);
	}
	cluster->seen = g_ptr_array_new_with_free_func(free_seen);
	add_seen(cluster->seen, "w", "10.0.0.58", 12);
	add_seen(cluster->seen, "m", "10.8.0.4", 400);
	add_seen(cluster->seen, "stranger", NULL, 9);
	table = nodes_table(cluster);
	assert_string_equal(table,
		"NAME       STATUS   ROLES    AGE    VERSION   INTERNAL-IP   "
		"NODE_IP\n"
		"m          Ready    <none>   400d   v1.31.9   10.8.0.4      "
		"ok\n"
		"stranger   Ready    <none>   9d               <none>        "
		"not in the inventory\n"
		"w          Ready    <none>   12d    v1.31.9   10.0.0.58     "
		"should be 10.8.0.5\n");
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes_table_compares_api_and_inventory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
