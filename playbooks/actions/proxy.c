/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `proxy`: where a worker's apiserver-proxy looks for the API. It
 * rewrites its list from the `kubernetes` endpoints at every refresh, so a
 * wrong list is repaired here only if the endpoints are right.
 */
#include "actions.h"

#include "playbooks/microk8s/provider_yaml.h"

#include <string.h>

#define PROVIDER_PATH SNAP_DATA "/args/traefik/provider.yaml"
#define API_PORT 16443

static char *wanted_address(const struct cluster *cluster)
{
	return g_strdup_printf("%s:%d", cluster->master->node_ip, API_PORT);
}

static char *joined_addresses(const GPtrArray *addresses)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < addresses->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(addresses, i));
	return g_string_free(text, FALSE);
}

static bool lists_only(const GPtrArray *addresses, const char *wanted)
{
	return addresses && addresses->len == 1 &&
		strcmp(g_ptr_array_index(addresses, 0), wanted) == 0;
}

static enum task_status proxy_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	g_autoptr(GPtrArray) addresses = NULL;
	g_autofree char *wanted = NULL, *after = NULL;

	if (node_skips(task, true) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *before = node->facts->provider;

	wanted = wanted_address(task_cluster(task));
	addresses = before ? provider_yaml_addresses(before, NULL) : NULL;
	task_say(task, "API at %s", wanted);
	if (lists_only(addresses, wanted))
		return TASK_OK;
	if (addresses) {
		g_autofree char *old = joined_addresses(addresses);

		task_say(task, "API at %s instead of %s", wanted,
			 *old ? old : "nowhere");
	}
	after = provider_yaml_set(before, (const char *const *)&wanted, 1,
				  error);
	if (!after)
		return TASK_FAILED;
	enum task_status status = node_edit_file(task, PROVIDER_PATH, before,
						 after, 0, error);

	if (status != TASK_CHANGED || !task_may_change(task))
		return status;
	g_free(node->facts->provider);
	node->facts->provider = g_steal_pointer(&after);
	node->fresh_us = g_get_monotonic_time();
	return status;
}

const struct action action_proxy = {
	.name = "proxy",
	.summary = "point a worker's API proxy at the master's node_ip",
	.help = "Repairs args/traefik/provider.yaml in place, comments and "
		"layout kept; the proxy takes it up at once.",
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = proxy_run,
};
