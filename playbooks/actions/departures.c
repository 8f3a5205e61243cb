/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `departures`: who was asked to go, held against the API's nodes
 * before anything is touched. Refuses what would do harm, all reasons at once:
 * none of those named leaves then.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/departure.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

#define OPEN_US (30 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "force", .type = PARAM_BOOL, .fallback = "no",
	  .help = "Let a host go as unreachable though its node is Ready." },
};

/* Does the name of a departing host stand for another machine's node? */
static bool is_somebody_else(const struct departure *d,
			     const struct kube_node *seen,
			     const struct facts *master)
{
	const struct facts *own = d->node ? d->node->facts : NULL;

	return seen && own && seen->internal_ip &&
		!facts_is_member_of(own, master) &&
		strcmp(seen->internal_ip, d->node->node_ip) != 0 &&
		!facts_has_address(own, seen->internal_ip);
}

static char *node_names(const struct cluster *cluster)
{
	GString *names = g_string_new(NULL);

	for (guint i = 0; i < cluster->seen->len; i++) {
		const struct kube_node *n =
			g_ptr_array_index(cluster->seen, i);

		g_string_append_printf(names, "%s%s", i ? ", " : "", n->name);
	}
	return g_string_free(names, FALSE);
}

/* Why a dead host must not be taken off, or NULL. */
static char *judge_unreachable(const struct cluster *cluster,
			       const struct departure *d,
			       const struct kube_node *seen, bool force)
{
	g_autofree char *names = NULL;

	if (!seen && !d->node) {
		names = node_names(cluster);
		return g_strdup_printf("'%s' is neither a host of the "
				       "inventory nor a node of the cluster "
				       "(its nodes: %s)", d->wanted, names);
	}
	if (seen && seen->ready == KUBE_READY && !force)
		return g_strdup_printf("'%s' is Ready, so it is not dead: "
				       "remove it without --unreachable, or "
				       "give --force", d->wanted);
	return NULL;
}

/* Why it must not go, newly allocated; NULL: nothing speaks against it. Sets
 * *code only where another kind of error says more. */
static char *judge(const struct cluster *cluster, const struct departure *d,
		   const struct kube_node *seen, bool force, int *code)
{
	const struct facts *master = cluster->master->facts;
	enum facts_membership membership;

	if ((seen && strcmp(seen->name, master->node_name) == 0) ||
	    (departure_is_master(cluster, d) &&
	     (!cluster->members || cluster->members->len < 2)))
		return g_strdup_printf("'%s' is the node of the only master: "
				       "without it there is no cluster (muster "
				       "reset takes all of it apart)",
				       d->wanted);
	if (d->node && d->node->role == NODE_WORKER && !d->is_unreachable &&
	    departure_is_master(cluster, d))
		return g_strdup_printf("'%s' is a control plane, and the "
				       "inventory says worker: put it into "
				       "[masters] first", d->wanted);
	if (d->is_unreachable)
		return judge_unreachable(cluster, d, seen, force);
	membership = facts_membership(d->node->facts, master);
	if (membership == FACTS_FOREIGN_WORKER ||
	    membership == FACTS_CONTROL_PLANE) {
		*code = MUSTER_ERROR_FOREIGN_CLUSTER;
		return g_strdup_printf("'%s' is a member of another cluster",
				       d->wanted);
	}
	if (is_somebody_else(d, seen, master))
		return g_strdup_printf("the node '%s' of the cluster has the "
				       "address %s, which is none of '%s': "
				       "another machine of the same name",
				       seen->name, seen->internal_ip,
				       d->wanted);
	return NULL;
}

/* What the datastore becomes without the masters that go: most of its voters
 * have to stay, and to run. NULL: it lives on. */
