/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `remove_node`: takes the node objects of those that have left, or
 * are dead, off the cluster, and looks that they and their tokens are gone.
 * `microk8s remove-node` is silent when it worked and not to be believed when
 * it did not, so the API is asked.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/departure.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/kube_nodes.h"

#define PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)
#define LOOK_US (30 * G_TIME_SPAN_SECOND)
#define TOKEN_LEFT 9

/* $1 the node, or the address of one that is only in the datastore, $2 --force
 * or nothing: then its exit status is 1 also when it worked. Its line in
 * callback-tokens.txt begins with its name. */
static const char remove_script[] =
	"/snap/bin/microk8s remove-node \"$1\" $2 || [ \"$2\" ] || exit 1\n"
	"tokens=" SNAP_DATA "/credentials/callback-tokens.txt\n"
	"[ -f \"$tokens\" ] || exit 0\n"
	"while IFS= read -r line; do\n"
	"	case $line in\n"
	"	\"$1\":* | \"$1 \"*) exit 9 ;;\n"
	"	esac\n"
	"done <\"$tokens\"\n"
	"exit 0\n";

/* A dead master without a node may still be a member of the datastore. */
static const char *name_of(const struct cluster *cluster,
			   const struct departure *d)
{
	return d->name ? d->name : d->is_unreachable &&
		departure_is_master(cluster, d)
		? departure_address(cluster, d) : NULL;
}

static bool is_to_remove(const struct cluster *cluster,
			 const struct departure *d)
{
	return d->may_leave && name_of(cluster, d) &&
		(d->has_left || d->is_unreachable);
}

static bool is_listed(struct task *task, const char *address, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	return !members_ask(cluster, task_session(task), task_deadline(task),
			    error) ||
		backend_yaml_find(cluster->members, address);
}

/* The datastore, too, must have forgotten a control plane. */
static bool look_for_member(struct task *task, const char *address,
			    GError **error)
{
	gint64 until_us = g_get_monotonic_time() + LOOK_US;

	while (is_listed(task, address, error)) {
		if (*error)
			return false;
		if (g_get_monotonic_time() > until_us) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
				    "the datastore still lists %s", address);
			return false;
		}
		if (!task_sleep(task, PAUSE_US, error))
			return false;
	}
	return true;
}

/* Looks until the API does not have the node any more. */
static bool wait_until_gone(struct task *task, const struct departure *d,
			    GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 until_us = g_get_monotonic_time() + LOOK_US;

	while (true) {
		GPtrArray *seen = api_nodes(cluster->api,
					    task_deadline(task), error);

		if (!seen)
			return false;
		g_clear_pointer(&cluster->seen, g_ptr_array_unref);
		cluster->seen = seen;
		if (!kube_nodes_find(seen, d->name))
			return true;
		if (g_get_monotonic_time() > until_us)
			break;
		if (!task_sleep(task, PAUSE_US, error))
			return false;
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
		    "'%s' was removed, but is still among the nodes", d->name);
	task_hint(task, "its kubelet registers it anew: stop MicroK8s on that "
		  "host, then remove it again");
	return false;
}

static bool remove_one(struct task *task, const struct departure *d,
		       GError **error)
{
	g_autofree char *id = g_strdup_printf(
		"%s-remove-%" G_GINT64_MODIFIER "x", task_run_id(task),
		g_get_monotonic_time());
	struct cluster *cluster = task_cluster(task);
	bool is_master = departure_is_master(cluster, d);
	g_autofree char *address =
		g_strdup(departure_address(cluster, d));
	const char *args[] = { name_of(cluster, d), is_master &&
			       d->is_unreachable ? "--force" : "", NULL };
	g_autoptr(ExecResult) result = NULL;
	struct job_request request = {
		.id = id,
		.title = "microk8s remove-node",
		.script = remove_script,
		.args = args,
		.accept_failure = true,
	};

	if (!task_job(task, request, &result, error))
		return false;
	if (result->status == TOKEN_LEFT) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
			    "'%s' was removed, but its callback token is "
			    "left", d->name);
		return false;
	}
	if ((!d->name || wait_until_gone(task, d, error)) &&
	    (!is_master || look_for_member(task, address, error)))
		return true;
	if (result->status != 0)
		g_prefix_error(error, "microk8s remove-node: %s: ",
			       g_strstrip(*result->out ? result->out
					  : result->err));
	return false;
}

static void tell_of_the_dead(struct task *task, const struct departure *d)
{
	if (!d->is_unreachable)
		return;
	task_warn(task, "'%s' was not reached, so it does not know: should it "
		  "come back, run `sudo microk8s leave` on it (or snap remove "
		  "--purge microk8s) at once, or it registers its node again",
		  d->wanted);
}

static enum task_status remove_node_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GString) names = g_string_new(NULL);

	if (!cluster->departures || task_node(task) != cluster->master) {
		task_say(task, "nobody is to go");
		return TASK_SKIPPED;
	}
	for (guint i = 0; i < cluster->departures->len; i++) {
		struct departure *d =
			g_ptr_array_index(cluster->departures, i);

		if (!is_to_remove(cluster, d))
			continue;
		if (task_may_change(task)) {
			if (!remove_one(task, d, error))
				return TASK_FAILED;
			tell_of_the_dead(task, d);
		}
		g_string_append_printf(names, "%s%s", names->len ? ", " : "",
				       d->name ? d->name : d->wanted);
	}
	task_say(task, "%s", names->len ? names->str
		 : "no node of theirs is in the cluster");
	return names->len ? TASK_CHANGED : TASK_OK;
}

const struct action action_remove_node = {
	.name = "remove_node",
	.summary = "take nodes that have left, or are dead, off the cluster",
	.help = "Runs `microk8s remove-node` on the master for each host that "
		"muster remove was given and that has left or was given as "
		"unreachable, and asks the API whether it is gone.",
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = remove_node_run,
};
