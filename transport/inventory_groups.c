/* SPDX-License-Identifier: Apache-2.0
 *
 * The end of an inventory: undefined groups, cycles, "all" and "ungrouped",
 * Ansible's precedence of group variables, and the group-name aliases.
 */
#include "inventory_priv.h"

#include "nearest.h"

#include <string.h>

struct inventory_group *groups_new(const char *name)
{
	struct inventory_group *group = g_new0(struct inventory_group, 1);

	group->name = g_strdup(name);
	group->hosts = g_ptr_array_new();
	group->children = g_ptr_array_new();
	group->parents = g_ptr_array_new();
	group->aliases = g_ptr_array_new();
	group->waiting = g_ptr_array_new();
	group->vars = vars_new();
	group->members = g_hash_table_new(NULL, NULL);
	group->priority = 1;
	return group;
}

void groups_free(struct inventory_group *group)
{
	g_free(group->name);
	g_ptr_array_unref(group->hosts);
	g_ptr_array_unref(group->children);
	g_ptr_array_unref(group->parents);
	g_ptr_array_unref(group->aliases);
	g_ptr_array_unref(group->waiting);
	g_hash_table_unref(group->vars);
	g_hash_table_unref(group->members);
	g_free(group);
}

void groups_add_host(struct inventory_group *group, struct host *host)
{
	if (g_hash_table_add(group->members, host))
		g_ptr_array_add(group->hosts, host);
}

void groups_add_child(struct inventory_group *parent,
		      struct inventory_group *child)
{
	if (g_ptr_array_find(parent->children, child, NULL))
		return;
	g_ptr_array_add(parent->children, child);
	g_ptr_array_add(child->parents, parent);
}

void groups_section(struct inventory_reader *r, struct inventory_group *group,
		    bool defines)
{
	if (!group->has_section)
		g_ptr_array_add(r->sections, group);
	group->has_section = true;
	if (!defines)
		return;
	group->is_defined = true;
	for (guint i = 0; i < group->waiting->len; i++)
		groups_add_child(g_ptr_array_index(group->waiting, i), group);
	g_ptr_array_set_size(group->waiting, 0);
}

static void add_new(GPtrArray *to, GHashTable *seen, const GPtrArray *from)
{
	for (guint i = 0; i < from->len; i++) {
		gpointer one = g_ptr_array_index(from, i);

		if (g_hash_table_add(seen, one))
			g_ptr_array_add(to, one);
	}
}

/* `group` and all below it, nearest first, each once. */
static GPtrArray *descendants(const struct inventory_group *group)
{
	GPtrArray *all = g_ptr_array_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

	g_ptr_array_add(all, (gpointer)(guintptr)group);
	g_hash_table_add(seen, (gpointer)(guintptr)group);
	for (guint i = 0; i < all->len; i++) {
		struct inventory_group *at = g_ptr_array_index(all, i);

		add_new(all, seen, at->children);
		add_new(all, seen, at->aliases);
	}
	return all;
}

GPtrArray *inventory_group_hosts(const struct inventory_group *group)
{
	g_autoptr(GPtrArray) groups = descendants(group);
	g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
	GPtrArray *hosts = g_ptr_array_new();

	for (guint i = 0; i < groups->len; i++) {
		const struct inventory_group *at =
			g_ptr_array_index(groups, i);

		add_new(hosts, seen, at->hosts);
	}
	return hosts;
}

static void check_defined(struct inventory_reader *r)
{
	g_autoptr(GPtrArray) defined = g_ptr_array_new();
	GPtrArray *groups = r->inventory->groups;

	for (guint i = 0; i < groups->len; i++) {
		struct inventory_group *group = g_ptr_array_index(groups, i);

		if (group->is_defined)
			g_ptr_array_add(defined, group->name);
	}
	for (guint i = 0; i < groups->len; i++) {
		struct inventory_group *group = g_ptr_array_index(groups, i);
		const char *nearest;
		g_autofree char *hint = NULL;

		if (group->is_defined)
			continue;
		nearest = nearest_name(group->name, defined);
		hint = nearest ? g_strdup_printf("did you mean %s?", nearest)
			: g_strdup_printf("add a section [%s]", group->name);
		problem_add(r->problems, true, r->inventory->path, group->line,
			    group->column, hint, "group '%s' is not defined",
			    group->name);
	}
}

/* Depth-first; `path` holds the groups on the way down. Cuts an edge that
 * would close a circle, so that everything after may trust the graph. */
static void cut_cycles(struct inventory_reader *r,
		       struct inventory_group *group, GHashTable *path,
		       GHashTable *done)
{
	if (!g_hash_table_add(done, group))
		return;
	g_hash_table_add(path, group);
	for (guint i = 0; i < group->children->len; i++) {
		struct inventory_group *child =
			g_ptr_array_index(group->children, i);

		if (!g_hash_table_contains(path, child)) {
			cut_cycles(r, child, path, done);
			continue;
		}
		problem_add(r->problems, true, r->inventory->path, group->line,
			    group->column, "a group cannot hold itself",
			    "group '%s' has '%s' as a child, and is %s",
			    group->name, child->name,
			    child == group ? "that group" : "below it");
		g_ptr_array_remove(child->parents, group);
		g_ptr_array_remove_index(group->children, i--);
	}
	g_hash_table_remove(path, group);
}

static unsigned group_depth(struct inventory_group *group)
{
	unsigned depth = 0;

	if (group->depth > 0)
		return group->depth;
	for (guint i = 0; i < group->parents->len; i++)
		depth = MAX(depth, 1 + group_depth(
				g_ptr_array_index(group->parents, i)));
	group->depth = depth;
	return depth;
}

