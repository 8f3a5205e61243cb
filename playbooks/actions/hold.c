/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `hold`: whether snapd may refresh MicroK8s by itself. A hold stops
 * refreshes that nobody asked for, not one of this snap by name, and outlives
 * that (snapd, resetGatingForRefreshed).
 */
#include "actions.h"

#include "transport/scalar.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "refreshes", .type = PARAM_STRING, .fallback = "",
	  .help = "yes: held; no: not held; empty: left as they are." },
};

static const char hold_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"exec \"$snap\" refresh \"--$1\" microk8s >/dev/null\n";

bool node_hold(struct task *task, bool hold, GError **error)
{
	const char *args[] = { hold ? "hold" : "unhold", NULL };
	struct node *node = task_node(task);
	g_autoptr(GError) problem = NULL;

	if (!node_run_patiently(task, hold ? "snap refresh --hold"
				: "snap refresh --unhold", hold_script, args,
				&problem)) {
		if (strstr(problem->message, "unknown flag"))
			task_hint(task, "snapd holds refreshes from 2.58 on: "
				  "sudo snap refresh snapd on %s",
				  task_host(task)->name);
		g_propagate_error(error, g_steal_pointer(&problem));
		return false;
	}
	if (!node_look(task, error))
		return false;
	if (node->facts->held == hold)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "snap said success, but snap list shows MicroK8s %s",
		    node->facts->held ? "held" : "not held");
	if (!hold)
		task_hint(task, "all snaps may be held: sudo snap refresh "
			  "--unhold");
	return false;
}

static enum task_status hold_run(struct task *task, GError **error)
{
	const char *text = task_string(task, "refreshes");
	const struct node *node = task_node(task);
	bool hold = false;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!text || !*text) {
		task_say(task, "nothing is asked for");
		return TASK_SKIPPED;
	}
	if (!scalar_bool(text, &hold)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'refreshes' takes yes or no, not '%s'", text);
		return TASK_FAILED;
	}
	task_say(task, hold ? "refreshes are held" : "refreshes are not held");
	if (node->facts->installed && node->facts->held == hold)
		return TASK_OK;
	if (!node->facts->installed && !hold)
		return TASK_OK;		/* a new snap is not held */
	if (!task_may_change(task))
		return TASK_CHANGED;
	return node_hold(task, hold, error) ? TASK_CHANGED : TASK_FAILED;
}

const struct action action_hold = {
	.name = "hold",
	.summary = "hold back snapd's refreshes of MicroK8s, or let them be",
	.help = "With `snap refresh --hold`, so that MicroK8s is restarted "
		"and renewed only when somebody says so, as muster upgrade "
		"does. Without a word for `refreshes` it does nothing.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = hold_run,
};
