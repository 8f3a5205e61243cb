/* SPDX-License-Identifier: Apache-2.0
 *
 * The few objects of the Kubernetes API that prove a cluster: Nodes, the
 * addresses behind service default/kubernetes, and Status errors. JSON in,
 * values out; callers own every result.
 */
#ifndef MUSTER_MICROK8S_KUBE_NODES_H
#define MUSTER_MICROK8S_KUBE_NODES_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define KUBE_NODES_MAX 5000
#define KUBE_ADDRESSES_MAX 1000

enum kube_ready {
	KUBE_NOT_READY,
	KUBE_READY,
	KUBE_UNKNOWN		/* no condition, or its status is Unknown:
				   the kubelet went silent */
};

enum kube_role { KUBE_ROLE_NONE, KUBE_ROLE_CONTROL_PLANE, KUBE_ROLE_WORKER };

struct kube_node {
	char *name;
	char *internal_ip;	/* first InternalIP, or NULL */
	char *hostname;		/* Hostname address, or NULL */
	enum kube_ready ready;
	char *ready_reason;	/* reason: message of the Ready condition while
				   it is not true, or NULL */
	bool unschedulable;	/* cordoned */
	bool upgrading;		/* annotation muster/upgrade: cordoned by an
				   upgrade that is not over */
	char *roles;		/* kubectl's ROLES column; "<none>" */
	enum kube_role role;	/* from MicroK8s' own labels */
	char *version;		/* kubelet version, or NULL */
	gint64 created;		/* Unix seconds, 0 if absent */
	char *calico_ip;	/* annotation projectcalico.org/IPv4Address
				   without mask, or NULL */
	char *calico_tunnel_ip;	/* .../IPv4VXLANTunnelAddr, or NULL */
};

void kube_node_free(struct kube_node *node);

/* Parses a NodeList; element-type struct kube_node *, with a free function,
 * in the API's order. NULL with error PROTOCOL; a Status object gives its
 * message as the error's text. */
GPtrArray *kube_nodes_parse(const char *json, size_t length, GError **error);

/* The node named `name` in such an array, or NULL; borrowed. */
struct kube_node *kube_nodes_find(const GPtrArray *nodes, const char *name);

/* STATUS column as kubectl prints it: "Ready", "NotReady,SchedulingDisabled",
 * ...; owned by the caller. */
char *kube_node_status(const struct kube_node *node);

/* Addresses of an EndpointSliceList, EndpointSlice, Endpoints or
 * EndpointsList, sorted, each once; element-type char *, with a free function.
 * Endpoints that are marked not ready are left out. NULL with error
 * PROTOCOL. */
GPtrArray *kube_endpoints_parse(const char *json, size_t length,
				GError **error);

/* Message of a Status object, or NULL if `json` is none; owned. */
char *kube_status_message(const char *json, size_t length);

/* kubectl's AGE column: "45s", "2m30s", "68m", "5h20m", "2d3h", "12d", "2y";
 * "<invalid>" when negative by more than a second. Owned by the caller. */
char *kube_age(gint64 seconds);

#endif
