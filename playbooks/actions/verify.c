/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `verify`: what the API says of the nodes, held against the
 * inventory. Every node of the run must be there once, Ready, and announce
 * its node_ip.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

#define FIRST_PAUSE_US (200 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_PAUSE_US (2 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "3m",
	  .help = "How long to wait until it holds." },
};

/* What does not hold, and the hosts that share it: in a cluster of two hundred
 * that is one line and not two hundred. */
struct trouble {
	char *what;		/* behind "is" if it has hosts */
	GString *hosts;
	unsigned n;
};

static void trouble_free(struct trouble *trouble)
{
	g_free(trouble->what);
	g_string_free(trouble->hosts, TRUE);
	g_free(trouble);
}

/* Takes `what` over. `host` may be NULL. */
static void note_trouble(GPtrArray *troubles, const char *host, char *what)
{
	struct trouble *found = NULL;

	for (guint i = 0; !found && i < troubles->len; i++) {
		struct trouble *one = g_ptr_array_index(troubles, i);

		if (strcmp(one->what, what) == 0)
			found = one;
	}
	if (found) {
		g_free(what);
	} else {
		found = g_new0(struct trouble, 1);
		found->what = what;
		found->hosts = g_string_new(NULL);
		g_ptr_array_add(troubles, found);
	}
	if (host)
		g_string_append_printf(found->hosts, "%s%s",
				       found->n++ ? ", " : "", host);
}

static char *troubles_text(const GPtrArray *troubles)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < troubles->len; i++) {
		const struct trouble *one = g_ptr_array_index(troubles, i);

		g_string_append_printf(text, "%s%s%s%s", i ? "; " : "",
				       one->hosts->str, one->n == 0 ? ""
				       : one->n == 1 ? " is " : " are ",
				       one->what);
	}
	return g_string_free(text, FALSE);
}

static void check_node(const struct cluster *cluster, const struct node *node,
		       GPtrArray *troubles)
{
	const struct kube_node *seen = cluster_seen(cluster, node);
	const char *name = node->host->name;

	if (!seen) {
		note_trouble(troubles, name,
			     g_strdup("not among the nodes"));
		return;
	}
	if (seen->ready != KUBE_READY)
		note_trouble(troubles, name, g_strdup_printf(
			"not Ready (%s)", seen->ready_reason
			? seen->ready_reason : "no heartbeat"));
	if (g_strcmp0(seen->internal_ip, node->node_ip) != 0)
		note_trouble(troubles, NULL, g_strdup_printf(
			"%s has INTERNAL-IP %s instead of %s", name,
			seen->internal_ip ? seen->internal_ip : "none",
			node->node_ip));
}

static bool is_expected(const struct node *node)
{
	return node->facts && !node->failed;
}

/* One look; what does not hold goes to `troubles`. Returns how many nodes
 * were expected. */
static unsigned look_once(struct task *task, GPtrArray *troubles)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;
	GPtrArray *seen = api_nodes(cluster->api, task_deadline(task), &error);
	unsigned expected = 0;

	if (!seen) {
		note_trouble(troubles, NULL, g_strdup(error->message));
		return 0;
	}
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = seen;
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (!is_expected(node))
			continue;
		expected++;
		check_node(cluster, node, troubles);
	}
	return expected;
}

/* Where there are three masters, the loss of one is to be borne. */
static void check_members(struct task *task, GPtrArray *troubles)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;

	if (troubles->len || cluster_masters(cluster) < 2)
		return;
	if (!members_ask(cluster, cluster->master->session,
			 task_deadline(task), &error)) {
		note_trouble(troubles, NULL, g_strdup(error->message));
		return;
	}
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && is_expected(node) &&
		    !members_find(cluster, node))
			note_trouble(troubles, node->host->name,
				     g_strdup("not in the datastore"));
	}
	if (!members_are_settled(cluster))
		note_trouble(troubles, NULL, g_strdup_printf(
			"only %u of %u members of the datastore vote",
			members_count(cluster, BACKEND_VOTER),
			cluster->members->len));
}

/* Nodes that the inventory does not name are somebody's; only said. */
static void warn_of_strangers(struct task *task)
{
	const struct cluster *cluster = task_cluster(task);

	for (guint i = 0; i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (!cluster_whose(cluster, seen))
			task_warn(task, "node '%s' (%s) is in the cluster but "
				  "not in the inventory", seen->name,
				  seen->internal_ip ? seen->internal_ip
				  : "no address");
	}
}

static void hint_at(struct task *task, const char *troubles)
{
	if (strstr(troubles, "INTERNAL-IP"))
		task_hint(task, "look at --node-ip in " ARGS_DIR "/kubelet of "
			  "that host and whether the address is on one of its "
			  "interfaces; then run muster up again");
	else
		task_hint(task, "on that host: sudo journalctl -u "
			  "snap.microk8s.daemon-kubelite -n 50; is the "
			  "master's %s:16443 reachable from there?",
			  task_cluster(task)->master->node_ip);
}

static enum task_status verify_run(struct task *task, GError **error)
{
	gint64 pause_us = FIRST_PAUSE_US;
	gint64 begun_us = g_get_monotonic_time();
	g_autofree char *told = NULL;

	if (!task_cluster(task)->api) {
		task_say(task, "the API was not reached");
		return TASK_SKIPPED;
	}
	while (true) {
		g_autoptr(GPtrArray) troubles = g_ptr_array_new_with_free_func(
			(GDestroyNotify)trouble_free);
		unsigned expected = look_once(task, troubles);

		check_members(task, troubles);
		if (troubles->len == 0) {
			warn_of_strangers(task);
			task_add_remote(task, g_get_monotonic_time() -
					begun_us);
			task_say(task, "%u %s Ready, each on its node_ip",
				 expected, expected == 1 ? "node" : "nodes");
			return TASK_OK;
		}
		g_autofree char *text = troubles_text(troubles);

		if (!task_may_change(task)) {
			task_say(task, "now: %s", text);
			return TASK_SKIPPED;
		}
		node_note_waiting(task, text, &told);
		if (!task_sleep(task, pause_us, NULL)) {
			g_set_error_literal(error, MUSTER_ERROR,
					    MUSTER_ERROR_VERIFY, text);
			hint_at(task, text);
			return TASK_FAILED;
		}
		pause_us = MIN(pause_us * 3 / 2, LONGEST_PAUSE_US);
	}
}

const struct action action_verify = {
	.name = "verify",
	.summary = "prove at the API that every node is Ready on its node_ip",
	.help = "Asks the API for the nodes until each host of the run is "
		"among them once, Ready, with its node_ip as INTERNAL-IP, and "
		"with several masters until the datastore has its voters. "
		"Fails the run with exit status 3 when that does not come "
		"true in time.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = verify_run,
};
