/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `purge`: removes the snap with all its data, which is the end of
 * whatever cluster the host was in.
 */
#include "actions.h"

static const struct param params[] = {
	{ .name = "wanted", .type = PARAM_BOOL, .fallback = "yes",
	  .help = "Whether to remove it at all." },
};

/* What muster keeps lies beside the snap's data, and snapd takes that away
 * with the rest; a folder it could not remove is no reason to fail. */
static const char purge_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"\"$snap\" remove --purge microk8s || exit $?\n"
	"rm -rf " STATE_DIR "\n"
	"rmdir /var/snap/microk8s/common /var/snap/microk8s 2>/dev/null || :\n";

static enum task_status purge_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!task_bool(task, "wanted")) {
		task_say(task, "the snap stays");
		return TASK_SKIPPED;
	}
	if (!node->facts->installed) {
		task_say(task, "MicroK8s is not installed");
		return TASK_OK;
	}
	task_say(task, "remove MicroK8s and its data");
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!node_run_patiently(task, "snap remove microk8s", purge_script,
				NULL, error) || !node_look(task, error))
		return TASK_FAILED;
	node->fresh_us = 0;
	node->pending = 0;
	if (!node->facts->installed) {
		if (node->role == NODE_MASTER)
			cluster_forget(task_cluster(task));
		return TASK_CHANGED;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "snap remove said success, but microk8s is still there");
	return TASK_FAILED;
}

const struct action action_purge = {
	.name = "purge",
	.summary = "remove MicroK8s with all its data",
	.help = "snap remove --purge microk8s, detached on the host; waits "
		"out what else snapd does.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 20 * 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = purge_run,
};
