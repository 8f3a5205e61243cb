/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `node_ready`: the gate behind a restart. A node stays Ready for 40
 * seconds after its kubelet fell silent, so Ready alone proves nothing: its
 * lease must have been renewed since.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

#define PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)
#define OPEN_US (30 * G_TIME_SPAN_SECOND)
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"

static const struct param params[] = {
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "3m",
	  .help = "How long to wait for it." },
};

/* When the kubelet last reported, in its own words; NULL with an error. */
static char *ask_lease(struct task *task, GError **error)
{
	g_autofree char *path = g_strconcat(
		LEASES, task_node(task)->facts->node_name, NULL);
	json_t *lease = api_get(task_cluster(task)->api, path, NULL,
				task_deadline(task), error);
	const char *time = json_string_value(json_object_get(
		json_object_get(lease, "spec"), "renewTime"));
	char *copy = lease ? g_strdup(time ? time : "") : NULL;

	json_decref(lease);
	return copy;
}

static bool ask_ready(struct task *task, char **why, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const char *name = task_node(task)->facts->node_name;
	const struct kube_node *seen;
	GPtrArray *nodes;

	if (!api_is_ready(cluster->api, why, task_deadline(task)))
		return false;
	nodes = api_nodes(cluster->api, task_deadline(task), error);
	if (!nodes)
		return false;
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = nodes;
	seen = kube_nodes_find(nodes, name);
	if (seen && seen->ready == KUBE_READY)
		return true;
	*why = seen ? g_strdup_printf("the node is not Ready (%s)",
				      seen->ready_reason ? seen->ready_reason
				      : "no heartbeat")
		: g_strdup_printf("there is no node '%s'", name);
	return false;
}

static bool ask(struct task *task, char **first, char **why, GError **error)
{
	g_autofree char *lease = ask_lease(task, error);

	if (!lease)
		return false;
	if (!*first)
		*first = g_steal_pointer(&lease);
	else if (strcmp(*first, lease) != 0)
		return ask_ready(task, why, error);
	*why = g_strdup("its kubelet has not reported since");
	return false;
}

/* One look. Hosts share one tunnel, and it may have died with the API server
 * that was restarted: the next look opens it again. */
static bool look(struct task *task, char **first, char **why)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;
	bool ok = false;

	g_mutex_lock(&cluster->lock);
	if (!cluster->api)
		cluster->api = api_open(
			cluster->transport, cluster->master->session,
			MIN(task_deadline(task),
			    g_get_monotonic_time() + OPEN_US), &error);
	if (cluster->api)
		ok = ask(task, first, why, &error);
	if (error && !*why)
		*why = g_strdup(error->message);
	if (error)
		g_clear_pointer(&cluster->api, api_free);
	g_mutex_unlock(&cluster->lock);
	return ok;
}

static enum task_status node_ready_run(struct task *task, GError **error)
{
	g_autofree char *first = NULL, *told = NULL;
	gint64 begun_us = g_get_monotonic_time();

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!cluster_chose(task_cluster(task), task_node(task))) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (!task_may_change(task)) {
		task_say(task, "a real run waits here");
		return TASK_SKIPPED;
	}
	while (true) {
		g_autofree char *why = NULL;

		if (look(task, &first, &why))
			break;
		if (g_strcmp0(why, told) != 0) {
			task_note(task, "waiting: %s", why);
			g_free(told);
			told = g_strdup(why);
		}
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "it has not come back: %s: ",
				       told);
			return TASK_FAILED;
		}
	}
	g_autofree char *took = duration_text(g_get_monotonic_time() -
					      begun_us);

	task_say(task, "it reports, and is Ready, after %s", took);
	return TASK_OK;
}

const struct action action_node_ready = {
	.name = "node_ready",
	.summary = "wait until a node reports again and is Ready",
	.help = "Asks the API, through the master, until the node's kubelet "
		"has renewed its lease since this step began, /readyz says ok "
		"and the node is Ready.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = node_ready_run,
};
