/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an answer of the Kubernetes API: an error exactly when there is
 * no result, nodes that can be found again and printed, endpoints in order.
 */
#include "playbooks/microk8s/kube_nodes.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const GPtrArray *nodes, const struct kube_node *node)
{
	g_autofree char *status = kube_node_status(node);
	g_autofree char *age = kube_age(node->created);

	if (!node->name || !*node->name || !node->roles || !status || !age ||
	    !kube_nodes_find(nodes, node->name))
		abort();
}

static void check_endpoints(const char *json, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) addresses = kube_endpoints_parse(json, size,
							      &error);

	if (!addresses != (error != NULL))
		abort();
	for (guint i = 1; addresses && i < addresses->len; i++) {
		if (strcmp(addresses->pdata[i - 1], addresses->pdata[i]) >= 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *json = (const char *)data;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) nodes = kube_nodes_parse(json, size, &error);
	g_autofree char *message = kube_status_message(json, size);

	if (!nodes != (error != NULL) || (nodes && message))
		abort();
	for (guint i = 0; nodes && i < nodes->len; i++)
		check_node(nodes, g_ptr_array_index(nodes, i));
	check_endpoints(json, size);
	return 0;
}
