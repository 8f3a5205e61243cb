/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `preflight`: what would make the assembly fail or do harm, found
 * in the facts before anything is touched, by the same judgement as `muster
 * doctor`. A host's reasons are collected and told together.
 */
#include "actions.h"

#include "playbooks/doctor/doctor.h"

#include <string.h>

/* Causes that have an error code of their own. */
static int error_code_of(const struct cause *cause)
{
	static const char *const foreign[] = {
		"foreign-worker", "foreign-control-plane", "master-is-worker",
		"control-plane-as-worker", NULL
	};

	return g_strv_contains(foreign, cause->code)
		? MUSTER_ERROR_FOREIGN_CLUSTER : MUSTER_ERROR_PREFLIGHT;
}

static void append(GString *list, const char *text)
{
	g_string_append_printf(list, "%s%s", list->len ? "; " : "", text);
}

static enum task_status preflight_run(struct task *task, GError **error)
{
	const struct node *node = task_node(task);
	g_autoptr(GPtrArray) findings = findings_new();
	g_autoptr(GString) texts = g_string_new(NULL);
	g_autoptr(GString) hints = g_string_new(NULL);
	int code = MUSTER_ERROR_PREFLIGHT;

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (task_cluster(task)->no_master) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT, "%s",
			    task_cluster(task)->no_master);
		task_hint(task, "bring %s back; or, if one of the others is "
			  "the cluster, put it first under [masters]",
			  task_cluster(task)->first->host->name);
		return TASK_FAILED;
	}
	doctor_judge_identity(task_cluster(task), node, findings);
	doctor_judge_machine(task_cluster(task), node, findings);
	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);

		if (f->severity == FINDING_WARNS)
			task_warn(task, "%s (muster explain %s)", f->evidence,
				  f->cause->code);
		if (f->severity != FINDING_BLOCKS)
			continue;
		if (texts->len == 0) {
			code = error_code_of(f->cause);
			task_cause(task, f->cause->code);
		}
		append(texts, f->evidence);
		append(hints, *f->cure ? f->cure : f->cause->fix);
	}
	if (texts->len == 0)
		return TASK_OK;
	g_set_error(error, MUSTER_ERROR, code, "%s", texts->str);
	task_hint(task, "%s", hints->str);
	return TASK_FAILED;
}

const struct action action_preflight = {
	.name = "preflight",
	.summary = "refuse what cannot work, before anything is touched",
	.help = "Judges the facts of all hosts, as muster doctor does: "
		"addresses, names, versions, ports, networks, clocks, and "
		"whether a host belongs to another cluster.",
	.timeout_us = 10 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = preflight_run,
};
