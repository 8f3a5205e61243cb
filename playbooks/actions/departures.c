/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `departures`: who was asked to go, held against the API's nodes
 * before anything is touched. Refuses what would do harm, all reasons at once:
 * none of those named leaves then.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/departure.h"
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

	if (seen && (seen->role == KUBE_ROLE_CONTROL_PLANE ||
		     strcmp(seen->name, master->node_name) == 0))
		return g_strdup_printf("'%s' is the node of the only master: "
				       "without it there is no cluster (muster "
				       "reset takes all of it apart)",
				       d->wanted);
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
	return true;
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

static void judge_all(struct task *task, GString *problems, GString *who,
		      int *code)
{
	struct cluster *cluster = task_cluster(task);

	for (guint i = 0; i < cluster->departures->len; i++) {
		struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (!was_looked_at(task, d))
			continue;
		const struct kube_node *seen = departure_seen(cluster, d);
		g_autofree char *problem = judge(
			cluster, d, seen, task_bool(task, "force"), code);

		if (problem) {
			g_string_append_printf(problems, "%s%s", problems->len
					       ? "; " : "", problem);
			continue;
		}
		g_free(d->name);
		d->name = seen ? g_strdup(seen->name) : NULL;
		d->may_leave = true;
		g_string_append_printf(who, "%s%s%s", who->len ? ", " : "",
				       d->wanted, seen ? ""
				       : " (no node of the cluster)");
	}
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
	.help = "Runs on the master. Finds the node object of each host that "
		"muster remove was given, and refuses the last master, "
		"members of other clusters, and as unreachable what is "
		"Ready.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = departures_run,
};
