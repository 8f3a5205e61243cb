/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `cni_apply`: brings cni.yaml into the cluster, and Calico to the
 * addresses of its nodes. calico-node looks for an address only when it starts:
 * one that started before the node announced its node_ip keeps the old one.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

#define CNI_PATH SNAP_DATA "/args/cni-network/cni.yaml"
#define DAEMONSET_PATH \
	"/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"
#define PODS_PATH "/api/v1/namespaces/kube-system/pods"
#define BY_INTERNAL_IP "kubernetes-internal-ip"
#define APPLY_TRIES 10
#define APPLY_WAIT_US (2 * G_TIME_SPAN_SECOND)
/* A kubelet reports its addresses every 10 s. */
#define ADDRESS_WAIT_US (60 * G_TIME_SPAN_SECOND)
#define ADDRESS_PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)

/* The method in the live DaemonSet; borrowed from `json`. */
static const char *live_method(json_t *json)
{
	json_t *containers = NULL, *container, *variable;
	size_t i, k;

	if (json_unpack(json, "{s:{s:{s:{s:o}}}}", "spec", "template", "spec",
			"containers", &containers) != 0)
		return NULL;
	json_array_foreach(containers, i, container) {
		json_t *env = json_object_get(container, "env");

		json_array_foreach(env, k, variable) {
			const char *name = json_string_value(
				json_object_get(variable, "name"));

			if (g_strcmp0(name, "IP_AUTODETECTION_METHOD") == 0)
				return json_string_value(json_object_get(
					variable, "value"));
		}
	}
	return NULL;
}

/* kubectl's own word for it is not enough: the API must show it. */
static bool is_live(struct task *task, const char *wanted, char **found,
		    GError **error)
{
	long status = 0;
	json_t *json = api_get(task_cluster(task)->api, DAEMONSET_PATH,
			       &status, task_deadline(task), error);

	if (!json) {
		if (status != 404)
			return false;
		g_clear_error(error);
		return false;
	}
	const char *method = live_method(json);
	bool same = g_strcmp0(method, wanted) == 0;

	*found = g_strdup(method);
	json_decref(json);
	return same;
}

static bool apply(struct task *task, GError **error)
{
	for (unsigned try = 1;; try++) {
		g_autoptr(GError) problem = NULL;
		struct exec_request request = {
			.title = "kubectl apply cni.yaml",
			.script = "exec /snap/bin/microk8s kubectl "
				  "--request-timeout=20s apply -f " CNI_PATH,
		};

		if (task_exec(task, request, NULL, &problem))
			return true;
		if (try == APPLY_TRIES || !g_error_matches(
			    problem, MUSTER_ERROR, MUSTER_ERROR_COMMAND)) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
		if (!task_sleep(task, APPLY_WAIT_US, error))
			return false;
	}
}

/* --- addresses --- */

static bool look_at_nodes(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	GPtrArray *seen = api_nodes(cluster->api, task_deadline(task), error);

	if (!seen)
		return false;
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = seen;
	return true;
}

static bool announces_node_ip(struct task *task, const struct node *node)
{
	const struct kube_node *seen =
		cluster_seen(task_cluster(task), node);

	return seen && g_strcmp0(seen->internal_ip, node->node_ip) == 0;
}

/* Until this node announces its node_ip; what calico-node found before that
 * would be the address before. */
static bool wait_for_address(struct task *task, GError **error)
{
	const struct node *node = task_node(task);
	gint64 until_us = g_get_monotonic_time() + ADDRESS_WAIT_US;

	while (!announces_node_ip(task, node)) {
		if (g_get_monotonic_time() > until_us) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
				    "the node does not announce %s",
				    node->node_ip);
			return false;
		}
		if (!task_sleep(task, ADDRESS_PAUSE_US, error) ||
		    !look_at_nodes(task, error))
			return false;
	}
	return true;
}

/* Names of the nodes (char *, borrowed) whose calico-node sits at another
 * address than they announce. */
static GPtrArray *misplaced(const struct cluster *cluster)
{
	GPtrArray *names = g_ptr_array_new();

	for (guint i = 0; cluster->seen && i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct kube_node *seen = cluster_seen(cluster, node);

		if (seen && !node->failed && seen->calico_ip &&
		    g_strcmp0(seen->internal_ip, node->node_ip) == 0 &&
		    strcmp(seen->calico_ip, node->node_ip) != 0)
			g_ptr_array_add(names, seen->name);
	}
	return names;
}

