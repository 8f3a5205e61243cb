/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `proxy`: where a worker's apiserver-proxy looks for the API. It
 * rewrites its list from the `kubernetes` endpoints at every refresh, so a
 * wrong list is repaired here only if the endpoints are right.
 */
#include "actions.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/provider_yaml.h"

#include <string.h>

#define PROVIDER_PATH SNAP_DATA "/args/traefik/provider.yaml"

static void say(struct task *task, const GPtrArray *found,
		const GPtrArray *wanted)
{
	g_autofree char *now = api_endpoint_list(wanted);
	g_autofree char *old = found ? api_endpoint_list(found) : NULL;

	if (!old || api_endpoint_is_right(task_cluster(task), found))
		task_say(task, "API at %s", now);
	else
		task_say(task, "API at %s instead of %s", now, old);
}

static enum task_status write_provider(struct task *task, const char *after,
				       GError **error)
{
	struct node *node = task_node(task);
	enum task_status status = node_edit_file(task, PROVIDER_PATH,
						 node->facts->provider, after,
						 0, error);

	if (status != TASK_CHANGED || !task_may_change(task))
		return status;
	g_free(node->facts->provider);
	node->facts->provider = g_strdup(after);
	node->fresh_us = g_get_monotonic_time();
	return status;
}

static enum task_status proxy_run(struct task *task, GError **error)
{
	const struct cluster *cluster = task_cluster(task);
	g_autoptr(GPtrArray) found = NULL, wanted = NULL;
	g_autofree char *after = NULL;

	if (node_skips(task, true) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *before = task_node(task)->facts->provider;

	wanted = api_endpoint_servers(cluster);
	found = before ? provider_yaml_addresses(before, NULL) : NULL;
	say(task, found, wanted);
	if (api_endpoint_is_right(cluster, found))
		return TASK_OK;
	after = provider_yaml_set(before, (const char *const *)wanted->pdata,
				  wanted->len, error);
	if (!after || (cluster->endpoint && !endpoint_await(task, error)))
		return TASK_FAILED;
	return write_provider(task, after, error);
}

const struct action action_proxy = {
	.name = "proxy",
	.summary = "point a worker's API proxy at the API",
	.help = "At the master's node_ip, or at microk8s_api_endpoint once "
		"the API answers there. Repairs args/traefik/provider.yaml in "
		"place, comments and layout kept; the proxy takes it up at "
		"once.",
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = proxy_run,
};
