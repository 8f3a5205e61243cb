/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `look`: everything that later steps ask about a host, read by one
 * static script in one round trip.
 */
#include "actions.h"

#include "playbooks/embedded.h"

/* A change made this long ago may still be undone by a proxy's refresh. */
static void note_fresh_files(struct node *node)
{
	const struct facts *facts = node->facts;
	gint64 youngest = -1;
	gint64 ages[] = { facts->clustered_age_s, facts->provider_age_s };

	if (!facts_is_worker(facts))
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(ages); i++)
		if (ages[i] >= 0 && (youngest < 0 || ages[i] < youngest))
			youngest = ages[i];
	/* What this run did itself it knows better than the files tell. */
	if (youngest >= 0)
		node->fresh_us = MAX(node->fresh_us, g_get_monotonic_time() -
				     youngest * G_TIME_SPAN_SECOND);
}

bool node_look(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	g_autoptr(ExecResult) result = NULL;
	const char *args[] = {
		node->role == NODE_MASTER ? "master" : "worker", NULL
	};
	struct exec_request request = {
		.title = "look at the host",
		.script = embedded_text("facts.sh"),
		.args = args,
		.output_max = FACTS_SIZE_MAX,
	};

	gint64 before_us = g_get_real_time();

	if (!task_exec(task, request, &result, error))
		return false;
	gint64 after_us = g_get_real_time();
	struct facts *facts =
		facts_parse(result->out, result->out_length, error);

	if (!facts)
		return false;
	facts_free(node->facts);
	node->facts = facts;
	checks_free(node->checks);
	node->checks = checks_parse(result->out, result->out_length);
	node->checks->before_us = before_us;
	node->checks->after_us = after_us;
	node->pending |= facts->pending;
	note_fresh_files(node);
	return true;
}

static const char *describe(const struct facts *facts)
{
	if (!facts->installed)
		return facts->snap_path ? "MicroK8s is not installed"
					   : "snapd is not installed";
	if (facts_is_worker(facts))
		return "worker";
	if (facts->locks & LOCK_NO_CERT_REISSUE)
		return "control plane of a cluster";
	return "stand-alone";
}

static enum task_status look_run(struct task *task, GError **error)
{
	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!node_look(task, error))
		return TASK_FAILED;
	const struct facts *facts = task_node(task)->facts;

	if (facts->installed)
		task_say(task, "%s, MicroK8s %s (%s), %s", facts->node_name,
			 facts->version, facts->channel, describe(facts));
	else
		task_say(task, "%s, %s", facts->node_name, describe(facts));
	return TASK_OK;
}

const struct action action_look = {
	.name = "look",
	.summary = "read everything about a host that later steps need",
	.help = "Runs one read-only script as root: addresses, snap, marker "
		"files, args files, certificates. Later steps work from what "
		"it brought back instead of asking again.",
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = look_run,
};
