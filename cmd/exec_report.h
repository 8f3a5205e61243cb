/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling what `muster exec` came to: what hosts printed goes to standard
 * output, what became of them to standard error.
 */
#ifndef MUSTER_CMD_EXEC_REPORT_H
#define MUSTER_CMD_EXEC_REPORT_H

#include "gather.h"
#include "options.h"

/* All borrowed. */
struct exec_report {
	const GPtrArray *groups;	/* as gather_groups() gives them */
	const struct options *options;
	const char *inventory;		/* its path */
	const char *command;		/* what was run */
	bool is_folded;			/* else output has been told already */
	bool shows_diff;		/* against the largest group */
	bool stopped;			/* Ctrl-C */
	gint64 started_us;		/* wall clock */
	gint64 wall_us;
	int exit_status;
};

/* How a group ended, in the order in which ends are counted. */
enum exec_end {
	EXEC_OK,		/* exit status 0 */
	EXEC_FAILED,		/* another, or a signal, out of time, no sudo */
	EXEC_UNREACHABLE,
	EXEC_UNFINISHED,	/* not begun or not done when stopped */
	EXEC_N
};

enum exec_end exec_end_of(const struct group *group);
const char *exec_end_name(enum exec_end end);

/* Groups on standard output, failures and the sum on standard error. */
void exec_report_text(const struct exec_report *report);

/* One document, schema muster.exec/1, on standard output. */
void exec_report_json(const struct exec_report *report);

#endif
