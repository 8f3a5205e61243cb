/* SPDX-License-Identifier: Apache-2.0
 *
 * One accepted connection of a tunnel and its channel. Everything here runs
 * on the tunnel's thread, which alone touches the session.
 */
#ifndef MUSTER_TRANSPORT_TUNNEL_PRIV_H
#define MUSTER_TRANSPORT_TUNNEL_PRIV_H

#include "session_priv.h"

#include <poll.h>

#define TUNNEL_CHUNK ((size_t)32 * 1024)

struct tunnel_buffer {
	char bytes[TUNNEL_CHUNK];
	size_t from, to;	/* what waits to be passed on */
};

struct tunnel_pipe {
	int fd;			/* the UNIX socket; owned */
	ssh_channel channel;	/* owned; NULL: none yet */
	unsigned tries;		/* channels it has had */
	bool open;		/* the far end has been dialled */
	bool local_eof, eof_sent, far_eof;
	bool hung_up;		/* the local end is closed, not only shut */
	struct tunnel_buffer out, in;
};

enum tunnel_step {
	TUNNEL_IDLE,		/* nothing to be done without news */
	TUNNEL_BUSY,		/* moved something: call again */
	TUNNEL_OVER,		/* both directions have ended */
	TUNNEL_REFUSED,		/* the far end could not be dialled */
	TUNNEL_BROKEN		/* the session, or this channel, failed */
};

/* Takes `fd` (non-blocking). */
struct tunnel_pipe *tunnel_pipe_new(int fd);

/* Closes both ends. */
void tunnel_pipe_free(struct tunnel_pipe *pipe);

/* Says that the session is gone, its channel with it. True if the pipe may go
 * on with another session: nothing had passed yet. */
bool tunnel_pipe_lost(struct tunnel_pipe *pipe);

/* Moves at most one chunk each way, never blocks. */
enum tunnel_step tunnel_pipe_step(struct tunnel_pipe *pipe,
				  struct session *session, const char *address,
				  unsigned port);

/* What to wait for on its socket; .fd is -1 if for nothing. */
struct pollfd tunnel_pipe_poll(const struct tunnel_pipe *pipe);
void tunnel_pipe_polled(struct tunnel_pipe *pipe, short revents);

#endif
