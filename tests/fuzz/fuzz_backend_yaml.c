/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as dqlite's info.yaml and cluster.yaml: an error exactly when
 * there is no result, and members that hold what was promised.
 */
#include "playbooks/microk8s/backend_yaml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_node(const struct backend_node *node)
{
	if (!node->address || !*node->address || node->role > BACKEND_SPARE)
		abort();
	backend_node_is_loopback(node);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *update = backend_yaml_update(text, 19001, NULL);
	g_autoptr(GError) error = NULL, cluster_error = NULL;
	struct backend_node *info = backend_yaml_info(text, &error);
	g_autoptr(GPtrArray) nodes = backend_yaml_cluster(text,
							  &cluster_error);
	/* What was accepted as an address can be read as one. */
	struct backend_node *moved = update ?
		backend_yaml_info(update, NULL) : NULL;

	if (!info != (error != NULL) || !nodes != (cluster_error != NULL) ||
	    !moved != !update)
		abort();
	if (info)
		check_node(info);
	for (guint i = 0; nodes && i < nodes->len; i++)
		check_node(g_ptr_array_index(nodes, i));
	backend_node_free(info);
	backend_node_free(moved);
	return 0;
}
