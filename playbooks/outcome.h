/* SPDX-License-Identifier: Apache-2.0
 *
 * How steps ended, summed up per host and for the whole run.
 */
#ifndef MUSTER_PLAYBOOKS_OUTCOME_H
#define MUSTER_PLAYBOOKS_OUTCOME_H

#include "run.h"

struct outcome {
	enum task_status status;
	GError *error;			/* set if FAILED or UNREACHABLE */
	char *message, *hint, *diff;
	const char *cause;		/* why, a code of the catalogue, or
					   NULL; static */
	gint64 elapsed_us, remote_us;
};

/* Frees what it holds; it is a new one then. */
void outcome_clear(struct outcome *outcome);

/* Takes secrets out of every text, and puts all but the diff on one line. */
void outcome_redact(struct outcome *outcome, struct redactor *redactor);

struct host_result *host_result_new(const struct host *host);
void host_result_free(struct host_result *result);

/* Counts an outcome; the first failure's error, hint and cause are
 * copied. */
void host_result_add(struct host_result *result, const char *step,
		     const struct outcome *outcome);

/* The exit status of a run by what its hosts came to: the gravest of a changed
 * host key (76), a lock held elsewhere (75), something absent (69), no sudo
 * anywhere (77); else 2 for failed and 4 for unreachable hosts, 6 for both, or
 * 3 when only the proof failed, or 130 when it was stopped and nothing else
 * went wrong. */
int outcome_exit_status(const struct run_result *result);

#endif
