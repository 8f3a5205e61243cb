/* SPDX-License-Identifier: Apache-2.0
 *
 * A shell that stays: on a session that expects more commands the first one
 * starts a shell as the user to become, which goes on to read the next ones
 * from its standard input. A command then costs the host no login shell, no
 * sudo and no channel of its own, only its script; and sudo asks once. What a
 * command is to read comes the same way, so it is in no process list.
 *
 * Each request is text of its own: the mark on both streams, the script under
 * timeout(1) in a process of its own, and on both streams the mark again with
 * its exit status. One that a signal ended has the status that shells give it,
 * 128 and the signal's number.
 */
#ifndef MUSTER_TRANSPORT_SHELL_PRIV_H
#define MUSTER_TRANSPORT_SHELL_PRIV_H

#include "run_priv.h"

/* Whether a request may go to a shell that stays: not as another user, with
 * output that is handed on as it comes, with input that is long or no text, or
 * with any input if the shell is not there yet. */
bool shell_serves(const struct session *session,
		  const struct exec_request *request);

/* Forgets one that has ended by itself. */
void shell_check(struct session *session);

/* The text of a request; `limit` in seconds, 0: none. Newly allocated. */
char *shell_text(const struct exec_request *request, const char *mark,
		 gint64 limit);

/* The command line that starts a shell behind `prefix` (see sudo_prefix) with
 * its first request; newly allocated. */
char *shell_command_line(const char *prefix, const char *text);

/* Ends the shell, if there is one, and waits until the server has closed its
 * channel. Errors as session_open_channel(). */
bool shell_end(struct session *session, gint64 deadline_us, GError **error);

#endif
