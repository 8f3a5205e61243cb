/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks `microk8s status`, which asks dqlite's leader.
 */
#include "members.h"

#include "departure.h"
#include "microk8s/kube_nodes.h"
#include "microk8s/status_yaml.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <string.h>

/* Without a leader it looks for one for a minute, and then tells of nobody.
 * 1 is its exit status while the host is not ready. */
static const char status_script[] =
	"timeout 100 /snap/bin/microk8s status --format yaml || [ $? = 1 ]\n";

bool members_ask(struct cluster *cluster, struct session *session,
		 gint64 deadline_us, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "microk8s status",
		.script = status_script,
		.deadline_us = deadline_us,
	};
	GPtrArray *members;

	if (!exec_run(session, &request, &result, error))
		return false;
	members = status_yaml_members(result->out, error);
	if (members && members->len == 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "the datastore has no leader");
		g_clear_pointer(&members, g_ptr_array_unref);
	}
	if (!members) {
		g_prefix_error(error, "microk8s status: ");
		return false;
	}
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	cluster->members = members;
	return true;
}

static const struct backend_node *find_by_name(const struct cluster *cluster,
					       const struct facts *facts)
{
	struct backend_node *own = facts && facts->backend_info &&
		!facts_is_worker(facts)
		? backend_yaml_info(facts->backend_info, NULL) : NULL;
	const struct backend_node *found = NULL;

	for (guint i = 0; own && !backend_node_is_loopback(own) && !found &&
	     i < cluster->members->len; i++) {
		const struct backend_node *member =
			g_ptr_array_index(cluster->members, i);

		if (strcmp(member->address, own->address) == 0)
			found = member;
	}
	backend_node_free(own);
	return found;
}

const struct backend_node *members_find(const struct cluster *cluster,
					const struct node *node)
{
	const struct backend_node *found = cluster->members
		? backend_yaml_find(cluster->members, node->node_ip) : NULL;

	return found || !cluster->members ? found
		: find_by_name(cluster, node->facts);
}

unsigned members_count(const struct cluster *cluster, enum backend_role role)
{
	unsigned n = 0;

	for (guint i = 0; cluster->members && i < cluster->members->len; i++) {
		const struct backend_node *member =
			g_ptr_array_index(cluster->members, i);

		n += member->role == role;
	}
	return n;
}

bool members_are_settled(const struct cluster *cluster)
{
	return cluster->members &&
		(cluster->members->len < MEMBERS_VOTERS ||
		 members_count(cluster, BACKEND_VOTER) >= MEMBERS_VOTERS);
}

/* The node of the inventory that this member is, or NULL. */
static const struct node *node_of(const struct cluster *cluster,
				  const struct backend_node *member)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (members_find(cluster, node) == member)
			return node;
	}
	return NULL;
}

char *members_text(const struct cluster *cluster)
{
	GString *text = g_string_new(NULL);

	for (int role = BACKEND_VOTER; role <= BACKEND_SPARE; role++) {
		unsigned n = 0;

		for (guint i = 0; cluster->members &&
		     i < cluster->members->len; i++) {
			const struct backend_node *member =
				g_ptr_array_index(cluster->members, i);
			const struct node *node = node_of(cluster, member);

			if (member->role != (enum backend_role)role)
				continue;
			if (n == 0)
				g_string_append_printf(
					text, "%s%s%s ", text->len ? "; " : "",
					backend_role_name(member->role),
					role == BACKEND_VOTER ? "s" : "");
			g_string_append_printf(text, "%s%s", n++ ? ", " : "",
					       node ? node->host->name
					       : member->address);
		}
	}
	return g_string_free(text, FALSE);
}

/* A member that the inventory does not name is told by its node's address. */
static bool is_running(const struct cluster *cluster, const struct node *node,
		       const struct backend_node *member)
{
	if (node && node->facts && !node->failed)
		return true;
	for (guint i = 0; cluster->seen && i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (seen->internal_ip &&
		    backend_yaml_find(cluster->members, seen->internal_ip) ==
		    member)
			return seen->ready == KUBE_READY;
	}
	return false;
}

static bool is_departing(const struct cluster *cluster,
			 const struct backend_node *member)
{
	for (guint i = 0; cluster->departures &&
	     i < cluster->departures->len; i++) {
		const struct departure *d =
			g_ptr_array_index(cluster->departures, i);
		const char *address = departure_address(cluster, d);

		if (d->node ? members_find(cluster, d->node) == member
		    : address && backend_yaml_find(cluster->members,
						   address) == member)
			return true;
	}
	return false;
}

void members_voters(const struct cluster *cluster, unsigned *all,
		    unsigned *staying)
{
	*all = *staying = 0;
	for (guint i = 0; cluster->members && i < cluster->members->len; i++) {
		const struct backend_node *member =
			g_ptr_array_index(cluster->members, i);

		if (member->role != BACKEND_VOTER)
			continue;
		(*all)++;
		*staying += is_running(cluster, node_of(cluster, member),
				       member) &&
			!is_departing(cluster, member);
	}
}
