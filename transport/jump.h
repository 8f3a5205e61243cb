/* SPDX-License-Identifier: Apache-2.0
 *
 * Jump hosts: one authenticated connection to each, shared by every host
 * behind it. A chain "a,b" is a session to b through a.
 */
#ifndef MUSTER_TRANSPORT_JUMP_H
#define MUSTER_TRANSPORT_JUMP_H

#include "session.h"

struct jumps;

/* Borrows `transport`. At most `forks` handshakes at once behind a jump host
 * (0: 8), so that its sshd and its network are not flooded. */
struct jumps *jumps_new(struct transport *transport, unsigned forks);
void jumps_free(struct jumps *jumps);

/* Waits for a turn behind the jump list `spec`. Errors: DEADLINE, CANCELLED. */
bool jumps_enter(struct jumps *jumps, const char *spec, gint64 deadline_us,
		 GError **error);
void jumps_leave(struct jumps *jumps, const char *spec);

/* The last hop of `spec`, reached through those before it; borrowed from the
 * transport's endpoints. Errors as endpoints_jump(). */
struct endpoint;
const struct endpoint *jumps_hop(struct jumps *jumps, const char *spec,
				 gint64 deadline_us, GError **error);

/* Reaches the last hop of `spec`, unless that has been done. The connection
 * is made by whoever comes first; when that fails, all who wait get the same
 * error, and those who come within 10 s are not made to try again. Errors:
 * session_connect()'s for the jump host, named in the text; DATA if it is
 * reached through itself. */
bool jumps_connect(struct jumps *jumps, const char *spec, gint64 deadline_us,
		   GError **error);

/* A stream to address:port as dialled from the last hop of `spec`, or -1; the
 * caller closes it. Errors: those of jumps_connect(); REFUSED if it cannot
 * reach the address. */
int jumps_dial(struct jumps *jumps, const char *spec, const char *address,
	       unsigned port, gint64 deadline_us, GError **error);

#endif
