/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes between a UNIX socket and a direct-tcpip channel. Each direction has
 * one chunk at most in hand, and reads no more before that is gone: so a slow
 * reader on either side fills its own window, not our memory. Each direction
 * ends by itself (half-close), as TCP's do.
 */
#include "tunnel_priv.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIES_MAX 2	/* an idle connection may turn out to be dead once */

struct tunnel_pipe *tunnel_pipe_new(int fd)
{
	struct tunnel_pipe *pipe = g_new0(struct tunnel_pipe, 1);
	pipe->fd = fd;
	return pipe;
}

void tunnel_pipe_free(struct tunnel_pipe *pipe)
{
	if (!pipe)
		return;
	close(pipe->fd);
	if (pipe->channel)
		ssh_channel_free(pipe->channel);
	g_free(pipe);
}

bool tunnel_pipe_lost(struct tunnel_pipe *pipe)
{
	pipe->channel = NULL;
	return !pipe->open && pipe->tries < TRIES_MAX;
}

static bool is_empty(const struct tunnel_buffer *buffer)
{
	return buffer->from == buffer->to;
}

static bool session_ended(const struct tunnel_pipe *pipe)
{
	return !ssh_is_connected(ssh_channel_get_session(pipe->channel));
}

static enum tunnel_step open_channel(struct tunnel_pipe *pipe,
				     struct session *session,
				     const char *address, unsigned port)
{
	if (!pipe->channel) {
		pipe->channel = ssh_channel_new(session->ssh);
		pipe->tries++;
	}
	if (!pipe->channel)
		return TUNNEL_REFUSED;
	int rc = ssh_channel_open_forward(pipe->channel, address, (int)port,
					  "127.0.0.1", 0);
	if (rc == SSH_OK) {
		pipe->open = true;
		return TUNNEL_BUSY;
	}
	if (rc == SSH_AGAIN)
		return TUNNEL_IDLE;
	return session_ended(pipe) ? TUNNEL_BROKEN : TUNNEL_REFUSED;
}

/* From the socket, no more than the far end's window takes at once. */
static enum tunnel_step read_local(struct tunnel_pipe *pipe)
{
	size_t room = MIN(ssh_channel_window_size(pipe->channel),
			  TUNNEL_CHUNK);
	if (pipe->local_eof || room == 0)
		return TUNNEL_IDLE;

	ssize_t n = recv(pipe->fd, pipe->out.bytes, room, 0);
	if (n > 0) {
		pipe->out.from = 0;
		pipe->out.to = (size_t)n;
		return TUNNEL_BUSY;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TUNNEL_IDLE;
	if (n < 0)
		return TUNNEL_OVER;
	pipe->local_eof = true;
	return TUNNEL_BUSY;
}

/* The far end takes no more; what it still has to say is passed on. */
static enum tunnel_step give_up_out(struct tunnel_pipe *pipe)
{
	if (session_ended(pipe))
		return TUNNEL_BROKEN;
	pipe->out.from = pipe->out.to;
	pipe->local_eof = true;
	pipe->eof_sent = true;
	return TUNNEL_BUSY;
}

static enum tunnel_step write_far(struct tunnel_pipe *pipe)
{
	int n = ssh_channel_write(pipe->channel,
				  pipe->out.bytes + pipe->out.from,
				  (uint32_t)(pipe->out.to - pipe->out.from));
	if (n > 0) {
		pipe->out.from += (size_t)n;
		return TUNNEL_BUSY;
	}
	if (n == 0 || n == SSH_AGAIN)
		return TUNNEL_IDLE;
	return give_up_out(pipe);
}

static enum tunnel_step step_out(struct tunnel_pipe *pipe)
{
	if (!is_empty(&pipe->out))
		return write_far(pipe);
	if (!pipe->local_eof)
		return read_local(pipe);
	if (pipe->eof_sent)
		return TUNNEL_IDLE;
	int rc = ssh_channel_send_eof(pipe->channel);
	if (rc == SSH_AGAIN)
		return TUNNEL_IDLE;
	if (rc != SSH_OK)
		return give_up_out(pipe);
	pipe->eof_sent = true;
	return TUNNEL_BUSY;
}

static enum tunnel_step read_far(struct tunnel_pipe *pipe)
{
	if (pipe->far_eof)
		return TUNNEL_IDLE;

	int n = ssh_channel_read_nonblocking(pipe->channel, pipe->in.bytes,
					     TUNNEL_CHUNK, 0);
	if (n > 0) {
		pipe->in.from = 0;
		pipe->in.to = (size_t)n;
		return TUNNEL_BUSY;
	}
	if (n == SSH_EOF || ssh_channel_is_eof(pipe->channel)) {
		pipe->far_eof = true;
		(void)shutdown(pipe->fd, SHUT_WR);
		return TUNNEL_BUSY;
	}
	if (n == 0 || n == SSH_AGAIN)
		return TUNNEL_IDLE;
	return session_ended(pipe) ? TUNNEL_BROKEN : TUNNEL_OVER;
}

static enum tunnel_step write_local(struct tunnel_pipe *pipe)
{
	ssize_t n = send(pipe->fd, pipe->in.bytes + pipe->in.from,
			 pipe->in.to - pipe->in.from, MSG_NOSIGNAL);
	if (n >= 0) {
		pipe->in.from += (size_t)n;
		return TUNNEL_BUSY;
	}
	if (errno == EAGAIN || errno == EINTR)
		return TUNNEL_IDLE;
	return TUNNEL_OVER;
}

static enum tunnel_step step_in(struct tunnel_pipe *pipe)
{
	return is_empty(&pipe->in) ? read_far(pipe) : write_local(pipe);
}

/* Nobody is left on one side to read, and that side has said all it had. */
static bool is_over(const struct tunnel_pipe *pipe)
{
	bool far_gone = pipe->far_eof && ssh_channel_is_closed(pipe->channel);

	return (pipe->eof_sent && (pipe->far_eof || pipe->hung_up)) ||
	       (far_gone && is_empty(&pipe->in));
}

enum tunnel_step tunnel_pipe_step(struct tunnel_pipe *pipe,
				  struct session *session, const char *address,
				  unsigned port)
{
	/* Until the answer has come the channel cannot be given up: libssh
	 * would not know what to do with it. */
	if (!pipe->open)
		return open_channel(pipe, session, address, port);

	enum tunnel_step in = step_in(pipe);
	if (in > TUNNEL_BUSY)
		return in;
	if (is_over(pipe))
		return TUNNEL_OVER;
	enum tunnel_step out = step_out(pipe);
	return out > TUNNEL_IDLE ? out : in;
}

struct pollfd tunnel_pipe_poll(const struct tunnel_pipe *pipe)
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

void tunnel_pipe_polled(struct tunnel_pipe *pipe, short revents)
{
	if (revents & (POLLHUP | POLLERR | POLLNVAL))
		pipe->hung_up = true;
}
