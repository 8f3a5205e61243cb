/* SPDX-License-Identifier: Apache-2.0
 *
 * A proof in rounds: what `muster verify` does after each run of verify.yaml,
 * and `muster up` at its end. Judged after every round; asked again, while
 * there is time, until all of it has held so often in a row.
 */
#ifndef MUSTER_CMD_PROVING_H
#define MUSTER_CMD_PROVING_H

#include "report_conditions.h"

struct proving {
	/* set by the command, borrowed */
	const struct options *options;
	const char *image;		/* of the pods of --deep; NULL: ours */
	bool deep;
	int count;			/* rounds in a row */
	gint64 wait_us, interval_us;	/* wait_us 0: one round */
	gint64 story_us;		/* monotonic: second 0 of the story */
	/* kept by proving_*() */
	struct cluster *cluster;	/* borrowed */
	struct proof *proof;		/* owned */
	struct proof_telling telling;
	char *told;			/* the last word on what fails */
};

/* Makes the proof that the steps of verify.yaml write to. */
void proving_begin(struct proving *proving, struct cluster *cluster);

/* Judges a round. True: one more is to be run, after a pause that the first
 * Ctrl-C ends. False: this was the last; `*status` becomes 3 if all steps
 * succeeded and a condition does not hold. */
bool proving_after(struct proving *proving, const struct run_result *result,
		   struct cancel *cancel, int *status);

/* Frees what it holds, but not itself. */
void proving_clear(struct proving *proving);

#endif
