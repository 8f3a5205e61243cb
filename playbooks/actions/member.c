/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `member`: the gate behind whatever is done to one of several control
 * planes, before it is done to the next. A member is whole when the datastore
 * lists it in its role, its own API answers and its node is Ready.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/members.h"

#include <string.h>

#define PAUSE_US G_TIME_SPAN_SECOND
#define OPEN_US (30 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "5m",
	  .help = "How long to wait for it. Roles are given out every half "
		  "minute." },
};

/* Its own API server, which has a datastore only as a member. */
static bool is_serving(struct task *task, char **why)
{
	g_autoptr(GError) error = NULL;
	struct api *api = api_open(task_transport(task), task_session(task),
				   MIN(task_deadline(task),
				       g_get_monotonic_time() + OPEN_US),
				   &error);
	bool ok = api && api_is_ready(api, why, task_deadline(task));

	if (!api)
		*why = g_strdup(error->message);
	api_free(api);
	return ok;
}

static bool is_listed(struct task *task, char **why)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;

	if (cluster_masters(cluster) < 2)
		return true;
	if (!members_ask(cluster, cluster->master->session,
			 task_deadline(task), &error)) {
		*why = g_strdup(error->message);
		return false;
	}
	if (!members_find(cluster, task_node(task)))
		*why = g_strdup("the datastore does not list it");
	else if (!members_are_settled(cluster))
		*why = g_strdup_printf("only %u of %u members vote",
				       members_count(cluster, BACKEND_VOTER),
				       cluster->members->len);
	return !*why;
}

static bool wait_until_whole(struct task *task, GError **error)
{
	g_autofree char *told = NULL;

	while (true) {
		g_autofree char *why = NULL;

		if (is_listed(task, &why) && is_serving(task, &why))
			return node_await(task, NULL, task_deadline(task),
					  error);
		node_note_waiting(task, why, &told);
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "it has not come back: %s: ",
				       told);
			task_hint(task, "no other control plane is touched; "
				  "on this one: sudo journalctl -u "
				  "snap.microk8s.daemon-k8s-dqlite -n 50");
			return false;
		}
	}
}

static enum task_status member_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	struct node *node = task_node(task);

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (node->role != NODE_MASTER) {
		task_say(task, "a worker holds no datastore");
		return TASK_SKIPPED;
	}
	if (!task_may_change(task)) {
		task_say(task, "a real run waits here");
		return TASK_SKIPPED;
	}
	if (!node->awaited) {
		task_say(task, "left alone");
		return TASK_OK;
	}
	if (!wait_until_whole(task, error))
		return TASK_FAILED;
	node->awaited = false;

	const struct backend_node *member = members_find(cluster, node);

	if (member)
		task_say(task, "%s, one of %u members",
			 backend_role_name(member->role),
			 cluster->members->len);
	return TASK_OK;
}

const struct action action_member = {
	.name = "member",
	.summary = "wait until a control plane is a whole member",
	.help = "Only for a master that this run has joined or restarted. "
		"Waits until the datastore of several lists it and has as "
		"many voters as it can, its own API says ok, and its node "
		"reports and is Ready; the next one is not touched before.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = member_run,
};
