/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `restart`: restarts the services whose configuration this run, or
 * an interrupted one before it, has changed. In one snapd change, because
 * snapd refuses a second one meanwhile.
 */
#include "actions.h"

#include "playbooks/microk8s/snap_text.h"

#define BUSY_TRIES 30
#define BUSY_WAIT_US (2 * G_TIME_SPAN_SECOND)

static const struct {
	enum node_service service;
	const char *name;		/* the marker's name */
	const char *daemon;
} services[] = {
	/* what kubelite waits for comes first */
	{ NODE_CONTAINERD, "containerd", "microk8s.daemon-containerd" },
	{ NODE_DQLITE, "k8s-dqlite", "microk8s.daemon-k8s-dqlite" },
	{ NODE_KUBELITE, "kubelite", "microk8s.daemon-kubelite" },
	{ NODE_PROXY, "apiserver-proxy", "microk8s.daemon-apiserver-proxy" },
	{ NODE_AGENT, "cluster-agent", "microk8s.daemon-cluster-agent" },
};

/* "Restarted." says only that systemctl returned; so what the datastore does
 * with update.yaml at its start is waited for here. */
static const char restart_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"\"$snap\" restart \"$@\" || exit $?\n"
	"update=" SNAP_DATA "/var/kubernetes/backend/update.yaml\n"
	"n=0\n"
	"while [ -e \"$update\" ] && [ $n -lt 120 ]; do\n"
	"	sleep 0.5; n=$((n + 1))\n"
	"done\n"
	"for daemon; do\n"
	"	rm -f \"" PENDING_DIR "/${daemon#microk8s.daemon-}\"\n"
	"done\n"
	"rmdir " PENDING_DIR " " STATE_DIR " 2>/dev/null\n"
	"[ ! -e \"$update\" ]\n";

const char *pending_marker(enum node_service service)
{
	switch (service) {
	case NODE_KUBELITE:
		return PENDING_DIR "/kubelite";
	case NODE_DQLITE:
		return PENDING_DIR "/k8s-dqlite";
	case NODE_PROXY:
		return PENDING_DIR "/apiserver-proxy";
	case NODE_CONTAINERD:
		return PENDING_DIR "/containerd";
	case NODE_AGENT:
		return PENDING_DIR "/cluster-agent";
	}
	return NULL;
}

/* Fills `daemons`, NULL-terminated, and returns their names for people. */
static char *daemons_of(unsigned pending,
			const char *daemons[G_N_ELEMENTS(services) + 1])
{
	GString *names = g_string_new(NULL);
	size_t n = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
		if (!(pending & services[i].service))
			continue;
		daemons[n++] = services[i].daemon;
		g_string_append_printf(names, "%s%s", names->len ? ", " : "",
				       services[i].name);
	}
	daemons[n] = NULL;
	return g_string_free(names, FALSE);
}

/* Runs the restart; waits out whatever else snapd is doing. */
static bool restart_daemons(struct task *task, const char *const *daemons,
			    GError **error)
{
	for (unsigned try = 1;; try++) {
		g_autoptr(ExecResult) result = NULL;
		g_autofree char *id = g_strdup_printf(
			"%s-restart-%u-%" G_GINT64_MODIFIER "x",
			task_run_id(task), try, g_get_monotonic_time());
		struct job_request request = {
			.id = id,
			.title = "snap restart",
			.script = restart_script,
			.args = daemons,
			.is_public = true,
			.accept_failure = true,
		};

		if (!task_job(task, request, &result, error))
			return false;
		if (result->status == 0)
			return true;
		if (try == BUSY_TRIES || !snap_text_is_busy(result->err, NULL)) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
				    "snap restart: exit status %d: %s",
				    result->status, g_strstrip(result->err));
			return false;
		}
		task_note(task, "snapd is busy, waiting");
		if (!task_sleep(task, BUSY_WAIT_US, error))
			return false;
	}
}

static enum task_status restart_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *daemons[G_N_ELEMENTS(services) + 1];
	g_autofree char *names = NULL;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!node->pending) {
		task_say(task, "nothing to restart");
		return TASK_OK;
	}
	names = daemons_of(node->pending, daemons);
	task_say(task, "%s", names);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (node->role == NODE_MASTER && !node_may_restart(task, error))
		return TASK_FAILED;
	if (!restart_daemons(task, daemons, error))
		return TASK_FAILED;
	node->pending = 0;
	node->fresh_us = g_get_monotonic_time();
	return TASK_CHANGED;
}

const struct action action_restart = {
	.name = "restart",
	.summary = "restart the services whose configuration was changed",
	.help = "Restarts only what earlier steps of this run, or of a run "
		"that was interrupted, have left owing a restart; containers "
		"keep running. With nothing owed it does nothing.",
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = restart_run,
};
