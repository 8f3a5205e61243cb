/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `proxy_refresh`: behind a load balancer a worker's proxy must not
 * look for the masters itself, or it goes round the balancer at its next
 * refresh. Comes before the restart that the change needs, and `proxy` after
 * it: until then the proxy would still write over what is told to it.
 */
#include "actions.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/args_file.h"
#include "playbooks/microk8s/proxy_args.h"

#define ARGS_PATH ARGS_DIR "/apiserver-proxy"

static enum task_status edit(struct task *task, const char *wanted,
			     GError **error)
{
	struct facts *facts = task_node(task)->facts;
	const char *before = facts->args_apiserver_proxy;
	const struct args_edit change = { PROXY_ARGS_INTERVAL, wanted };
	g_autofree char *after = args_file_edit(before, &change, 1, error);

	if (!after) {
		g_prefix_error(error, "%s: ", ARGS_PATH);
		return TASK_FAILED;
	}
	enum task_status status = node_edit_file(task, ARGS_PATH, before,
						 after, NODE_PROXY, error);

	if (status != TASK_CHANGED || !task_may_change(task))
		return status;
	g_free(facts->args_apiserver_proxy);
	facts->args_apiserver_proxy = g_steal_pointer(&after);
	return status;
}

static enum task_status proxy_refresh_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const struct api_endpoint *endpoint = task_cluster(task)->endpoint;

	if (node_skips(task, true) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *wanted = proxy_args_wanted(
		node->facts->args_apiserver_proxy, endpoint != NULL);

	if (!wanted) {
		if (endpoint)
			task_say(task, "never, as the API is at %s",
				 endpoint->text);
		else
			task_say(task, "it asks the masters");
		return TASK_OK;
	}
	if (endpoint && !endpoint_await(task, error))
		return TASK_FAILED;
	task_say(task, PROXY_ARGS_INTERVAL "=%s%s%s", wanted, endpoint
		 ? ", as the API is at " : "", endpoint ? endpoint->text : "");
	return edit(task, wanted, error);
}

const struct action action_proxy_refresh = {
	.name = "proxy_refresh",
	.summary = "whether a worker's proxy looks for the masters itself",
	.help = "With microk8s_api_endpoint in the inventory it must not: "
		"--refresh-interval=0s in args/apiserver-proxy, once the API "
		"answers at that address from the worker. Without it, an "
		"interval of 0s becomes 30s again, and any other stays.",
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = proxy_refresh_run,
};
