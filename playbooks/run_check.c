/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a playbook against an inventory before anything is connected to: the
 * patterns of its plays, and every ${name} for every host it would run on.
 */
#include "run_priv.h"
#include "vars.h"

#include "transport/error.h"
#include "transport/nearest.h"
#include "transport/pattern.h"

#include <string.h>

#define LIST_HINT "muster inventory list shows hosts and groups"
#define NAME_CHARACTERS G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_.-"

struct check {
	const struct playbook *playbook;
	const struct inventory *inventory;
	const struct cluster *cluster;
	GHashTable *extra_vars;
	GPtrArray *problems;
	guint n_problems;
};

static void note(struct check *c, struct mark mark, const char *hint,
		 const char *format, ...) G_GNUC_PRINTF(4, 5);

static void note(struct check *c, struct mark mark, const char *hint,
		 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	problem_add(c->problems, true, c->playbook->file, mark.line,
		    mark.column, hint, "%s", text);
	c->n_problems++;
}

/* --- patterns --- */

/* What an inventory of a cluster may lack and a playbook name all the same. */
static const char *const role_groups[] = { "masters", "workers" };

static bool is_known(const struct check *c, const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(role_groups); i++)
		if (strcmp(name, role_groups[i]) == 0)
			return true;
	return inventory_find(c->inventory, name) ||
		inventory_find_group(c->inventory, name);
}

static char *hint_for(const struct check *c, const char *name)
{
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	const char *nearest;

	for (size_t i = 0; i < G_N_ELEMENTS(role_groups); i++)
		g_ptr_array_add(known, (gpointer)(guintptr)role_groups[i]);
	for (guint i = 0; i < c->inventory->groups->len; i++) {
		const struct inventory_group *group =
			g_ptr_array_index(c->inventory->groups, i);

		g_ptr_array_add(known, group->name);
	}
	for (guint i = 0; i < c->inventory->hosts->len; i++) {
		const struct host *host =
			g_ptr_array_index(c->inventory->hosts, i);

		g_ptr_array_add(known, host->name);
	}
	nearest = nearest_name(name, known);
	return nearest ? g_strdup_printf("did you mean %s?", nearest)
		       : g_strdup(LIST_HINT);
}

/* A mistyped name selects nobody, and so would a play for nobody: told apart
 * here, since only the latter is meant. Globs and regexes are left alone. */
static void check_names(struct check *c, const struct play *play)
{
	const char *separator = strchr(play->on, ',') ? "," : ":";
	g_auto(GStrv) parts = g_strsplit(play->on, separator, -1);

	if (is_known(c, play->on))
		return;
	for (char **part = parts; *part; part++) {
		const char *name = g_strstrip(*part);

		name += *name == '!' || *name == '&';
		if (!*name || name[strspn(name, NAME_CHARACTERS)] ||
		    is_known(c, name))
			continue;
		g_autofree char *hint = hint_for(c, name);

		note(c, play->on_mark, hint,
		     "no host or group '%s' in the inventory", name);
	}
}

/* --- steps --- */

/* One problem a step is enough: hosts mostly lack the same variable. */
static void check_step(struct check *c, const struct step *step,
		       const GPtrArray *hosts)
{
	for (guint i = 0; i < hosts->len; i++) {
		const struct host *host = g_ptr_array_index(hosts, i);
		struct vars vars = {
			.extra = c->extra_vars,
			.host = host,
			.cluster = c->cluster,
			.node = cluster_find(c->cluster, host),
			.is_preview = true,
		};
		struct mark where;
		g_autoptr(GError) error = NULL;
		g_autoptr(GArray) values = values_resolve(step, &vars, &where,
							  &error);

		if (values)
			continue;
		note(c, where, NULL, "for host '%s': %s", host->name,
		     error->message);
		return;
	}
}

bool run_check(const struct playbook *playbook,
	       const struct inventory *inventory,
	       const struct cluster *cluster, GHashTable *extra_vars,
	       GPtrArray *problems, GError **error)
{
	struct check c = { playbook, inventory, cluster, extra_vars,
			   problems, 0 };
	guint n_hosts = 0;

	for (guint i = 0; i < playbook->plays->len; i++) {
		const struct play *play =
			g_ptr_array_index(playbook->plays, i);
		g_autoptr(GError) why = NULL;
		g_autoptr(GPtrArray) hosts = pattern_select(
			inventory, play->on, true, &why);

		if (!hosts) {
			note(&c, play->on_mark, NULL, "%s", why->message);
			continue;
		}
		check_names(&c, play);
		n_hosts += hosts->len;
		for (guint k = 0; k < play->steps->len; k++)
			check_step(&c, g_ptr_array_index(play->steps, k),
				   hosts);
	}
	/* one play may well be for nobody here; all of them is a mistake */
	if (n_hosts == 0 && c.n_problems == 0) {
		const struct play *play =
			g_ptr_array_index(playbook->plays, 0);

		note(&c, play->on_mark, LIST_HINT, "no host matches '%s'",
		     play->on);
	}
	if (c.n_problems == 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: does not fit this inventory", playbook->file);
	return false;
}
