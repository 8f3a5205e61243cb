/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel under exec.c: sends a command line and its standard input, takes
 * in both streams and how it ended. Knows nothing of scripts or sudo.
 */
#ifndef MUSTER_TRANSPORT_RUN_PRIV_H
#define MUSTER_TRANSPORT_RUN_PRIV_H

#include "exec.h"
#include "session_priv.h"
#include "sudo.h"

struct run {
	/* set by the caller, borrowed */
	const char *title, *command;
	const char *input;
	size_t input_length;
	size_t keep_max;		/* bytes a stream, beside a little slack
					   for what rc files print */
	gint64 deadline_us;
	exec_output_fn on_output;	/* or NULL: gets what comes behind the
					   line `mark` of each stream, which
					   then is in neither out nor err */
	void *output_data;
	const char *mark;
	bool stays;			/* for a shell that stays: takes the
					   session's and gives it back, starting
					   one with `command` if there is none;
					   ends with the line "`mark` STATUS" on
					   both streams, which then is in
					   neither out nor err */
	struct become *become;		/* with a prompt, nothing is sent before
					   `mark` came on standard error, but
					   the password if it asks */
	/* filled in; freed by run_clear() */
	GString *out, *err;		/* the caller makes them */
	bool begun[2];			/* on_output: the mark came (out, err) */
	bool started;			/* the mark came on standard error */
	bool overflow;			/* printed more; was ended for it */
	int status;			/* -1: none */
	char *signal;			/* "TERM", or NULL */
	/* private */
	ssh_channel channel;
	char *secret;			/* on its way to sudo; wiped */
	size_t secret_sent;
	size_t sent;
	bool requested, eof_sent, closed;
	bool at_end[2];			/* stays: its line came (out, err) */
	gint64 exited_us;		/* when status or signal came */
};

/* Cuts everything up to and including the mark's line. False: no mark. */
bool run_strip_to_mark(GString *stream, const char *mark);

/* Runs to the end of the command. False: it did not get there (LOST, DEADLINE,
 * CANCELLED, or session_connect()'s codes), and the command has been sent
 * TERM if it could still be reached. Overflow is not an error here. */
bool run_channel(struct session *session, struct run *run, GError **error);

void run_clear(struct run *run);

#endif
