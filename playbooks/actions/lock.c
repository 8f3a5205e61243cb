/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `lock`: one run per cluster. The lock is flock(1) on the masters at
 * the end of living SSH channels, so it goes when this run goes.
 */
#include "actions.h"

#include <unistd.h>

#define LOCK_PATH "/run/lock/muster.lock"

static char *holder_line(const struct task *task)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *since = g_date_time_format_iso8601(now);

	return g_strdup_printf("%s@%s pid %d since %s run %s",
			       g_get_user_name(), g_get_host_name(),
			       (int)getpid(), since, task_run_id(task));
}

/* On every master that was reached, in the inventory's order: two runs that
 * reach different ones have one in common, and a master that dies takes only
 * its own lock with it. */
static bool lock_all(struct task *task, const char *holder, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		struct remote_lock *lock;

		if (node->role != NODE_MASTER || node->failed ||
		    (!node->facts && node != cluster->master))
			continue;
		lock = remote_lock_acquire(task_transport(task), node->host,
					   LOCK_PATH, holder,
					   task_deadline(task), error);
		if (!lock)
			return false;
		g_ptr_array_add(cluster->remote_locks, lock);
	}
	return true;
}

static enum task_status lock_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autofree char *holder = holder_line(task);

	if (!task_may_change(task)) {
		task_say(task, "a real run takes the lock here");
		return TASK_SKIPPED;
	}
	if (cluster->remote_locks->len || task_node(task) != cluster->master) {
		task_say(task, "held by another master");
		return TASK_SKIPPED;
	}
	if (lock_all(task, holder, error))
		return TASK_OK;
	if (g_error_matches(*error, MUSTER_ERROR, MUSTER_ERROR_LOCKED))
		task_hint(task, "wait for that run to end, then try again");
	return TASK_FAILED;
}

const struct action action_lock = {
	.name = "lock",
	.summary = "make sure that no other run works on this cluster",
	.timeout_us = 30 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = lock_run,
};
