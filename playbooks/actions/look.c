/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `look`: everything that later steps ask about a host, read by one
 * static script in one round trip.
 */
#include "actions.h"

#include "playbooks/node_facts.h"

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
	gint64 before_us = g_get_real_time();

	if (!task_exec(task, node_facts_request(node), &result, error) ||
	    !node_facts_take(node, result, before_us, g_get_real_time(),
			     error))
		return false;
	node->pending |= node->facts->pending;
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
	if (task_cluster(task)->is_looked_at && task_node(task)->facts) {
		task_say(task, "nothing was changed since the look before");
		return TASK_OK;
	}
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
