/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `cni`: how Calico finds a node's address. A fresh MicroK8s says
 * first-found, and its agent rewrites that to can-reach=<first joiner> in the
 * middle of the first join; with kubernetes-internal-ip every node's overlay
 * address is its InternalIP, hence its node_ip, and the agent leaves it alone.
 */
#include "actions.h"

#include "playbooks/microk8s/cni_yaml.h"

#include <string.h>

#define CNI_PATH SNAP_DATA "/args/cni-network/cni.yaml"

static const struct param cni_params[] = {
	{ .name = "method", .type = PARAM_STRING, .required = true,
	  .help = "Value for IP_AUTODETECTION_METHOD; see Calico's manual." },
};

/* One that is to join must have it before: its join writes can-reach=MASTER
 * over first-found, and applies it to nobody, so that the cluster would get
 * it from a later apply there. One that has joined follows the cluster. */
static const char *wanted_method(struct task *task)
{
	const struct cluster *cluster = task_cluster(task);
	const struct facts *master = cluster->master->facts;

	return task_node(task) != cluster->master && master &&
		master->cni_method ? master->cni_method
		: task_string(task, "method");
}

/* What MicroK8s writes there by itself is nobody's decision where another
 * master has the cluster's. */
static bool is_own_decision(struct task *task, const char *wanted)
{
	const char *method = task_node(task)->facts->cni_method;

	if (g_strcmp0(method, "first-found") == 0)
		return false;
	return task_node(task) == task_cluster(task)->master || !method ||
		strcmp(method, wanted) == 0 ||
		!g_str_has_prefix(method, "can-reach=");
}

static enum task_status cni_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *wanted = wanted_method(task);
	g_autofree char *before = NULL, *after = NULL;

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (is_own_decision(task, wanted)) {
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
	task_say(task, "instead of %s", node->facts->cni_method);
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
