/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs `cni` and `cni_apply`: how Calico finds a node's address. A fresh
 * MicroK8s says first-found, and its agent rewrites that to
 * can-reach=<first joiner> in the middle of the first join; with
 * kubernetes-internal-ip every node's overlay address is its InternalIP, hence
 * its node_ip, and the agent leaves it alone.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/cni_yaml.h"

#include <string.h>

#define CNI_PATH SNAP_DATA "/args/cni-network/cni.yaml"
#define DAEMONSET_PATH \
	"/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"
#define APPLY_TRIES 10
#define APPLY_WAIT_US (2 * G_TIME_SPAN_SECOND)

static const struct param cni_params[] = {
	{ .name = "method", .type = PARAM_STRING, .required = true,
	  .help = "Value for IP_AUTODETECTION_METHOD; see Calico's manual." },
};

static bool is_default(const char *method)
{
	return g_strcmp0(method, "first-found") == 0;
}

static enum task_status cni_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *wanted = task_string(task, "method");
	g_autofree char *before = NULL, *after = NULL;

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (!is_default(node->facts->cni_method)) {
		if (node->facts->cni_method)
			task_say(task, "Calico has %s",
				 node->facts->cni_method);
		else
			task_say(task, "no Calico manifest");
		return TASK_OK;
	}
	if (!file_read(task_session(task), CNI_PATH, &before,
		       task_deadline(task), error))
		return TASK_FAILED;
	after = before ? cni_yaml_set_method(before, wanted, error) : NULL;
	if (!after) {
		g_prefix_error(error, "%s: ", CNI_PATH);
		return TASK_FAILED;
	}
	task_say(task, "instead of first-found");
	enum task_status status = node_edit_file(task, CNI_PATH, before, after,
						 0, error);

	if (status == TASK_CHANGED && task_may_change(task)) {
		g_free(node->facts->cni_method);
		node->facts->cni_method = g_strdup(wanted);
	}
	return status;
}

const struct action action_cni = {
	.name = "cni",
	.summary = "tell Calico to use the nodes' own addresses",
	.help = "Edits IP_AUTODETECTION_METHOD in the master's cni.yaml while "
		"it still is first-found; any other value is somebody's "
		"decision and stays. `cni_apply` brings it into the cluster.",
	.params = cni_params,
	.n_params = G_N_ELEMENTS(cni_params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = cni_run,
};

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

static enum task_status cni_apply_run(struct task *task, GError **error)
{
	const struct node *node = task_node(task);
	g_autofree char *found = NULL, *now = NULL;
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
		return TASK_OK;
	}
	if (problem) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return TASK_FAILED;
	}
	task_say(task, "calico-node: from %s to %s",
		 found ? found : "nothing", wanted);
	if (!task_may_change(task))
		return TASK_CHANGED;
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

const struct action action_cni_apply = {
	.name = "cni_apply",
	.summary = "bring cni.yaml into the cluster if it is not what runs",
	.help = "Compares the live calico-node DaemonSet with cni.yaml, and "
		"applies the file where they disagree: an apply that failed "
		"earlier is never repeated by MicroK8s itself.",
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = cni_apply_run,
};
