/* SPDX-License-Identifier: Apache-2.0
 *
 * Who goes, held against the hosts and the API's nodes.
 */
#include "departure.h"

#include "microk8s/kube_nodes.h"

#include <string.h>

struct departure *departure_new(const char *wanted, struct node *node,
				bool is_unreachable)
{
	struct departure *d = g_new0(struct departure, 1);

	d->wanted = g_strdup(wanted);
	d->node = node;
	d->is_unreachable = is_unreachable;
	return d;
}

void departure_free(struct departure *d)
{
	if (!d)
		return;
	g_free(d->wanted);
	g_free(d->name);
	g_free(d);
}

struct departure *departure_of(const struct cluster *cluster,
			       const struct node *node)
{
	for (guint i = 0; cluster->departures &&
	     i < cluster->departures->len; i++) {
		struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (d->node == node)
			return d;
	}
	return NULL;
}

const struct kube_node *departure_seen(const struct cluster *cluster,
				       const struct departure *d)
{
	const char *address = d->node ? d->node->node_ip : d->wanted;
	const struct kube_node *seen;

	if (!cluster->seen)
		return NULL;
	if (d->node && d->node->facts)
		return cluster_seen(cluster, d->node);
	seen = kube_nodes_find(cluster->seen, d->wanted);
	for (guint i = 0; !seen && i < cluster->seen->len; i++) {
		const struct kube_node *n =
			g_ptr_array_index(cluster->seen, i);

		if (g_strcmp0(n->internal_ip, address) == 0)
			seen = n;
	}
	return seen;
}

bool departure_is_master(const struct cluster *cluster,
			 const struct departure *d)
{
	const struct kube_node *seen = departure_seen(cluster, d);

	return (d->node && d->node->role == NODE_MASTER) ||
		(seen && seen->role == KUBE_ROLE_CONTROL_PLANE);
}

const char *departure_address(const struct cluster *cluster,
			      const struct departure *d)
{
	const struct kube_node *seen = departure_seen(cluster, d);

	return d->node ? d->node->node_ip : seen ? seen->internal_ip : NULL;
}
