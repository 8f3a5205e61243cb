/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `belongs`: a host that is a member of another cluster, or may be,
 * is not taken apart with this one unless --adopt says so.
 */
#include "actions.h"

/* Why it may not be touched, or NULL. */
static const char *judge(const struct cluster *cluster,
			 const struct node *node)
{
	const struct facts *own = node->facts;
	const struct facts *master = cluster->master->facts;
	bool is_clustered = own->installed &&
		own->locks & (LOCK_CLUSTERED | LOCK_NO_CERT_REISSUE);

	if (node->role == NODE_MASTER && facts_is_worker(own))
		return "it is a worker of a cluster, not a control plane";
	if (node->role == NODE_MASTER && (!is_clustered || !master ||
					  own == master))
		return NULL;
	if (!is_clustered)
		return NULL;
	if (!master)
		return "it is in a cluster, and as the master was not reached "
		       "nothing tells whether in this one";
	switch (facts_membership(own, master)) {
	case FACTS_FOREIGN_WORKER:
		return "it is a worker of another cluster, or of one whose "
		       "master was reset without it";
	case FACTS_CONTROL_PLANE:
		return "it is the control plane of another cluster";
	case FACTS_NOT_INSTALLED:
	case FACTS_FRESH:
	case FACTS_MEMBER:
		break;
	}
	return NULL;
}

static enum task_status belongs_run(struct task *task, GError **error)
{
	const struct cluster *cluster = task_cluster(task);
	const char *problem;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	problem = judge(cluster, task_node(task));
	if (!problem)
		return TASK_OK;
	if (cluster->adopt) {
		task_say(task, "%s; --adopt", problem);
		return TASK_OK;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FOREIGN_CLUSTER, "%s",
		    problem);
	task_hint(task, "give --adopt if it is to be reset all the same");
	return TASK_FAILED;
}

const struct action action_belongs = {
	.name = "belongs",
	.summary = "refuse hosts that are not of this cluster",
	.help = "Compares certificate authorities: a worker of another "
		"cluster, or one that nothing tells apart from it, is only "
		"reset with --adopt.",
	.timeout_us = 10 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = belongs_run,
};
