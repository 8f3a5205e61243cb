/* SPDX-License-Identifier: Apache-2.0
 *
 * Edits a kubeconfig by libyaml's marks. Each of the three lists is one edit
 * on the text that the one before left, so no edit has to know of another's
 * offsets. What came out is read again and held to hold the entry.
 */
#include "kubeconfig_merge.h"

#include "transport/error.h"
#include "yaml_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 2

/* An item of one of the lists, as it should be. */
struct item {
	const char *list, *body;	/* "clusters", "cluster" */
	const char *keys[FIELDS];
	char *values[FIELDS];		/* owned */
	bool may_have_more;		/* its namespace is the user's */
};

enum { CLUSTER, CONTEXT, USER, ITEMS };

static char *base64(const char *pem)
{
	return g_base64_encode((const guchar *)pem, strlen(pem));
}

static void items_init(struct item items[static ITEMS],
		       const struct kubeconfig_entry *entry)
{
	items[CLUSTER] = (struct item) {
		.list = "clusters", .body = "cluster",
		.keys = { "certificate-authority-data", "server" },
		.values = { base64(entry->config->ca_pem),
			    g_strdup(entry->server) },
	};
	items[CONTEXT] = (struct item) {
		.list = "contexts", .body = "context",
		.keys = { "cluster", "user" },
		.values = { g_strdup(entry->name), g_strdup(entry->name) },
		.may_have_more = true,
	};
	items[USER] = (struct item) {
		.list = "users", .body = "user",
		.keys = { "client-certificate-data", "client-key-data" },
		.values = { base64(entry->config->cert_pem),
			    base64(entry->config->key_pem) },
	};
}

static void items_clear(struct item items[static ITEMS])
{
	for (int i = 0; i < ITEMS; i++)
		for (int f = 0; f < FIELDS; f++) {
			char *value = items[i].values[f];

			explicit_bzero(value, strlen(value));
			g_free(value);
		}
}

/* --- what is written --- */

/* As it stands where YAML reads that as itself, else as JSON, which is YAML
 * too. Of one length or longer, "no" and "1e3" are no strings. */
static char *scalar(const char *value)
{
	static const char safe[] = G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS
		"-_./:@+=";
	static const char *const words[] = {
		"null", "true", "false", "yes", "no", "on", "off", "y", "n",
		NULL
	};
	g_autofree char *lower = g_ascii_strdown(value, -1);
	size_t length = strlen(value);

	if (g_ascii_isalpha(*value) && strspn(value, safe) == length &&
	    value[length - 1] != ':' && !g_strv_contains(words, lower))
		return g_strdup(value);
	json_t *json = json_string(value);
	char *dump = json_dumps(json, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	char *copy = g_strdup(dump);

	free(dump);
	json_decref(json);
	return copy;
}

/* In block style; the first line stands where it is put, the others are
 * indented by `column`. No newline at the end. */
static char *block_item(const struct item *item, const char *name,
			size_t column)
{
	g_autofree char *quoted = scalar(name);
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "name: %s\n%*s%s:", quoted, (int)column,
			       "", item->body);
	for (int f = 0; f < FIELDS; f++) {
		g_autofree char *value = scalar(item->values[f]);

		g_string_append_printf(text, "\n%*s%s: %s", (int)column + 2,
				       "", item->keys[f], value);
	}
	return g_string_free(text, FALSE);
}

/* On one line, within brackets or braces. */
static char *flow_item(const struct item *item, const char *name)
{
	json_t *json = json_pack("{s:s, s:{s:s, s:s}}", "name", name,
				 item->body, item->keys[0], item->values[0],
				 item->keys[1], item->values[1]);
	char *dump = json_dumps(json, JSON_ENSURE_ASCII);
	char *copy = g_strdup(dump);

	free(dump);
	json_decref(json);
	return copy;
}

/* --- where --- */

struct edit {
	size_t start, end;		/* bytes to replace */
	char *text;			/* owned; NULL: nothing to do */
};

struct search {
	const char *text;
	const char *name;
	const struct item *item;	/* NULL: current-context */
	struct edit edit;
	bool is_there, is_visited;
	const char *mistake;		/* static */
};

static bool is_flow(const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE)
		return node->data.sequence.style == YAML_FLOW_SEQUENCE_STYLE;
	return node->type == YAML_MAPPING_NODE &&
		node->data.mapping.style == YAML_FLOW_MAPPING_STYLE;
}

static yaml_node_t *last_child(yaml_document_t *document, yaml_node_t *node)
{
	int id = 0;

	if (node->type == YAML_SEQUENCE_NODE &&
	    node->data.sequence.items.top > node->data.sequence.items.start)
		id = node->data.sequence.items.top[-1];
	else if (node->type == YAML_MAPPING_NODE &&
		 node->data.mapping.pairs.top > node->data.mapping.pairs.start)
		id = node->data.mapping.pairs.top[-1].value;
	return id ? yaml_document_get_node(document, id) : NULL;
}

