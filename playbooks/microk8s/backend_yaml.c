/* SPDX-License-Identifier: Apache-2.0
 *
 * Members of the dqlite datastore as k8s-dqlite (go-dqlite's node store)
 * writes them: mappings of Address, ID and Role.
 */
#include "backend_yaml.h"
#include "yaml_text.h"

#include "transport/error.h"

#include <string.h>

#define ADDRESS_MAX 300

const char *backend_role_name(enum backend_role role)
{
	static const char *const names[] = {
		[BACKEND_VOTER] = "voter",
		[BACKEND_STANDBY] = "standby",
		[BACKEND_SPARE] = "spare",
	};

	return names[role];
}

void backend_node_free(struct backend_node *node)
{
	if (!node)
		return;
	g_free(node->address);
	g_free(node);
}

static void free_node(void *data)
{
	backend_node_free(data);
}

/* What both files are read into. */
struct reading {
	GPtrArray *nodes;
	bool list;			/* a sequence is expected */
	bool wrong;
};

static struct backend_node *read_node(yaml_document_t *document,
				      yaml_node_t *node)
{
	const char *address = yaml_text_scalar(
		yaml_text_get(document, node, "Address"));
	const char *id = yaml_text_scalar(yaml_text_get(document, node, "ID"));
	const char *role = yaml_text_scalar(
		yaml_text_get(document, node, "Role"));
	struct backend_node *result;
	guint64 id_number = 0, role_number = BACKEND_VOTER;

	if (!address || !*address || strlen(address) > ADDRESS_MAX)
		return NULL;
	/* go-dqlite leaves nothing out, but an absent role is a voter. */
	if (id && !g_ascii_string_to_unsigned(id, 10, 0, G_MAXUINT64,
					      &id_number, NULL))
		return NULL;
	if (role && !g_ascii_string_to_unsigned(role, 10, BACKEND_VOTER,
						BACKEND_SPARE, &role_number,
						NULL))
		return NULL;
	result = g_new0(struct backend_node, 1);
	result->address = g_strdup(address);
	result->id = id_number;
	result->role = (enum backend_role)role_number;
	return result;
}

static bool add_node(struct reading *reading, yaml_document_t *document,
		     yaml_node_t *item)
{
	struct backend_node *node = read_node(document, item);

	if (!node || reading->nodes->len >= BACKEND_YAML_NODES_MAX) {
		backend_node_free(node);
		reading->wrong = true;
		return false;
	}
	g_ptr_array_add(reading->nodes, node);
	return true;
}

static bool visit(yaml_document_t *document, void *data)
{
	struct reading *reading = data;
	yaml_node_t *root = yaml_document_get_root_node(document);
	yaml_node_t *item;

	reading->wrong = false;
	if (!reading->list) {
		add_node(reading, document, root);
		return false;
	}
	if (root->type != YAML_SEQUENCE_NODE) {
		reading->wrong = true;
		return false;
	}
	for (size_t i = 0; (item = yaml_text_item(document, root, i)); i++) {
		if (!add_node(reading, document, item))
			return false;
	}
	return false;
}

static GPtrArray *read_nodes(const char *text, bool list, GError **error)
{
	g_autoptr(GPtrArray) nodes = g_ptr_array_new_with_free_func(free_node);
	/* Wrong until a document says otherwise: an empty file is none. */
	struct reading reading = { nodes, list, true };

	if (!yaml_text_walk(text ? text : "", BACKEND_YAML_SIZE_MAX, 1, visit,
			    &reading, error))
		return NULL;
	if (reading.wrong) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "not a %s.yaml of dqlite: no %s of Address, ID "
			    "and Role", list ? "cluster" : "info",
			    list ? "list" : "mapping");
		return NULL;
	}
	return g_steal_pointer(&nodes);
}

struct backend_node *backend_yaml_info(const char *text, GError **error)
{
	g_autoptr(GPtrArray) nodes = read_nodes(text, false, error);

	return nodes ? g_ptr_array_steal_index(nodes, 0) : NULL;
}

GPtrArray *backend_yaml_cluster(const char *text, GError **error)
{
	return read_nodes(text, true, error);
}

const struct backend_node *backend_yaml_find(const GPtrArray *members,
					     const char *ip)
{
	for (guint i = 0; i < members->len; i++) {
		const struct backend_node *node =
			g_ptr_array_index(members, i);
		const char *port = strrchr(node->address, ':');
		size_t length = port ? (size_t)(port - node->address)
				     : strlen(node->address);

		if (length == strlen(ip) &&
		    strncmp(node->address, ip, length) == 0)
			return node;
	}
	return NULL;
}

char *backend_yaml_update(const char *ip, unsigned port, GError **error)
{
	if (!g_hostname_is_ip_address(ip) || strchr(ip, '%') || port == 0 ||
	    port > 65535) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'%.64s' port %u cannot be the datastore's address",
			    ip, port);
		return NULL;
	}
	if (strchr(ip, ':'))
		return g_strdup_printf("Address: '[%s]:%u'\n", ip, port);
	return g_strdup_printf("Address: %s:%u\n", ip, port);
}

bool backend_node_is_loopback(const struct backend_node *node)
{
	return g_str_has_prefix(node->address, "127.") ||
		g_str_has_prefix(node->address, "localhost:") ||
		g_str_has_prefix(node->address, "[::1]:");
}
