/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs `ask_api` and `ask_api_again`: everything a proof needs of the
 * API, through one tunnel to the master; nodes and endpoints once more when
 * the proxies have had their refresh. Neither fails: what the API did not say
 * is judged with the rest.
 */
#include "playbooks/actions/actions.h"
#include "proof.h"

#include "playbooks/api.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/kube_json.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

#define OPEN_US (15 * G_TIME_SPAN_SECOND)
#define SYSTEM "/api/v1/namespaces/kube-system"
#define APPS "/apis/apps/v1/namespaces/kube-system"

/* The names of the checks that fail, out of /readyz?verbose's "[-]NAME failed:
 * ..." lines; newly allocated. */
static char *failing_checks(const char *text, long status)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	GString *names = g_string_new(NULL);

	for (char **line = lines; *line; line++) {
		if (!g_str_has_prefix(*line, "[-]"))
			continue;
		const char *name = *line + strlen("[-]");

		g_string_append_printf(names, "%s%.*s",
				       names->len ? ", " : "",
				       (int)strcspn(name, " "), name);
	}
	if (names->len == 0)
		g_string_printf(names, "/readyz answers %ld", status);
	else
		g_string_prepend(names, "these checks fail: ");
	return g_string_free(names, FALSE);
}

static bool ask_health(struct task *task, struct proof *proof)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	long status = 0;

	proof->api_asked = true;
	g_clear_pointer(&proof->api_problem, g_free);
	proof->api_ready = task_open_api(task, OPEN_US, &error) &&
		api_get_text(task_cluster(task)->api, "/readyz?verbose",
			     &status, &text, task_deadline(task), &error) &&
		status == 200;
	if (error)
		proof->api_problem = g_strdup(error->message);
	else if (!proof->api_ready)
		proof->api_problem = failing_checks(text, status);
	/* Without an answer the tunnel itself may be dead: a later round
	 * opens it again. */
	if (error)
		g_clear_pointer(&task_cluster(task)->api, api_free);
	return !error;
}

/* The address of a service, as the API tells of it; NULL if it has none. */
static char *cluster_ip(const char *text)
{
	json_t *service = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	const char *ip = kube_string(json_object_get(service, "spec"),
				     "clusterIP");
	char *copy = ip && g_hostname_is_ip_address(ip) ? g_strdup(ip) : NULL;

	json_decref(service);
	return copy;
}

/* What can be asked side by side. */
enum { PODS, DAEMONS, DEPLOYMENTS, API_SERVICE, DNS_SERVICE, N_OBJECTS };

static void take_object(struct proof *proof, int which, const char *text)
{
	size_t length = strlen(text);

	switch (which) {
	case PODS:
		proof->pods = kube_pods_parse(text, length, NULL);
		break;
	case DAEMONS:
		proof->daemons = kube_workloads_parse(text, length, NULL);
		break;
	case DEPLOYMENTS:
		proof->deployments = kube_workloads_parse(text, length, NULL);
		break;
	case API_SERVICE:
		proof->api_service = cluster_ip(text);
		break;
	case DNS_SERVICE:
		proof->dns_service = cluster_ip(text);
		break;
	}
}

/* What the API does not tell of is left out. */
static void ask_objects(struct task *task, struct proof *proof)
{
	static const char *const paths[N_OBJECTS] = {
		[PODS] = SYSTEM "/pods",
		[DAEMONS] = APPS "/daemonsets",
		[DEPLOYMENTS] = APPS "/deployments",
		[API_SERVICE] =
			"/api/v1/namespaces/default/services/kubernetes",
		[DNS_SERVICE] = SYSTEM "/services/kube-dns",
	};
	long statuses[N_OBJECTS] = { 0 };
	char *texts[N_OBJECTS] = { NULL };
	GError *errors[N_OBJECTS] = { NULL };

	api_get_texts(task_cluster(task)->api, paths, N_OBJECTS,
		      task_deadline(task), statuses, texts, errors);
	for (int i = 0; i < N_OBJECTS; i++) {
		if (texts[i] && statuses[i] == 200)
			take_object(proof, i, texts[i]);
		g_free(texts[i]);
		g_clear_error(&errors[i]);
	}
}

/* A pod that has a log on the node: Calico's, or any of kube-system's. */
static const struct kube_pod *pod_with_log(const struct proof *proof,
					   const char *node)
{
	const struct kube_pod *found = NULL;

	for (guint i = 0; proof->pods && i < proof->pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(proof->pods, i);

		if (!pod->ready || pod->leaving || !pod->node ||
		    strcmp(pod->node, node) != 0)
			continue;
		if (g_strcmp0(pod->app, "calico-node") == 0)
			return pod;
		found = found ? found : pod;
	}
	return found;
}

/* Of some nodes: which, and where a log of theirs is. */
struct logs {
	size_t n;
	const char *names[API_AT_ONCE];		/* borrowed */
	char *paths[API_AT_ONCE];
};

/* One line of a log that `pod` has, of its first container. */
static char *log_path(const struct kube_pod *pod)
{
	return g_strdup_printf(
		"/api/v1/namespaces/%s/pods/%s/log?tailLines=1%s", pod->space,
		pod->name, g_strcmp0(pod->app, "calico-node") == 0
		? "&container=calico-node" : "");
}