/* Where a node's own text ends. The mark of a block collection stands where
 * the next token begins, comments between them included. */
static size_t end_of(const char *text, yaml_document_t *document,
		     yaml_node_t *node)
{
	yaml_node_t *last = node, *below = node;
	size_t end;

	g_assert(node);
	while (below) {
		last = below;
		below = is_flow(last) || last->type == YAML_SCALAR_NODE
			? NULL : last_child(document, last);
	}
	end = yaml_text_offset(text, last->end_mark);
	while (end > 0 && g_ascii_isspace(text[end - 1]))
		end--;
	return end;
}

/* Puts `text` on lines of its own below the line in which `end` lies. Takes
 * `text`. */
static void insert_below(struct search *s, size_t end, char *text)
{
	size_t at = end + strcspn(s->text + end, "\n");
	bool has_newline = s->text[at] == '\n';

	s->edit.start = s->edit.end = at + has_newline;
	s->edit.text = g_strconcat(has_newline ? "" : "\n", text, "\n", NULL);
	g_free(text);
}

static void replace(struct search *s, size_t start, size_t end, char *text)
{
	s->edit = (struct edit) { .start = start, .end = end, .text = text };
}

/* Another pair or item within braces or brackets. Takes `text`. */
static void insert_flow(struct search *s, yaml_document_t *document,
			yaml_node_t *node, char *text)
{
	yaml_node_t *last = last_child(document, node);
	size_t at = last ? end_of(s->text, document, last)
		: yaml_text_offset(s->text, node->start_mark) + 1;

	replace(s, at, at, g_strconcat(last ? ", " : "", text, NULL));
	g_free(text);
}

static void insert_pair(struct search *s, yaml_document_t *document,
			yaml_node_t *root, const char *key)
{
	g_autofree char *value = NULL;

	if (is_flow(root)) {
		value = s->item ? flow_item(s->item, s->name)
				: g_strdup(s->name);
		json_t *json = s->item ? NULL : json_string(value);
		char *dump = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

		insert_flow(s, document, root, s->item
			? g_strdup_printf("\"%s\": [%s]", key, value)
			: g_strdup_printf("\"%s\": %s", key, dump));
		free(dump);
		json_decref(json);
		return;
	}
	size_t column = root->start_mark.column;

	value = s->item ? block_item(s->item, s->name, column + 2)
			: scalar(s->name);
	insert_below(s, end_of(s->text, document, root), s->item
		? g_strdup_printf("%*s%s:\n%*s- %s", (int)column, "", key,
				  (int)column, "", value)
		: g_strdup_printf("%*s%s: %s", (int)column, "", key, value));
}

static bool is_nothing(const yaml_node_t *node)
{
	const char *text = yaml_text_scalar(node);

	if (node->type == YAML_SEQUENCE_NODE)
		return node->data.sequence.items.top ==
			node->data.sequence.items.start;
	return text && (!*text || !strcmp(text, "null") || !strcmp(text, "~"));
}

/* In place of `[]`, `null` or nothing at all. */
static void fill_list(struct search *s, const yaml_node_t *root,
		      const yaml_node_t *list)
{
	size_t start = yaml_text_offset(s->text, list->start_mark);
	size_t end = yaml_text_offset(s->text, list->end_mark);
	size_t column = root->start_mark.column;
	g_autofree char *item = NULL;

	if (is_flow(root)) {
		item = flow_item(s->item, s->name);
		replace(s, start, end, g_strdup_printf("[%s]", item));
		return;
	}
	item = block_item(s->item, s->name, column + 2);
	replace(s, start, end, g_strdup_printf("\n%*s- %s", (int)column, "",
					       item));
}

static bool is_same(yaml_document_t *document, yaml_node_t *node,
		    const struct item *item)
{
	yaml_node_t *body = yaml_text_get(document, node, item->body);

	if (!body || body->type != YAML_MAPPING_NODE)
		return false;
	for (int f = 0; f < FIELDS; f++) {
		yaml_node_t *value = yaml_text_get(document, body,
						   item->keys[f]);

		if (!value || g_strcmp0(yaml_text_scalar(value),
					item->values[f]) != 0)
			return false;
	}
	return item->may_have_more || body->data.mapping.pairs.top -
		body->data.mapping.pairs.start == FIELDS;
}

