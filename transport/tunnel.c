/* SPDX-License-Identifier: Apache-2.0
 *
 * The tunnel's thread: one poll(2) over the listening socket, the accepted
 * ones and the SSH connection. The connection is made on the caller's thread,
 * so that failing to is the caller's error, and belongs to the tunnel's from
 * then on; when it drops, so do all accepted connections, and the next one
 * that comes has it made again.
 */
#include "tunnel.h"
#include "error.h"
#include "tunnel_priv.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PIPES_MAX 64
#define BACKLOG 16
#define OUT_OF_FDS_MS 100
#define RECONNECT_US (30 * G_TIME_SPAN_SECOND)

struct tunnel {
	char *dir, *path;
	int listen_fd;
	char *address, *title;
	unsigned port;
	GThread *thread;
	struct cancel *end;	/* aborted by tunnel_free() */
	/* the thread's, once it runs */
	struct session *session;
	struct transport shadow; /* the run's, but with `end` as its cancel: a
				    reconnect ends with the tunnel, and a run
				    that is being stopped still needs it */
	GPtrArray *pipes;
	struct ssh_counter_struct sent, received;
};

static void say(const struct tunnel *tunnel, const char *what)
{
	const struct transport *transport = tunnel->session->transport;

	if (transport->log)
		transport->log(tunnel->session->host, tunnel->title, NULL,
			       what, -1, 0, transport->log_data);
}

static void free_pipe(void *pipe)
{
	tunnel_pipe_free(pipe);
}

/* Every channel went with the session. */
static void drop_all(struct tunnel *tunnel)
{
	for (guint i = 0; i < tunnel->pipes->len;) {
		if (tunnel_pipe_lost(tunnel->pipes->pdata[i]))
			i++;
		else
			g_ptr_array_remove_index_fast(tunnel->pipes, i);
	}
}

static void lose(struct tunnel *tunnel)
{
	g_autoptr(GError) error = NULL;

	if (tunnel->session->ssh)
		session_set_lost(tunnel->session, NULL, &error);
	say(tunnel, error ? error->message : "lost");
	drop_all(tunnel);
}

/* What libssh took in on behalf of one channel may be another's: only a
 * counter of packets tells that there is news without asking them all. */
static void count_packets(struct tunnel *tunnel)
{
	ssh_set_counters(tunnel->session->ssh, &tunnel->sent,
			 &tunnel->received);
}

static bool reconnect(struct tunnel *tunnel)
{
	g_autoptr(GError) error = NULL;

	if (session_connect(tunnel->session,
			    g_get_monotonic_time() + RECONNECT_US, &error)) {
		count_packets(tunnel);
		return true;
	}
	/* session_connect() has logged why. */
	g_ptr_array_set_size(tunnel->pipes, 0);
	return false;
}

