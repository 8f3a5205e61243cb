/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `upgrade`: one node to another channel, or to what is new in its
 * own. Its pods go elsewhere first, and it takes new ones only when the API
 * says that it is Ready with the new kubelet: `snap refresh` is done long
 * before that.
 */
#include "upgrade_work.h"

#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/snap_text.h"
#include "playbooks/microk8s/upgrade_rules.h"

#include <string.h>

/* A slow line, and a snapd that has hung at copying data (microk8s#1022). */
#define REFRESH_US (30 * 60 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "channel", .type = PARAM_STRING, .required = true,
	  .help = "Channel that the node is to come from." },
	{ .name = "at_once", .type = PARAM_STRING, .fallback = "1",
	  .help = "How many workers may be away at once: a number, or a share "
		  "of all workers such as 25%. Masters go one by one." },
	{ .name = "wait", .type = PARAM_DURATION, .fallback = "5m",
	  .help = "How long the pods of a node may take to go." },
	{ .name = "force", .type = PARAM_BOOL, .fallback = "no",
	  .help = "Also delete pods that no controller would start again." },
	{ .name = "come_back", .type = PARAM_DURATION, .fallback = "5m",
	  .help = "How long the node may take to be Ready again." },
};

static const char refresh_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"\"$snap\" wait system seed.loaded || exit $?\n"
	"exec \"$snap\" refresh microk8s --channel=\"$1\"\n";

/* --- the snap --- */

/* A refresh that snapd took back would be taken back again, and the node is
 * down each time. */
static bool refresh_may_pass(const struct exec_result *result)
{
	return !snap_text_is_undone(result->err) && node_may_pass(result);
}

static bool is_as_wanted(struct upgrade_work *w, GError **error)
{
	const struct facts *facts = task_node(w->task)->facts;
	const char *wanted = w->latest ? w->latest : w->channel;

	if (snap_channel_equal(facts->channel, w->channel) &&
	    (upgrade_step_between(facts->version, wanted) == UPGRADE_SAME ||
	     upgrade_step_between(facts->version, wanted) == UPGRADE_UNKNOWN))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "snap refresh said success, but MicroK8s is %s from %s",
		    facts->version, facts->channel ? facts->channel
		    : "no channel");
	return false;
}

static bool refresh(struct upgrade_work *w, GError **error)
{
	const char *args[] = { w->channel, NULL };
	const struct patience patience = {
		.may_pass = refresh_may_pass,
		.deadline_us = g_get_monotonic_time() + REFRESH_US,
	};

	task_note(w->task, "snap refresh microk8s --channel=%s", w->channel);
	return node_run_until(w->task, "snap refresh microk8s",
			      refresh_script, args, &patience, error) &&
		node_look(w->task, error) && is_as_wanted(w, error);
}

static gint64 return_deadline(const struct upgrade_work *w)
{
	return g_get_monotonic_time() + task_duration(w->task, "come_back");
}

/* What became of a node whose refresh failed: snapd puts the revision before
 * in place again. If that works as it did, the node takes pods as it did. */
static void fall_back(struct upgrade_work *w, GError **error)
{
	struct task *task = w->task;
	const struct node *node = task_node(task);
	bool is_undone = snap_text_is_undone((*error)->message);
	g_autoptr(GError) problem = NULL;

	if (!node_look(task, &problem) || !node->facts->revision ||
	    strcmp(node->facts->revision, w->revision) != 0) {
		task_hint(task, "%s may take no new pods (cordoned); see sudo "
			  "snap changes on it", task_host(task)->name);
		return;
	}
	if (is_undone)
		g_prefix_error(error, "snapd went back to %s (revision %s): ",
			       w->version, w->revision);
	if (node_await(task, w->version, return_deadline(w), &problem) &&
	    upgrade_take_pods(w, &problem)) {
		task_hint(task, "it runs %s as before%s; see sudo snap tasks "
			  "--last=refresh on %s, then muster upgrade again",
			  w->version, w->is_cordoned ? "" : ", and takes pods",
			  task_host(task)->name);
		return;
	}
	task_warn(task, "with %s again %s", w->version, problem->message);
	task_hint(task, "it takes no new pods (cordoned); see sudo microk8s "
		  "inspect on %s, and once it is Ready muster upgrade again",
		  task_host(task)->name);
}

/* The last part, also of a node that an earlier run left at it. */
static bool finish(struct upgrade_work *w, GError **error)
{
	struct task *task = w->task;
	const struct facts *facts = task_node(task)->facts;

	if (!node_await(task, facts->version, return_deadline(w), error)) {
		task_hint(task, "%s runs %s%s; see sudo microk8s inspect on "
			  "it; once it is Ready muster upgrade again goes on, "
			  "and sudo snap revert microk8s goes back",
			  task_host(task)->name, facts->version,
			  w->is_marked || w->is_cordoned
			  ? " and takes no new pods (cordoned)" : "");
		return false;
	}
	if (!upgrade_take_pods(w, error)) {
		task_hint(task, "it is Ready but still cordoned: muster "
			  "upgrade again");
		return false;
	}
	upgrade_survey(w, NULL);	/* for who shows the nodes at the end */
	return true;
}

