/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory as the tree that `ansible-inventory --graph` draws: below a
 * group first its groups, then its hosts, then its variables.
 */
#include "inventory_graph.h"

#include "inventory_json.h"

#include <string.h>

static void print_depth(unsigned depth, FILE *to)
{
	for (unsigned i = 0; i < depth; i++)
		fputs("  |", to);
	if (depth > 0)
		fputs("--", to);
}

static int by_text(gconstpointer a, gconstpointer b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static void print_vars(GHashTable *vars, unsigned depth, FILE *to)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, vars);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (inventory_var_is_shown(name))
			g_ptr_array_add(names, name);
	g_ptr_array_sort(names, by_text);
	for (guint i = 0; i < names->len; i++) {
		const char *one = g_ptr_array_index(names, i);
		const struct host_var *var = g_hash_table_lookup(vars, one);

		print_depth(depth, to);
		fprintf(to, "{%s = %s}\n", one, var->value);
	}
}

static void print_hosts(const struct inventory_group *group, bool with_vars,
			unsigned depth, FILE *to)
{
	for (guint i = 0; i < group->hosts->len; i++) {
		const struct host *host = g_ptr_array_index(group->hosts, i);

		print_depth(depth, to);
		fprintf(to, "%s\n", host->name);
		if (with_vars)
			print_vars(host->vars, depth + 1, to);
	}
}

/* A priority is no variable once it is read, but it is one to the reader. */
static void print_group_vars(const struct inventory_group *group,
			     unsigned depth, FILE *to)
{
	static char name[] = "ansible_group_priority";
	g_autoptr(GHashTable) vars = g_hash_table_new(g_str_hash, g_str_equal);
	g_autofree char *text = g_strdup_printf("%d", group->priority);
	struct host_var priority = { .value = text };
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, group->vars);
	while (g_hash_table_iter_next(&iter, &key, &value))
		g_hash_table_insert(vars, key, value);
	if (group->priority != 1)
		g_hash_table_insert(vars, name, &priority);
	print_vars(vars, depth, to);
}

static void print_group(const struct inventory_group *group, bool with_vars,
			unsigned depth, FILE *to)
{
	print_depth(depth, to);
	fprintf(to, "@%s:\n", group->name);
	for (guint i = 0; i < group->children->len; i++)
		print_group(g_ptr_array_index(group->children, i), with_vars,
			    depth + 1, to);
	/* To Ansible a host directly in "all" is an ungrouped one. */
	if (strcmp(group->name, "all") != 0)
		print_hosts(group, with_vars, depth + 1, to);
	if (with_vars)
		print_group_vars(group, depth + 1, to);
}

void inventory_graph_print(const struct inventory_group *group,
			   bool with_vars, FILE *to)
{
	print_group(group, with_vars, 0, to);
}
