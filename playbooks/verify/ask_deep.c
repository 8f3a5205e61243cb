/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `ask_deep`: a pod on every node, reached from a pod on every other
 * one. What it creates in namespace default it removes again whatever comes,
 * and what an earlier run that was killed had to leave.
 */
#include "playbooks/actions/actions.h"
#include "deep_objects.h"
#include "proof.h"

#include "playbooks/api.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

#define SETS "/apis/apps/v1/namespaces/default/daemonsets"
#define SERVICES "/api/v1/namespaces/default/services"
#define PODS "/api/v1/namespaces/default/pods"
#define REMOVE_US (15 * G_TIME_SPAN_SECOND)
#define PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)
#define SPARE_S 600		/* beyond which an object is a leftover */
#define DNS_NAME "kubernetes.default.svc.cluster.local"

static const struct param params[] = {
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "3m",
	  .help = "How long pulling the image, starting and asking may take." },
};

struct deep {
	struct task *task;
	struct proof *proof;
	struct api *api;
	char *servers, *askers;		/* names of the objects */
	gint64 ends;			/* Unix seconds */
	unsigned nodes;			/* that a pod is expected on */
};

static void deep_clear(struct deep *deep)
{
	g_free(deep->servers);
	g_free(deep->askers);
}

/* Why there is no deep proof; the first reason wins. */
static bool fail(struct deep *deep, const char *cause, char *why)
{
	if (!deep->proof->deep_problem) {
		deep->proof->deep_problem = event_line(why);
		deep->proof->deep_cause = cause;
	}
	g_free(why);
	return false;
}

/* --- creating and removing --- */

static bool create(struct deep *deep, const char *path, json_t *object,
		   json_t **answer)
{
	g_autoptr(GError) error = NULL;
	json_t *made = api_send(deep->api, "POST", path, object, NULL,
				task_deadline(deep->task), &error);

	json_decref(object);
	if (!made)
		return fail(deep, NULL, g_strdup(error->message));
	if (answer)
		*answer = made;
	else
		json_decref(made);
	return true;
}

/* The object may be there or not. The run may be over its deadline, or
 * stopped: removing has time of its own. */
static void discard(struct deep *deep, const char *path, const char *name)
{
	g_autofree char *whole = g_strdup_printf(
		"%s/%s?propagationPolicy=Background", path, name);
	g_autoptr(GError) error = NULL;
	long status = 0;
	json_t *answer = api_send(deep->api, "DELETE", whole, NULL, &status,
				  g_get_monotonic_time() + REMOVE_US, &error);

	json_decref(answer);
	if (!answer && status != 404)
		task_warn(deep->task, "%s could not be removed: %s; do it "
			  "with microk8s kubectl delete daemonset,service -l "
			  DEEP_LABEL, name, error->message);
}

static void discard_leftovers(struct deep *deep, const char *path)
{
	g_autofree char *query = g_strconcat(path, "?labelSelector="
					     DEEP_LABEL, NULL);
	json_t *list = api_get(deep->api, query, NULL,
			       task_deadline(deep->task), NULL);
	g_autoptr(GPtrArray) names = deep_leftovers(
		list, g_get_real_time() / G_USEC_PER_SEC);

	for (guint i = 0; i < names->len; i++)
		discard(deep, path, g_ptr_array_index(names, i));
	json_decref(list);
}

/* --- waiting --- */

static GPtrArray *pods_of(struct deep *deep, const char *name)
{
	g_autofree char *path = g_strdup_printf(
		PODS "?labelSelector=" DEEP_LABEL "%%3D%s", name);
	g_autofree char *text = NULL;
	long status = 0;

	if (!api_get_text(deep->api, path, &status, &text,
			  task_deadline(deep->task), NULL) || status != 200)
		return NULL;
	return kube_pods_parse(text, strlen(text), NULL);
}

static bool cannot_pull(const struct kube_pod *pod)
{
	return pod->waiting && (strstr(pod->waiting, "ImagePull") ||
				strstr(pod->waiting, "InvalidImageName"));
}

/* Until a pod of `name` is ready on every node; they are the caller's. */
static GPtrArray *wait_for_pods(struct deep *deep, const char *name)
{
	unsigned ready = 0;

	do {
		g_autoptr(GPtrArray) pods = pods_of(deep, name);

		ready = 0;
		for (guint i = 0; pods && i < pods->len; i++) {
			const struct kube_pod *pod =
				g_ptr_array_index(pods, i);

			if (cannot_pull(pod)) {
				fail(deep, "image-pull", g_strdup_printf(
					"%s cannot pull %s: %s", pod->node
					? pod->node : "a node",
					deep->proof->image, pod->waiting));
				return NULL;
			}
			ready += pod->ready && pod->ip && pod->node;
		}
		if (pods && ready >= deep->nodes)
			return g_steal_pointer(&pods);
	} while (task_sleep(deep->task, PAUSE_US, NULL));
	fail(deep, "rollout-unfinished", g_strdup_printf(
		"%u of %u test pods are ready", ready, deep->nodes));
	return NULL;
}