/* A hold outlives a refresh by name; seen to, as it was not asked about. */
static bool keep_hold(struct upgrade_work *w, GError **error)
{
	return !w->was_held || task_node(w->task)->facts->held ||
		node_hold(w->task, true, error);
}

static bool may_begin(const struct upgrade_work *w, GError **error)
{
	bool is_worker = task_node(w->task)->role == NODE_WORKER;

	if (is_worker && w->behind)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "the control plane %s, and no kubelet may be "
			    "newer: masters first", w->behind);
	else if (!is_worker && w->is_ready &&
		 !upgrade_keeps_quorum(w->masters, w->ready_masters))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "only %u of %u control planes are Ready: with one "
			    "more away the datastore would lose its majority",
			    w->ready_masters, w->masters);
	else
		return true;
	return false;
}

static bool replace(struct upgrade_work *w, GError **error)
{
	if (!may_begin(w, error) || !node_may_restart(w->task, error) ||
	    !upgrade_make_room(w, error))
		return false;
	if (refresh(w, error))
		return finish(w, error) && keep_hold(w, error);
	/* What nobody saw the end of may go on. */
	if (muster_error_is_unreachable((*error)->code) ||
	    (*error)->code == MUSTER_ERROR_DEADLINE ||
	    task_is_stopped(w->task))
		task_hint(w->task, "it may take no new pods (cordoned), and "
			  "snap changes on it tells how far it is: muster "
			  "upgrade again goes on with it");
	else
		fall_back(w, error);
	return false;
}

/* --- all of it --- */

static void say_what(const struct upgrade_work *w, bool is_there)
{
	const struct facts *facts = task_node(w->task)->facts;

	if (!is_there)
		task_say(w->task, "from %s to %s%s%s%s", facts->version,
			 w->latest ? w->latest : w->channel,
			 w->latest ? " (" : "", w->latest ? w->channel : "",
			 w->latest ? ")" : "");
	else if (!w->is_ready)
		task_say(w->task, "%s from %s, waiting until it is Ready",
			 facts->version, facts->channel);
	else if (w->is_marked)
		task_say(w->task, "%s from %s, takes pods again",
			 facts->version, facts->channel);
	else
		task_say(w->task, "%s from %s", facts->version,
			 facts->channel);
}

static enum task_status upgrade(struct upgrade_work *w, GError **error)
{
	struct node *node = task_node(w->task);
	enum task_status status;
	bool is_there, ok;

	if (!node_ask_store(w->task, w->channel, &w->latest, NULL, error) ||
	    !upgrade_survey(w, error))
		return TASK_FAILED;
	is_there = node_is_upgraded(node, w->channel, w->latest);
	say_what(w, is_there);
	if (is_there && w->is_ready && !w->is_marked)
		return TASK_OK;
	if (!task_may_change(w->task))
		return TASK_CHANGED;
	status = upgrade_enter(w, error);
	if (status != TASK_OK)
		return status;
	/* The others have changed meanwhile. */
	ok = upgrade_survey(w, error) && (is_there ? finish(w, error)
				  : replace(w, error));
	upgrade_leave(w, ok);
	return ok ? TASK_CHANGED : TASK_FAILED;
}

static enum task_status upgrade_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	struct node *node = task_node(task);
	const char *stranger;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!cluster_chose(cluster, node)) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	stranger = node_stranger(cluster, node);
	if (stranger) {
		g_set_error_literal(error, MUSTER_ERROR,
				    MUSTER_ERROR_PREFLIGHT, stranger);
		return TASK_FAILED;
	}
	struct upgrade_work work = {
		.task = task,
		.channel = snap_channel_normalize(task_string(task, "channel"),
						  error),
		.version = g_strdup(node->facts->version),
		.revision = g_strdup(node->facts->revision),
		.was_held = node->facts->held,
	};
	enum task_status status = TASK_FAILED;

	if (work.channel) {
		upgrade_queue(&work, true);
		status = upgrade(&work, error);
		upgrade_queue(&work, false);
	}
	upgrade_work_clear(&work);
	return status;
}

const struct action action_upgrade = {
	.name = "upgrade",
	.summary = "bring a node to another channel, or to what is new in it",
	.help = "Waits for its turn, moves the pods off the node by kubectl "
		"drain (if any other node takes pods), runs `snap refresh`, "
		"waits until the API says that the node is Ready with the new "
		"kubelet, and lets it take pods again unless it took none "
		"before. When a node fails, those that have not begun do not "
		"begin.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 24 * 3600 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = upgrade_run,
};
