/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `upgrade_check`: everything that speaks against an upgrade, found
 * before any node is touched: the store, the versions, who is Ready.
 */
#include "actions.h"

#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/snap_text.h"
#include "playbooks/microk8s/upgrade_rules.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "channel", .type = PARAM_STRING, .required = true,
	  .help = "Channel that the nodes are to come from." },
};

struct check {
	struct task *task;
	struct cluster *cluster;
	char *channel;			/* in full */
	char *latest;			/* the version in it; NULL: not told */
	GPtrArray *texts, *names;	/* problems (char *), and whose each is
					   (GString *), parallel */
	unsigned n_upgrades, n_done;
	bool has_hint;
};

static const char *target(const struct check *c)
{
	return c->latest ? c->latest : c->channel;
}

/* --- problems: the same one of many nodes is told once --- */

static void free_string(void *string)
{
	g_string_free(string, TRUE);
}

static void object(struct check *c, const char *name, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static void object(struct check *c, const char *name, const char *format, ...)
{
	va_list args;
	guint at = 0;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	if (g_ptr_array_find_with_equal_func(c->texts, text, g_str_equal,
					     &at)) {
		g_string_append_printf(g_ptr_array_index(c->names, at), ", %s",
				       name);
		return;
	}
	g_ptr_array_add(c->texts, g_steal_pointer(&text));
	g_ptr_array_add(c->names, g_string_new(name));
}

static char *all_problems(const struct check *c)
{
	GString *all = g_string_new(NULL);

	for (guint i = 0; i < c->texts->len; i++) {
		const GString *names = g_ptr_array_index(c->names, i);

		g_string_append_printf(all, "%s%s: %s", i ? "; " : "",
				       names->str, (const char *)
				       g_ptr_array_index(c->texts, i));
	}
	return g_string_free(all, FALSE);
}

/* --- the nodes --- */

static void judge_version(struct check *c, const struct node *node)
{
	const char *version = node->facts->version;
	const char *name = node->host->name;
	g_autofree char *next = upgrade_next_channel(version, c->channel);

	switch (upgrade_step_between(version, target(c))) {
	case UPGRADE_SAME:
	case UPGRADE_NEXT:
		break;
	case UPGRADE_SKIPS:
		object(c, name, "MicroK8s %s, and Kubernetes is upgraded one "
		       "minor version at a time", version);
		task_hint(c->task, "muster upgrade --channel %s first", next);
		c->has_hint = true;
		break;
	case UPGRADE_BACK:
		object(c, name, "MicroK8s %s, and Kubernetes does not go back "
		       "to an older minor version", version);
		task_hint(c->task, "muster rebuild makes an older cluster; "
			  "sudo snap revert microk8s undoes the last refresh "
			  "of a node");
		c->has_hint = true;
		break;
	case UPGRADE_UNKNOWN:
		object(c, name, "MicroK8s '%s' is no version that can be "
		       "compared with %s", version, target(c));
		break;
	}
}

static void judge_node(struct check *c, const struct node *node)
{
	const char *name = node->host->name;
	const char *stranger = node->facts && !node->failed
		? node_stranger(c->cluster, node) : "it was not reached";
	const struct kube_node *seen = cluster_seen(c->cluster, node);
	bool is_strict = upgrade_is_strict(c->channel);

	if (stranger || !seen) {
		object(c, name, "%s", stranger ? stranger
		       : "the API has no node of it");
		return;
	}
	if (node_is_upgraded(node, c->channel, c->latest)) {
		c->n_done++;
		return;
	}
	c->n_upgrades++;
	judge_version(c, node);
	if (node->facts->channel &&
	    upgrade_is_strict(node->facts->channel) != is_strict)
		object(c, name, "MicroK8s is %s there: strict and classic ones "
		       "are not made of each other", is_strict ? "classic"
		       : "strict");
	if (seen->ready != KUBE_READY)
		object(c, name, "its node is not Ready (%s)",
		       seen->ready_reason ? seen->ready_reason
		       : "no heartbeat");
}

/* Nodes that stay as they are: too old for the new API server, or a control
 * plane too old for new kubelets. */
static void judge_bystander(struct check *c, const struct kube_node *seen)
{
	int lag = upgrade_lag(seen->version, target(c));

	if (seen->role == KUBE_ROLE_CONTROL_PLANE && lag > 0)
		object(c, seen->name, "a control plane at %s, and no kubelet "
		       "may be newer: masters first", seen->version);
	else if (lag > UPGRADE_SKEW_MAX)
		object(c, seen->name, "a kubelet of %s is too old for an API "
		       "server of %s: upgrade it too", seen->version,
		       target(c));
}

static void judge_all(struct check *c)
{
	unsigned masters = 0, ready = 0;
	bool takes_master = false;

	for (guint i = 0; i < c->cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(c->cluster->nodes, i);

		if (cluster_chose(c->cluster, node))
			judge_node(c, node);
	}
	for (guint i = 0; i < c->cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(c->cluster->seen, i);
		const struct node *node = cluster_whose(c->cluster, seen);
		bool is_chosen = node && cluster_chose(c->cluster, node);

		if (!is_chosen)
			judge_bystander(c, seen);
		if (seen->role != KUBE_ROLE_CONTROL_PLANE)
			continue;
		masters++;
		ready += seen->ready == KUBE_READY;
		takes_master = takes_master || is_chosen;
	}
	if (takes_master && c->n_upgrades > 0 &&
	    !upgrade_keeps_quorum(masters, ready))
		object(c, "the control planes", "only %u of %u are Ready, and "
		       "with one more away the datastore would lose its "
		       "majority", ready, masters);
}

/* --- the channel --- */

/* track/risk/branch: `snap info` lists none of these. */
static bool is_branch(const char *channel)
{
	return strchr(strchr(channel, '/') + 1, '/') != NULL;
}

static bool find_target(struct check *c, GError **error)
{
	bool told = false;
	unsigned major, minor;

	c->channel = snap_channel_normalize(task_string(c->task, "channel"),
					    error);
	if (!c->channel || !node_ask_store(c->task, c->channel, &c->latest,
					   &told, error))
		return false;
	if (told && !c->latest && !is_branch(c->channel)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "the store has no MicroK8s in channel %s",
			    c->channel);
		task_hint(c->task, "snap info microk8s lists the channels");
		return false;
	}
	if (snap_version_parse(target(c), &major, &minor))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "%s names no version, and the store did not say which one "
		    "it has", c->channel);
	task_hint(c->task, "name a track, such as --channel 1.33/stable");
	return false;
}

