/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods and their controllers out of the API's JSON. A field of the wrong type
 * counts as absent, except a name.
 */
#include "kube_workloads.h"

#include "kube_json.h"
#include "kube_nodes.h"
#include "transport/error.h"

#include <string.h>

void kube_pod_free(struct kube_pod *pod)
{
	if (!pod)
		return;
	g_free(pod->name);
	g_free(pod->space);
	g_free(pod->app);
	g_free(pod->node);
	g_free(pod->ip);
	g_free(pod->waiting);
	g_free(pod);
}

void kube_workload_free(struct kube_workload *workload)
{
	if (!workload)
		return;
	g_free(workload->name);
	g_free(workload->method);
	g_free(workload);
}

static gint64 get_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* The items of a list of one of two kinds; *whole is the caller's. */
static const json_t *load_items(const char *text, size_t length,
				const char *kind, const char *other,
				json_t **whole, GError **error)
{
	json_error_t problem;
	const char *found, *why = "not a list";
	const json_t *items = NULL;

	*whole = length <= KUBE_JSON_SIZE_MAX
		? json_loadb(text, length, 0, &problem) : NULL;
	found = kube_string(*whole, "kind");
	if (!*whole)
		why = length > KUBE_JSON_SIZE_MAX ? "too long" : problem.text;
	else if (g_strcmp0(found, kind) == 0 || g_strcmp0(found, other) == 0)
		items = json_object_get(*whole, "items");
	if (json_is_array(items) && json_array_size(items) <= KUBE_PODS_MAX)
		return items;
	if (json_is_array(items))
		why = "too many items";
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "the API's answer makes no sense: %s: %s", kind, why);
	return NULL;
}

static bool refuse_nameless(const char *kind, GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "the API's answer makes no sense: a %s without a name",
		    kind);
	return false;
}

/* --- pods --- */

static unsigned first_tcp_port(const json_t *containers)
{
	const json_t *container, *port;
	size_t i, k;

	json_array_foreach(containers, i, container) {
		json_array_foreach(json_object_get(container, "ports"), k,
				   port) {
			const char *protocol = kube_string(port, "protocol");
			gint64 n = get_number(port, "containerPort");

			if ((!protocol || strcmp(protocol, "TCP") == 0) &&
			    n > 0 && n <= 65535)
				return (unsigned)n;
		}
	}
	return 0;
}

static bool is_ready(const json_t *conditions)
{
	const json_t *condition;
	size_t i;

	json_array_foreach(conditions, i, condition) {
		if (g_strcmp0(kube_string(condition, "type"), "Ready") == 0)
			return g_strcmp0(kube_string(condition, "status"),
					 "True") == 0;
	}
	return false;
}

static const char *first_waiting(const json_t *statuses)
{
	const json_t *status;
	size_t i;

	json_array_foreach(statuses, i, status) {
		const json_t *waiting = json_object_get(
			json_object_get(status, "state"), "waiting");

		if (waiting)
			return kube_string(waiting, "reason");
	}
	return NULL;
}

static bool read_pod(const json_t *item, GPtrArray *pods, GError **error)
{
	const json_t *metadata = json_object_get(item, "metadata");
	const json_t *spec = json_object_get(item, "spec");
	const json_t *status = json_object_get(item, "status");
	const char *name = kube_string(metadata, "name");
	const char *space = kube_string(metadata, "namespace");

	if (!name)
		return refuse_nameless("Pod", error);
	struct kube_pod *pod = g_new0(struct kube_pod, 1);

	pod->name = g_strdup(name);
	pod->space = g_strdup(space ? space : "default");
	pod->app = g_strdup(kube_string(json_object_get(metadata, "labels"),
					"k8s-app"));
	pod->node = g_strdup(kube_string(spec, "nodeName"));
	pod->ip = g_strdup(kube_string(status, "podIP"));
	pod->waiting = g_strdup(first_waiting(
		json_object_get(status, "containerStatuses")));
	pod->host_network = json_is_true(json_object_get(spec, "hostNetwork"));
	pod->ready = is_ready(json_object_get(status, "conditions"));
	pod->leaving = kube_string(metadata, "deletionTimestamp") != NULL;
	pod->tcp_port = first_tcp_port(json_object_get(spec, "containers"));
	g_ptr_array_add(pods, pod);
	return true;
}