static int by_name(gconstpointer a, gconstpointer b)
{
	const struct inventory_group *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static int by_precedence(gconstpointer a, gconstpointer b)
{
	const struct inventory_group *const *left = a, *const *right = b;

	if ((*left)->depth != (*right)->depth)
		return (*left)->depth < (*right)->depth ? -1 : 1;
	if ((*left)->priority != (*right)->priority)
		return (*left)->priority < (*right)->priority ? -1 : 1;
	return by_name(a, b);
}

/* Hosts of no other group are "ungrouped": those that its own section names
 * come first, as in Ansible. */
static void complete_ungrouped(struct inventory_reader *r,
			       const struct inventory_group *all,
			       struct inventory_group *rest)
{
	g_autoptr(GHashTable) grouped = g_hash_table_new(NULL, NULL);
	g_autoptr(GPtrArray) named = g_steal_pointer(&rest->hosts);
	GPtrArray *groups = r->inventory->groups, *hosts = r->inventory->hosts;

	for (guint i = 0; i < groups->len; i++) {
		struct inventory_group *group = g_ptr_array_index(groups, i);

		if (group == all || group == rest)
			continue;
		for (guint j = 0; j < group->hosts->len; j++)
			g_hash_table_add(grouped,
					 g_ptr_array_index(group->hosts, j));
	}
	rest->hosts = g_ptr_array_new();
	g_hash_table_remove_all(rest->members);
	g_ptr_array_extend(named, hosts, NULL, NULL);
	for (guint i = 0; i < named->len; i++) {
		struct host *host = g_ptr_array_index(named, i);

		if (!g_hash_table_contains(grouped, host))
			groups_add_host(rest, host);
	}
}

/* Everything hangs below "all", in the order of the sections. */
static void complete(struct inventory_reader *r)
{
	struct inventory_group *all = g_hash_table_lookup(r->groups, "all");

	for (guint i = 0; i < r->sections->len; i++) {
		struct inventory_group *group =
			g_ptr_array_index(r->sections, i);

		if (group != all && group->parents->len == 0)
			groups_add_child(all, group);
	}
	complete_ungrouped(r, all, g_hash_table_lookup(r->groups,
						       "ungrouped"));
}

static void merge(struct inventory_reader *r)
{
	g_autoptr(GPtrArray) order = g_ptr_array_copy(r->inventory->groups,
						      NULL, NULL);
	GPtrArray *hosts = r->inventory->hosts;

	g_ptr_array_set_free_func(order, NULL); /* copied with the array */
	for (guint i = 0; i < order->len; i++) {
		struct inventory_group *group = g_ptr_array_index(order, i);
		const struct host_var *priority = g_hash_table_lookup(
				group->vars, "ansible_group_priority");

		group_depth(group);
		if (!priority)
			continue;
		group->priority = (int)CLAMP(g_ascii_strtoll(
				priority->value, NULL, 10), 0, 1000000);
		g_hash_table_remove(group->vars, "ansible_group_priority");
	}
	g_ptr_array_sort(order, by_precedence);
	for (guint i = 0; i < order->len; i++) {
		struct inventory_group *group = g_ptr_array_index(order, i);
		g_autoptr(GPtrArray) below = inventory_group_hosts(group);

		for (guint j = 0; j < below->len; j++) {
			struct host *host = g_ptr_array_index(below, j);

			g_ptr_array_add(host->groups, g_strdup(group->name));
			vars_copy(host->vars, group->vars);
		}
	}
	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		vars_copy(host->vars, g_hash_table_lookup(r->own_vars, host));
	}
}

/* After merging, so that an alias changes membership and no variable. */
static void apply_alias(struct inventory_reader *r, const char *alias,
			const char *canonical)
{
	struct inventory_group *from = g_hash_table_lookup(r->groups, alias);
	struct inventory_group *to = g_hash_table_lookup(r->groups, canonical);
	g_autoptr(GPtrArray) hosts = NULL;

	if (!from)
		return;
	if (!to) {
		to = groups_new(canonical);
		to->is_defined = to->is_alias_made = true;
		to->line = from->line;
		to->column = from->column;
		to->depth = 1;
		g_ptr_array_add(r->inventory->groups, to);
		g_hash_table_insert(r->groups, to->name, to);
	}
	g_ptr_array_add(to->aliases, from);
	hosts = inventory_group_hosts(from);
	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		if (!host_in_group(host, canonical))
			g_ptr_array_add(host->groups, g_strdup(canonical));
	}
}

static int by_text(gconstpointer a, gconstpointer b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static void warn_same_names(struct inventory_reader *r)
{
	GPtrArray *hosts = r->inventory->hosts;

	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		if (g_hash_table_contains(r->groups, host->name))
			problem_add(r->problems, false, host->file, host->line,
				    host->column, "rename one of them",
				    "'%s' is a host and a group", host->name);
	}
}

void groups_finish(struct inventory_reader *r)
{
	g_autoptr(GHashTable) path = g_hash_table_new(NULL, NULL);
	g_autoptr(GHashTable) done = g_hash_table_new(NULL, NULL);
	GPtrArray *groups = r->inventory->groups, *hosts = r->inventory->hosts;

	check_defined(r);
	for (guint i = 0; i < groups->len; i++)
		cut_cycles(r, g_ptr_array_index(groups, i), path, done);
	complete(r);
	merge(r);
	warn_same_names(r);
	for (size_t i = 0; i < r->rules->n_aliases; i++)
		apply_alias(r, r->rules->aliases[i].alias,
			    r->rules->aliases[i].canonical);
	g_ptr_array_sort(groups, by_name);
	for (guint i = 0; i < hosts->len; i++) {
		struct host *host = g_ptr_array_index(hosts, i);

		g_ptr_array_sort(host->groups, by_text);
	}
}