static bool ask_api(struct check *c, GError **error)
{
	bool ok;

	g_mutex_lock(&c->cluster->lock);
	ok = node_ask_api(c->task, task_deadline(c->task), error);
	g_mutex_unlock(&c->cluster->lock);
	if (!ok)
		task_hint(c->task, "see to the API of %s first (muster doctor)",
			  task_host(c->task)->name);
	return ok;
}

static bool check(struct check *c, GError **error)
{
	if (!find_target(c, error) || !ask_api(c, error))
		return false;
	judge_all(c);
	task_say(c->task, "to %s%s%s%s: %u to do, %u done",
		 c->latest ? c->latest : c->channel, c->latest ? " (" : "",
		 c->latest ? c->channel : "", c->latest ? ")" : "",
		 c->n_upgrades, c->n_done);
	if (c->texts->len == 0)
		return true;
	g_autofree char *problems = all_problems(c);

	if (!c->has_hint)
		task_hint(c->task, "see to it first, or leave a host out with "
			  "-x; nothing was changed");
	g_set_error_literal(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    problems);
	return false;
}

static enum task_status upgrade_check_run(struct task *task, GError **error)
{
	struct check c = {
		.task = task,
		.cluster = task_cluster(task),
		.texts = g_ptr_array_new_with_free_func(g_free),
		.names = g_ptr_array_new_with_free_func(free_string),
	};
	enum task_status status = TASK_SKIPPED;

	if (task_node(task) == c.cluster->master)
		status = check(&c, error) ? TASK_OK : TASK_FAILED;
	else
		task_say(task, "asked of another master");
	g_ptr_array_unref(c.texts);
	g_ptr_array_unref(c.names);
	g_free(c.channel);
	g_free(c.latest);
	return status;
}

const struct action action_upgrade_check = {
	.name = "upgrade_check",
	.summary = "find what speaks against an upgrade, before any is begun",
	.help = "Runs on the master. Asks the store which version the channel "
		"has, and refuses one that skips a minor version or is older, "
		"that the store does not have, nodes that are not Ready or not "
		"of the cluster, workers before masters, and a datastore that "
		"would lose its majority.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = upgrade_check_run,
};
