/* SPDX-License-Identifier: Apache-2.0
 *
 * The rounds of muster trust: first the jump hosts that are reached directly,
 * then what lies behind them, and so on; all hosts of a round at once.
 */
#ifndef MUSTER_CMD_TRUST_ROUND_H
#define MUSTER_CMD_TRUST_ROUND_H

#include "options.h"

#include <stdio.h>

struct trust_run;
struct trust_round;

/* Borrows everything. Errors: those of connection_init() and
 * transport_new(). */
struct trust_run *trust_run_new(const struct options *options,
				const GPtrArray *hosts, struct cancel *cancel,
				GError **error);
void trust_run_free(struct trust_run *run);

/* Asks the hosts of the next round for their keys; NULL when there is none.
 * Failures are told on standard error as they are found. */
struct trust_round *trust_run_next(struct trust_run *run);
void trust_round_free(struct trust_round *round);

/* How many keys are new. */
guint trust_round_new(const struct trust_round *round);

/* Prints the new keys, hosts with one and the same key together; the rest in a
 * word. */
void trust_round_print(const struct trust_round *round, FILE *to);

/* Drops the new keys that the file does not confirm, and says so. Error
 * NO_INPUT. */
bool trust_round_compare(struct trust_round *round, const char *path,
			 GError **error);

/* Writes the new keys that are left, and prints how many; what fails is told. */
void trust_round_accept(struct trust_round *round, FILE *to);

/* Exit status of all rounds: that of the worst failure. */
int trust_run_status(const struct trust_run *run);

#endif
