/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `drain`: moves the pods off all nodes that are to go, by kubectl
 * drain on the master, which evicts them and so respects PodDisruptionBudgets.
 * Where one cannot be drained nobody leaves, and the nodes that were cordoned
 * here take pods again.
 */
#include "actions.h"

#include "playbooks/departure.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

/* What kubectl needs beside the time it waits for evictions. */
#define SLACK_US (60 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "wait", .type = PARAM_DURATION, .fallback = "5m",
	  .help = "How long the pods of a node may take to go." },
	{ .name = "force", .type = PARAM_BOOL, .fallback = "no",
	  .help = "Also delete pods that no controller would start again." },
};

/* $1 node, $2 seconds, $3 --force or empty. What a pod keeps on the node goes
 * with it whatever happens, so emptyDir is no reason to stop. */
static const char drain_script[] =
	"exec /snap/bin/microk8s kubectl drain \"$1\" --ignore-daemonsets "
	"--delete-emptydir-data --timeout=\"$2s\" $3\n";

static const char uncordon_script[] =
	"exec /snap/bin/microk8s kubectl --request-timeout=20s uncordon "
	"\"$@\"\n";

/* Pods of a node whose kubelet is silent cannot end, and those of a host that
 * has left already are gone. */
static bool is_to_drain(const struct cluster *cluster,
			const struct departure *d)
{
	const struct kube_node *seen = departure_seen(cluster, d);

	return d->may_leave && d->name && !d->is_unreachable && seen &&
		seen->ready == KUBE_READY &&
		facts_membership(d->node->facts, cluster->master->facts) ==
			FACTS_MEMBER;
}

/* The line of kubectl's that says most. */
static char *reason_of(const struct exec_result *result)
{
	g_auto(GStrv) lines = g_strsplit(result->err, "\n", -1);
	const char *last = "", *budget = NULL;

	for (char **line = lines; *line; line++) {
		if (strstr(*line, "disruption budget"))
			budget = *line;
		if (**line && !g_str_has_prefix(*line, "Warning:"))
			last = *line;
	}
	return g_strdup(budget ? budget : last);
}

static void hint_at(struct task *task, const char *reason)
{
	if (strstr(reason, "disruption budget"))
		task_hint(task, "scale that workload up or lift its "
			  "PodDisruptionBudget, or give it longer with "
			  "--drain-timeout");
	else if (strstr(reason, "--force"))
		task_hint(task, "nobody would start that pod again: delete it "
			  "yourself, or give --force");
	else
		task_hint(task, "see why with sudo microk8s kubectl get pods "
			  "-A -o wide on %s",
			  task_cluster(task)->master->host->name);
}

bool node_drain(struct task *task, struct session *master, const char *name,
		GError **error)
{
	gint64 wait_us = task_duration(task, "wait");
	gint64 begun_us = g_get_monotonic_time();
	g_autofree char *seconds = g_strdup_printf(
		"%" G_GINT64_FORMAT, MAX(wait_us / G_TIME_SPAN_SECOND, 1));
	g_autofree char *id = g_strdup_printf(
		"%s-drain-%" G_GINT64_MODIFIER "x-%08x", task_run_id(task),
		begun_us, g_str_hash(name));
	const char *args[] = { name, seconds,
			       task_bool(task, "force") ? "--force" : "",
			       NULL };
	g_autoptr(ExecResult) result = NULL;
	struct job_request request = {
		.id = id,
		.title = "kubectl drain",
		.script = drain_script,
		.args = args,
		.accept_failure = true,
		.deadline_us = begun_us + wait_us + SLACK_US,
	};

	if (!job_run(master, &request, &result, error))
		return false;
	task_add_remote(task, g_get_monotonic_time() - begun_us);
	if (result->status == 0)
		return true;
	g_autofree char *reason = reason_of(result);

	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "kubectl drain %s: %s", name, reason);
	hint_at(task, reason);
	return false;
}

/* Nodes that stay take pods again, unless they took none before. */
static void take_back(struct task *task, const GPtrArray *cordoned)
{
	struct exec_request request = {
		.title = "kubectl uncordon",
		.script = uncordon_script,
		.args = (const char *const *)cordoned->pdata,
		.deadline_us = g_get_monotonic_time() + SLACK_US,
	};
	g_autoptr(GError) problem = NULL;

	if (!cordoned->pdata[0])
		return;
	if (!task_exec(task, request, NULL, &problem))
		task_warn(task, "they still take no new pods: %s",
			  problem->message);
}

static bool drain_all(struct task *task, const GPtrArray *nodes,
		      GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GPtrArray) cordoned = g_ptr_array_new();
	bool ok = true;

	for (guint i = 0; ok && i < nodes->len; i++) {
		const struct departure *d = g_ptr_array_index(nodes, i);

		if (!departure_seen(cluster, d)->unschedulable)
			g_ptr_array_add(cordoned, d->name);
		task_note(task, "%s", d->name);
		ok = node_drain(task, task_session(task), d->name, error);
	}
	g_ptr_array_add(cordoned, NULL);
	if (ok)
		return true;
	g_prefix_error(error, "nobody has left: ");
	take_back(task, cordoned);
	return false;
}

static enum task_status drain_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GPtrArray) nodes = g_ptr_array_new();
	g_autoptr(GString) names = g_string_new(NULL);

	if (!cluster->departures || task_node(task) != cluster->master) {
		task_say(task, "nobody is to go");
		return TASK_SKIPPED;
	}
	for (guint i = 0; i < cluster->departures->len; i++) {
		struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (!is_to_drain(cluster, d))
			continue;
		g_string_append_printf(names, "%s%s", nodes->len ? ", " : "",
				       d->name);
		g_ptr_array_add(nodes, d);
	}
	if (nodes->len == 0) {
		task_say(task, "no node that runs pods");
		return TASK_OK;
	}
	task_say(task, "%s", names->str);
	if (!task_may_change(task) || drain_all(task, nodes, error))
		return TASK_CHANGED;
	return TASK_FAILED;
}

const struct action action_drain = {
	.name = "drain",
	.summary = "move the pods off the nodes that are to go",
	.help = "Runs kubectl drain on the master for each node that muster "
		"remove was given: no new pods, and the old ones evicted, "
		"which PodDisruptionBudgets may refuse until there is time. "
		"If one node cannot be drained, all stay.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 24 * 3600 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = drain_run,
};
