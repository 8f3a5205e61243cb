/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof at the end of a run that built something: verify.yaml over the
 * same sessions, in rounds, until all its conditions hold.
 */
#ifndef MUSTER_CMD_RUNNER_PROOF_H
#define MUSTER_CMD_RUNNER_PROOF_H

#include "proving.h"

/* Who hears of the run and of the proof as of one. A sink itself: hand it
 * to run_execute() in their stead. All borrowed. */
struct proof_relay {
	const struct event_sink *sinks;
	size_t n_sinks;
	const struct event_sink *events; /* one of them that gets the events of
					    every round, not of the first
					    only; or NULL */
	gint64 offset_us;		/* of this round in the whole run */
	unsigned round;			/* 0: the run itself */
	struct event end;		/* of the run, held back */
};

void proof_relay_event(const struct event *event, void *data);

/* Tells the end of the run, whose `result` this is. */
void proof_relay_end(struct proof_relay *relay,
		     const struct run_result *result);

/* Readies `proving` for one good round within the time for which the inventory
 * or -e lets nodes take to get Ready (microk8s_verify_timeout). */
void runner_proof_begin(struct proving *proving, const struct options *options,
			struct cluster *cluster);

/* Runs verify.yaml with the rest of `options`, whose sink is the relay. What
 * it took is added to `result`, whose exit status becomes that of the
 * proof. */
void runner_proof_run(struct proving *proving, struct run_options options,
		      struct proof_relay *relay, struct cancel *cancel,
		      struct run_result *result);

#endif
