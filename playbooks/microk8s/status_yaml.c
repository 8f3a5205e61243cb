/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads only what stands before the addons: their descriptions are printed
 * without quotes, and one with ": " in it would be no YAML.
 */
#include "status_yaml.h"

#include "transport/error.h"
#include "yaml_text.h"

#include <string.h>

#define ADDONS "\naddons:"
#define ADDRESS_MAX 300

struct reading {
	GPtrArray *nodes;
	bool running, wrong;
};

static bool role_parse(const char *text, enum backend_role *role)
{
	for (int r = BACKEND_VOTER; r <= BACKEND_SPARE; r++) {
		if (g_strcmp0(text, backend_role_name((enum backend_role)r)))
			continue;
		*role = (enum backend_role)r;
		return true;
	}
	return false;
}

static bool add_member(struct reading *reading, yaml_document_t *document,
		       yaml_node_t *item)
{
	const char *address = yaml_text_scalar(
		yaml_text_get(document, item, "address"));
	const char *role = yaml_text_scalar(
		yaml_text_get(document, item, "role"));
	struct backend_node *node;
	enum backend_role number;

	if (!address || !*address || strlen(address) > ADDRESS_MAX ||
	    !role_parse(role, &number) ||
	    reading->nodes->len >= BACKEND_YAML_NODES_MAX)
		return false;
	node = g_new0(struct backend_node, 1);
	node->address = g_strdup(address);
	node->role = number;
	g_ptr_array_add(reading->nodes, node);
	return true;
}

static bool visit(yaml_document_t *document, void *data)
{
	struct reading *reading = data;
	yaml_node_t *root = yaml_document_get_root_node(document);
	yaml_node_t *ha = yaml_text_get(document, root, "high-availability");
	yaml_node_t *nodes = yaml_text_get(document, ha, "nodes");
	const char *running = yaml_text_scalar(yaml_text_get(
		document, yaml_text_get(document, root, "microk8s"),
		"running"));
	yaml_node_t *item;

	reading->running = g_strcmp0(running, "True") == 0;
	reading->wrong = !running || !ha;
	for (size_t i = 0; !reading->wrong &&
	     (item = yaml_text_item(document, nodes, i)); i++)
		reading->wrong = !add_member(reading, document, item);
	return false;
}

GPtrArray *status_yaml_members(const char *text, GError **error)
{
	g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(
		(GDestroyNotify)backend_node_free);
	/* Wrong until a document says otherwise: an empty text is none. */
	struct reading reading = { nodes, false, true };
	const char *end = strstr(text, ADDONS);
	g_autofree char *head = end
		? g_strndup(text, (gsize)(end - text) + 1) : g_strdup(text);

	if (!yaml_text_walk(head, STATUS_YAML_SIZE_MAX, 1, visit, &reading,
			    error))
		return NULL;
	if (!reading.wrong && reading.running)
		return g_steal_pointer(&nodes);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA, "%s",
		    reading.wrong ? "not what microk8s status prints as YAML"
		    : "MicroK8s is not running there");
	return NULL;
}
