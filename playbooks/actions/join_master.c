/* SPDX-License-Identifier: Apache-2.0
 *
 * What the join of a control plane has of its own. `microk8s join` says
 * success when its ten looks for the datastore were in vain (microk8s#4584,
 * #4713), so the datastore is asked; and it refuses a host of which the
 * datastore still has an older member, which is taken off here.
 */
#include "join_master.h"

#include "playbooks/members.h"

#include <string.h>

#define PAUSE_US (2 * G_TIME_SPAN_SECOND)
#define EXPEL_US (120 * G_TIME_SPAN_SECOND)

/* Its exit status is 1 also when it worked: the members tell. */
static const char expel_script[] =
	"timeout 100 /snap/bin/microk8s remove-node \"$1\" --force || :\n";

bool join_master_begin(struct task *task, GError **error)
{
	const struct node *broken = cluster_broken_master(task_cluster(task));

	task_node(task)->awaited = !broken;
	if (!broken)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "not joined: the control plane %s has not come back",
		    broken->host->name);
	return false;
}

bool join_master_may_expel(struct task *task,
			   const struct join_verdict *verdict)
{
	return task_node(task)->role == NODE_MASTER &&
		strcmp(verdict->cause, "already-known-to-dqlite") == 0;
}

static bool ask(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	return members_ask(cluster, cluster->master->session,
			   task_deadline(task), error);
}

bool join_master_expel(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const struct node *node = task_node(task);
	const char *args[] = { node->node_ip, NULL };
	struct exec_request request = {
		.title = "microk8s remove-node --force",
		.script = expel_script,
		.args = args,
		.deadline_us = MIN(task_deadline(task),
				   g_get_monotonic_time() + EXPEL_US),
	};

	task_note(task, "the datastore has an older member at %s: taken off",
		  node->node_ip);
	if (!exec_run(cluster->master->session, &request, NULL, error) ||
	    !node_ask_members(task, cluster->master->session, error))
		return false;
	if (!members_find(cluster, node))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_JOIN,
		    "the datastore still lists an older member at %s",
		    node->node_ip);
	task_cause(task, "already-known-to-dqlite");
	return false;
}

/* The join has started kubelite anew: what was owed to it before is done. */
static bool settle_debts(struct task *task, GError **error)
{
	const char *args[] = { pending_marker(NODE_KUBELITE), NULL };
	struct exec_request request = {
		.title = "note that kubelite was restarted",
		.script = "rm -f \"$1\"; rmdir \"${1%/*}\" 2>/dev/null || :\n",
		.args = args,
	};

	if (!(task_node(task)->pending & NODE_KUBELITE))
		return true;
	task_node(task)->pending &= ~(unsigned)NODE_KUBELITE;
	return task_exec(task, request, NULL, error);
}

/* In life a late one is listed half a minute after its join gave up. */
bool join_master_prove(struct task *task, bool *again, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	struct node *node = task_node(task);
	gint64 until_us = g_get_monotonic_time() +
		task_duration(task, JOIN_TAKEN_IN);

	*again = true;
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	if (cluster_master_join_reason(cluster, node))
		return true;
	while (true) {
		g_autoptr(GError) problem = NULL;

		if (ask(task, &problem) && members_find(cluster, node)) {
			*again = false;
			return settle_debts(task, error);
		}
		if (g_get_monotonic_time() > until_us) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return !*error;
		}
		if (problem)
			task_note(task, "waiting: %s", problem->message);
		if (!task_sleep(task, PAUSE_US, error))
			return false;
	}
}
