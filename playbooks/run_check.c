/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a playbook against an inventory before anything is connected to: the
 * patterns of its plays, and every ${name} for every host it would run on.
 */
#include "run_priv.h"
#include "vars.h"

#include "transport/error.h"
#include "transport/pattern.h"

struct check {
	const struct playbook *playbook;
	const struct inventory *inventory;
	const struct cluster *cluster;
	GHashTable *extra_vars;
	GPtrArray *problems;
	guint n_problems;
};

static void note(struct check *c, struct mark mark, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void note(struct check *c, struct mark mark, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	problem_add(c->problems, true, c->playbook->file, mark.line,
		    mark.column, NULL, "%s", text);
	c->n_problems++;
}

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
		note(c, where, "for host '%s': %s", host->name,
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
			note(&c, play->on_mark, "%s", why->message);
			continue;
		}
		n_hosts += hosts->len;
		for (guint k = 0; k < play->steps->len; k++)
			check_step(&c, g_ptr_array_index(play->steps, k),
				   hosts);
	}
	/* one play may well be for nobody here; all of them is a mistake */
	if (n_hosts == 0 && c.n_problems == 0) {
		const struct play *play =
			g_ptr_array_index(playbook->plays, 0);

		note(&c, play->on_mark, "no host matches '%s' (muster "
		     "inventory list shows hosts and groups)", play->on);
	}
	if (c.n_problems == 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: does not fit this inventory", playbook->file);
	return false;
}
