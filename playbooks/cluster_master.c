/* SPDX-License-Identifier: Apache-2.0
 *
 * Who speaks for a cluster of several masters: holds the lock, mints tokens, is
 * asked for the nodes and is joined through. Judged by what every master's own
 * files say, since the API is reached only through one of them.
 */
#include "cluster.h"

#include "api.h"
#include "microk8s/backend_yaml.h"
#include "transport/error.h"

#include <string.h>

bool cluster_check_masters(const struct cluster *cluster, bool allow_two,
			   GPtrArray *problems, GError **error)
{
	const struct host *second = NULL;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && node != cluster->first &&
		    !second)
			second = node->host;
	}
	if (!second || allow_two)
		return true;
	problem_add(problems, true, second->file, second->line,
		    second->column,
		    "leave one host in [masters] and put the others into "
		    "[workers]",
		    "host '%s' is a second master: this version builds "
		    "clusters of one master", second->name);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: not a cluster that can be built", second->file);
	return false;
}

/* Whether `facts` tell of a datastore that has a member at `ip`. */
static bool knows(const struct facts *facts, const char *ip)
{
	g_autoptr(GPtrArray) members = facts->backend_cluster
		? backend_yaml_cluster(facts->backend_cluster, NULL) : NULL;

	return members && backend_yaml_find(members, ip);
}

static bool knows_a_peer(const struct cluster *cluster,
			 const struct node *node)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *peer = g_ptr_array_index(cluster->nodes, i);

		if (peer != node && peer->role == NODE_MASTER &&
		    knows(node->facts, peer->node_ip))
			return true;
	}
	return false;
}

static bool is_candidate(const struct cluster *cluster,
			 const struct node *node)
{
	const struct facts *own = node->facts;

	return node->role == NODE_MASTER && !node->failed && own &&
		own->installed && !facts_is_worker(own) &&
		(own->locks & LOCK_NO_CERT_REISSUE) &&
		(node == cluster->first || knows_a_peer(cluster, node));
}

/* False for one that was taken out of the datastore while it was down, and
 * does not know it: the others do. */
static bool is_confirmed(const struct cluster *cluster,
			 const struct node *node)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *peer = g_ptr_array_index(cluster->nodes, i);

		if (peer != node && is_candidate(cluster, peer) &&
		    !knows(peer->facts, node->node_ip))
			return false;
	}
	return true;
}

static struct node *find_member(const struct cluster *cluster)
{
	struct node *found = NULL;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (!is_candidate(cluster, node))
			continue;
		if (is_confirmed(cluster, node))
			return node;
		if (!found)
			found = node;
	}
	return found;
}

static bool any_master_known(const struct cluster *cluster)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && node->facts)
			return true;
	}
	return false;
}

bool cluster_settle_master(struct cluster *cluster)
{
	const struct node *before = cluster->master;
	struct node *member;

	if (!any_master_known(cluster) ||
	    (cluster->is_master_settled && !before->unreachable))
		return false;
	cluster->is_master_settled = true;
	member = find_member(cluster);
	if (!member && (!cluster->first->facts || cluster->first->failed))
		cluster->no_master = "the first master was not reached, and "
			"none of those that were is a member of a cluster of "
			"this inventory's masters: a second cluster is not "
			"built beside the first";
	cluster->master = member ? member : cluster->first;
	if (cluster->master == before)
		return false;
	g_clear_pointer(&cluster->api, api_free);
	g_clear_pointer(&cluster->token, g_free);
	return true;
}