static void accept_one(struct tunnel *tunnel)
{
	int fd = accept4(tunnel->listen_fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		g_ptr_array_add(tunnel->pipes, tunnel_pipe_new(fd));
	/* Out of descriptors: it stays readable until there is one. */
	else if (errno == EMFILE || errno == ENFILE)
		(void)poll(NULL, 0, OUT_OF_FDS_MS);
}

/* sshd's first answer otherwise waits 40 ms for our delayed ACK. */
static void acknowledge_at_once(const struct tunnel *tunnel)
{
	const int on = 1;
	(void)setsockopt(tunnel->session->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
			 sizeof(on));
}

/* libssh tells the reason code of RFC 4254, section 5.1, in its text. */
static void say_refused(const struct tunnel *tunnel)
{
	const char *why = ssh_get_error(tunnel->session->ssh);
	const char *hint = strstr(why, "error (1)")
		? " (its sshd forbids forwarding: AllowTcpForwarding, "
		  "PermitOpen)" : "";
	g_autofree char *text = g_strconcat(why, hint, NULL);

	say(tunnel, text);
}

/* One step of each. True: there may be more to do at once. */
static bool step_all(struct tunnel *tunnel)
{
	bool busy = false;

	for (guint i = 0; i < tunnel->pipes->len;) {
		struct tunnel_pipe *pipe = tunnel->pipes->pdata[i];
		if (!pipe->open)
			acknowledge_at_once(tunnel);
		enum tunnel_step step = tunnel_pipe_step(
			pipe, tunnel->session, tunnel->address, tunnel->port);
		if (step == TUNNEL_BROKEN) {
			lose(tunnel);
			return true;
		}
		if (step == TUNNEL_REFUSED)
			say_refused(tunnel);
		busy = busy || step != TUNNEL_IDLE;
		if (step > TUNNEL_BUSY)
			g_ptr_array_remove_index_fast(tunnel->pipes, i);
		else
			i++;
	}
	return busy;
}

static bool work(struct tunnel *tunnel)
{
	g_autoptr(GError) error = NULL;

	if (!tunnel->session->ssh &&
	    (tunnel->pipes->len == 0 || !reconnect(tunnel)))
		return false;
	guint64 before = tunnel->received.in_packets;
	if (!session_pump(tunnel->session, &error)) {
		say(tunnel, error->message);
		drop_all(tunnel);
		return tunnel->pipes->len > 0;
	}
	return step_all(tunnel) || tunnel->received.in_packets != before;
}

enum { END, LISTEN, SSH, FIRST_PIPE };

/* Blocks until there is something to do, unless `busy`. */
static void wait_for_news(struct tunnel *tunnel, bool busy,
			  struct pollfd fds[FIRST_PIPE + PIPES_MAX])
{
	struct session *session = tunnel->session;
	guint n = tunnel->pipes->len;
	bool writing = session->ssh && (ssh_get_poll_flags(session->ssh) &
					SSH_WRITE_PENDING);

	fds[END] = (struct pollfd){.fd = cancel_fd(tunnel->end),
				   .events = POLLIN};
	fds[LISTEN] = (struct pollfd){
		.fd = n < PIPES_MAX ? tunnel->listen_fd : -1,
		.events = POLLIN};
	fds[SSH] = (struct pollfd){
		.fd = session->ssh ? session->fd : -1,
		.events = writing ? POLLIN | POLLOUT : POLLIN};
	for (guint i = 0; i < n; i++)
		fds[FIRST_PIPE + i] = tunnel_pipe_poll(
			tunnel->pipes->pdata[i]);
	if (poll(fds, FIRST_PIPE + n, busy ? 0 : -1) <= 0)
		return;
	for (guint i = 0; i < n; i++)
		tunnel_pipe_polled(tunnel->pipes->pdata[i],
				   fds[FIRST_PIPE + i].revents);
}

static void *pump(void *data)
{
	struct tunnel *tunnel = data;
	struct pollfd fds[FIRST_PIPE + PIPES_MAX] = {0};
	bool busy = false;

	count_packets(tunnel);
	while (!cancel_is_aborted(tunnel->end)) {
		wait_for_news(tunnel, busy, fds);
		if (fds[LISTEN].revents)
			accept_one(tunnel);
		busy = work(tunnel);
	}
	return NULL;
}

static bool listen_on_socket(struct tunnel *tunnel, GError **error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	tunnel->dir = g_dir_make_tmp("muster-XXXXXX", error);
	if (!tunnel->dir)
		return false;
	tunnel->path = g_build_filename(tunnel->dir, "socket", NULL);
	if (g_strlcpy(address.sun_path, tunnel->path,
		      sizeof(address.sun_path)) >= sizeof(address.sun_path))
		errno = ENAMETOOLONG;
	else
		tunnel->listen_fd = socket(AF_UNIX, SOCK_STREAM |
					   SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (tunnel->listen_fd >= 0 &&
	    bind(tunnel->listen_fd, (struct sockaddr *)&address,
		 sizeof(address)) == 0 &&
	    listen(tunnel->listen_fd, BACKLOG) == 0)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
		    "tunnel: bind a socket in '%s': %s (TMPDIR can be set to a "
		    "short path)", tunnel->dir, g_strerror(errno));
	return false;
}

static bool start(struct tunnel *tunnel, GError **error)
{
	tunnel->shadow = *tunnel->session->transport;
	tunnel->shadow.cancel = tunnel->end;
	tunnel->session->transport = &tunnel->shadow;
	tunnel->thread = g_thread_try_new("tunnel", pump, tunnel, NULL);
	if (tunnel->thread)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "tunnel: no thread to be had: %s", g_strerror(errno));
	return false;
}

struct tunnel *tunnel_open(struct transport *transport,
			   const struct host *host, const char *address,
			   unsigned port, gint64 deadline_us, GError **error)
{
	struct tunnel *tunnel = g_new0(struct tunnel, 1);
	g_autoptr(GError) why = NULL;

	tunnel->listen_fd = -1;
	tunnel->address = g_strdup(address);
	tunnel->port = port;
	tunnel->title = g_strdup_printf("tunnel to %s:%u", address, port);
	tunnel->end = cancel_new();
	tunnel->session = session_new(transport, host);
	tunnel->pipes = g_ptr_array_new_with_free_func(free_pipe);
	if (session_connect(tunnel->session, deadline_us, &why) &&
	    listen_on_socket(tunnel, &why) && start(tunnel, &why))
		return tunnel;
	/* g_dir_make_tmp() has an error domain of its own. */
	g_set_error_literal(error, MUSTER_ERROR,
			    why->domain == MUSTER_ERROR ? why->code
							: MUSTER_ERROR_OUTPUT,
			    why->message);
	tunnel_free(tunnel);
	return NULL;
}

const char *tunnel_socket_path(const struct tunnel *tunnel)
{
	return tunnel->path;
}

void tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return;
	cancel_abort(tunnel->end);
	if (tunnel->thread)
		g_thread_join(tunnel->thread);
	/* Channels first: they are the session's. */
	g_ptr_array_unref(tunnel->pipes);
	session_free(tunnel->session);
	if (tunnel->listen_fd >= 0)
		close(tunnel->listen_fd);
	if (tunnel->path)
		g_unlink(tunnel->path);
	if (tunnel->dir)
		g_rmdir(tunnel->dir);
	cancel_free(tunnel->end);
	g_free(tunnel->dir);
	g_free(tunnel->path);
	g_free(tunnel->address);
	g_free(tunnel->title);
	g_free(tunnel);
}
