/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs `label` and `taint`: what the inventory asks for on a host's
 * node, patched in its object at the API. They live there and not on the
 * host, so a node that joins anew has lost them.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/node_marks.h"

#define PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)
#define HTTP_FORBIDDEN 403
#define HTTP_NOT_FOUND 404
#define HTTP_INVALID 422

typedef json_t *(*make_patch)(const json_t *node, const GPtrArray *marks,
			      GString *said);

static const struct param label_params[] = {
	{ .name = "labels", .type = PARAM_STRING,
	  .fallback = "${node_labels:-}",
	  .help = "KEY=VALUE, separated by blanks or commas; KEY- takes one "
		  "away.",
	  .rule = node_labels_check },
};

static const struct param taint_params[] = {
	{ .name = "taints", .type = PARAM_STRING,
	  .fallback = "${node_taints:-}",
	  .help = "KEY[=VALUE]:EFFECT, separated by blanks or commas; a dash "
		  "behind it, or KEY-, takes it away.",
	  .rule = node_taints_check },
};

/* What came of one look, and one patch if it called for one. */
enum result { RIGHT, PATCHED, WOULD_PATCH, ABSENT, REFUSED, AGAIN };

/* A conflict only says that the node was newer, silence that the API is
 * away. */
static enum result judge_failure(long status)
{
	switch (status) {
	case HTTP_NOT_FOUND:
		return ABSENT;
	case HTTP_FORBIDDEN:
	case HTTP_INVALID:
		return REFUSED;
	default:
		return AGAIN;
	}
}

/* Hosts share one tunnel, so they take turns. */
static enum result look_and_patch(struct task *task, const GPtrArray *marks,
				  make_patch make, GString *said,
				  GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autofree char *path = g_strconcat(
		"/api/v1/nodes/", task_node(task)->facts->node_name, NULL);
	enum result result = RIGHT;
	long status = 0;

	g_mutex_lock(&cluster->lock);
	json_t *node = api_get(cluster->api, path, &status,
			       task_deadline(task), error);
	json_t *patch = node ? make(node, marks, said) : NULL;

	if (!node)
		result = judge_failure(status);
	else if (patch)
		result = WOULD_PATCH;
	if (patch && task_may_change(task)) {
		json_t *answer = api_send(cluster->api, "PATCH", path, patch,
					  &status, task_deadline(task),
					  error);

		result = answer ? PATCHED : judge_failure(status);
		json_decref(answer);
	}
	g_mutex_unlock(&cluster->lock);
	json_decref(patch);
	json_decref(node);
	return result;
}

/* Until a look finds nothing to patch: that is the proof. */
static enum task_status patch_until_right(struct task *task,
					  const GPtrArray *marks,
					  make_patch make, const char *asked,
					  GError **error)
{
	bool changed = false;

	while (true) {
		g_autoptr(GString) said = g_string_new(NULL);
		g_autoptr(GError) why = NULL;
		enum result result = look_and_patch(task, marks, make, said,
						    &why);

		if (said->len)
			task_say(task, "%s", said->str);
		if (result == WOULD_PATCH)
			return TASK_CHANGED;
		if (result == RIGHT) {
			if (!changed)
				task_say(task, "%s", asked);
			return changed ? TASK_CHANGED : TASK_OK;
		}
		if (result == ABSENT && !task_may_change(task)) {
			task_say(task, "known once its node is there");
			return TASK_SKIPPED;
		}
		changed = changed || result == PATCHED;
		if (result == PATCHED)
			continue;
		if (result == REFUSED) {
			g_propagate_error(error, g_steal_pointer(&why));
			return TASK_FAILED;
		}
		if (!task_sleep(task, PAUSE_US, error)) {
			g_prefix_error(error, "%s: ", why->message);
			return TASK_FAILED;
		}
	}
}

static enum task_status mark(struct task *task, const char *asked,
			     GPtrArray *marks, make_patch make,
			     GError **error)
{
	if (!marks)
		return TASK_FAILED;
	if (marks->len == 0) {
		task_say(task, "not asked for");
		return TASK_SKIPPED;
	}
	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (!task_cluster(task)->api) {
		task_say(task, "the API was not reached");
		return TASK_SKIPPED;
	}
	return patch_until_right(task, marks, make, asked, error);
}

static enum task_status label_run(struct task *task, GError **error)
{
	const char *asked = task_string(task, "labels");
	size_t at;
	g_autoptr(GPtrArray) marks = node_labels_parse(asked, &at, error);

	return mark(task, asked, marks, node_labels_patch, error);
}

static enum task_status taint_run(struct task *task, GError **error)
{
	const char *asked = task_string(task, "taints");
	size_t at;
	g_autoptr(GPtrArray) marks = node_taints_parse(asked, &at, error);

	return mark(task, asked, marks, node_taints_patch, error);
}

const struct action action_label = {
	.name = "label",
	.summary = "give the node of a host the labels of the inventory",
	.help = "Asks the API for the node and patches the labels that are "
		"not as the list says. Others are left alone, also one that "
		"was taken out of the list: write KEY- to be rid of it.",
	.params = label_params,
	.n_params = G_N_ELEMENTS(label_params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = label_run,
};

const struct action action_taint = {
	.name = "taint",
	.summary = "give the node of a host the taints of the inventory",
	.help = "Asks the API for the node and patches the taints that are "
		"not as the list says. Others are left alone, also one that "
		"was taken out of the list: write KEY- or KEY:EFFECT- to be "
		"rid of it. Pods that run already stay, unless the effect is "
		"NoExecute.",
	.params = taint_params,
	.n_params = G_N_ELEMENTS(taint_params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = taint_run,
};
