/* SPDX-License-Identifier: Apache-2.0
 *
 * TCP connections as dialled from the far end of an SSH session. Owns the
 * session and the one thread that pumps it, because a libssh session belongs
 * to one thread. What a tunnel and a jump host have in common.
 */
#ifndef MUSTER_TRANSPORT_FORWARD_H
#define MUSTER_TRANSPORT_FORWARD_H

#include "session.h"

struct forward;

struct forward_listener {	/* a local socket whose clients are served */
	int fd;			/* listening, non-blocking; borrowed */
	const char *address;	/* where they are taken; copied */
	unsigned port;
};

/* Takes `session`, which is connected, whatever comes. `title` is for logs.
 * When the connection drops, so does all that goes through it, and the next
 * that comes has it made again. `listener` may be NULL. */
struct forward *forward_start(struct session *session, const char *title,
			      const struct forward_listener *listener,
			      GError **error);

/* A non-blocking, close-on-exec stream to address:port, or -1. Errors: REFUSED
 * with the far end's words, session_connect()'s, DEADLINE, CANCELLED. Any
 * thread. */
int forward_dial(struct forward *forward, const char *address, unsigned port,
		 gint64 deadline_us, GError **error);

/* Stops the thread, closes everything. Accepts NULL. */
void forward_free(struct forward *forward);

#endif