GPtrArray *kube_pods_parse(const char *json, size_t length, GError **error)
{
	g_autoptr(GPtrArray) pods = g_ptr_array_new_with_free_func(
		(GDestroyNotify)kube_pod_free);
	json_auto_t *whole = NULL;
	const json_t *item, *items = load_items(json, length, "PodList", NULL,
						&whole, error);
	size_t i;

	if (!items)
		return NULL;
	json_array_foreach(items, i, item) {
		if (!read_pod(item, pods, error))
			return NULL;
	}
	return g_steal_pointer(&pods);
}

/* --- DaemonSets and Deployments --- */

static const char *find_method(const json_t *containers)
{
	const json_t *container, *variable;
	size_t i, k;

	json_array_foreach(containers, i, container) {
		json_array_foreach(json_object_get(container, "env"), k,
				   variable) {
			if (g_strcmp0(kube_string(variable, "name"),
				      "IP_AUTODETECTION_METHOD") == 0)
				return kube_string(variable, "value");
		}
	}
	return NULL;
}

static bool read_workload(const json_t *item, GPtrArray *workloads,
			  bool is_daemon, GError **error)
{
	const json_t *metadata = json_object_get(item, "metadata");
	const json_t *spec = json_object_get(item, "spec");
	const json_t *status = json_object_get(item, "status");
	const json_t *pod = json_object_get(json_object_get(spec, "template"),
					    "spec");
	const json_t *replicas = json_object_get(spec, "replicas");
	const char *name = kube_string(metadata, "name");

	if (!name)
		return refuse_nameless("workload", error);
	struct kube_workload *w = g_new0(struct kube_workload, 1);

	w->name = g_strdup(name);
	if (is_daemon) {
		w->wanted = get_number(status, "desiredNumberScheduled");
		w->updated = get_number(status, "updatedNumberScheduled");
		w->ready = get_number(status, "numberReady");
	} else {
		w->wanted = replicas ? json_integer_value(replicas) : 1;
		w->updated = get_number(status, "updatedReplicas");
		w->ready = get_number(status, "readyReplicas");
	}
	w->is_seen = get_number(status, "observedGeneration") >=
		get_number(metadata, "generation");
	w->method = g_strdup(find_method(json_object_get(pod, "containers")));
	g_ptr_array_add(workloads, w);
	return true;
}

GPtrArray *kube_workloads_parse(const char *json, size_t length,
				GError **error)
{
	g_autoptr(GPtrArray) workloads = g_ptr_array_new_with_free_func(
		(GDestroyNotify)kube_workload_free);
	json_auto_t *whole = NULL;
	const json_t *item, *items = load_items(json, length, "DaemonSetList",
						"DeploymentList", &whole,
						error);
	bool is_daemon;
	size_t i;

	if (!items)
		return NULL;
	is_daemon = g_strcmp0(kube_string(whole, "kind"),
			      "DaemonSetList") == 0;
	json_array_foreach(items, i, item) {
		if (!read_workload(item, workloads, is_daemon, error))
			return NULL;
	}
	return g_steal_pointer(&workloads);
}

const struct kube_workload *kube_workloads_find(const GPtrArray *workloads,
						const char *name)
{
	for (guint i = 0; i < workloads->len; i++) {
		const struct kube_workload *w =
			g_ptr_array_index(workloads, i);

		if (strcmp(w->name, name) == 0)
			return w;
	}
	return NULL;
}

char *kube_workload_problem(const struct kube_workload *workload)
{
	const struct kube_workload *w = workload;

	if (!w->is_seen)
		return g_strdup("its last change is not taken up yet");
	if (w->wanted == 0)
		return g_strdup("no pod of it is wanted anywhere");
	if (w->updated < w->wanted)
		return g_strdup_printf("%" G_GINT64_FORMAT " of %"
				       G_GINT64_FORMAT " as last changed",
				       w->updated, w->wanted);
	if (w->ready < w->wanted)
		return g_strdup_printf("%" G_GINT64_FORMAT " of %"
				       G_GINT64_FORMAT " ready", w->ready,
				       w->wanted);
	return NULL;
}
