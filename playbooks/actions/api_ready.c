/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `api`: opens the way to the API and waits until it is healthy and
 * announces the address that the other nodes are to use. `snap restart` says
 * "Restarted." long before.
 */
#include "actions.h"

#include "playbooks/api.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/backend_yaml.h"

#include <string.h>

#define FIRST_PAUSE_US (200 * G_TIME_SPAN_MILLISECOND)
#define LONGEST_PAUSE_US (2 * G_TIME_SPAN_SECOND)
#define OPEN_US (30 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "address", .type = PARAM_STRING, .required = true,
	  .help = "Its address behind the kubernetes service, where there "
		  "may be other masters' beside it and nothing else." },
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "3m",
	  .help = "How long to wait for it." },
};

/* That address, and beside it none but other masters'. */
static bool is_among_masters(const struct cluster *cluster,
			     GPtrArray *endpoints, const char *address)
{
	g_autoptr(GPtrArray) others = g_ptr_array_new();
	bool found = false;

	for (guint i = 0; i < endpoints->len; i++) {
		char *one = g_ptr_array_index(endpoints, i);

		if (strcmp(one, address) == 0)
			found = true;
		else
			g_ptr_array_add(others, one);
	}
	return found && (others->len == 0 ||
			 cluster_lists_masters(cluster, others, 0));
}

static bool announces(struct task *task, const char *address, char **why)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) endpoints =
		api_endpoints(task_cluster(task)->api, task_deadline(task),
			      &error);

	if (!endpoints) {
		*why = g_strdup(error->message);
		return false;
	}
	if (is_among_masters(task_cluster(task), endpoints, address))
		return true;
	GString *text = g_string_new("the kubernetes endpoints are ");

	for (guint i = 0; i < endpoints->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(endpoints, i));
	if (endpoints->len == 0)
		g_string_append(text, "empty");
	g_string_append_printf(text, " instead of %s", address);
	*why = g_string_free(text, FALSE);
	return false;
}

static bool wait_for_api(struct task *task, const char *address,
			 GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 pause_us = FIRST_PAUSE_US;
	g_autofree char *why = NULL, *told = NULL;

	while (true) {
		g_clear_pointer(&why, g_free);
		if (api_is_ready(cluster->api, &why, task_deadline(task)) &&
		    announces(task, address, &why))
			return true;
		node_note_waiting(task, why, &told);
		if (!task_sleep(task, pause_us, error)) {
			g_prefix_error(error, "the API is not ready: %s: ",
				       why);
			return false;
		}
		pause_us = MIN(pause_us * 3 / 2, LONGEST_PAUSE_US);
	}
}

/* The other voters of the datastore that the master last knew, or NULL: there
 * are none. */
static char *other_voters(const struct facts *facts)
{
	g_autoptr(GPtrArray) members = facts_datastore(facts);
	struct backend_node *own = facts->backend_info
		? backend_yaml_info(facts->backend_info, NULL) : NULL;
	GString *text = g_string_new(NULL);

	for (guint i = 0; own && members && i < members->len; i++) {
		const struct backend_node *one = g_ptr_array_index(members, i);

		if (one->role == BACKEND_VOTER &&
		    strcmp(one->address, own->address) != 0)
			g_string_append_printf(text, "%s%s",
					       text->len ? ", " : "",
					       one->address);
	}
	backend_node_free(own);
	return g_string_free(text, text->len == 0);
}

static void hint_at_failure(struct task *task)
{
	const char *name = task_host(task)->name;
	g_autofree char *voters = other_voters(task_node(task)->facts);

	if (voters)
		task_hint(task, "the datastore of %s has voters beside it "
			  "(%s), and without most of them it stands still: "
			  "bring them back; if they are gone for good, muster "
			  "reset takes apart what is left", name, voters);
	else
		task_hint(task, "sudo microk8s inspect; sudo journalctl -u "
			  "snap.microk8s.daemon-kubelite on %s", name);
}

/* Joins may go in parallel once none of them is special: no datastore to
 * move, no CNI to patch. */
static void note_prepared(struct cluster *cluster)
{
	const struct facts *facts = cluster->master->facts;
	bool is_loopback = false;

	if (facts->backend_info) {
		struct backend_node *info =
			backend_yaml_info(facts->backend_info, NULL);

		is_loopback = !info || backend_node_is_loopback(info);
		backend_node_free(info);
	}
	cluster->prepared = !is_loopback &&
		g_strcmp0(facts->cni_method, "first-found") != 0;
}

/* Who is a member already, where there may be several. */
static bool ask_members(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	return cluster_masters(cluster) < 2 ||
		node_ask_members(task, cluster->master->session, error);
}

/* A plan asks a running API what it may, and never waits for it. */
static enum task_status look_only(struct task *task)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;
	g_autofree char *why = NULL;

	if (!task_open_api(task, OPEN_US, &error)) {
		task_say(task, "not reached: %s", error->message);
		return TASK_SKIPPED;
	}
	if (!api_is_ready(cluster->api, &why, task_deadline(task))) {
		task_say(task, "not ready: %s", why);
		g_clear_pointer(&cluster->api, api_free);
		return TASK_SKIPPED;
	}
	cluster->seen = api_nodes(cluster->api, task_deadline(task), NULL);
	if (cluster_masters(cluster) > 1)
		members_ask(cluster, cluster->master->session,
			    task_deadline(task), NULL);
	task_say(task, "answers");
	return TASK_OK;
}

static enum task_status api_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const char *address = task_string(task, "address");
	gint64 begun_us = g_get_monotonic_time();

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (!task_may_change(task))
		return look_only(task);
	if (!task_open_api(task, OPEN_US, error) ||
	    !wait_for_api(task, address, error)) {
		hint_at_failure(task);
		return TASK_FAILED;
	}
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = api_nodes(cluster->api, task_deadline(task), error);
	if (!cluster->seen || !ask_members(task, error))
		return TASK_FAILED;
	task_node(task)->awaited = false;
	task_add_remote(task, g_get_monotonic_time() - begun_us);
	if (cluster->master->facts->backend_info &&
	    strstr(cluster->master->facts->backend_info, "127.0.0.1") &&
	    !node_look(task, error))
		return TASK_FAILED;
	note_prepared(cluster);
	task_say(task, "ready, announced as %s", address);
	return TASK_OK;
}

const struct action action_api = {
	.name = "api",
	.summary = "wait until the API answers and announces the right address",
	.help = "Asks /readyz and the endpoints of the kubernetes service "
		"through an SSH tunnel, with the cluster's own CA and admin "
		"certificate.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = api_run,
};
