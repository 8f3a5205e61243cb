/* SPDX-License-Identifier: Apache-2.0
 *
 * Small YAML texts of a host, read with libyaml under limits: libyaml 0.2.5
 * has no depth limit and is quadratic in depth. Also turns its marks, which
 * count characters, into bytes, so that a text can be edited in place instead
 * of being emitted anew without its comments. Internal to this room.
 */
#ifndef MUSTER_MICROK8S_YAML_TEXT_H
#define MUSTER_MICROK8S_YAML_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define YAML_TEXT_DEPTH_MAX 64
#define YAML_TEXT_EVENTS_MAX 400000

/* What is wrong with a text, and where; 0-based as libyaml's marks. */
struct yaml_text_fault {
	size_t line, column;
	char *why;
};

/* True if `text` is YAML that a loader may safely take: at most
 * `documents_max` documents, depth and number of values within the maxima, no
 * aliases. Else fills *fault, whose text the caller frees. */
bool yaml_text_check(const char *text, size_t length, size_t documents_max,
		     struct yaml_text_fault *fault);

/* Looks at one document; false ends the walk. Borrowed arguments. */
typedef bool (*yaml_text_visit)(yaml_document_t *document, void *data);

/* Calls `visit` for each document of `text` (at most `documents_max`). False
 * with error DATA, before the first call, if the text is larger than
 * size_max bytes, no UTF-8, no YAML, too deep or uses aliases. */
bool yaml_text_walk(const char *text, size_t size_max, size_t documents_max,
		    yaml_text_visit visit, void *data, GError **error);

/* The value of `key` in a mapping, or NULL; `node` may be NULL. */
yaml_node_t *yaml_text_get(yaml_document_t *document, yaml_node_t *node,
			   const char *key);

/* The i-th item of a sequence, or NULL past its end or if it is none. */
yaml_node_t *yaml_text_item(yaml_document_t *document, yaml_node_t *node,
			    size_t i);

/* The text of a scalar, or NULL if it is none; borrowed from the node. */
const char *yaml_text_scalar(const yaml_node_t *node);

/* The place of a mark of this text in bytes. */
size_t yaml_text_offset(const char *text, yaml_mark_t mark);

#endif
