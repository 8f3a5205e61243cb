/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `settle`: waits until every worker's proxy has refreshed its list
 * of API endpoints once since it was last changed. Until then a worker lives
 * on the address it joined by, even if the announced one is wrong.
 */
#include "actions.h"

#include "playbooks/microk8s/proxy_args.h"
#include "transport/scalar.h"

#include <string.h>

/* For so long an old address of the API may still be listed. */
#define ENDPOINT_LEASE_US (15 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "for", .type = PARAM_STRING, .fallback = "auto",
	  .help = "How long after the last change to look again, such as 45s; "
		  "auto is each proxy's --refresh-interval and the lease of "
		  "an endpoint." },
};

/* How long after a change it may be undone; 0 if this proxy never refreshes. */
static gint64 refresh_span(const struct node *node, gint64 fixed_us)
{
	gint64 us = proxy_args_interval(node->facts->args_apiserver_proxy);

	if (us == 0)
		return 0;
	return fixed_us >= 0 ? fixed_us : us + ENDPOINT_LEASE_US;
}

/* When the last of the workers will have settled. 0: all are settled. */
static gint64 settled_at(const struct cluster *cluster, gint64 fixed_us)
{
	gint64 last_us = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (node->role != NODE_WORKER || !node->facts ||
		    node->failed || !node->fresh_us)
			continue;
		gint64 span_us = refresh_span(node, fixed_us);

		if (span_us)
			last_us = MAX(last_us, node->fresh_us + span_us);
	}
	return last_us;
}

static enum task_status settle_run(struct task *task, GError **error)
{
	const char *text = task_string(task, "for");
	gint64 fixed_us = -1;

	if (!task_may_change(task)) {
		task_say(task, "a real run waits here if it changed a worker");
		return TASK_SKIPPED;
	}
	if (strcmp(text, "auto") != 0 &&
	    !scalar_duration(text, &fixed_us)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "settle: '%s' is not a duration", text);
		return TASK_FAILED;
	}
	gint64 at_us = settled_at(task_cluster(task), fixed_us);
	gint64 wait_us = at_us - g_get_monotonic_time();

	if (wait_us <= 0) {
		task_say(task, "%s", at_us
			 ? "they have refreshed since the last change"
			 : "nothing changed that a refresh could undo");
		return TASK_OK;
	}
	g_autofree char *wait = duration_text(wait_us);

	task_note(task, "waiting %s for the workers' proxies", wait);
	if (!task_sleep(task, wait_us, error))
		return TASK_FAILED;
	task_add_remote(task, wait_us);
	task_say(task, "waited %s", wait);
	return TASK_OK;
}

const struct action action_settle = {
	.name = "settle",
	.summary = "wait for the workers' proxies to refresh their endpoints",
	.help = "Waits only as long as the youngest change on a worker "
		"requires; on a cluster that was left alone, not at all.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 600 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = settle_run,
};
