/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two readers of a playbook share: the document, and where mistakes
 * go.
 */
#ifndef MUSTER_PLAYBOOKS_PLAYBOOK_PRIV_H
#define MUSTER_PLAYBOOKS_PLAYBOOK_PRIV_H

#include "playbook.h"

#include "microk8s/yaml_text.h"

struct playbook_reader {
	yaml_document_t document;
	const char *file;
	GPtrArray *problems;
	guint n_problems;	/* of this playbook */
};

/* Notes a mistake at the place of `node`; `hint` may be NULL. */
void playbook_problem(struct playbook_reader *r, const yaml_node_t *node,
		      const char *hint, const char *format, ...)
	G_GNUC_PRINTF(4, 5);

/* Notes an unknown name with the known one that is closest to it, or with
 * `otherwise` (may be NULL) if none is. */
void playbook_problem_unknown(struct playbook_reader *r,
			      const yaml_node_t *node, const char *what,
			      const char *name, const GPtrArray *known,
			      const char *otherwise);

struct mark playbook_mark(const yaml_node_t *node);

/* The node that a pair or item of the document refers to. */
const yaml_node_t *playbook_node(struct playbook_reader *r, int index);

/* True for nothing at all, ~ and null, unless in quotes. */
bool playbook_is_null(const yaml_node_t *node);

/* Reads one item of a play's `do` and adds it to `play`. */
void playbook_read_step(struct playbook_reader *r, struct play *play,
			const yaml_node_t *node);
void playbook_step_free(struct step *step);

#endif
