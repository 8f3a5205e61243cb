/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `run`: a shell command with a guard. For playbooks of the user's
 * own; a command without a guard runs every time.
 */
#include "actions.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "command", .type = PARAM_STRING, .required = true,
	  .help = "POSIX shell text, run as root." },
	{ .name = "unless", .type = PARAM_STRING, .fallback = "",
	  .help = "Shell text; if it succeeds, the command is not needed." },
	{ .name = "creates", .type = PARAM_STRING, .fallback = "",
	  .help = "A path; if it exists, the command is not needed." },
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "5m",
	  .help = "How long the command may take." },
};

/* $1 unless, $2 creates: status 0 if the command is needed, 3 if not. */
static const char guard_script[] =
	"unless=$1\n"
	"if [ -n \"$2\" ] && [ -e \"$2\" ]; then exit 3; fi\n"
	"if [ -n \"$unless\" ] && (set --; eval \"$unless\") >/dev/null 2>&1; "
	"then exit 3; fi\n";

#define NOT_NEEDED 3

static const char command_script[] = "exec sh -c \"$1\"\n";

static bool is_needed(struct task *task, bool *needed, GError **error)
{
	const char *args[] = { task_string(task, "unless"),
			       task_string(task, "creates"), NULL };
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "the guard of a command",
		.script = guard_script,
		.args = args,
		.accept_failure = true,
	};

	if (!task_exec(task, request, &result, error))
		return false;
	*needed = result->status != NOT_NEEDED;
	return true;
}

/* The last line of what it printed says most in one line. */
static void say_last_line(struct task *task, const char *out)
{
	g_autofree char *text = g_strdup(out);

	g_strchomp(text);
	const char *feed = strrchr(text, '\n');

	task_say(task, "%s", feed ? feed + 1 : text);
}

static enum task_status run_run(struct task *task, GError **error)
{
	const char *command = task_string(task, "command");
	bool has_guard = *task_string(task, "unless") ||
		*task_string(task, "creates");
	/* two hosts of the inventory may be one machine */
	g_autofree char *id = g_strdup_printf(
		"%s-run-%" G_GINT64_MODIFIER "x-%08x", task_run_id(task),
		g_get_monotonic_time(), g_random_int());
	const char *args[] = { command, NULL };
	g_autoptr(ExecResult) result = NULL;
	bool needed = true;
	struct job_request request = {
		.id = id,
		.title = "a command of the playbook",
		.script = command_script,
		.args = args,
	};

	if (has_guard && !is_needed(task, &needed, error))
		return TASK_FAILED;
	if (!needed) {
		task_say(task, "not needed");
		return TASK_OK;
	}
	task_say(task, "%s", command);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!task_job(task, request, &result, error))
		return TASK_FAILED;
	say_last_line(task, result->out);
	return TASK_CHANGED;
}

const struct action action_run = {
	.name = "run",
	.summary = "run a shell command, unless it is not needed",
	.help = "Runs the command as root, detached, so that it outlives a "
		"lost connection. With `unless` or `creates` it runs only "
		"where it is needed; without, every time.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = false,
	.run = run_run,
};
