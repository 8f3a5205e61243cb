/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways of telling a proof: a table folded over hosts, one JSON document, a
 * JUnit file, and the matrix of who reaches whom.
 */
#ifndef MUSTER_CMD_REPORT_CONDITIONS_H
#define MUSTER_CMD_REPORT_CONDITIONS_H

#include "report.h"

#include "playbooks/verify/proof.h"

#include <jansson.h>

/* What `muster verify` makes known beside the proof itself; borrowed. */
struct proof_telling {
	const struct proof *proof;
	bool has_matrix;		/* --matrix */
	bool is_brief;			/* only what fails, and the sum */
	unsigned rounds;		/* how many there were */
	unsigned in_a_row;		/* the last of them that proved all */
	int exit_status;
	gint64 began_us;		/* monotonic */
};

/* The table on standard output; warnings and waits on standard error. */
struct reporter *report_conditions_new(const struct run_info *info,
				       const struct proof_telling *telling);
/* One document, schema muster.verify/1, on standard output. */
struct reporter *report_proof_json_new(const struct run_info *info,
				       const struct proof_telling *telling);

/* The conditions of a judged proof as an array of objects. */
json_t *proof_conditions_json(const struct proof *proof);

/* The conditions as the test cases of one suite, which took `wall_us`; newly
 * allocated XML. */
char *proof_junit(const struct proof *proof, gint64 wall_us);

/* Rows ask, columns are asked; newly allocated text. */
char *proof_matrix(const struct proof *proof, const struct cluster *cluster);

/* "overlay, dns": the conditions that fail; newly allocated, "" if none. */
char *proof_failing(const struct proof *proof);

#endif
