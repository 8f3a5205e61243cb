/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `restart_service`: restarts a service because a person said so,
 * not because its configuration was changed.
 */
#include "actions.h"

#include "playbooks/members.h"
#include "playbooks/restart_service.h"

#include <string.h>

#define ALL "all"

static const struct param params[] = {
	{ .name = "service", .type = PARAM_STRING, .fallback = "kubelite",
	  .help = "One of " RESTART_SERVICES "." },
};

static const struct {
	const char *name;
	bool on_master, on_worker;
} services[] = {
	{ "kubelite", true, true },
	{ "containerd", true, true },
	{ "cluster-agent", true, true },
	{ "k8s-dqlite", true, false },
	{ "apiserver-kicker", true, false },
	{ "apiserver-proxy", false, true },
	{ ALL, true, true },
};

/* `snap restart` and not `microk8s stop` and `start`: those do nothing on a
 * worker, and say that they did. What a run before owed is done by it. */
static const char restart_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"if [ \"$1\" = " ALL " ]; then\n"
	"	\"$snap\" restart microk8s || exit $?\n"
	"	rm -f " PENDING_DIR "/*\n"
	"else\n"
	"	\"$snap\" restart \"microk8s.daemon-$1\" || exit $?\n"
	"	rm -f \"" PENDING_DIR "/$1\"\n"
	"fi\n"
	"rmdir " PENDING_DIR " " STATE_DIR " 2>/dev/null\n"
	"exit 0\n";

static bool runs_here(const char *service, enum node_role role)
{
	for (size_t i = 0; i < G_N_ELEMENTS(services); i++)
		if (strcmp(services[i].name, service) == 0)
			return role == NODE_MASTER ? services[i].on_master
				: services[i].on_worker;
	return false;
}

bool restart_knows(const char *service)
{
	return runs_here(service, NODE_MASTER) ||
		runs_here(service, NODE_WORKER);
}

/* A voter that restarts is away for as long: the others must be most of all
 * voters meanwhile. Kubelite is none: its API goes alone. */
static bool keeps_quorum(struct task *task, const char *service,
			 GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const struct node *node = task_node(task);
	const struct backend_node *member;
	unsigned all, running;

	if (node->role != NODE_MASTER || cluster_masters(cluster) < 2 ||
	    (strcmp(service, ALL) != 0 && strcmp(service, "k8s-dqlite") != 0))
		return true;
	if (!node_ask_members(task, node->session, error))
		return false;
	member = members_find(cluster, node);
	members_voters(cluster, &all, &running);
	if (!member || member->role != BACKEND_VOTER || all < MEMBERS_VOTERS ||
	    (running - 1) * 2 > all)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
		    "not restarted: of %u voters of the datastore only %u "
		    "run, and without this one the cluster stands still", all,
		    running);
	task_hint(task, "bring the others back first (muster status)");
	return false;
}

static bool may_restart(struct task *task, const char *service, GError **error)
{
	const char *stranger = node_stranger(task_cluster(task),
					     task_node(task));

	if (!restart_knows(service))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "no service '%s' (" RESTART_SERVICES ")", service);
	else if (stranger)
		g_set_error_literal(error, MUSTER_ERROR,
				    MUSTER_ERROR_PREFLIGHT, stranger);
	else
		return keeps_quorum(task, service, error);
	return false;
}

static enum task_status restart_service_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *service = task_string(task, "service");
	const char *args[] = { service, NULL };

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!cluster_chose(task_cluster(task), node)) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (!may_restart(task, service, error))
		return TASK_FAILED;
	if (!runs_here(service, node->role)) {
		task_say(task, "no %s on a %s", service,
			 node->role == NODE_MASTER ? "master" : "worker");
		return TASK_SKIPPED;
	}
	task_say(task, "%s", service);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!node_may_restart(task, error))
		return TASK_FAILED;
	return node_run_patiently(task, "snap restart", restart_script, args,
				  error) ? TASK_CHANGED : TASK_FAILED;
}

const struct action action_restart_service = {
	.name = "restart_service",
	.summary = "restart a service, changed or not",
	.help = "Containers keep running unless containerd is restarted. "
		"Says nothing of whether the node came back: node_ready does. "
		"With a control plane that has failed in this run it refuses.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = restart_service_run,
};
