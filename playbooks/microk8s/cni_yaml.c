/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds one value in the Calico manifest and replaces it where it stands. The
 * new text is believed only if, parsed again, it has the new value.
 */
#include "cni_yaml.h"
#include "yaml_text.h"

#include "transport/error.h"

#include <string.h>

struct place {
	const char *text;
	char *value;
	size_t start, end;		/* the scalar, with its quotes */
	bool block;			/* a block scalar: never edited */
};

static bool is_named(yaml_document_t *document, yaml_node_t *node,
		     const char *key, const char *name)
{
	const char *value = yaml_text_scalar(
		yaml_text_get(document, node, key));

	return value && strcmp(value, name) == 0;
}

/* The item of a sequence whose "name" is `name`, or NULL. */
static yaml_node_t *find_named(yaml_document_t *document, yaml_node_t *list,
			       const char *name)
{
	yaml_node_t *item;

	for (size_t i = 0; (item = yaml_text_item(document, list, i)); i++) {
		if (is_named(document, item, "name", name))
			return item;
	}
	return NULL;
}

static bool visit(yaml_document_t *document, void *data)
{
	static const char *const path[] = {
		"spec", "template", "spec", "containers"
	};
	struct place *place = data;
	yaml_node_t *root = yaml_document_get_root_node(document);
	yaml_node_t *node = root;
	const char *value;

	if (!is_named(document, root, "kind", "DaemonSet") ||
	    !is_named(document, yaml_text_get(document, root, "metadata"),
		      "name", "calico-node"))
		return true;
	for (size_t i = 0; i < G_N_ELEMENTS(path); i++)
		node = yaml_text_get(document, node, path[i]);
	node = find_named(document, node, "calico-node");
	node = find_named(document, yaml_text_get(document, node, "env"),
			  "IP_AUTODETECTION_METHOD");
	node = yaml_text_get(document, node, "value");
	value = yaml_text_scalar(node);
	if (!value || !*value || strlen(value) > CNI_YAML_METHOD_MAX)
		return true;
	place->value = g_strdup(value);
	place->start = yaml_text_offset(place->text, node->start_mark);
	place->end = yaml_text_offset(place->text, node->end_mark);
	place->block = node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
		node->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	return false;
}

static bool find(const char *text, struct place *place, GError **error)
{
	*place = (struct place){ .text = text };
	if (!yaml_text_walk(text, CNI_YAML_SIZE_MAX, CNI_YAML_DOCUMENTS_MAX,
			    visit, place, error)) {
		g_clear_pointer(&place->value, g_free);
		return false;
	}
	if (place->value)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "cni.yaml has no value for IP_AUTODETECTION_METHOD in "
		    "DaemonSet calico-node");
	return false;
}

char *cni_yaml_get_method(const char *text, GError **error)
{
	struct place place;

	return find(text ? text : "", &place, error) ? place.value : NULL;
}

static bool check_value(const char *value, GError **error)
{
	size_t length = strnlen(value, CNI_YAML_METHOD_MAX + 1);
	bool ok = length > 0 && length <= CNI_YAML_METHOD_MAX;

	for (const char *p = value; ok && *p; p++)
		ok = g_ascii_isprint(*p);
	if (!ok)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "the IP_AUTODETECTION_METHOD wanted is empty, too "
			    "long or not printable ASCII");
	return ok;
}

static char *quoted(const char *value)
{
	GString *text = g_string_new("\"");

	for (const char *p = value; *p; p++) {
		if (*p == '"' || *p == '\\')
			g_string_append_c(text, '\\');
		g_string_append_c(text, *p);
	}
	g_string_append_c(text, '"');
	return g_string_free(text, FALSE);
}

static char *replaced(const struct place *place, const char *value)
{
	g_autofree char *scalar = quoted(value);
	GString *text = g_string_new(place->text);

	g_string_erase(text, (gssize)place->start,
		       (gssize)(place->end - place->start));
	g_string_insert(text, (gssize)place->start, scalar);
	return g_string_free(text, FALSE);
}

char *cni_yaml_set_method(const char *text, const char *value, GError **error)
{
	struct place place;
	g_autofree char *old = NULL, *after = NULL, *now = NULL;

	if (!check_value(value, error) ||
	    !find(text ? text : "", &place, error))
		return NULL;
	old = place.value;
	if (strcmp(old, value) == 0)
		return g_strdup(text);
	if (!place.block) {
		after = replaced(&place, value);
		now = cni_yaml_get_method(after, NULL);
	}
	if (g_strcmp0(now, value) == 0)
		return g_steal_pointer(&after);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "the value of IP_AUTODETECTION_METHOD in cni.yaml is "
		    "written in a way that cannot be edited in place");
	return NULL;
}
