/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `addons`: enables what is asked for and not enabled, one after the
 * other. What `microk8s enable` says of itself is not enough: `microk8s
 * status` has to show the addon as enabled.
 */
#include "actions.h"

#include "playbooks/microk8s/addons.h"
#include "playbooks/microk8s/status_text.h"
#include "transport/nearest.h"

#include <string.h>

#define PAUSE_US G_TIME_SPAN_SECOND

static const struct param params[] = {
	{ .name = "enable", .type = PARAM_STRING,
	  .fallback = "${microk8s_addons:-}",
	  .help = "NAME or NAME:ARGUMENT, separated by blanks or commas.",
	  .rule = addons_check },
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "10m",
	  .help = "How long all of them together may take." },
};

static const char status_script[] =
	"exec /snap/bin/microk8s status --format yaml\n";

/* $1 NAME[:ARGUMENT]. Some ask on standard input; a job has none. */
static const char enable_script[] =
	"exec /snap/bin/microk8s enable \"$1\"\n";

/* Waits until status names the addons: a service that was restarted takes
 * the API away for a while. In check mode it is asked once. NULL without an
 * error then. */
static GPtrArray *look(struct task *task, GError **error)
{
	while (true) {
		g_autoptr(ExecResult) result = NULL;
		struct exec_request request = {
			.title = "microk8s status",
			.script = status_script,
			.accept_failure = true,
		};

		if (!task_exec(task, request, &result, error))
			return NULL;
		GPtrArray *addons = addons_status(result->out);

		if (addons)
			return addons;
		const char *state = status_state_name(
			status_text_parse(result->out, result->err));

		task_say(task, "microk8s status says %s", state);
		if (!task_may_change(task))
			return NULL;
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "no addons to be seen (%s): ",
				       state);
			return NULL;
		}
	}
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void refuse_unknown(struct task *task, const char *name,
			   const GPtrArray *addons, GError **error)
{
	g_autoptr(GPtrArray) known = g_ptr_array_new();
	g_autofree char *names = NULL;
	const char *nearest;

	for (guint i = 0; i < addons->len; i++) {
		const struct addon *addon = g_ptr_array_index(addons, i);

		g_ptr_array_add(known, addon->name);
	}
	nearest = nearest_name(name, known);
	g_ptr_array_sort(known, compare_names);
	g_ptr_array_add(known, NULL);
	names = g_strjoinv(", ", (char **)known->pdata);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "there is no addon '%s'; there are %s", name, names);
	if (nearest)
		task_hint(task, "did you mean %s?", nearest);
	else if (!addons_find(addons, "community") ||
		 !addons_find(addons, "community")->is_enabled)
		task_hint(task, "more of them come with the addon community, "
			  "if it stands before");
}

/* What enable said last, for people: to either stream, as it comes. */
static char *last_line(const struct exec_result *result)
{
	g_autofree char *both = g_strconcat(result->out, "\n", result->err,
					    NULL);
	g_auto(GStrv) lines = g_strsplit(both, "\n", -1);
	const char *last = "it said nothing";

	for (char **line = lines; *line; line++)
		if (*g_strstrip(*line) &&
		    !g_str_has_prefix(*line, "Infer repository"))
			last = *line;
	return g_strdup(last);
}

/* The API was away when it was asked: not the addon's fault. */
static bool is_passing(const struct exec_result *result)
{
	return strstr(result->err, "is not ready") ||
		strstr(result->out, "is not running") ||
		strstr(result->err, "is not running") ||
		strstr(result->err, "connection refused") ||
		strstr(result->err, "was refused");
}

static bool run_enable(struct task *task, const struct addon_want *want,
		       GError **error)
{
	g_autofree char *what = g_strconcat(
		want->name, want->argument ? ":" : "",
		want->argument ? want->argument : "", NULL);
	const char *args[] = { what, NULL };

	task_note(task, "enabling %s", want->name);
	while (true) {
		g_autofree char *id = g_strdup_printf(
			"%s-enable-%" G_GINT64_MODIFIER "x",
			task_run_id(task), g_get_monotonic_time());
		g_autoptr(ExecResult) result = NULL;
		struct job_request request = {
			.id = id,
			.title = "microk8s enable",
			.script = enable_script,
			.args = args,
			.accept_failure = true,
		};

		if (!task_job(task, request, &result, error))
			return false;
		if (result->status == 0)
			return true;
		g_autofree char *said = last_line(result);

		if (!is_passing(result)) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
				    "microk8s enable %s: exit status %d: %s",
				    what, result->status, said);
			return false;
		}
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "microk8s enable %s: %s: ",
				       what, said);
			return false;
		}
	}
}

