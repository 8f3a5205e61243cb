/* SPDX-License-Identifier: Apache-2.0
 *
 * The rounds of `muster doctor` over the hosts of an inventory, and what they
 * found. One thread calls; hosts are asked in parallel.
 */
#ifndef MUSTER_CMD_DOCTOR_RUN_H
#define MUSTER_CMD_DOCTOR_RUN_H

#include "connection.h"
#include "options.h"

#include "playbooks/doctor/doctor.h"

struct doctor_run {
	/* set by the caller, borrowed */
	const struct options *options;
	struct cancel *cancel;
	/* made by doctor_run_open() */
	struct inventory *inventory;
	struct redactor *redactor;
	struct connection connection;
	struct transport *transport;
	struct cluster *cluster;
	GPtrArray *patients;		/* struct patient *, who takes part */
	/* made by doctor_run_examine() */
	GPtrArray *findings;		/* struct finding *, ranked */
	gint64 elapsed_us;
};

/* Reads the inventory, whose problems it prints; connects to nothing. Errors:
 * DATA, NO_INPUT, USAGE and those of transport_new(). */
bool doctor_run_open(struct doctor_run *run, GError **error);

/* Looks at all hosts and judges; may be called again. False: stopped. */
bool doctor_run_examine(struct doctor_run *run);

/* Applies what of `fixes` (enum doctor_fix) cures a finding, and says so on
 * standard error; returns how many hosts were cured, or -1 if any was not. */
int doctor_run_fix(struct doctor_run *run, unsigned fixes);

/* Frees what doctor_run_open() made, whether it succeeded or not. */
void doctor_run_close(struct doctor_run *run);

#endif
