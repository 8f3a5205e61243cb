/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `node_ready`: the gate behind a restart. A node stays Ready for 40
 * seconds after its kubelet fell silent, so Ready alone proves nothing: its
 * lease must have been renewed since.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/upgrade_rules.h"

#include <string.h>

#define PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)
#define OPEN_US (30 * G_TIME_SPAN_SECOND)
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/"

static const struct param params[] = {
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "3m",
	  .help = "How long to wait for it." },
};

/* When the kubelet last reported, in its own words; NULL with an error. */
static char *ask_lease(struct task *task, gint64 deadline_us, GError **error)
{
	g_autofree char *path = g_strconcat(
		LEASES, task_node(task)->facts->node_name, NULL);
	json_t *lease = api_get(task_cluster(task)->api, path, NULL,
				deadline_us, error);
	const char *time = json_string_value(json_object_get(
		json_object_get(lease, "spec"), "renewTime"));
	char *copy = lease ? g_strdup(time ? time : "") : NULL;

	json_decref(lease);
	return copy;
}

/* The tunnel may have died with the API server that was restarted. */
static bool open_api(struct task *task, gint64 deadline_us, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	if (!cluster->api)
		cluster->api = api_open(
			cluster->transport, cluster->master->session,
			MIN(deadline_us, g_get_monotonic_time() + OPEN_US),
			error);
	return cluster->api != NULL;
}

bool node_ask_api(struct task *task, gint64 deadline_us, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	GPtrArray *nodes = open_api(task, deadline_us, error)
		? api_nodes(cluster->api, deadline_us, error) : NULL;

	if (!nodes) {
		g_clear_pointer(&cluster->api, api_free);
		return false;
	}
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = nodes;
	return true;
}

/* What is waited for, and how far it has come. */
struct awaited {
	const char *version;		/* of the kubelet; or NULL */
	gint64 deadline_us;
	char *first;			/* lease of the first look */
};

static bool judge(const struct task *task, const struct awaited *awaited,
		  char **why)
{
	const char *name = task_node(task)->facts->node_name;
	const struct kube_node *seen =
		kube_nodes_find(task_cluster(task)->seen, name);

	if (!seen)
		*why = g_strdup_printf("there is no node '%s'", name);
	else if (seen->ready != KUBE_READY)
		*why = g_strdup_printf("the node is not Ready (%s)",
				       seen->ready_reason ? seen->ready_reason
				       : "no heartbeat");
	else if (awaited->version &&
		 !upgrade_is_version(seen->version, awaited->version))
		*why = g_strdup_printf("its kubelet is of %s, not of %s",
				       seen->version ? seen->version
				       : "no version", awaited->version);
	return *why == NULL;
}

static bool ask(struct task *task, struct awaited *awaited, char **why,
		GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 deadline_us = awaited->deadline_us;
	g_autofree char *lease = open_api(task, deadline_us, error)
		? ask_lease(task, deadline_us, error) : NULL;

	if (!lease)
		return false;
	if (!awaited->first)
		awaited->first = g_steal_pointer(&lease);
	else if (strcmp(awaited->first, lease) != 0)
		return api_is_ready(cluster->api, why, deadline_us) &&
			node_ask_api(task, deadline_us, error) &&
			judge(task, awaited, why);
	*why = g_strdup("its kubelet has not reported since");
	return false;
}

/* One look. Hosts share one tunnel. */
static bool look(struct task *task, struct awaited *awaited, char **why)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;
	bool ok;

	g_mutex_lock(&cluster->lock);
	ok = ask(task, awaited, why, &error);
	if (error)
		g_clear_pointer(&cluster->api, api_free);
	g_mutex_unlock(&cluster->lock);
	if (error && !*why)
		*why = g_strdup(error->message);
	return ok;
}

static bool wait_a_little(struct task *task, gint64 deadline_us,
			  GError **error)
{
	if (g_get_monotonic_time() < deadline_us)
		return task_sleep(task, PAUSE_US, error);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DEADLINE,
		    "that is too long");
	return false;
}

bool node_await(struct task *task, const char *version, gint64 deadline_us,
		GError **error)
{
	struct awaited awaited = {
		.version = version, .deadline_us = deadline_us,
	};
	g_autofree char *told = NULL;
	bool ok = true;

	while (ok) {
		g_autofree char *why = NULL;

		if (look(task, &awaited, &why))
			break;
		node_note_waiting(task, why, &told);
		ok = wait_a_little(task, deadline_us, error);
	}
	g_free(awaited.first);
	if (!ok)
		g_prefix_error(error, "it has not come back: %s: ", told);
	return ok;
}

static enum task_status node_ready_run(struct task *task, GError **error)
{
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
	if (!node_await(task, NULL, task_deadline(task), error))
		return TASK_FAILED;
	g_autofree char *took = duration_text(g_get_monotonic_time() -
					      begun_us);

	task_node(task)->awaited = false;
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