static bool wait_enabled(struct task *task, const struct addon_want *want,
			 GError **error)
{
	while (true) {
		g_autoptr(GPtrArray) addons = look(task, error);
		const struct addon *addon = addons
			? addons_find(addons, want->name) : NULL;

		if (!addons)
			return false;
		if (addon && addon->is_enabled)
			return true;
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "microk8s enable %s said "
				       "success, but status does not show "
				       "it: ", want->name);
			return false;
		}
	}
}

/* Whether all that are asked for exist. Those of a repository show only once
 * it is there, so behind `community` nothing is unknown yet. */
static bool all_known(struct task *task, const GPtrArray *wants,
		      const GPtrArray *addons, GError **error)
{
	for (guint i = 0; i < wants->len; i++) {
		const struct addon_want *want = g_ptr_array_index(wants, i);
		const struct addon *addon = addons_find(addons, want->name);

		if (!addon) {
			refuse_unknown(task, want->name, addons, error);
			return false;
		}
		if (strcmp(addon->name, "community") == 0 &&
		    !addon->is_enabled)
			return true;
	}
	return true;
}

/* Goes through them in their order; what was enabled goes to `done`. */
static bool enable_all(struct task *task, const GPtrArray *wants,
		       GPtrArray *addons, GString *done, GError **error)
{
	g_autoptr(GPtrArray) now = g_ptr_array_ref(addons);

	for (guint i = 0; i < wants->len; i++) {
		const struct addon_want *want = g_ptr_array_index(wants, i);
		const struct addon *addon = addons_find(now, want->name);

		if (!addon && task_may_change(task)) {
			refuse_unknown(task, want->name, now, error);
			return false;
		}
		if (addon && addon->is_enabled)
			continue;
		g_string_append_printf(done, "%s%s", done->len ? ", " : "",
				       want->name);
		if (!task_may_change(task))
			continue;
		if (!run_enable(task, want, error) ||
		    !wait_enabled(task, want, error))
			return false;
		g_ptr_array_unref(now);
		now = look(task, error);
		if (!now)
			return false;
	}
	return true;
}

static char *names_of(const GPtrArray *wants)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < wants->len; i++) {
		const struct addon_want *want = g_ptr_array_index(wants, i);

		g_string_append_printf(names, "%s%s", i ? ", " : "",
				       want->name);
	}
	return g_string_free(names, FALSE);
}

static enum task_status addons_run(struct task *task, GError **error)
{
	size_t at;
	g_autoptr(GPtrArray) wants = addons_parse(task_string(task, "enable"),
						  &at, error);
	g_autoptr(GPtrArray) addons = NULL;
	g_autoptr(GString) done = g_string_new(NULL);
	g_autofree char *names = NULL;

	if (!wants)
		return TASK_FAILED;
	if (wants->len == 0) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	addons = look(task, error);
	if (!addons)
		return task_may_change(task) || *error ? TASK_FAILED
						       : TASK_SKIPPED;
	if (!all_known(task, wants, addons, error) ||
	    !enable_all(task, wants, addons, done, error))
		return TASK_FAILED;
	names = names_of(wants);
	task_say(task, "%s", done->len ? done->str : names);
	return done->len ? TASK_CHANGED : TASK_OK;
}

const struct action action_addons = {
	.name = "addons",
	.summary = "enable MicroK8s' addons that are not enabled yet",
	.help = "Runs `microk8s enable` on the master for each addon of the "
		"list that `microk8s status` does not show as enabled, in the "
		"order given, and waits until it does. The argument counts "
		"only then: one that is enabled already keeps its own. None "
		"is ever disabled. An addon that does not exist is refused "
		"before any is enabled.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 600 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = addons_run,
};
