/* SPDX-License-Identifier: Apache-2.0
 *
 * libyaml under limits. A first pass over the events refuses what a second,
 * loading pass could choke on; only then documents are built.
 */
#include "yaml_text.h"

#include "transport/error.h"

#include <string.h>

static bool fail(struct yaml_text_fault *fault, const char *why,
		 const yaml_mark_t *mark)
{
	fault->line = mark->line;
	fault->column = mark->column;
	fault->why = g_strdup(why);
	return false;
}

static bool parser_fail(const yaml_parser_t *parser,
			struct yaml_text_fault *fault)
{
	return fail(fault, parser->problem ? parser->problem : "unreadable",
		    &parser->problem_mark);
}

static void open_parser(yaml_parser_t *parser, const char *text, size_t length)
{
	if (!yaml_parser_initialize(parser))
		g_error("libyaml: out of memory");
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)text,
				     length);
}

struct limits {
	size_t depth, events, documents, documents_max;
};

/* Why this event is too much, or NULL. */
static const char *count_event(struct limits *limits,
			       const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return "aliases are not understood";
	case YAML_DOCUMENT_START_EVENT:
		limits->documents++;
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		limits->depth++;
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		limits->depth--;
		break;
	default:
		break;
	}
	limits->events++;
	if (limits->depth > YAML_TEXT_DEPTH_MAX)
		return "nested too deeply";
	if (limits->events > YAML_TEXT_EVENTS_MAX)
		return "too many values";
	if (limits->documents > limits->documents_max)
		return "too many documents";
	return NULL;
}

bool yaml_text_check(const char *text, size_t length, size_t documents_max,
		     struct yaml_text_fault *fault)
{
	struct limits limits = { .documents_max = documents_max };
	yaml_parser_t parser;
	bool end = false, ok = true;

	open_parser(&parser, text, length);
	while (ok && !end) {
		yaml_event_t event;
		const char *why;

		if (!yaml_parser_parse(&parser, &event)) {
			ok = parser_fail(&parser, fault);
			break;
		}
		why = count_event(&limits, &event);
		if (why)
			ok = fail(fault, why, &event.start_mark);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return ok;
}

static bool set_error(struct yaml_text_fault *fault, GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "not the YAML expected: line %" G_GSIZE_FORMAT ": %s",
		    fault->line + 1, fault->why);
	g_free(fault->why);
	return false;
}

bool yaml_text_walk(const char *text, size_t size_max, size_t documents_max,
		    yaml_text_visit visit, void *data, GError **error)
{
	size_t length = strnlen(text, size_max + 1);
	struct yaml_text_fault fault;
	yaml_parser_t parser;
	bool more = true, ok = true;

	if (length > size_max || !g_utf8_validate(text, (gssize)length, NULL)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "not the YAML expected: more than %" G_GSIZE_FORMAT
			    " bytes, or no UTF-8", size_max);
		return false;
	}
	if (!yaml_text_check(text, length, documents_max, &fault))
		return set_error(&fault, error);
	open_parser(&parser, text, length);
	while (ok && more) {
		yaml_document_t document;

		if (!yaml_parser_load(&parser, &document)) {
			parser_fail(&parser, &fault);
			ok = set_error(&fault, error);
			break;
		}
		more = yaml_document_get_root_node(&document) != NULL &&
			visit(&document, data);
		yaml_document_delete(&document);
	}
	yaml_parser_delete(&parser);
	return ok;
}

const char *yaml_text_scalar(const yaml_node_t *node)
{
	if (!node || node->type != YAML_SCALAR_NODE)
		return NULL;
	return (const char *)node->data.scalar.value;
}

yaml_node_t *yaml_text_get(yaml_document_t *document, yaml_node_t *node,
			   const char *key)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const char *name = yaml_text_scalar(
			yaml_document_get_node(document, pair->key));

		if (name && strcmp(name, key) == 0)
			return yaml_document_get_node(document, pair->value);
	}
	return NULL;
}

yaml_node_t *yaml_text_item(yaml_document_t *document, yaml_node_t *node,
			    size_t i)
{
	if (!node || node->type != YAML_SEQUENCE_NODE)
		return NULL;
	if (i >= (size_t)(node->data.sequence.items.top -
			  node->data.sequence.items.start))
		return NULL;
	return yaml_document_get_node(document,
				      node->data.sequence.items.start[i]);
}

size_t yaml_text_offset(const char *text, yaml_mark_t mark)
{
	size_t at = 0;

	for (size_t i = 0; i < mark.index && text[at]; i++) {
		at++;
		while (((unsigned char)text[at] & 0xc0) == 0x80)
			at++;
	}
	return at;
}
