/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes, endpoints and Status objects out of the API's JSON. A field of the
 * wrong type counts as absent, except a node's name, without which the answer
 * makes no sense.
 */
#include "kube_nodes.h"

#include "kube_json.h"
#include "transport/error.h"

#include <string.h>

static void node_free(void *data)
{
	kube_node_free(data);
}

void kube_node_free(struct kube_node *node)
{
	if (!node)
		return;
	g_free(node->name);
	g_free(node->internal_ip);
	g_free(node->hostname);
	g_free(node->ready_reason);
	g_free(node->roles);
	g_free(node->version);
	g_free(node->calico_ip);
	g_free(node->calico_tunnel_ip);
	g_free(node);
}

/* --- small JSON --- */

static bool is_kind(const json_t *object, const char *kind)
{
	return g_strcmp0(kube_string(object, "kind"), kind) == 0;
}

static bool refuse(GError **error, const char *why)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
		    "the API's answer makes no sense: %s", why);
	return false;
}

static json_t *load(const char *text, size_t length, GError **error)
{
	json_error_t problem;
	json_t *json;

	if (length > KUBE_JSON_SIZE_MAX) {
		refuse(error, "too long");
		return NULL;
	}
	json = json_loadb(text, length, 0, &problem);
	if (!json || !json_is_object(json)) {
		refuse(error, json ? "not an object" : problem.text);
		json_decref(json);
		return NULL;
	}
	return json;
}

/* A Status where data was expected is the API's own complaint. */
static bool refuse_kind(const json_t *json, const char *wanted, GError **error)
{
	const char *message = kube_string(json, "message");

	if (is_kind(json, "Status"))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "the API refused: %s",
			    message ? message : "no message");
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "the API's answer makes no sense: not a %s",
			    wanted);
	return false;
}

/* --- nodes --- */

static char *without_mask(const char *address)
{
	return address ? g_strndup(address, strcspn(address, "/")) : NULL;
}

static void read_metadata(struct kube_node *node, const json_t *metadata)
{
	const json_t *notes = json_object_get(metadata, "annotations");
	const char *created = kube_string(metadata, "creationTimestamp");
	GDateTime *time;

	node->calico_ip = without_mask(
		kube_string(notes, "projectcalico.org/IPv4Address"));
	node->calico_tunnel_ip = without_mask(
		kube_string(notes, "projectcalico.org/IPv4VXLANTunnelAddr"));
	node->upgrading = kube_string(notes, "muster/upgrade") != NULL;
	time = created ? g_date_time_new_from_iso8601(created, NULL) : NULL;
	if (time) {
		node->created = g_date_time_to_unix(time);
		g_date_time_unref(time);
	}
}

