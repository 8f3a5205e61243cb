/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes between a local socket and a direct-tcpip channel. Each direction has
 * one chunk at most in hand, and reads no more before that is gone: so a slow
 * reader on either side fills its own window, not our memory. Each direction
 * ends by itself (half-close), as TCP's do.
 */
#include "forward_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES_MAX 2	/* an idle connection may turn out to be dead once */

struct forward_pipe *forward_pipe_new(int fd, const char *address,
				      unsigned port)
{
	struct forward_pipe *pipe = g_new0(struct forward_pipe, 1);
	pipe->fd = fd;
	pipe->address = g_strdup(address);
	pipe->port = port;
	return pipe;
}

void forward_pipe_free(struct forward_pipe *pipe)
{
	if (!pipe)
		return;
	close(pipe->fd);
	if (pipe->channel)
		ssh_channel_free(pipe->channel);
	g_free(pipe->address);
	g_free(pipe);
}

bool forward_pipe_lost(struct forward_pipe *pipe)
{
	pipe->channel = NULL;
	return !pipe->open && pipe->tries < TRIES_MAX;
}

static bool is_empty(const struct forward_buffer *buffer)
{
	return buffer->from == buffer->to;
}

static bool session_ended(const struct forward_pipe *pipe)
{
	return !ssh_is_connected(ssh_channel_get_session(pipe->channel));
}

static enum forward_step open_channel(struct forward_pipe *pipe,
				      struct session *session)
{
	if (!pipe->channel) {
		pipe->channel = ssh_channel_new(session->ssh);
		pipe->tries++;
	}
	if (!pipe->channel)
		return FORWARD_REFUSED;
	int rc = ssh_channel_open_forward(pipe->channel, pipe->address,
					  (int)pipe->port, "127.0.0.1", 0);
	if (rc == SSH_OK) {
		pipe->open = true;
		return FORWARD_BUSY;
	}
	if (rc == SSH_AGAIN)
		return FORWARD_IDLE;
	return session_ended(pipe) ? FORWARD_BROKEN : FORWARD_REFUSED;
}

/* From the socket, no more than the far end's window takes at once. */
static enum forward_step read_local(struct forward_pipe *pipe)
{
	size_t room = MIN(ssh_channel_window_size(pipe->channel),
			  FORWARD_CHUNK);
	if (pipe->local_eof || room == 0)
		return FORWARD_IDLE;

	ssize_t n = recv(pipe->fd, pipe->out.bytes, room, 0);
	if (n > 0) {
		pipe->out.from = 0;
		pipe->out.to = (size_t)n;
		return FORWARD_BUSY;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return FORWARD_IDLE;
	if (n < 0)
		return FORWARD_OVER;
	pipe->local_eof = true;
	return FORWARD_BUSY;
}

/* The far end takes no more; what it still has to say is passed on. */
static enum forward_step give_up_out(struct forward_pipe *pipe)
{
	if (session_ended(pipe))
		return FORWARD_BROKEN;
	pipe->out.from = pipe->out.to;
	pipe->local_eof = true;
	pipe->eof_sent = true;
	return FORWARD_BUSY;
}

static enum forward_step write_far(struct forward_pipe *pipe)
{
	int n = ssh_channel_write(pipe->channel,
				  pipe->out.bytes + pipe->out.from,
				  (uint32_t)(pipe->out.to - pipe->out.from));
	if (n > 0) {
		pipe->out.from += (size_t)n;
		return FORWARD_BUSY;
	}
	if (n == 0 || n == SSH_AGAIN)
		return FORWARD_IDLE;
	return give_up_out(pipe);
}

static enum forward_step step_out(struct forward_pipe *pipe)
{
	if (!is_empty(&pipe->out))
		return write_far(pipe);
	if (!pipe->local_eof)
		return read_local(pipe);
	if (pipe->eof_sent)
		return FORWARD_IDLE;
	int rc = ssh_channel_send_eof(pipe->channel);
	if (rc == SSH_AGAIN)
		return FORWARD_IDLE;
	if (rc != SSH_OK)
		return give_up_out(pipe);
	pipe->eof_sent = true;
	return FORWARD_BUSY;
}

static enum forward_step read_far(struct forward_pipe *pipe)
{
	if (pipe->far_eof)
		return FORWARD_IDLE;

	int n = ssh_channel_read_nonblocking(pipe->channel, pipe->in.bytes,
					     FORWARD_CHUNK, 0);
	if (n > 0) {
		pipe->in.from = 0;
		pipe->in.to = (size_t)n;
		return FORWARD_BUSY;
	}
	if (n == SSH_EOF || ssh_channel_is_eof(pipe->channel)) {
		pipe->far_eof = true;
		(void)shutdown(pipe->fd, SHUT_WR);
		return FORWARD_BUSY;
	}
	if (n == 0 || n == SSH_AGAIN)
		return FORWARD_IDLE;
	return session_ended(pipe) ? FORWARD_BROKEN : FORWARD_OVER;
}

static enum forward_step write_local(struct forward_pipe *pipe)
{
	ssize_t n = send(pipe->fd, pipe->in.bytes + pipe->in.from,
			 pipe->in.to - pipe->in.from, MSG_NOSIGNAL);
	if (n >= 0) {
		pipe->in.from += (size_t)n;
		return FORWARD_BUSY;
	}
	if (errno == EAGAIN || errno == EINTR)
		return FORWARD_IDLE;
	return FORWARD_OVER;
}

static enum forward_step step_in(struct forward_pipe *pipe)
{
	return is_empty(&pipe->in) ? read_far(pipe) : write_local(pipe);
}

/* Nobody is left on one side to read, and that side has said all it had. */
static bool is_over(const struct forward_pipe *pipe)
{
	bool far_gone = pipe->far_eof && ssh_channel_is_closed(pipe->channel);

	return (pipe->eof_sent && (pipe->far_eof || pipe->hung_up)) ||
	       (far_gone && is_empty(&pipe->in));
}

enum forward_step forward_pipe_step(struct forward_pipe *pipe,
				    struct session *session)
{
	/* Until the answer has come the channel cannot be given up: libssh
	 * would not know what to do with it. */
	if (!pipe->open)
		return open_channel(pipe, session);

	enum forward_step in = step_in(pipe);
	if (in > FORWARD_BUSY)
		return in;
	if (is_over(pipe))
		return FORWARD_OVER;
	enum forward_step out = step_out(pipe);
	return out > FORWARD_IDLE ? out : in;
}

struct pollfd forward_pipe_poll(const struct forward_pipe *pipe)
{
	struct pollfd wanted = {.fd = pipe->fd};

	if (pipe->open && !pipe->local_eof && is_empty(&pipe->out) &&
	    ssh_channel_window_size(pipe->channel) > 0)
		wanted.events |= POLLIN;
	if (!is_empty(&pipe->in))
		wanted.events |= POLLOUT;
	/* A hang-up is reported whether asked for or not, and for ever. */
	if (!pipe->open || pipe->hung_up)
		wanted.fd = -1;
	return wanted;
}

void forward_pipe_polled(struct forward_pipe *pipe, short revents)
{
	if (revents & (POLLHUP | POLLERR | POLLNVAL))
		pipe->hung_up = true;
}
