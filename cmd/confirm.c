/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks for the cluster's name, and lists what a reset could not reach.
 */
#include "confirm.h"

#include "ask.h"

#include "transport/error.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static bool ready(const struct confirm *confirm)
{
	const struct options *options = confirm->options;

	if (options->limit || options->exclude) {
		fprintf(stderr, "muster %s: it takes the whole cluster apart: "
			"no --limit or --exclude (muster remove takes single "
			"hosts out)\n", confirm->command);
		return false;
	}
	g_hash_table_insert(options->extra_vars, g_strdup("microk8s_purge"),
			    g_strdup(confirm->purge ? "yes" : "no"));
	return true;
}

bool confirm_parse(struct confirm *confirm, int argc, char **argv,
		   struct options_usage usage, const char *purge_help,
		   int *status)
{
	const GOptionEntry entries[] = {
		{ "confirm", 0, 0, G_OPTION_ARG_STRING, &confirm->name,
		  "The cluster's name, instead of asking for it", "NAME" },
		{ "purge", 0, 0, G_OPTION_ARG_NONE, &confirm->purge,
		  purge_help, NULL },
		G_OPTION_ENTRY_NULL
	};

	usage.entries = entries;
	confirm->command = argv[0];
	confirm->options = options_parse(argc, argv, &usage, status);
	if (!confirm->options)
		return false;
	*status = ready(confirm) ? 0 : EX_USAGE;
	return *status == 0;
}

void confirm_clear(struct confirm *confirm)
{
	options_free(confirm->options);
	g_free(confirm->name);
}

static char *ask_name(const struct confirm *c, const struct cluster *cluster,
		      struct cancel *cancel)
{
	const char *master = cluster->master->host->name;
	g_autofree char *prompt = g_strdup_printf(
		"This takes apart the cluster of %u %s in %s, its datastore "
		"included%s.\nType its name, which is that of its master, %s: ",
		cluster->nodes->len, cluster->nodes->len == 1 ? "host"
		: "hosts", c->options->inventory,
		c->purge ? ", and removes MicroK8s from them" : "", master);

	return ask_text(prompt, cancel);
}

bool confirm_admit(const struct inventory *inventory, struct cluster *cluster,
		   GHashTable **limit, struct cancel *cancel, void *data,
		   GError **error)
{
	const struct confirm *c = data;
	const char *master = cluster->master->host->name;
	g_autofree char *name = NULL;

	(void)inventory;
	(void)limit;
	if (c->options->check)
		return true;
	if (!c->name && !ask_is_possible()) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
			    "there is no terminal to ask at; give the "
			    "cluster's name, which is that of its master in "
			    "the inventory, with --confirm NAME");
		return false;
	}
	name = c->name ? g_strdup(c->name) : ask_name(c, cluster, cancel);
	if (g_strcmp0(name, master) == 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    "'%s' is not the cluster's name, which is that of its "
		    "master in %s; nothing was changed", name ? name : "",
		    c->options->inventory);
	return false;
}

bool confirm_after(const struct run_result *result, struct cancel *cancel,
		   int *status, void *data)
{
	const struct confirm *c = data;
	g_autoptr(GString) names = g_string_new(NULL);

	(void)cancel;
	(void)status;
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->counts[TASK_UNREACHABLE])
			g_string_append_printf(names, "%s%s", names->len
					       ? ", " : "", h->host->name);
	}
	if (names->len && !c->options->check)
		fprintf(stderr, "\nmuster %s: not reached, so not reset: %s\n"
			"When they are back: muster reset --adopt, as by then "
			"their cluster is no more.\n", c->command,
			names->str);
	return false;
}