/* The log of an asker; NULL while it cannot be had. */
static char *read_log(struct deep *deep, const struct kube_pod *pod)
{
	g_autofree char *path = g_strdup_printf(PODS "/%s/log", pod->name);
	g_autofree char *text = NULL;
	long status = 0;

	if (!api_get_text(deep->api, path, &status, &text,
			  task_deadline(deep->task), NULL) || status != 200)
		return NULL;
	return g_steal_pointer(&text);
}

static bool is_finished(const char *text)
{
	return text && (g_str_has_prefix(text, "end\n") ||
			strstr(text, "\nend\n"));
}

/* Reads the logs of `pods` until all have come to their end. */
static void gather(struct deep *deep, const GPtrArray *pods)
{
	GPtrArray *reports = g_ptr_array_new_with_free_func(
		(GDestroyNotify)deep_report_free);
	bool all = false, in_time = true;

	deep->proof->deep_reports = reports;
	for (guint i = 0; i < pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(pods, i);
		struct deep_report *report = g_new0(struct deep_report, 1);

		report->node = g_strdup(pod->node ? pod->node : "no node");
		report->text = g_strdup("");
		g_ptr_array_add(reports, report);
	}
	while (!all && in_time) {
		all = true;
		for (guint i = 0; i < pods->len; i++) {
			struct deep_report *report =
				g_ptr_array_index(reports, i);
			char *text = is_finished(report->text) ? NULL
				: read_log(deep, g_ptr_array_index(pods, i));

			if (text) {
				g_free(report->text);
				report->text = text;
			}
			all = all && is_finished(report->text);
		}
		in_time = all || task_sleep(deep->task, PAUSE_US, NULL);
	}
}

/* --- the whole --- */

static char *peers_of(const GPtrArray *pods)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(pods, i);

		if (pod->node && pod->ip)
			g_string_append_printf(text, "%s%s=%s",
					       text->len ? " " : "",
					       pod->node, pod->ip);
	}
	return g_string_free(text, FALSE);
}

static bool ask(struct deep *deep)
{
	struct proof *proof = deep->proof;
	json_t *service = NULL;

	if (!create(deep, SETS, deep_servers(deep->servers, proof->image,
					     deep->ends), NULL) ||
	    !create(deep, SERVICES, deep_service(deep->servers, deep->servers,
						 deep->ends), &service))
		return false;
	g_autofree char *address = g_strdup(json_string_value(json_object_get(
		json_object_get(service, "spec"), "clusterIP")));
	g_autoptr(GPtrArray) servers = wait_for_pods(deep, deep->servers);

	json_decref(service);
	if (!servers)
		return false;
	g_autofree char *peers = peers_of(servers);

	if (!create(deep, SETS, deep_askers(deep->askers, proof->image,
					    deep->ends, peers,
					    address ? address : "",
					    proof->dns_service ? DNS_NAME
					    : ""), NULL))
		return false;
	g_autoptr(GPtrArray) askers = wait_for_pods(deep, deep->askers);

	if (!askers)
		return false;
	gather(deep, askers);
	return true;
}

static unsigned count_expected(const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		n += proof_expects(node) && cluster_seen(cluster, node);
	}
	return n;
}

static void name_objects(struct deep *deep)
{
	g_autofree char *id = g_ascii_strdown(task_run_id(deep->task), -1);
	gint64 left_us = task_deadline(deep->task) - g_get_monotonic_time();

	deep->servers = g_strdup_printf("muster-proof-%s-serve", id);
	deep->askers = g_strdup_printf("muster-proof-%s-ask", id);
	deep->ends = g_get_real_time() / G_USEC_PER_SEC +
		left_us / G_TIME_SPAN_SECOND + SPARE_S;
}

static enum task_status ask_deep_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	struct deep deep = {
		.task = task, .proof = cluster->proof, .api = cluster->api,
		.nodes = count_expected(cluster),
	};

	if (!deep.proof || !deep.proof->deep ||
	    task_node(task) != cluster->master) {
		task_say(task, "asked only by muster verify --deep");
		return TASK_SKIPPED;
	}
	if (!deep.api) {
		fail(&deep, NULL, g_strdup("the API was not reached"));
		return TASK_SKIPPED;
	}
	name_objects(&deep);
	discard_leftovers(&deep, SETS);
	discard_leftovers(&deep, SERVICES);
	ask(&deep);
	discard(&deep, SETS, deep.askers);
	discard(&deep, SETS, deep.servers);
	discard(&deep, SERVICES, deep.servers);
	deep_clear(&deep);
	if (task_is_stopped(task)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "stopped; its pods are removed");
		return TASK_FAILED;
	}
	task_say(task, "%s", deep.proof->deep_problem
		 ? deep.proof->deep_problem : "every pod was asked");
	return TASK_OK;
}

const struct action action_ask_deep = {
	.name = "ask_deep",
	.summary = "ask from a pod on every node for a pod on every other",
	.help = "Creates DaemonSets and a Service in namespace default, waits "
		"for their pods, reads what they found from their logs, and "
		"removes all of it, on Ctrl-C too. Part of `muster verify "
		"--deep`, which judges what it was told.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 180 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = false,
	.run = ask_deep_run,
};
