/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `snap`: MicroK8s installed from the wanted channel and running.
 * `snap install` of an installed snap exits 0 and leaves the channel as it
 * was, so what is there is looked at, never assumed; it is never switched to
 * another channel behind its owner's back.
 */
#include "actions.h"

#include "playbooks/microk8s/snap_text.h"
#include "playbooks/microk8s/upgrade_rules.h"

#include <string.h>

#define DEFAULT_CHANNEL "1.32/stable"
#define TRIES 5
#define BUSY_TRIES 60		/* 5 minutes: a refresh copies all the data */
#define RETRY_WAIT_US (5 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "channel", .type = PARAM_STRING, .fallback = "",
	  .help = "Channel to install from; empty: the master's, or "
		  DEFAULT_CHANNEL "." },
};

/* $1 channel, $2 --classic or empty. A fresh machine's snapd seeds first. */
static const char install_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"\"$snap\" wait system seed.loaded || exit $?\n"
	"\"$snap\" install microk8s --channel=\"$1\" $2 || exit $?\n"
	"exec /snap/bin/microk8s status --wait-ready --timeout 300 "
	">/dev/null\n";

static const char start_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"if [ -e " SNAP_DATA "/var/lock/clustered.lock ]; then\n"
	"	\"$snap\" start --enable microk8s\n"
	"else\n"
	"	/snap/bin/microk8s start\n"
	"fi || exit $?\n"
	"rm -f " SNAP_DATA "/var/lock/stopped.lock\n";

static const char info_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"if command -v timeout >/dev/null; then\n"
	"	exec timeout 60 \"$snap\" info microk8s\n"
	"fi\n"
	"exec \"$snap\" info microk8s\n";

static char *wanted_channel(const struct task *task)
{
	const char *channel = task_string(task, "channel");
	const struct facts *master = task_cluster(task)->master->facts;

	if (channel && *channel)
		return g_strdup(channel);
	if (master && master->channel)
		return g_strdup(master->channel);
	return g_strdup(DEFAULT_CHANNEL);
}

bool node_may_pass(const struct exec_result *result)
{
	static const char *const passing[] = {
		"change in progress", "too early for operation",
		"connection refused", "timeout", "try again", "EOF", NULL
	};

	for (size_t i = 0; passing[i]; i++)
		if (strstr(result->err, passing[i]))
			return true;
	return snap_text_is_busy(result->err, NULL);
}

bool node_run_patiently(struct task *task, const char *what,
			const char *script, const char *const *args,
			GError **error)
{
	const struct patience patience = { .may_pass = node_may_pass };

	return node_run_until(task, what, script, args, &patience, error);
}

/* Another change is waited for longer than what has to pass by chance. */
static bool is_worth_another(const struct exec_result *result,
			     const struct patience *patience,
			     unsigned *tries, unsigned *busy)
{
	if (snap_text_is_busy(result->err, NULL))
		return ++*busy < BUSY_TRIES;
	return ++*tries < TRIES && patience->may_pass(result);
}

bool node_run_until(struct task *task, const char *what, const char *script,
		    const char *const *args, const struct patience *patience,
		    GError **error)
{
	unsigned tries = 0, busy = 0;

	while (true) {
		g_autoptr(ExecResult) result = NULL;
		g_autofree char *id = g_strdup_printf(
			"%s-snap-%u-%" G_GINT64_MODIFIER "x",
			task_run_id(task), tries + busy + 1,
			g_get_monotonic_time());
		struct job_request request = {
			.id = id,
			.title = what,
			.script = script,
			.args = args,
			.is_public = true,
			.accept_failure = true,
			.deadline_us = patience->deadline_us,
		};

		if (!task_job(task, request, &result, error))
			return false;
		if (result->status == 0)
			return true;
		g_strstrip(result->err);
		if (!is_worth_another(result, patience, &tries, &busy)) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
				    "%s: exit status %d: %s", what,
				    result->status, *result->err
				    ? result->err : g_strstrip(result->out));
			return false;
		}
		if (busy <= 1)
			task_note(task, "%s: %s; trying again", what,
				  result->err);
		if (!task_sleep(task, RETRY_WAIT_US, error))
			return false;
	}
}

static enum task_status install(struct task *task, const char *channel,
				GError **error)
{
	struct node *node = task_node(task);
	const char *args[] = {
		channel, strstr(channel, "-strict") ? "" : "--classic", NULL
	};

	task_say(task, "install MicroK8s from %s", channel);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!node_run_patiently(task, "snap install microk8s", install_script,
				args, error) || !node_look(task, error))
		return TASK_FAILED;
	if (node->facts->installed)
		return TASK_CHANGED;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "snap install said success, but microk8s is not there");
	return TASK_FAILED;
}

static enum task_status start(struct task *task, GError **error)
{
	task_say(task, "start MicroK8s: it was stopped");
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!node_run_patiently(task, "microk8s start", start_script, NULL,
				error) || !node_look(task, error))
		return TASK_FAILED;
	return TASK_CHANGED;
}

static enum task_status snap_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	g_autofree char *channel = NULL;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	channel = wanted_channel(task);
	if (!node->facts->installed)
		return install(task, channel, error);
	if (node->facts->channel &&
	    !snap_channel_equal(node->facts->channel, channel)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    "MicroK8s is installed from %s, not from %s",
			    node->facts->channel, channel);
		task_hint(task, "muster upgrade --channel %s, or set "
			  "microk8s_channel=%s", channel,
			  node->facts->channel);
		return TASK_FAILED;
	}
	if (node->facts->locks & LOCK_STOPPED)
		return start(task, error);
	task_say(task, "%s from %s", node->facts->version,
		 node->facts->channel);
	return TASK_OK;
}

bool node_ask_store(struct task *task, const char *channel, char **version,
		    bool *told, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "snap info microk8s",
		.script = info_script,
		.accept_failure = true,
	};

	if (!task_exec(task, request, &result, error))
		return false;
	*version = snap_info_version(result->out, channel, told);
	return true;
}

bool node_is_upgraded(const struct node *node, const char *channel,
		      const char *version)
{
	return snap_channel_equal(node->facts->channel, channel) &&
		(!version || upgrade_is_version(node->facts->version,
						version));
}

const struct action action_snap = {
	.name = "snap",
	.summary = "install MicroK8s, or check that the right one is there",
	.help = "Installs from the channel if the snap is absent, and waits "
		"until it is ready. An installed snap of another channel is "
		"refused, not switched; a stopped one is started.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 20 * 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = snap_run,
};