static bool is_among(const GPtrArray *names, const char *name)
{
	for (guint i = 0; name && i < names->len; i++)
		if (strcmp(g_ptr_array_index(names, i), name) == 0)
			return true;
	return false;
}

static GPtrArray *calico_pods(struct task *task, GError **error)
{
	struct api *api = task_cluster(task)->api;
	g_autofree char *text = NULL;
	long status = 0;

	if (!api_get_text(api, PODS_PATH "?labelSelector=k8s-app%3Dcalico-node",
			  &status, &text, task_deadline(task), error))
		return NULL;
	return kube_pods_parse(text, strlen(text), error);
}

/* The DaemonSet makes each of them anew at once, and no other is disturbed. */
static bool restart_on(struct task *task, const GPtrArray *names,
		       GError **error)
{
	struct api *api = task_cluster(task)->api;
	g_autoptr(GPtrArray) pods = calico_pods(task, error);

	for (guint i = 0; pods && i < pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(pods, i);
		g_autofree char *path = g_strconcat(PODS_PATH "/", pod->name,
						    NULL);
		g_autoptr(GError) problem = NULL;
		long status = 0;

		if (!is_among(names, pod->node))
			continue;
		json_t *answer = api_send(api, "DELETE", path, NULL, &status,
					  task_deadline(task), &problem);

		json_decref(answer);
		if (!answer && status != 404) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
	}
	return pods != NULL;
}

static enum task_status place(struct task *task, const char *method,
			      GError **error)
{
	g_autoptr(GPtrArray) names = NULL;

	if (strcmp(method, BY_INTERNAL_IP) != 0)
		return TASK_OK;
	if (task_may_change(task) && !wait_for_address(task, error))
		return TASK_FAILED;
	names = misplaced(task_cluster(task));
	if (names->len == 0)
		return TASK_OK;
	g_ptr_array_add(names, NULL);
	g_autofree char *list = g_strjoinv(", ", (char **)names->pdata);

	g_ptr_array_set_size(names, (int)names->len - 1);
	task_say(task, "calico-node of %s starts again: it was at another "
		 "address than its node", list);
	if (task_may_change(task) && !restart_on(task, names, error))
		return TASK_FAILED;
	return TASK_CHANGED;
}

/* --- the action --- */

static enum task_status bring_in(struct task *task, const char *wanted,
				 GError **error)
{
	g_autofree char *now = NULL;

	if (!task_may_change(task))
		return TASK_CHANGED;
	if (strcmp(wanted, BY_INTERNAL_IP) == 0 &&
	    !wait_for_address(task, error))
		return TASK_FAILED;
	if (!apply(task, error))
		return TASK_FAILED;
	if (is_live(task, wanted, &now, error))
		return TASK_CHANGED;
	if (!*error)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
			    "kubectl applied cni.yaml, but the DaemonSet "
			    "still has %s", now ? now : "no method");
	return TASK_FAILED;
}

static enum task_status cni_apply_run(struct task *task, GError **error)
{
	const struct node *node = task_node(task);
	g_autofree char *found = NULL;
	g_autoptr(GError) problem = NULL;

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *wanted = node->facts->cni_method;

	if (!wanted || !task_cluster(task)->api) {
		task_say(task, wanted ? "the API was not reached"
				      : "no Calico manifest");
		return TASK_SKIPPED;
	}
	if (is_live(task, wanted, &found, &problem)) {
		task_say(task, "the cluster has %s", wanted);
		return place(task, wanted, error);
	}
	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return TASK_FAILED;
	}
	task_say(task, "calico-node: from %s to %s",
		 found ? found : "nothing", wanted);
	return bring_in(task, wanted, error);
}

const struct action action_cni_apply = {
	.name = "cni_apply",
	.summary = "bring cni.yaml into the cluster, Calico to the nodes' "
		   "addresses",
	.help = "Compares the live calico-node DaemonSet with cni.yaml, and "
		"applies the file where they disagree: an apply that failed "
		"earlier is never repeated by MicroK8s itself. Where they "
		"agree on " BY_INTERNAL_IP ", deletes the calico-node pod of "
		"each node at whose address it is not: it detects the address "
		"when it starts, and its DaemonSet starts it again.",
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = cni_apply_run,
};
