/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory in the JSON shape of `ansible-inventory --list`.
 */
#include "inventory_json.h"

#include <jansson.h>
#include <string.h>

bool inventory_var_is_shown(const char *name)
{
	return strstr(name, "pass") == NULL;
}

static json_t *host_vars(const struct host *host)
{
	json_t *vars = json_object();
	GHashTableIter iter;
	gpointer key, value;

	g_hash_table_iter_init(&iter, host->vars);
	while (g_hash_table_iter_next(&iter, &key, &value)) {
		const struct host_var *var = value;

		if (inventory_var_is_shown(key))
			json_object_set_new(vars, key,
					    json_string(var->value));
	}
	return vars;
}

static json_t *group_object(const struct inventory_group *group,
			    GHashTable *shown)
{
	json_t *object = json_object();
	json_t *children = json_array(), *hosts = json_array();

	for (guint i = 0; i < group->children->len; i++) {
		const struct inventory_group *child =
			g_ptr_array_index(group->children, i);

		json_array_append_new(children, json_string(child->name));
	}
	/* To Ansible a host directly in "all" is an ungrouped one. */
	for (guint i = 0; i < group->hosts->len &&
		     strcmp(group->name, "all") != 0; i++) {
		const struct host *host = g_ptr_array_index(group->hosts, i);

		if (g_hash_table_contains(shown, host))
			json_array_append_new(hosts, json_string(host->name));
	}
	if (json_array_size(children) > 0)
		json_object_set(object, "children", children);
	if (json_array_size(hosts) > 0)
		json_object_set(object, "hosts", hosts);
	json_decref(children);
	json_decref(hosts);
	return object;
}

void inventory_json_print(const struct inventory *inventory,
			  const GPtrArray *hosts, FILE *to)
{
	g_autoptr(GHashTable) shown = g_hash_table_new(NULL, NULL);
	json_t *root = json_object(), *meta = json_object();
	json_t *all_vars = json_object();

	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);
		json_t *vars = host_vars(host);

		g_hash_table_add(shown, host);
		if (json_object_size(vars) > 0)
			json_object_set(all_vars, host->name, vars);
		json_decref(vars);
	}
	json_object_set_new(meta, "hostvars", all_vars);
	json_object_set_new(root, "_meta", meta);
	for (guint i = 0; i < inventory->groups->len; i++) {
		const struct inventory_group *group =
			g_ptr_array_index(inventory->groups, i);
		json_t *object;

		if (group->is_alias_made)
			continue;
		object = group_object(group, shown);
		if (json_object_size(object) > 0)
			json_object_set(root, group->name, object);
		json_decref(object);
	}
	json_dumpf(root, to, JSON_INDENT(4) | JSON_SORT_KEYS);
	fputc('\n', to);
	json_decref(root);
}