static char *judge_quorum(struct task *task, const char *names)
{
	const struct cluster *cluster = task_cluster(task);
	unsigned all, staying;

	members_voters(cluster, &all, &staying);
	if (staying * 2 <= all)
		return g_strdup_printf(
			"without %s only %u of the datastore's %u %s %s: "
			"the cluster would stand still%s", names, staying, all,
			all == 1 ? "voter" : "voters",
			staying == 1 ? "stays and runs" : "stay and run",
			staying > 0 ? " (one at a time, and only while the "
			"others run)" : "");
	if (staying < MEMBERS_VOTERS &&
	    members_count(cluster, BACKEND_STANDBY) == 0)
		task_warn(task, "without %s the loss of one more master ends "
			  "the cluster: fewer than three are left", names);
	return NULL;
}

/* Only where a master is to go. */
static bool ask_members(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	for (guint i = 0; i < cluster->departures->len; i++)
		if (departure_is_master(cluster, g_ptr_array_index(
			    cluster->departures, i)))
			return node_ask_members(task, task_session(task),
						error);
	return true;
}

static bool ask_nodes(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 deadline_us = MIN(task_deadline(task),
				 g_get_monotonic_time() + OPEN_US);

	GPtrArray *seen = task_open_api(task, OPEN_US, error)
		? api_nodes(cluster->api, deadline_us, error) : NULL;

	if (!seen)
		return false;
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = seen;
	return ask_members(task, error);
}

/* One that was asked for and could not be looked at stays as it is. */
static bool was_looked_at(struct task *task, const struct departure *d)
{
	if (d->is_unreachable || (d->node && d->node->facts &&
				  !d->node->failed))
		return true;
	task_warn(task, "'%s' was not reached and stays a node; if it is dead "
		  "for good: muster remove --unreachable %s", d->wanted,
		  d->wanted);
	return false;
}

static void append(GString *list, const char *separator, const char *text)
{
	g_string_append_printf(list, "%s%s", list->len ? separator : "", text);
}

static void judge_all(struct task *task, GString *problems, GString *who,
		      int *code)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GString) masters = g_string_new(NULL);
	g_autofree char *lost = NULL;

	for (guint i = 0; i < cluster->departures->len; i++) {
		struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (!was_looked_at(task, d))
			continue;
		const struct kube_node *seen = departure_seen(cluster, d);
		g_autofree char *problem = judge(
			cluster, d, seen, task_bool(task, "force"), code);

		if (problem) {
			append(problems, "; ", problem);
			continue;
		}
		if (departure_is_master(cluster, d))
			append(masters, ", ", d->wanted);
		g_free(d->name);
		d->name = seen ? g_strdup(seen->name) : NULL;
		d->may_leave = true;
		g_string_append_printf(who, "%s%s%s", who->len ? ", " : "",
				       d->wanted, seen ? ""
				       : " (no node of the cluster)");
	}
	lost = masters->len ? judge_quorum(task, masters->str) : NULL;
	if (lost)
		append(problems, "; ", lost);
}

static enum task_status departures_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GString) problems = g_string_new(NULL);
	g_autoptr(GString) who = g_string_new(NULL);
	int code = MUSTER_ERROR_COMMAND;

	if (!cluster->departures || task_node(task) != cluster->master) {
		task_say(task, "nobody was asked to go");
		return TASK_SKIPPED;
	}
	if (!ask_nodes(task, error)) {
		task_hint(task, "the nodes are taken off through the API of "
			  "%s: see to it first (muster doctor)",
			  task_host(task)->name);
		return TASK_FAILED;
	}
	judge_all(task, problems, who, &code);
	task_say(task, "%s", who->len ? who->str : "nobody");
	if (problems->len == 0)
		return TASK_OK;
	g_set_error(error, MUSTER_ERROR, code, "%s", problems->str);
	task_hint(task, "nothing was changed");
	return TASK_FAILED;
}

const struct action action_departures = {
	.name = "departures",
	.summary = "hold those that are to go against the cluster's nodes",
	.help = "Runs on a master that stays. Finds the node object of each "
		"host that muster remove was given, and refuses the last "
		"master, masters without which most voters of the datastore "
		"would not run, members of other clusters, and as unreachable "
		"what is Ready.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = departures_run,
};
