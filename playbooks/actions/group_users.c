/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `group_users`: users in MicroK8s' group, who may then call
 * microk8s without sudo. Nobody is ever taken out of it.
 */
#include "actions.h"

#include "playbooks/microk8s/group_users.h"
#include "playbooks/microk8s/word_list.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "users", .type = PARAM_STRING,
	  .fallback = "${microk8s_group_users:-}",
	  .help = "Their names, separated by blanks or commas; "
		  "${ansible_user} is the one who logs in.",
	  .rule = group_users_check },
};

/* $1 group, then users: prints "absent NAME", "in NAME" or "out NAME". */
static const char look_script[] =
	"group=$1\n"
	"shift\n"
	"for user; do\n"
	"	if ! id -u -- \"$user\" >/dev/null 2>&1; then\n"
	"		echo \"absent $user\"\n"
	"	elif id -nG -- \"$user\" | tr ' ' '\\n' |\n"
	"		grep -qxF -- \"$group\"; then\n"
	"		echo \"in $user\"\n"
	"	else\n"
	"		echo \"out $user\"\n"
	"	fi\n"
	"done\n";

static const char add_script[] =
	"group=$1\n"
	"shift\n"
	"PATH=$PATH:/usr/sbin:/sbin\n"
	"for user; do\n"
	"	usermod -a -G \"$group\" \"$user\" || exit $?\n"
	"done\n";

/* Who this host knows as the one who logs in. */
static char *login_user(struct task *task, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "who logs in",
		.script = "exec id -un\n",
		.as_login_user = true,
	};

	if (!task_exec(task, request, &result, error))
		return NULL;
	g_strstrip(result->out);
	if (group_users_is_name(result->out))
		return g_strdup(result->out);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "'%.64s' is not the name of a user", result->out);
	return NULL;
}

/* The group, then the users; NULL-terminated. */
static GPtrArray *wanted(struct task *task, GError **error)
{
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	size_t at;
	g_autoptr(GPtrArray) words = word_list(task_string(task, "users"),
					       WORD_LIST_COMMAS, &at, error);

	if (!words)
		return NULL;
	g_ptr_array_add(argv, g_strdup(node_group(task_node(task))));
	for (guint i = 0; i < words->len; i++) {
		const struct list_word *word = g_ptr_array_index(words, i);
		g_autofree char *user = *word->text == '$'
			? login_user(task, error) : g_strdup(word->text);

		if (!user)
			return NULL;
		g_ptr_array_add(argv, g_steal_pointer(&user));
	}
	g_ptr_array_add(argv, NULL);
	return g_steal_pointer(&argv);
}

static bool run_script(struct task *task, const char *script,
		       const GPtrArray *argv, struct exec_result **result,
		       GError **error)
{
	struct exec_request request = {
		.title = "users in MicroK8s' group",
		.script = script,
		.args = (const char *const *)argv->pdata,
	};

	return task_exec(task, request, result, error);
}

/* Those of `said` behind `word`, copied into a list that begins with the
 * group and ends with NULL. */
static GPtrArray *those(const char *said, const char *word, const char *group)
{
	GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
	g_auto(GStrv) lines = g_strsplit(said, "\n", -1);

	g_ptr_array_add(argv, g_strdup(group));
	for (char **line = lines; *line; line++) {
		const char *blank = strchr(*line, ' ');

		if (blank && strlen(word) == (size_t)(blank - *line) &&
		    g_str_has_prefix(*line, word))
			g_ptr_array_add(argv, g_strdup(blank + 1));
	}
	g_ptr_array_add(argv, NULL);
	return argv;
}

static char *names_of(const GPtrArray *argv)
{
	return g_strjoinv(", ", (char **)argv->pdata + 1);
}

/* Adds those of `missing`, and looks whether they are in it now. */
static enum task_status add(struct task *task, const GPtrArray *missing,
			    GError **error)
{
	const char *group = g_ptr_array_index(missing, 0);
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GPtrArray) still = NULL;
	g_autofree char *names = NULL;

	if (!run_script(task, add_script, missing, NULL, error) ||
	    !run_script(task, look_script, missing, &result, error))
		return TASK_FAILED;
	still = those(result->out, "out", group);
	if (still->len == 2)
		return TASK_CHANGED;
	names = names_of(still);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
		    "usermod said success, but %s is not in group %s", names,
		    group);
	return TASK_FAILED;
}

static enum task_status group_users_run(struct task *task, GError **error)
{
	g_autoptr(GPtrArray) argv = NULL, absent = NULL, missing = NULL;
	g_autoptr(ExecResult) result = NULL;
	g_autofree char *names = NULL;
	const char *group;

	if (!*task_string(task, "users")) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	argv = wanted(task, error);
	if (!argv || !run_script(task, look_script, argv, &result, error))
		return TASK_FAILED;
	group = g_ptr_array_index(argv, 0);
	absent = those(result->out, "absent", group);
	missing = those(result->out, "out", group);
	if (absent->len > 2) {
		names = names_of(absent);
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    "there is no user %s", names);
		task_hint(task, "sudo adduser NAME on %s, or take the name "
			  "out of microk8s_group_users",
			  task_host(task)->name);
		return TASK_FAILED;
	}
	names = names_of(missing->len > 2 ? missing : argv);
	if (missing->len == 2) {
		task_say(task, "%s in %s", names, group);
		return TASK_OK;
	}
	task_say(task, "%s into %s, from the next login on", names, group);
	return task_may_change(task) ? add(task, missing, error)
				     : TASK_CHANGED;
}

const struct action action_group_users = {
	.name = "group_users",
	.summary = "put users into the group that may call microk8s",
	.help = "Adds each user to the group microk8s (snap_microk8s of a "
		"strict snap), which is as good as root on that host. A user "
		"who does not exist is refused; one who is taken out of the "
		"inventory stays in the group.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = group_users_run,
};
