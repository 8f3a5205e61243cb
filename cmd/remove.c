/* SPDX-License-Identifier: Apache-2.0
 *
 * muster remove: the shipped playbook remove.yaml over the master and the
 * hosts that were named. Nobody is removed who was not.
 */
#include "cmd.h"

#include "options.h"
#include "runner.h"

#include "playbooks/departure.h"
#include "playbooks/embedded.h"
#include "transport/error.h"
#include "transport/scalar.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char examples[] =
	"Examples:\n"
	"  muster remove node3 -i inventory.ini\n"
	"  muster remove node3 node4 -i inventory.ini --drain-timeout 10m\n"
	"  muster remove --unreachable node5 -i inventory.ini\n"
	"  muster remove node3 -i inventory.ini --check\n"
	"\n"
	"Moves the pods of the named hosts elsewhere, lets the hosts leave, "
	"and takes their\nnodes off the cluster. No other host but the masters "
	"is touched. With --unreachable\nthe hosts are dead: they are not "
	"connected to, and may be named as the cluster names\nits nodes.";

static const char summary[] =
	"Exit status: 0 they are gone, 2 a step failed or was refused, 3 a "
	"node is still there,\n4 a host was unreachable, 6 both 2 and 4, 64 "
	"usage, 65 inventory, 66 no inventory,\n75 another run holds the "
	"cluster, 130 Ctrl-C. `muster playbook show remove` prints\nthe "
	"steps.";

struct removal {
	char **names;			/* borrowed */
	bool unreachable;
	GPtrArray *departures;
};

static bool refuse(GError **error, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

static bool refuse(GError **error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE, "%s", text);
	return false;
}

static bool add(struct removal *r, const char *name,
		const struct inventory *inventory, struct cluster *cluster,
		GHashTable *limit, GError **error)
{
	const struct host *host = inventory_find(inventory, name);
	struct node *node = host ? cluster_find(cluster, host) : NULL;

	if (host && !node)
		return refuse(error, "'%s' is neither in [masters] nor in "
			      "[workers]: it is no node", name);
	if (!host && !r->unreachable)
		return refuse(error, "'%s' is not in %s, so it cannot be "
			      "connected to: add it, or remove its node alone "
			      "with --unreachable", name, inventory->path);
	if (node && departure_of(cluster, node))
		return true;
	g_ptr_array_add(r->departures,
			departure_new(name, node, r->unreachable));
	if (node && !r->unreachable)
		g_hash_table_add(limit, (gpointer)(guintptr)host);
	return true;
}

static bool any_master_stays(const struct cluster *cluster, GError **error)
{
	unsigned masters = cluster_masters(cluster);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && !departure_of(cluster, node))
			return true;
	}
	if (masters == 1)
		return refuse(error, "'%s' is the only master: without it "
			      "there is no cluster; muster reset takes all of "
			      "it apart", cluster->first->host->name);
	return refuse(error, "these are all %u masters: without one there is "
		      "no cluster; muster reset takes all of it apart",
		      masters);
}

/* All but those that are dead: these are never connected to. */
static void invite_masters(struct cluster *cluster, GHashTable *limit)
{
	cluster_invite_masters(cluster, limit);
	for (guint i = 0; i < cluster->departures->len; i++) {
		const struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (d->is_unreachable && d->node)
			g_hash_table_remove(limit, d->node->host);
	}
}

static bool admit(const struct inventory *inventory, struct cluster *cluster,
		  GHashTable **limit, struct cancel *cancel, void *data,
		  GError **error)
{
	struct removal *r = data;
	g_autoptr(GHashTable) set = g_hash_table_new(NULL, NULL);

	(void)cancel;
	cluster->departures = r->departures;
	for (char **name = r->names; *name; name++)
		if (!add(r, *name, inventory, cluster, set, error))
			return false;
	if (!any_master_stays(cluster, error))
		return false;
	invite_masters(cluster, set);
	*limit = g_steal_pointer(&set);
	return true;
}

static const char *mistake_in(const struct options *o, const char *timeout)
{
	gint64 us = 0;

	if (o->limit || o->exclude)
		return "hosts are named one by one: no --limit or --exclude";
	if (timeout && (!scalar_duration(timeout, &us) || us <= 0))
		return "--drain-timeout takes a time such as 5m";
	return NULL;
}

static void set(const struct options *options, const char *name,
		const char *value)
{
	g_hash_table_insert(options->extra_vars, g_strdup(name),
			    g_strdup(value));
}

int cmd_remove(int argc, char **argv)
{
	g_autofree char *timeout = NULL;
	gboolean force = FALSE, unreachable = FALSE;
	const GOptionEntry entries[] = {
		{ "drain-timeout", 0, 0, G_OPTION_ARG_STRING, &timeout,
		  "How long the pods of a node may take to go (default 5m)",
		  "TIME" },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &force,
		  "Delete pods that nobody starts again; with --unreachable "
		  "also a node that is Ready", NULL },
		{ "unreachable", 0, 0, G_OPTION_ARG_NONE, &unreachable,
		  "The hosts are dead: do not connect to them", NULL },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.parameters = "HOST...", .examples = examples,
		.summary = summary, .entries = entries,
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);
	const char *mistake = options ? mistake_in(options, timeout) : NULL;

	if (mistake)
		fprintf(stderr, "muster remove: %s; see muster remove -h\n",
			mistake);
	if (!options || mistake)
		return mistake ? EX_USAGE : status;
	struct removal removal = {
		.names = options->arguments, .unreachable = unreachable,
		.departures = g_ptr_array_new_with_free_func(
			(GDestroyNotify)departure_free),
	};
	const struct runner_hooks hooks = { .admit = admit, .data = &removal };

	set(options, "microk8s_force", force ? "yes" : "no");
	if (timeout)
		set(options, "microk8s_drain_timeout", timeout);
	status = runner_run_hooked(options, argv[0], "remove.yaml",
				   embedded_text("remove.yaml"), &hooks);
	g_ptr_array_unref(removal.departures);
	return status;
}
