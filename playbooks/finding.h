/* SPDX-License-Identifier: Apache-2.0
 *
 * What was found wrong with hosts: a cause of the catalogue, how grave it is,
 * where, by what evidence, and the command that cures it. Equal findings of
 * several hosts are one finding with several names.
 */
#ifndef MUSTER_PLAYBOOKS_FINDING_H
#define MUSTER_PLAYBOOKS_FINDING_H

#include "microk8s/cause.h"

#include <glib.h>
#include <stdbool.h>

enum finding_severity {
	FINDING_BLOCKS,			/* a run would fail or do harm */
	FINDING_WARNS,			/* works, but is likely to hurt */
	FINDING_ADVISES			/* could be better; harms nobody now */
};

/* "blocks", "warns", "advises" */
const char *finding_severity_name(enum finding_severity severity);

struct finding {
	const struct cause *cause;	/* never NULL */
	enum finding_severity severity;
	GPtrArray *hosts;		/* char *, each once, as added; owned */
	char *evidence;			/* one line; owned */
	char *cure;			/* commands to type, a line each; "" if
					   only the catalogue's advice */
	bool cure_is_for_master;	/* typed there, not on `hosts` */
};

void finding_free(struct finding *finding);

/* An empty list of struct finding *, which owns its elements. */
GPtrArray *findings_new(void);

/* Adds to `findings` what was found on `host` (a name, copied): the cause of
 * `code`, which must be in the catalogue. A finding with the same cause,
 * severity, evidence and cure gets the name instead. `cure` is copied; NULL
 * is "". Returns the finding; borrowed. */
struct finding *finding_add(GPtrArray *findings, const char *code,
			    enum finding_severity severity, const char *host,
			    const char *cure, const char *format, ...)
	G_GNUC_PRINTF(6, 7);

/* The gravest first; of equals the cause of more hosts, all its findings
 * together, then the order of the catalogue, then more hosts, then as added. */
void findings_rank(GPtrArray *findings);

/* How many are of that severity. */
unsigned findings_count(const GPtrArray *findings,
			enum finding_severity severity);

#endif
