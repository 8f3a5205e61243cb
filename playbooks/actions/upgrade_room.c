/* SPDX-License-Identifier: Apache-2.0
 *
 * An upgrade as the other nodes see it: when it is a node's turn, and where its
 * pods are meanwhile. A cordon is marked at the node object, so that a run
 * which goes on after this one lifts it, and none that somebody else has set.
 */
#include "upgrade_work.h"

#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/upgrade_rules.h"

#define API_US (60 * G_TIME_SPAN_SECOND)
#define KUBECTL_TRIES 5
#define KUBECTL_PAUSE_US (2 * G_TIME_SPAN_SECOND)
#define LOOK_US (500 * G_TIME_SPAN_MILLISECOND)

/* The mark first: a cordon without it would be taken for somebody else's. */
static const char mark_script[] =
	"exec /snap/bin/microk8s kubectl --request-timeout=20s annotate "
	"--overwrite node \"$1\" muster/upgrade=cordoned\n";

static const char uncordon_script[] =
	"/snap/bin/microk8s kubectl --request-timeout=20s uncordon \"$1\" ||\n"
	"	exit $?\n"
	"exec /snap/bin/microk8s kubectl --request-timeout=20s annotate node "
	"\"$1\" muster/upgrade-\n";

void upgrade_work_clear(struct upgrade_work *w)
{
	session_free(w->own);
	g_free(w->channel);
	g_free(w->latest);
	g_free(w->version);
	g_free(w->revision);
	g_free(w->behind);
}

/* --- what the API says --- */

static void note_master(struct upgrade_work *w, const struct kube_node *n)
{
	const char *wanted = w->latest ? w->latest : w->channel;

	w->masters++;
	w->ready_masters += n->ready == KUBE_READY;
	if (!w->behind && upgrade_lag(n->version, wanted) > 0)
		w->behind = g_strdup_printf("%s is at %s", n->name,
					    n->version);
}

static bool read_seen(struct upgrade_work *w, const GPtrArray *seen,
		      GError **error)
{
	const char *name = task_node(w->task)->facts->node_name;
	const struct kube_node *own = kube_nodes_find(seen, name);

	if (!own) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "the API has no node '%s'", name);
		return false;
	}
	w->is_ready = own->ready == KUBE_READY;
	w->is_marked = own->upgrading;
	w->is_cordoned = own->unschedulable && !own->upgrading;
	w->has_room = false;
	w->masters = w->ready_masters = 0;
	g_clear_pointer(&w->behind, g_free);
	for (guint i = 0; i < seen->len; i++) {
		const struct kube_node *n = g_ptr_array_index(seen, i);

		if (n->role == KUBE_ROLE_CONTROL_PLANE)
			note_master(w, n);
		if (n != own && n->ready == KUBE_READY && !n->unschedulable)
			w->has_room = true;
	}
	return true;
}

bool upgrade_survey(struct upgrade_work *w, GError **error)
{
	struct cluster *cluster = task_cluster(w->task);
	bool ok;

	g_mutex_lock(&cluster->lock);
	ok = node_ask_api(w->task, g_get_monotonic_time() + API_US, error) &&
		read_seen(w, cluster->seen, error);
	g_mutex_unlock(&cluster->lock);
	return ok;
}

/* --- its turn --- */

static bool find_window(struct upgrade_work *w, unsigned *window,
			GError **error)
{
	const GPtrArray *nodes = task_cluster(w->task)->nodes;
	const char *text = task_string(w->task, "at_once");
	unsigned workers = 0;

	for (guint i = 0; i < nodes->len; i++) {
		const struct node *node = g_ptr_array_index(nodes, i);

		workers += node->role == NODE_WORKER;
	}
	if (!upgrade_window(text, workers, window)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'at_once' takes a number such as 2 or a share "
			    "such as 25%%, not '%s'", text);
		return false;
	}
	if (task_node(w->task)->role == NODE_MASTER)
		*window = 1;
	return true;
}

void upgrade_queue(struct upgrade_work *w, bool awaits_turn)
{
	struct cluster *cluster = task_cluster(w->task);

	g_mutex_lock(&cluster->lock);
	task_node(w->task)->awaits_turn = awaits_turn;
	g_cond_broadcast(&cluster->changed);
	g_mutex_unlock(&cluster->lock);
}

