/* SPDX-License-Identifier: Apache-2.0
 *
 * The nodes as `kubectl get nodes -o wide` would list them, with the
 * inventory's word on INTERNAL-IP beside the API's.
 */
#include "report.h"

#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

enum { NAME, STATUS, ROLES, AGE, VERSION, INTERNAL_IP, NODE_IP, COLUMNS };

static const char *const heads[COLUMNS] = {
	"NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "NODE_IP"
};

static char *node_ip_cell(const struct cluster *cluster,
			  const struct kube_node *seen)
{
	const struct node *node = cluster_whose(cluster, seen);

	if (!node)
		return g_strdup("not in the inventory");
	if (g_strcmp0(node->node_ip, seen->internal_ip) == 0)
		return g_strdup("ok");
	return g_strdup_printf("should be %s", node->node_ip);
}

static char **row_of(const struct cluster *cluster,
		     const struct kube_node *seen)
{
	char **row = g_new0(char *, COLUMNS + 1);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	row[NAME] = g_strdup(seen->name);
	row[STATUS] = kube_node_status(seen);
	row[ROLES] = g_strdup(seen->roles);
	row[AGE] = seen->created ? kube_age(now - seen->created)
				 : g_strdup("<unknown>");
	row[VERSION] = g_strdup(seen->version ? seen->version : "");
	row[INTERNAL_IP] = g_strdup(seen->internal_ip ? seen->internal_ip
				    : "<none>");
	row[NODE_IP] = node_ip_cell(cluster, seen);
	return row;
}

static void append_row(GString *text, const char *const *row,
		       const size_t *widths)
{
	for (int c = 0; c < COLUMNS; c++)
		if (c == COLUMNS - 1)
			g_string_append_printf(text, "%s\n", row[c]);
		else
			g_string_append_printf(text, "%-*s   ",
					       (int)widths[c], row[c]);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	const struct kube_node *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

char *nodes_table(const struct cluster *cluster)
{
	size_t widths[COLUMNS];

	if (!cluster->seen)
		return NULL;
	g_autoptr(GPtrArray) sorted = g_ptr_array_copy(cluster->seen, NULL,
						       NULL);
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)g_strfreev);
	GString *text = g_string_new(NULL);

	g_ptr_array_set_free_func(sorted, NULL);
	g_ptr_array_sort(sorted, by_name);
	for (int c = 0; c < COLUMNS; c++)
		widths[c] = strlen(heads[c]);
	for (guint i = 0; i < sorted->len; i++) {
		char **row = row_of(cluster, g_ptr_array_index(sorted, i));

		for (int c = 0; c < COLUMNS; c++)
			widths[c] = MAX(widths[c], strlen(row[c]));
		g_ptr_array_add(rows, row);
	}
	append_row(text, heads, widths);
	for (guint i = 0; i < rows->len; i++)
		append_row(text, g_ptr_array_index(rows, i), widths);
	return g_string_free(text, FALSE);
}
