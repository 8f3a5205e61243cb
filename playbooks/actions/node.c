/* SPDX-License-Identifier: Apache-2.0
 *
 * Small things that several actions need: when a step does not apply to a
 * node, and the one way in which files on nodes are edited.
 */
#include "actions.h"

#include "playbooks/members.h"

#include <string.h>

#define MEMBERS_US (30 * G_TIME_SPAN_SECOND)
#define MEMBERS_PAUSE_US G_TIME_SPAN_SECOND

char *duration_text(gint64 us)
{
	double seconds = (double)us / (double)G_TIME_SPAN_SECOND;

	return seconds < 60 ? g_strdup_printf("%.1fs", seconds)
			    : g_strdup_printf("%dm%02ds", (int)seconds / 60,
					      (int)seconds % 60);
}

/* A strict snap is not allowed the plain name. */
const char *node_group(const struct node *node)
{
	const char *channel = node->facts ? node->facts->channel : NULL;

	return channel && strstr(channel, "-strict") ? "snap_microk8s"
						     : "microk8s";
}

bool node_skips(struct task *task, bool workers_only)
{
	const struct node *node = task_node(task);

	if (!node)
		task_say(task, "neither master nor worker");
	else if (workers_only && node->role == NODE_MASTER)
		task_say(task, "the control plane runs pods already");
	else
		return false;
	return true;
}

const char *node_stranger(const struct cluster *cluster,
			  const struct node *node)
{
	enum facts_membership membership =
		facts_membership(node->facts, cluster->master->facts);

	if (membership == FACTS_NOT_INSTALLED)
		return "MicroK8s is not installed";
	if (node->role == NODE_MASTER)
		return facts_is_worker(node->facts)
			? "it is no control plane of this cluster" : NULL;
	return membership == FACTS_MEMBER ? NULL
		: "it is no worker of this cluster";
}

void node_note_waiting(struct task *task, const char *why, char **told)
{
	if (g_strcmp0(why, *told) == 0)
		return;
	task_note(task, "waiting: %s", why);
	g_free(*told);
	*told = g_strdup(why);
}

bool node_ask_members(struct task *task, struct session *session,
		      GError **error)
{
	gint64 until_us = g_get_monotonic_time() + MEMBERS_US;
	g_autofree char *told = NULL;

	while (true) {
		g_autoptr(GError) problem = NULL;

		if (members_ask(task_cluster(task), session,
				task_deadline(task), &problem))
			return true;
		if (g_get_monotonic_time() > until_us ||
		    !g_error_matches(problem, MUSTER_ERROR,
				     MUSTER_ERROR_DATA)) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
		node_note_waiting(task, problem->message, &told);
		if (!task_sleep(task, MEMBERS_PAUSE_US, error))
			return false;
	}
}

bool node_may_restart(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const struct node *broken = cluster_broken_master(task_cluster(task));

	node->awaited = node->role == NODE_MASTER && !broken;
	if (!broken)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "not restarted: the control plane %s has not come back",
		    broken->host->name);
	return false;
}

bool node_is_unknowable(struct task *task)
{
	const struct node *node = task_node(task);
	const struct cluster *cluster = task_cluster(task);

	if (task_may_change(task))
		return false;
	if (!node->facts || !node->facts->installed)
		task_say(task, "known once MicroK8s is installed");
	else if (cluster_join_reason(cluster, node))
		task_say(task, "known once it has joined");
	else
		return false;
	return true;
}

enum task_status node_edit_file(struct task *task, const char *path,
				const char *before, const char *after,
				enum node_service service, GError **error)
{
	struct node *node = task_node(task);
	g_autofree char *suffix = g_strconcat(".muster-", task_run_id(task),
					      NULL);
	g_autofree char *sha = before ? file_sha256(before) : g_strdup("");
	g_autofree char *owner = g_strconcat("root:", node_group(node), NULL);
	struct file_replacement replacement = {
		.path = path,
		.text = after,
		.expected_sha256 = sha,
		.backup_suffix = before ? suffix : NULL,
		.mode = "0660",
		.owner = owner,
		.touch = service ? pending_marker(service) : NULL,
	};

	task_diff(task, path, before ? before : "", after);
	if (!task_may_change(task)) {
		node->pending |= service;
		return TASK_CHANGED;
	}
	gint64 begun_us = g_get_monotonic_time();

	if (!file_replace(task_session(task), &replacement,
			  task_deadline(task), error))
		return TASK_FAILED;
	task_add_remote(task, g_get_monotonic_time() - begun_us);
	node->pending |= service;
	return TASK_CHANGED;
}
