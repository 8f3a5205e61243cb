/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods, DaemonSets and Deployments out of the API's JSON: whether the parts
 * of the network are rolled out, and which pods can be reached from where.
 * Text in, values out; callers own every result.
 */
#ifndef MUSTER_MICROK8S_KUBE_WORKLOADS_H
#define MUSTER_MICROK8S_KUBE_WORKLOADS_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define KUBE_PODS_MAX 50000

struct kube_pod {
	char *name, *space;	/* metadata.name, .namespace; never NULL */
	char *app;		/* label k8s-app, or NULL */
	char *node;		/* spec.nodeName, or NULL: not scheduled */
	char *ip;		/* status.podIP, or NULL */
	char *waiting;		/* reason of the first container that waits
				   ("ImagePullBackOff"), or NULL */
	bool host_network;
	bool ready;		/* condition Ready is True */
	bool leaving;		/* is being deleted */
	unsigned tcp_port;	/* the first TCP port a container declares, 0:
				   none */
};

void kube_pod_free(struct kube_pod *pod);

/* Parses a PodList; struct kube_pod *, with a free function, in the API's
 * order. NULL with error PROTOCOL. */
GPtrArray *kube_pods_parse(const char *json, size_t length, GError **error);

struct kube_workload {
	char *name;		/* never NULL */
	gint64 wanted, updated, ready;
	bool is_seen;		/* its controller knows the last change */
	char *method;		/* IP_AUTODETECTION_METHOD of a container, or
				   NULL */
};

void kube_workload_free(struct kube_workload *workload);

/* Parses a DaemonSetList or DeploymentList; struct kube_workload *, with a
 * free function. NULL with error PROTOCOL. */
GPtrArray *kube_workloads_parse(const char *json, size_t length,
				GError **error);

/* The workload named `name` in such an array, or NULL; borrowed. */
const struct kube_workload *kube_workloads_find(const GPtrArray *workloads,
						const char *name);

/* Why it is not rolled out ("2 of 3 ready"), newly allocated, or NULL if it
 * is. */
char *kube_workload_problem(const struct kube_workload *workload);

#endif
