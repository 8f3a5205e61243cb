/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `copy`: a file of this machine, or a text of the playbook, on the
 * host. For playbooks of the user's own.
 */
#include "actions.h"

#include <string.h>

#define COPY_MAX (1024 * 1024)	/* bytes, what file_read() takes */

static const struct param params[] = {
	{ .name = "src", .type = PARAM_STRING, .fallback = "",
	  .help = "File of this machine; or give `content`." },
	{ .name = "content", .type = PARAM_STRING, .fallback = "",
	  .help = "The text itself." },
	{ .name = "dest", .type = PARAM_STRING, .required = true,
	  .help = "Absolute path on the host." },
	{ .name = "mode", .type = PARAM_STRING, .fallback = "0644",
	  .help = "Mode of a file that is new; one that exists keeps its "
		  "own." },
	{ .name = "owner", .type = PARAM_STRING, .fallback = "root:root",
	  .help = "Owner and group of a file that is new." },
	{ .name = "backup", .type = PARAM_BOOL, .fallback = "yes",
	  .help = "Keep the old text beside it." },
};

static bool wanted_text(const struct task *task, char **text, GError **error)
{
	const char *src = task_string(task, "src");
	const char *content = task_string(task, "content");
	g_autoptr(GError) why = NULL;
	gsize length = 0;

	if (!*src == !*content) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "give one of 'src' and 'content'");
		return false;
	}
	if (*content) {
		*text = g_strdup(content);
		return true;
	}
	if (!g_file_get_contents(src, text, &length, &why)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT, "%s",
			    why->message);
		return false;
	}
	if (length <= COPY_MAX && strlen(*text) == length)
		return true;
	g_clear_pointer(text, g_free);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "'%s' is larger than 1 MiB or no text", src);
	return false;
}

static enum task_status copy_run(struct task *task, GError **error)
{
	const char *dest = task_string(task, "dest");
	g_autofree char *suffix = g_strconcat(".muster-", task_run_id(task),
					      NULL);
	g_autofree char *before = NULL, *after = NULL, *sha = NULL;

	if (*dest != '/') {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'dest' takes an absolute path, not '%s'", dest);
		return TASK_FAILED;
	}
	if (!wanted_text(task, &after, error) ||
	    !file_read(task_session(task), dest, &before,
		       task_deadline(task), error))
		return TASK_FAILED;
	task_say(task, "%s", dest);
	if (g_strcmp0(before, after) == 0)
		return TASK_OK;
	task_diff(task, dest, before ? before : "", after);
	if (!task_may_change(task))
		return TASK_CHANGED;
	sha = before ? file_sha256(before) : g_strdup("");
	struct file_replacement replacement = {
		.path = dest,
		.text = after,
		.expected_sha256 = sha,
		.backup_suffix = before && task_bool(task, "backup")
			? suffix : NULL,
		.mode = task_string(task, "mode"),
		.owner = task_string(task, "owner"),
	};

	return file_replace(task_session(task), &replacement,
			    task_deadline(task), error)
		? TASK_CHANGED : TASK_FAILED;
}

const struct action action_copy = {
	.name = "copy",
	.summary = "put a text file on the host",
	.help = "Writes the file only if its text differs: atomically, with "
		"owner and mode of the file that is there, and its old text "
		"kept beside it. Text of at most 1 MiB.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = copy_run,
};
