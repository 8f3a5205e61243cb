/* SPDX-License-Identifier: Apache-2.0
 *
 * One connection of a forwarder and its channel. Everything here runs on the
 * forwarder's thread, which alone touches the session.
 */
#ifndef MUSTER_TRANSPORT_FORWARD_PRIV_H
#define MUSTER_TRANSPORT_FORWARD_PRIV_H

#include "session_priv.h"

#include <poll.h>

#define FORWARD_CHUNK ((size_t)32 * 1024)

struct forward_buffer {
	char bytes[FORWARD_CHUNK];
	size_t from, to;	/* what waits to be passed on */
};

struct forward_pipe {
	int fd;			/* the local socket; owned */
	char *address;		/* what the far end dials */
	unsigned port;
	struct forward_request *request; /* who waits for it; or NULL */
	ssh_channel channel;	/* owned; NULL: none yet */
	unsigned tries;		/* channels it has had */
	bool open;		/* the far end has been dialled */
	bool local_eof, eof_sent, far_eof;
	bool hung_up;		/* the local end is closed, not only shut */
	struct forward_buffer out, in;
};

enum forward_step {
	FORWARD_IDLE,		/* nothing to be done without news */
	FORWARD_BUSY,		/* moved something: call again */
	FORWARD_OVER,		/* both directions have ended */
	FORWARD_REFUSED,		/* the far end could not be dialled */
	FORWARD_BROKEN		/* the session, or this channel, failed */
};

/* Takes `fd` (non-blocking). */
struct forward_pipe *forward_pipe_new(int fd, const char *address,
				      unsigned port);

/* Closes both ends. */
void forward_pipe_free(struct forward_pipe *pipe);

/* Says that the session is gone, its channel with it. True if the pipe may go
 * on with another session: nothing had passed yet. */
bool forward_pipe_lost(struct forward_pipe *pipe);

/* Moves at most one chunk each way, never blocks. */
enum forward_step forward_pipe_step(struct forward_pipe *pipe,
				    struct session *session);

/* What to wait for on its socket; .fd is -1 if for nothing. */
struct pollfd forward_pipe_poll(const struct forward_pipe *pipe);
void forward_pipe_polled(struct forward_pipe *pipe, short revents);

#endif
