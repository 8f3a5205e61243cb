/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `mirrors`: containerd's hosts.toml for each registry that has
 * mirrors. containerd reads it at every pull, so nothing is restarted, and a
 * join leaves it alone; so it is there before the first image is wanted.
 */
#include "actions.h"

#include "playbooks/microk8s/mirrors.h"

#include <string.h>

#define CERTS_D ARGS_DIR "/certs.d"

static const struct param params[] = {
	{ .name = "registries", .type = PARAM_STRING,
	  .fallback = "${microk8s_registry_mirrors:-}",
	  .help = "REGISTRY=URL, separated by blanks or commas; a URL alone "
		  "is one more of the registry before, _default stands for "
		  "all others.",
	  .rule = mirrors_check },
};

/* $1 folder. It and certs.d become the group's, as args is. */
static const char folder_script[] =
	"set -e\n"
	"mkdir -p \"$1\"\n"
	"for dir in " CERTS_D " \"$1\"; do\n"
	"	chown --reference=" ARGS_DIR " \"$dir\"\n"
	"	chmod --reference=" ARGS_DIR " \"$dir\"\n"
	"done\n";

static bool make_folder(struct task *task, const char *folder, GError **error)
{
	const char *args[] = { folder, NULL };
	struct exec_request request = {
		.title = "make a folder for hosts.toml",
		.script = folder_script,
		.args = args,
	};

	return task_exec(task, request, NULL, error);
}

static enum task_status write_mirror(struct task *task,
				     const struct mirror *mirror,
				     GError **error)
{
	g_autofree char *folder = g_strconcat(CERTS_D "/", mirror->registry,
					      NULL);
	g_autofree char *path = g_strconcat(folder, "/hosts.toml", NULL);
	g_autofree char *after = mirrors_hosts_toml(mirror);
	g_autofree char *before = NULL;

	if (!file_read(task_session(task), path, &before, task_deadline(task),
		       error))
		return TASK_FAILED;
	if (g_strcmp0(before, after) == 0)
		return TASK_OK;
	if (!before && task_may_change(task) &&
	    !make_folder(task, folder, error))
		return TASK_FAILED;
	return node_edit_file(task, path, before, after, 0, error);
}

static enum task_status mirrors_run(struct task *task, GError **error)
{
	size_t at;
	g_autoptr(GPtrArray) mirrors = mirrors_parse(
		task_string(task, "registries"), &at, error);
	g_autoptr(GString) names = g_string_new(NULL);
	enum task_status whole = TASK_OK;

	if (!mirrors)
		return TASK_FAILED;
	if (mirrors->len == 0) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	for (guint i = 0; i < mirrors->len; i++) {
		const struct mirror *mirror = g_ptr_array_index(mirrors, i);
		enum task_status status = write_mirror(task, mirror, error);

		if (status == TASK_FAILED)
			return TASK_FAILED;
		if (status == TASK_CHANGED)
			whole = TASK_CHANGED;
		g_string_append_printf(names, "%s%s", i ? ", " : "",
				       mirror->registry);
	}
	task_say(task, "of %s", names->str);
	return whole;
}

const struct action action_mirrors = {
	.name = "mirrors",
	.summary = "tell containerd of mirrors of image registries",
	.help = "Writes args/certs.d/REGISTRY/hosts.toml; one that says "
		"something else is replaced, and its old text kept beside "
		"it. The mirrors are tried in their order, the registry "
		"itself last. A registry that is taken out of the inventory "
		"keeps its file.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = mirrors_run,
};