static int compare(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

/* As kubectl's findNodeRoles(): every node-role.kubernetes.io/<role> label
 * and the value of kubernetes.io/role, sorted. */
static char *read_roles(json_t *labels)
{
	static const char prefix[] = "node-role.kubernetes.io/";
	g_autoptr(GPtrArray) roles = g_ptr_array_new();
	const char *key;
	json_t *value;

	json_object_foreach(labels, key, value) {
		const char *role = NULL;

		if (g_str_has_prefix(key, prefix))
			role = key + strlen(prefix);
		else if (strcmp(key, "kubernetes.io/role") == 0)
			role = json_string_value(value);
		if (role && *role && strlen(role) <= KUBE_STRING_MAX)
			g_ptr_array_add(roles, (void *)(guintptr)role);
	}
	if (roles->len == 0)
		return g_strdup("<none>");
	g_ptr_array_sort(roles, compare);
	for (guint i = roles->len - 1; i > 0; i--) {
		if (strcmp(roles->pdata[i], roles->pdata[i - 1]) == 0)
			g_ptr_array_remove_index(roles, i);
	}
	g_ptr_array_add(roles, NULL);
	return g_strjoinv(",", (char **)roles->pdata);
}

static enum kube_role read_role(const json_t *labels)
{
	if (json_object_get(labels, "node.kubernetes.io/microk8s-worker"))
		return KUBE_ROLE_WORKER;
	if (json_object_get(labels, "node.kubernetes.io/microk8s-controlplane"))
		return KUBE_ROLE_CONTROL_PLANE;
	return KUBE_ROLE_NONE;
}

static void read_ready(struct kube_node *node, const json_t *conditions)
{
	const json_t *condition;
	size_t i;

	node->ready = KUBE_UNKNOWN;
	json_array_foreach(conditions, i, condition) {
		const char *status = kube_string(condition, "status");
		const char *reason = kube_string(condition, "reason");
		const char *message = kube_string(condition, "message");

		if (g_strcmp0(kube_string(condition, "type"), "Ready") != 0)
			continue;
		if (g_strcmp0(status, "True") == 0) {
			node->ready = KUBE_READY;
			return;
		}
		if (g_strcmp0(status, "False") == 0)
			node->ready = KUBE_NOT_READY;
		node->ready_reason = g_strdup_printf("%s: %s",
			reason ? reason : "no reason",
			message ? message : "no message");
		return;
	}
}

static void read_addresses(struct kube_node *node, const json_t *addresses)
{
	const json_t *address;
	size_t i;

	json_array_foreach(addresses, i, address) {
		const char *type = kube_string(address, "type");
		const char *value = kube_string(address, "address");

		if (!node->internal_ip && g_strcmp0(type, "InternalIP") == 0)
			node->internal_ip = g_strdup(value);
		if (!node->hostname && g_strcmp0(type, "Hostname") == 0)
			node->hostname = g_strdup(value);
	}
}

static struct kube_node *read_node(const json_t *item)
{
	const json_t *metadata = json_object_get(item, "metadata");
	const json_t *status = json_object_get(item, "status");
	const char *name = kube_string(metadata, "name");
	json_t *labels = json_object_get(metadata, "labels");
	struct kube_node *node;

	if (!name)
		return NULL;
	node = g_new0(struct kube_node, 1);
	node->name = g_strdup(name);
	read_metadata(node, metadata);
	node->roles = read_roles(labels);
	node->role = read_role(labels);
	node->unschedulable = json_is_true(json_object_get(
		json_object_get(item, "spec"), "unschedulable"));
	read_ready(node, json_object_get(status, "conditions"));
	read_addresses(node, json_object_get(status, "addresses"));
	node->version = g_strdup(kube_string(
		json_object_get(status, "nodeInfo"), "kubeletVersion"));
	return node;
}

GPtrArray *kube_nodes_parse(const char *text, size_t length, GError **error)
{
	g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(node_free);
	json_auto_t *json = load(text, length, error);
	const json_t *items, *item;
	size_t i;

	if (!json)
		return NULL;
	items = json_object_get(json, "items");
	if (!is_kind(json, "NodeList") ||
	    (items && !json_is_array(items) && !json_is_null(items))) {
		refuse_kind(json, "NodeList", error);
		return NULL;
	}
	json_array_foreach(items, i, item) {
		struct kube_node *node = i < KUBE_NODES_MAX ?
			read_node(item) : NULL;

		if (!node) {
			refuse(error, i < KUBE_NODES_MAX ?
			       "a node without name" : "too many nodes");
			return NULL;
		}
		g_ptr_array_add(nodes, node);
	}
	return g_steal_pointer(&nodes);
}

struct kube_node *kube_nodes_find(const GPtrArray *nodes, const char *name)
{
	for (guint i = 0; i < nodes->len; i++) {
		struct kube_node *node = g_ptr_array_index(nodes, i);

		if (strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

char *kube_node_status(const struct kube_node *node)
{
	const char *ready = "NotReady";

	if (node->ready == KUBE_READY)
		ready = "Ready";
	else if (node->ready == KUBE_UNKNOWN && !node->ready_reason)
		ready = "Unknown";
	return g_strconcat(ready, node->unschedulable ?
			   ",SchedulingDisabled" : NULL, NULL);
}

/* --- endpoints --- */

static bool add_address(GPtrArray *addresses, const char *address)
{
	if (!address || strlen(address) > KUBE_STRING_MAX)
		return true;
	for (guint i = 0; i < addresses->len; i++) {
		if (strcmp(addresses->pdata[i], address) == 0)
			return true;
	}
	if (addresses->len >= KUBE_ADDRESSES_MAX)
		return false;
	g_ptr_array_add(addresses, g_strdup(address));
	return true;
}

/* One EndpointSlice. A condition that is absent counts as ready. */
static bool read_slice(GPtrArray *addresses, const json_t *slice)
{
	const json_t *endpoint, *address;
	size_t i, j;

	json_array_foreach(json_object_get(slice, "endpoints"), i, endpoint) {
		if (json_is_false(json_object_get(json_object_get(endpoint,
						"conditions"), "ready")))
			continue;
		json_array_foreach(json_object_get(endpoint, "addresses"), j,
				   address) {
			if (!add_address(addresses, json_string_value(address)))
				return false;
		}
	}
	return true;
}

/* One Endpoints object; notReadyAddresses are left out. */
static bool read_endpoints(GPtrArray *addresses, const json_t *endpoints)
{
	const json_t *subset, *address;
	size_t i, j;

	json_array_foreach(json_object_get(endpoints, "subsets"), i, subset) {
		json_array_foreach(json_object_get(subset, "addresses"), j,
				   address) {
			if (!add_address(addresses,
					 kube_string(address, "ip")))
				return false;
		}
	}
	return true;
}

static const struct {
	const char *kind;
	bool (*read)(GPtrArray *addresses, const json_t *object);
	bool list;
} endpoint_kinds[] = {
	{ "EndpointSliceList", read_slice, true },
	{ "EndpointSlice", read_slice, false },
	{ "EndpointsList", read_endpoints, true },
	{ "Endpoints", read_endpoints, false },
};

static bool read_objects(GPtrArray *addresses, const json_t *json, size_t kind)
{
	const json_t *item;
	size_t i;

	if (!endpoint_kinds[kind].list)
		return endpoint_kinds[kind].read(addresses, json);
	json_array_foreach(json_object_get(json, "items"), i, item) {
		if (!endpoint_kinds[kind].read(addresses, item))
			return false;
	}
	return true;
}

GPtrArray *kube_endpoints_parse(const char *text, size_t length,
				GError **error)
{
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func(g_free);
	json_auto_t *json = load(text, length, error);
	size_t kind = 0;

	if (!json)
		return NULL;
	while (kind < G_N_ELEMENTS(endpoint_kinds) &&
	       !is_kind(json, endpoint_kinds[kind].kind))
		kind++;
	if (kind == G_N_ELEMENTS(endpoint_kinds)) {
		refuse_kind(json, "list of endpoints", error);
		return NULL;
	}
	if (!read_objects(addresses, json, kind)) {
		refuse(error, "too many endpoints");
		return NULL;
	}
	g_ptr_array_sort(addresses, compare);
	return g_steal_pointer(&addresses);
}

char *kube_status_message(const char *text, size_t length)
{
	json_auto_t *json = load(text, length, NULL);
	const char *message;

	if (!json || !is_kind(json, "Status"))
		return NULL;
	message = kube_string(json, "message");
	if (!message)
		message = kube_string(json, "reason");
	return g_strdup(message ? message : "");
}
