/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels and taints of a node: the lists in which a person asks for them, in
 * kubectl's notation, and what must be patched in the node's object so that
 * it has them. What no list names is left alone. Pure functions.
 */
#ifndef MUSTER_MICROK8S_NODE_MARKS_H
#define MUSTER_MICROK8S_NODE_MARKS_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* One entry: KEY=VALUE, or KEY- for a label that must be absent;
 * KEY[=VALUE]:EFFECT for a taint, KEY- or KEY:EFFECT- for one that must be
 * absent. */
struct node_mark {
	char *key;
	char *value;		/* never NULL */
	char *effect;		/* taints: NoSchedule, PreferNoSchedule or
				   NoExecute; NULL: a label, or all taints of
				   the key (only with is_absent) */
	bool is_absent;
};

/* The entries of a list between blanks or commas (struct node_mark *, with a
 * free function). NULL with error DATA and *at; labels and taints that
 * Kubernetes and MicroK8s set themselves are refused. */
GPtrArray *node_labels_parse(const char *text, size_t *at, GError **error);
GPtrArray *node_taints_parse(const char *text, size_t *at, GError **error);

/* Rules for such lists: see param_rule. */
bool node_labels_check(const char *name, const char *text, size_t *at,
		       GError **error);
bool node_taints_check(const char *name, const char *text, size_t *at,
		       GError **error);

/* The JSON merge patch (RFC 7396) that gives `node`, a Node object, what
 * `marks` ask for, and in `said` what it changes, for people. NULL if nothing
 * is to change. A list of taints is replaced as a whole, so its patch holds
 * only for the version of the object it was made from. Caller json_decref()s.
 */
json_t *node_labels_patch(const json_t *node, const GPtrArray *marks,
			  GString *said);
json_t *node_taints_patch(const json_t *node, const GPtrArray *marks,
			  GString *said);

#endif