static bool is_next(const struct cluster *cluster, const struct node *node)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *n = g_ptr_array_index(cluster->nodes, i);

		if (n == node)
			break;
		if (n->awaits_turn)
			return false;
	}
	return true;
}

/* A node that failed may be tried again, and no other begun. */
static bool has_to_wait(const struct cluster *cluster,
			const struct node *node, unsigned window)
{
	return (!cluster->halted_by || cluster->halted_by == node) &&
		(cluster->upgrading >= window || !is_next(cluster, node));
}

enum task_status upgrade_enter(struct upgrade_work *w, GError **error)
{
	struct cluster *cluster = task_cluster(w->task);
	struct node *node = task_node(w->task);
	const struct node *halted_by;
	bool is_stopped = false;
	unsigned window = 1;

	if (!find_window(w, &window, error))
		return TASK_FAILED;
	g_mutex_lock(&cluster->lock);
	while (!is_stopped && has_to_wait(cluster, node, window)) {
		g_cond_wait_until(&cluster->changed, &cluster->lock,
				  g_get_monotonic_time() + LOOK_US);
		is_stopped = task_is_stopped(w->task);
	}
	halted_by = cluster->halted_by == node ? NULL : cluster->halted_by;
	cluster->upgrading += !halted_by && !is_stopped;
	node->awaits_turn = false;
	g_cond_broadcast(&cluster->changed);
	g_mutex_unlock(&cluster->lock);
	if (halted_by) {
		task_say(w->task, "not begun: %s failed before its turn",
			 halted_by->host->name);
		return TASK_SKIPPED;
	}
	if (!is_stopped)
		return TASK_OK;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
		    "stopped before its turn");
	return TASK_FAILED;
}

void upgrade_leave(struct upgrade_work *w, bool ok)
{
	struct cluster *cluster = task_cluster(w->task);
	const struct node *node = task_node(w->task);

	g_mutex_lock(&cluster->lock);
	cluster->upgrading--;
	if (!ok && !cluster->halted_by)
		cluster->halted_by = node;
	else if (ok && cluster->halted_by == node)
		cluster->halted_by = NULL;
	g_cond_broadcast(&cluster->changed);
	g_mutex_unlock(&cluster->lock);
}

/* --- its pods --- */

/* A way to kubectl that no other thread uses. */
static struct session *to_master(struct upgrade_work *w)
{
	const struct node *master = task_cluster(w->task)->master;

	if (master == task_node(w->task))
		return task_session(w->task);
	if (!w->own)
		w->own = session_new(task_transport(w->task), master->host);
	return w->own;
}

/* The API server may have been restarted just now. */
static bool kubectl(struct upgrade_work *w, const char *title,
		    const char *script, GError **error)
{
	const char *args[] = { task_node(w->task)->facts->node_name, NULL };

	for (unsigned try = 1;; try++) {
		struct exec_request request = {
			.title = title, .script = script, .args = args,
			.deadline_us = g_get_monotonic_time() + API_US,
		};
		g_autoptr(GError) problem = NULL;

		if (exec_run(to_master(w), &request, NULL, &problem))
			return true;
		if (try == KUBECTL_TRIES ||
		    !task_sleep(w->task, KUBECTL_PAUSE_US, NULL)) {
			g_propagate_error(error, g_steal_pointer(&problem));
			return false;
		}
	}
}

bool upgrade_take_pods(struct upgrade_work *w, GError **error)
{
	if (w->is_marked && !kubectl(w, "kubectl uncordon", uncordon_script,
				     error))
		return false;
	w->is_marked = false;
	return true;
}

bool upgrade_make_room(struct upgrade_work *w, GError **error)
{
	const char *name = task_node(w->task)->facts->node_name;
	g_autoptr(GError) problem = NULL;

	if (!w->has_room) {
		task_note(w->task, "no other node takes its pods: they stay");
		return true;
	}
	if (!w->is_cordoned && !w->is_marked &&
	    !kubectl(w, "kubectl annotate", mark_script, error))
		return false;
	w->is_marked = w->is_marked || !w->is_cordoned;
	task_note(w->task, "moving its pods elsewhere");
	if (node_drain(w->task, to_master(w), name, error))
		return true;
	g_prefix_error(error, "not upgraded: ");
	if (!upgrade_take_pods(w, &problem))
		task_warn(w->task, "it still takes no new pods: %s",
			  problem->message);
	return false;
}
