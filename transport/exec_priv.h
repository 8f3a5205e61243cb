/* SPDX-License-Identifier: Apache-2.0
 *
 * What exec.c lends to others of this room that run commands.
 */
#ifndef MUSTER_TRANSPORT_EXEC_PRIV_H
#define MUSTER_TRANSPORT_EXEC_PRIV_H

#include "session.h"

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

#endif
