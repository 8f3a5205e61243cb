/* SPDX-License-Identifier: Apache-2.0
 *
 * What exec.c and exec_outcome.c lend to each other and to others of this room
 * that run commands.
 */
#ifndef MUSTER_TRANSPORT_EXEC_PRIV_H
#define MUSTER_TRANSPORT_EXEC_PRIV_H

#include "run_priv.h"

/* Bytes of a script that goes on a command line. */
#define EXEC_SCRIPT_MAX ((size_t)32 * 1024)

/* Shell text: where and with what environment every script begins. */
#define EXEC_SET_ENVIRONMENT \
	"cd /; umask 022; " \
	"PATH=${PATH:-/usr/bin:/bin}:/usr/sbin:/sbin:/snap/bin; LC_ALL=C; " \
	"for d in C.utf8 C.UTF-8; do " \
	"[ ! -d /usr/lib/locale/$d ] || LC_ALL=C.UTF-8; done; " \
	"export PATH LC_ALL; "

/* A word that nothing on a host prints by chance; newly allocated. */
char *exec_new_mark(void);

/* Appends a blank and `word` as shell_quote() has it. */
void exec_append_quoted(GString *line, const char *word);

/* The last lines of what a host said, printable, redacted, joined by " | ";
 * "" if it said nothing. For error texts; newly allocated. */
char *exec_tail(const struct session *session, const char *text);

/* Whether a run that came to its end is a success. `started`: the script was
 * reached. Errors: those of exec_run() from OUTPUT_LIMIT on. */
bool exec_judge(const struct session *session,
		const struct exec_request *request, const struct run *run,
		bool started, GError **error);

/* To the error of a run that was broken off: sudo may have asked for something
 * else than the password, behind words of its own. PAM does, for a second
 * factor. */
void exec_add_what_sudo_said(const struct session *session,
			     const struct run *run, GError **error);

/* The streams move into the result. */
struct exec_result *exec_new_result(struct run *run, gint64 elapsed_us);

/* Tells the transport's log. `why`: what it failed with, or NULL. */
void exec_log(const struct session *session,
	      const struct exec_request *request, const struct run *run,
	      const GError *why, gint64 elapsed_us);

#endif
