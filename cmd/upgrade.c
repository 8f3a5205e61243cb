/* SPDX-License-Identifier: Apache-2.0
 *
 * muster upgrade: the shipped playbook upgrade.yaml over the hosts that
 * --limit and --exclude leave, and the first master, which is asked.
 */
#include "cmd.h"

#include "choice.h"
#include "options.h"
#include "runner.h"

#include "playbooks/embedded.h"
#include "playbooks/microk8s/snap_text.h"
#include "playbooks/microk8s/upgrade_rules.h"
#include "transport/error.h"
#include "transport/scalar.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define CHANNEL "microk8s_channel"

static const char examples[] =
	"Examples:\n"
	"  muster upgrade -i inventory.ini --channel 1.33/stable\n"
	"  muster upgrade -i inventory.ini --check\n"
	"  muster upgrade -i inventory.ini --max-unavailable 25%\n"
	"  muster upgrade -i inventory.ini -x node5 --drain-timeout 10m\n"
	"\n"
	"Brings MicroK8s to another channel, or to what is new in its own: "
	"the masters one by\none, then the workers. Each node's pods are moved "
	"elsewhere first; it takes new ones\nwhen the API says that it is "
	"Ready with the new kubelet. The first node that does\nnot come back "
	"stops the rest, and the same command goes on where it stopped.";

static const char summary[] =
	"Exit status: 0 all are upgraded, 2 refused or a node failed, 4 a host "
	"was unreachable,\n6 both 2 and 4, 64 usage, 65 inventory, 66 no "
	"inventory, 75 another run holds\nthe cluster, 76 a host key changed, "
	"130 Ctrl-C. `muster playbook show upgrade` prints\nthe steps.";

struct upgrade {
	struct choice choice;
	struct options *options;
	const struct host_var *differs;	/* the inventory's other channel */
};

static const char *asked(const struct upgrade *u)
{
	return g_hash_table_lookup(u->options->extra_vars, CHANNEL);
}

static bool refuse(GError **error, const char *text)
{
	g_set_error_literal(error, MUSTER_ERROR, MUSTER_ERROR_USAGE, text);
	return false;
}

/* By the options: the inventory's word is only remembered if it differs. By
 * the inventory: it has to be the same for all. */
static bool take_channel(struct upgrade *u, const struct host *host,
			 const char **channel, GError **error)
{
	const struct host_var *own = host_var_origin(host, CHANNEL);
	bool differs = own && *channel &&
		!snap_channel_equal(own->value, *channel);

	if (asked(u)) {
		if (differs && !u->differs)
			u->differs = own;
		return true;
	}
	if (!own)
		return refuse(error, "to which channel? give --channel, or set "
			      CHANNEL " in the inventory");
	if (differs)
		return refuse(error, "the hosts have different " CHANNEL "s: "
			      "give one --channel");
	*channel = own->value;
	return true;
}

static bool find_channel(struct upgrade *u, const struct cluster *cluster,
			 GError **error)
{
	const char *channel = asked(u);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (cluster_chose(cluster, node) &&
		    !take_channel(u, node->host, &channel, error))
			return false;
	}
	return true;
}

static bool admit(const struct inventory *inventory, struct cluster *cluster,
		  GHashTable **limit, struct cancel *cancel, void *data,
		  GError **error)
{
	struct upgrade *u = data;

	(void)cancel;
	return choice_admit(&u->choice, inventory, cluster, limit, error) &&
		find_channel(u, cluster, error);
}

/* `up` takes no node of another channel than the inventory's. */
static bool after(const struct run_result *result, struct cancel *cancel,
		  int *status, void *data)
{
	const struct upgrade *u = data;

	(void)result;
	(void)cancel;
	if (*status == 0 && u->differs && !u->options->check)
		fprintf(stderr, "muster upgrade: set " CHANNEL "=%s at "
			"%s:%u:%u, or muster up will refuse what is there "
			"now\n", asked(u), u->differs->file,
			u->differs->line, u->differs->column);
	return false;
}

static const char *mistake_in(const char *channel, const char *timeout,
			      const char *window)
{
	g_autofree char *full = channel ? snap_channel_normalize(channel, NULL)
		: NULL;
	gint64 us = 0;

	if (channel && !full)
		return "--channel takes a channel such as 1.33/stable";
	if (timeout && (!scalar_duration(timeout, &us) || us <= 0))
		return "--drain-timeout takes a time such as 5m";
	if (window && !upgrade_window(window, 1, NULL))
		return "--max-unavailable takes a number such as 2, or a share "
			"such as 25%";
	return NULL;
}

static void set(const struct options *options, const char *name,
		const char *value)
{
	if (value)
		g_hash_table_insert(options->extra_vars, g_strdup(name),
				    g_strdup(value));
}

int cmd_upgrade(int argc, char **argv)
{
	g_autofree char *channel = NULL, *timeout = NULL, *window = NULL;
	gboolean force = FALSE;
	const GOptionEntry entries[] = {
		{ "channel", 0, 0, G_OPTION_ARG_STRING, &channel,
		  "To which (default: microk8s_channel of the inventory)",
		  "CHANNEL" },
		{ "max-unavailable", 0, 0, G_OPTION_ARG_STRING, &window,
		  "How many workers may be away at once (default 1)", "N|P%" },
		{ "drain-timeout", 0, 0, G_OPTION_ARG_STRING, &timeout,
		  "How long the pods of a node may take to go (default 5m)",
		  "TIME" },
		{ "force", 0, 0, G_OPTION_ARG_NONE, &force,
		  "Delete pods that nobody starts again", NULL },
		G_OPTION_ENTRY_NULL
	};
	const struct options_usage usage = {
		.examples = examples, .summary = summary, .entries = entries,
	};
	int status = 0;
	g_autoptr(Options) options = options_parse(argc, argv, &usage,
						   &status);
	const char *mistake = options ? mistake_in(channel, timeout, window)
		: NULL;

	if (mistake)
		fprintf(stderr, "muster upgrade: %s; see muster upgrade -h\n",
			mistake);
	if (!options || mistake)
		return mistake ? EX_USAGE : status;
	struct upgrade upgrade = { .options = options };
	const struct runner_hooks hooks = {
		.admit = admit, .after = after, .data = &upgrade,
	};

	choice_take(&upgrade.choice, options);
	set(options, CHANNEL, channel);
	set(options, "microk8s_max_unavailable", window);
	set(options, "microk8s_drain_timeout", timeout);
	set(options, "microk8s_force", force ? "yes" : NULL);
	status = runner_run_hooked(options, argv[0], "upgrade.yaml",
				   embedded_text("upgrade.yaml"), &hooks);
	choice_clear(&upgrade.choice);
	return status;
}
