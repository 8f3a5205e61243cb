/* SPDX-License-Identifier: Apache-2.0
 *
 * What exec.c lends to others of this room that run commands.
 */
#ifndef MUSTER_TRANSPORT_EXEC_PRIV_H
#define MUSTER_TRANSPORT_EXEC_PRIV_H

#include "session.h"

/* A word that nothing on a host prints by chance; newly allocated. */
char *exec_new_mark(void);

/* The last lines of what a host said, printable, redacted, joined by " | ";
 * "" if it said nothing. For error texts; newly allocated. */
char *exec_tail(const struct session *session, const char *text);

#endif
