/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `alias`: `kubectl` by itself means MicroK8s' kubectl, by an alias
 * of snapd's. One that belongs to another snap is somebody's and stays.
 */
#include "actions.h"

#include "playbooks/microk8s/snap_text.h"

#include <string.h>

#define COMMAND "microk8s.kubectl"
#define ALIAS "kubectl"

static const struct param params[] = {
	{ .name = ALIAS, .type = PARAM_BOOL,
	  .fallback = "${microk8s_alias:-no}",
	  .help = "Whether to make it; no leaves one that is there." },
};

static const char look_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"exec \"$snap\" aliases\n";

static const char alias_script[] =
	"snap=$(command -v snap || echo /usr/bin/snap)\n"
	"exec \"$snap\" alias " COMMAND " " ALIAS "\n";

/* Whom it belongs to; *command NULL: nobody. */
static bool look(struct task *task, char **command, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "snap aliases",
		.script = look_script,
	};

	if (!task_exec(task, request, &result, error))
		return false;
	*command = snap_text_alias_of(result->out, ALIAS);
	return true;
}

static enum task_status refuse_foreign(struct task *task, const char *command,
				       GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
		    "'" ALIAS "' is an alias of %s already", command);
	task_hint(task, "sudo snap unalias " ALIAS " on %s if MicroK8s is to "
		  "have it, or set microk8s_alias=no there",
		  task_host(task)->name);
	return TASK_FAILED;
}

static enum task_status alias_run(struct task *task, GError **error)
{
	g_autofree char *before = NULL, *after = NULL;

	if (!task_bool(task, ALIAS)) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	task_say(task, ALIAS " is " COMMAND);
	if (!look(task, &before, error))
		return TASK_FAILED;
	if (g_strcmp0(before, COMMAND) == 0)
		return TASK_OK;
	if (before)
		return refuse_foreign(task, before, error);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!node_run_patiently(task, "snap alias", alias_script, NULL,
				error)) {
		task_hint(task, "another snap has a command of that name on "
			  "%s: remove it, or set microk8s_alias=no there",
			  task_host(task)->name);
		return TASK_FAILED;
	}
	if (!look(task, &after, error))
		return TASK_FAILED;
	if (g_strcmp0(after, COMMAND) == 0)
		return TASK_CHANGED;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "snap alias said success, but snap aliases does not show "
		    "it");
	return TASK_FAILED;
}

const struct action action_alias = {
	.name = "alias",
	.summary = "let kubectl mean MicroK8s' kubectl",
	.help = "Makes the alias with `snap alias`, unless kubectl is an "
		"alias of another snap's: that is refused.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = alias_run,
};