/* What is wrong with an answer, newly allocated, or NULL. */
static char *log_trouble(long status, const char *text, const GError *error)
{
	char *why;

	if (error)
		return g_strdup(error->message);
	if (status == 200)
		return NULL;
	why = kube_status_message(text, strlen(text));
	return why ? why : g_strdup_printf("the API answers %ld", status);
}

/* Asks for all of `logs` at once, and empties it. */
static void ask_some_logs(struct task *task, struct proof *proof,
			  struct logs *logs)
{
	long statuses[API_AT_ONCE] = { 0 };
	char *texts[API_AT_ONCE] = { NULL };
	GError *errors[API_AT_ONCE] = { NULL };

	api_get_texts(task_cluster(task)->api,
		      (const char *const *)logs->paths, logs->n,
		      task_deadline(task), statuses, texts, errors);
	for (size_t i = 0; i < logs->n; i++) {
		g_autofree char *why = log_trouble(statuses[i], texts[i],
						   errors[i]);

		g_hash_table_insert(proof->logs, g_strdup(logs->names[i]),
				    event_line(why ? why : ""));
		g_clear_error(&errors[i]);
		g_free(texts[i]);
		g_free(logs->paths[i]);
	}
	logs->n = 0;
}

static void ask_logs(struct task *task, struct proof *proof)
{
	const struct cluster *cluster = task_cluster(task);
	struct logs logs = { .n = 0 };

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct kube_node *seen = cluster_seen(cluster, node);
		const struct kube_pod *pod;

		/* A node that is not Ready is told of already, and asking a
		 * dead one takes long. */
		if (!proof_expects(node) || !seen ||
		    seen->ready != KUBE_READY)
			continue;
		pod = pod_with_log(proof, seen->name);
		if (!pod)
			continue;
		logs.names[logs.n] = seen->name;
		logs.paths[logs.n++] = log_path(pod);
		if (logs.n == API_AT_ONCE)
			ask_some_logs(task, proof, &logs);
	}
	ask_some_logs(task, proof, &logs);
}

static void ask_nodes(struct task *task, struct proof *proof, size_t which)
{
	struct cluster *cluster = task_cluster(task);

	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	cluster->seen = api_nodes(cluster->api, task_deadline(task), NULL);
	g_clear_pointer(&proof->endpoints[which], g_ptr_array_unref);
	proof->endpoints[which] = api_endpoints(cluster->api,
						task_deadline(task), NULL);
}

/* Asked again each round, so a round that was told nothing knows nothing. */
static void ask_members(struct task *task, struct proof *proof)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(GError) error = NULL;

	if (cluster_masters(cluster) < 2 ||
	    members_ask(cluster, task_session(task), task_deadline(task),
			&error))
		return;
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	g_free(proof->members_problem);
	proof->members_problem = g_strdup(error->message);
}

static bool has_proof(struct task *task)
{
	struct cluster *cluster = task_cluster(task);

	if (cluster->proof && task_node(task) == cluster->master)
		return true;
	task_say(task, "%s", cluster->proof ? "asked by the first master"
		 : "only `muster verify` makes a proof");
	return false;
}

static enum task_status ask_api_run(struct task *task, GError **error)
{
	struct proof *proof = task_cluster(task)->proof;
	gint64 begun_us = g_get_monotonic_time();

	(void)error;
	if (!has_proof(task))
		return TASK_SKIPPED;
	ask_members(task, proof);
	if (!ask_health(task, proof)) {
		task_say(task, "%s", proof->api_problem);
		return TASK_OK;
	}
	ask_nodes(task, proof, 0);
	ask_objects(task, proof);
	ask_logs(task, proof);
	task_add_remote(task, g_get_monotonic_time() - begun_us);
	task_say(task, "%s", proof->api_ready ? "healthy"
		 : proof->api_problem);
	return TASK_OK;
}

const struct action action_ask_api = {
	.name = "ask_api",
	.summary = "ask the API for all that a proof needs of it",
	.help = "Health, nodes, endpoints, the pods and controllers of "
		"kube-system, and a line of a log from every kubelet; where "
		"there are several masters, the datastore's members; "
		"through the SSH tunnel to the master. Part of `muster "
		"verify`, which judges what it was told.",
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = ask_api_run,
};

static enum task_status ask_again_run(struct task *task, GError **error)
{
	struct proof *proof = task_cluster(task)->proof;

	(void)error;
	if (!has_proof(task))
		return TASK_SKIPPED;
	if (!task_cluster(task)->api) {
		task_say(task, "the API was not reached");
		return TASK_SKIPPED;
	}
	ask_nodes(task, proof, 1);
	task_say(task, "%u nodes", task_cluster(task)->seen
		 ? task_cluster(task)->seen->len : 0);
	return TASK_OK;
}

const struct action action_ask_api_again = {
	.name = "ask_api_again",
	.summary = "ask the API once more for its nodes and its own address",
	.help = "A wrong address lives for one refresh of the workers' "
		"proxies. Part of `muster verify`.",
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = ask_again_run,
};
