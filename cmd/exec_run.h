/* SPDX-License-Identifier: Apache-2.0
 *
 * The command of `muster exec` on its hosts: who gets what they print, and
 * each host's turn.
 */
#ifndef MUSTER_CMD_EXEC_RUN_H
#define MUSTER_CMD_EXEC_RUN_H

#include "connection.h"
#include "gather.h"
#include "options.h"

struct exec_run {
	/* set by the caller, borrowed */
	const struct options *options;
	const GPtrArray *hosts;		/* struct host *; become NO: run it as
					   the login user, else as root */
	const char *command;		/* for /bin/sh -c */
	struct cancel *cancel;
	gint64 timeout_us;		/* of the command; 0: none */
	const char *out_dir_path;	/* or NULL */
	bool is_folded;			/* else lines are told as they come */
	bool reads_stdin;
	/* made by exec_run_open() */
	gint64 started_us;		/* wall clock */
	struct gather *gather;		/* the answer */
	GString *input;			/* or NULL */
	struct redactor *redactor;
	struct connection connection;
	struct transport *transport;
	struct out_dir *out_dir;
	struct stream *stream;
	struct progress *progress;
};

/* Reads standard input, opens what is needed. Connects to nothing. False:
 * NO_INPUT, OUTPUT, CANCELLED, those of transport_new(). */
bool exec_run_open(struct exec_run *run, GError **error);

/* Runs the command on all hosts and comes back when the last has ended, or
 * the run was stopped. */
void exec_run_hosts(struct exec_run *run);

/* What went wrong with the output told as it came (errno) or with the files
 * of --out-dir (borrowed text); 0 and NULL if nothing. */
int exec_run_stream_errno(const struct exec_run *run);
const char *exec_run_problem(const struct exec_run *run);

/* Frees what exec_run_open() made, whether it succeeded or not. */
void exec_run_close(struct exec_run *run);

#endif
