/* SPDX-License-Identifier: Apache-2.0
 *
 * Who speaks for a cluster of several masters: holds the lock, mints tokens, is
 * asked for the nodes and is joined through. Judged by what every master's own
 * files say, since the API is reached only through one of them.
 */
#include "cluster.h"

#include "api.h"
#include "departure.h"
#include "members.h"
#include "microk8s/kube_nodes.h"
#include "transport/error.h"

#include <string.h>

#define API_PORT 16443

bool cluster_check_masters(const struct cluster *cluster, bool allow_two,
			   GPtrArray *problems, GError **error)
{
	const struct host *second = NULL;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && node != cluster->first)
			second = node->host;
	}
	if (cluster_masters(cluster) != 2 || allow_two)
		return true;
	problem_add(problems, true, second->file, second->line,
		    second->column,
		    "add a third master, or leave one; --allow-two-masters if "
		    "it is meant",
		    "hosts '%s' and '%s' are two masters: only one of two "
		    "votes in the datastore, so that they bear no loss, and "
		    "either can be lost", cluster->first->host->name,
		    second->name);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: two masters are no high availability", second->file);
	return false;
}

/* Whether `facts` tell of a datastore that has a member at `ip`. */
static bool knows(const struct facts *facts, const char *ip)
{
	g_autoptr(GPtrArray) members = facts_datastore(facts);

	return members && backend_yaml_find(members, ip);
}

/* --- who speaks --- */

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
		!departure_of(cluster, node) &&
		own->installed && !facts_is_worker(own) &&
		(own->locks & LOCK_NO_CERT_REISSUE) &&
		(node == cluster->first || knows_a_peer(cluster, node));
}

/* False for one that was stopped, or whose API is not there to be asked. */
static bool is_serving(const struct node *node)
{
	const GPtrArray *listeners =
		node->checks ? node->checks->listeners : NULL;

	if (node->facts->locks & LOCK_STOPPED)
		return false;
	for (guint i = 0; listeners && i < listeners->len; i++) {
		const struct checks_listener *l =
			g_ptr_array_index(listeners, i);

		if (l->port == API_PORT)
			return true;
	}
	return !listeners || listeners->len == 0;
}

/* False for one that was taken out of the datastore while it was down, and
 * does not know it: the others do. */
static bool is_confirmed(const struct cluster *cluster,
			 const struct node *node)
{
	if (!is_serving(node))
		return false;
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
			"no other that was is a member of its cluster: nobody "
			"speaks for it, and no second one is built beside it";
	cluster->master = member ? member : cluster->first;
	if (cluster->master == before)
		return false;
	g_clear_pointer(&cluster->api, api_free);
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	g_clear_pointer(&cluster->token, g_free);
	return true;
}

/* --- the others --- */

const char *cluster_master_join_reason(const struct cluster *cluster,
				       const struct node *node)
{
	const struct facts *own = node->facts;
	const struct facts *master = cluster->master->facts;

	if (node == cluster->master)
		return NULL;
	if (!own || !own->installed || facts_is_worker(own) ||
	    !(own->locks & LOCK_NO_CERT_REISSUE))
		return own && (own->locks & LOCK_JOIN_IN_PROGRESS)
			? "an earlier join broke off" : "not joined yet";
	if (!master || facts_membership(own, master) != FACTS_MEMBER)
		return "it belongs to another cluster";
	if (cluster->members && !members_find(cluster, node))
		return "the datastore does not list it";
	return NULL;
}

const struct node *cluster_broken_master(const struct cluster *cluster)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && node->failed && node->awaited)
			return node;
	}
	return NULL;
}

static bool is_master_address(const struct cluster *cluster, const char *ip)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER &&
		    strcmp(node->node_ip, ip) == 0)
			return true;
	}
	for (guint i = 0; cluster->seen && i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (seen->role == KUBE_ROLE_CONTROL_PLANE &&
		    g_strcmp0(seen->internal_ip, ip) == 0 &&
		    !cluster_whose(cluster, seen))
			return true;
	}
	return false;
}

bool cluster_lists_masters(const struct cluster *cluster,
			   const GPtrArray *addresses, unsigned port)
{
	g_autofree char *suffix = g_strdup_printf(":%u", port);

	for (guint i = 0; i < addresses->len; i++) {
		g_autofree char *ip =
			g_strdup(g_ptr_array_index(addresses, i));

		if (port && !g_str_has_suffix(ip, suffix))
			return false;
		if (port)
			ip[strlen(ip) - strlen(suffix)] = '\0';
		if (!is_master_address(cluster, ip))
			return false;
	}
	return addresses->len > 0;
}