static void put_item(struct search *s, yaml_document_t *document,
		     yaml_node_t *list)
{
	yaml_node_t *node;
	size_t column = list->start_mark.column;

	for (size_t i = 0; (node = yaml_text_item(document, list, i)); i++) {
		yaml_node_t *name = yaml_text_get(document, node, "name");

		if (name && g_strcmp0(yaml_text_scalar(name), s->name) == 0)
			break;
	}
	if (node && is_same(document, node, s->item))
		s->is_there = true;
	else if (node)
		replace(s, yaml_text_offset(s->text, node->start_mark),
			end_of(s->text, document, node), is_flow(node)
			? flow_item(s->item, s->name)
			: block_item(s->item, s->name,
				     node->start_mark.column));
	else if (is_flow(list))
		insert_flow(s, document, list, flow_item(s->item, s->name));
	else {
		g_autofree char *item = block_item(s->item, s->name,
						   column + 2);

		insert_below(s, end_of(s->text, document, list),
			     g_strdup_printf("%*s- %s", (int)column, "",
					     item));
	}
}

static void put_current(struct search *s, const yaml_node_t *value)
{
	s->is_there = !is_nothing(value);
	if (s->is_there)
		return;
	g_autofree char *name = scalar(s->name);
	size_t start = yaml_text_offset(s->text, value->start_mark);
	size_t end = yaml_text_offset(s->text, value->end_mark);

	replace(s, start, end, g_strconcat(start == end ? " " : "", name,
					   NULL));
}

static bool visit(yaml_document_t *document, void *data)
{
	struct search *s = data;
	yaml_node_t *root = yaml_document_get_root_node(document);
	const char *key = s->item ? s->item->list : "current-context";

	if (!root || is_nothing(root))
		return true;
	s->is_visited = true;
	if (root->type != YAML_MAPPING_NODE) {
		s->mistake = "it is no mapping";
		return false;
	}
	yaml_node_t *value = yaml_text_get(document, root, key);

	if (!value)
		insert_pair(s, document, root, key);
	else if (!s->item && value->type == YAML_SCALAR_NODE)
		put_current(s, value);
	else if (s->item && is_nothing(value))
		fill_list(s, root, value);
	else if (s->item && value->type == YAML_SEQUENCE_NODE)
		put_item(s, document, value);
	else
		s->mistake = "one of its lists is none";
	return !s->mistake;
}

static bool search(struct search *s, GError **error)
{
	if (!yaml_text_walk(s->text, KUBECONFIG_MERGE_SIZE_MAX, 1, visit, s,
			    error))
		return false;
	if (!s->mistake)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "not a kubeconfig: %s", s->mistake);
	return false;
}

/* Takes `text`; gives the edited one, or NULL. */
static char *put(char *text, const char *name, const struct item *item,
		 GError **error)
{
	struct search s = { .text = text, .name = name, .item = item };
	char *edited = NULL;

	if (search(&s, error))
		edited = !s.edit.text ? g_strdup(text)
			: g_strdup_printf("%.*s%s%s", (int)s.edit.start, text,
					  s.edit.text, text + s.edit.end);
	g_free(s.edit.text);
	g_free(text);
	return edited;
}

/* A layout that fooled the edits is refused instead of being written. */
static bool holds(const char *text, const char *name,
		  const struct item items[static ITEMS], GError **error)
{
	for (int i = 0; i < ITEMS; i++) {
		struct search s = { .text = text, .name = name,
				    .item = &items[i] };
		bool ok = search(&s, NULL);

		g_free(s.edit.text);
		if (ok && s.is_there)
			continue;
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "its layout cannot be edited in place");
		return false;
	}
	return true;
}

char *kubeconfig_text(const struct kubeconfig_entry *entry)
{
	struct item items[ITEMS];
	GString *text = g_string_new("apiVersion: v1\nkind: Config\n");
	g_autofree char *name = scalar(entry->name);

	items_init(items, entry);
	for (int i = 0; i < ITEMS; i++) {
		g_autofree char *item = block_item(&items[i], entry->name, 2);

		g_string_append_printf(text, "%s:\n- %s\n", items[i].list,
				       item);
	}
	g_string_append_printf(text, "current-context: %s\n", name);
	items_clear(items);
	return g_string_free(text, FALSE);
}

static bool is_empty(const char *text, bool *empty, GError **error)
{
	struct search s = { .text = text, .name = "" };
	bool ok = search(&s, error);

	g_free(s.edit.text);
	*empty = !s.is_visited;
	return ok;
}

char *kubeconfig_merge(const char *text, const struct kubeconfig_entry *entry,
		       GError **error)
{
	struct item items[ITEMS];
	bool empty = false;
	char *edited;

	if (!is_empty(text, &empty, error))
		return NULL;
	if (empty)
		return kubeconfig_text(entry);
	edited = g_strdup(text);
	items_init(items, entry);
	for (int i = 0; i < ITEMS && edited; i++)
		edited = put(edited, entry->name, &items[i], error);
	if (edited)
		edited = put(edited, entry->name, NULL, error);
	if (edited && !holds(edited, entry->name, items, error))
		g_clear_pointer(&edited, g_free);
	items_clear(items);
	return edited;
}
