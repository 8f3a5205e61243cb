/* SPDX-License-Identifier: Apache-2.0
 *
 * The forwarder's thread: one poll(2) over the SSH connection, the local ends
 * of its pipes, a listening socket and a queue of requests. The connection is
 * made on the caller's thread, so that failing to is the caller's error, and
 * belongs to this thread from then on.
 */
#include "forward.h"
#include "error.h"
#include "forward_priv.h"
#include "forward_request.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MAX 64		/* of the listener, at once */
#define OUT_OF_FDS_MS 100
#define RECONNECT_US (30 * G_TIME_SPAN_SECOND)

struct forward {
	char *title, *address;
	unsigned port;
	int listen_fd;		/* -1: none */
	struct cancel *run;	/* the run's; borrowed */
	GThread *thread;
	struct cancel *end;	/* aborted by forward_free() */
	GAsyncQueue *requests;	/* struct forward_request * */
	int wake_fd;		/* readable when there may be one */
	/* the thread's, once it runs */
	struct session *session;
	struct transport shadow; /* the run's, but with `end` as its cancel: a
				    reconnect ends with the forwarder, and a
				    run that is being stopped needs it still */
	GPtrArray *pipes;
	GArray *fds;		/* struct pollfd */
	struct ssh_counter_struct sent, received;
};

static void say(const struct forward *forward, const char *what)
{
	const struct transport *transport = forward->session->transport;

	if (transport->log)
		transport->log(forward->session->host, forward->title, NULL,
			       what, -1, 0, transport->log_data);
}

/* Tells who waits for `pipe` that it will not be. */
static void refuse(struct forward_pipe *pipe, int code, const char *why)
{
	struct forward_request *request = g_steal_pointer(&pipe->request);

	if (request)
		forward_request_end(request, g_error_new(
			MUSTER_ERROR, code, "connect to %s port %u: %s",
			pipe->address, pipe->port, why));
}

static void free_pipe(void *data)
{
	struct forward_pipe *pipe = data;

	refuse(pipe, MUSTER_ERROR_LOST, "the connection it goes through is "
	       "gone");
	forward_pipe_free(pipe);
}

/* Every channel went with the session. */
static void drop_all(struct forward *forward)
{
	for (guint i = 0; i < forward->pipes->len;) {
		if (forward_pipe_lost(forward->pipes->pdata[i]))
			i++;
		else
			g_ptr_array_remove_index_fast(forward->pipes, i);
	}
}

static void lose(struct forward *forward)
{
	g_autoptr(GError) error = NULL;

	if (forward->session->ssh)
		session_set_lost(forward->session, NULL, &error);
	say(forward, error ? error->message : "lost");
	drop_all(forward);
}

/* What libssh took in on behalf of one channel may be another's: only a
 * counter of packets tells that there is news without asking them all. */
static void count_packets(struct forward *forward)
{
	ssh_set_counters(forward->session->ssh, &forward->sent,
			 &forward->received);
}

/* For the pipes that wait: without a session they have nothing to wait for. */
static bool reconnect(struct forward *forward)
{
	g_autoptr(GError) error = NULL;

	if (session_connect(forward->session,
			    g_get_monotonic_time() + RECONNECT_US, &error)) {
		count_packets(forward);
		return true;
	}
	/* session_connect() has logged why. */
	for (guint i = 0; i < forward->pipes->len; i++)
		refuse(forward->pipes->pdata[i], error->code, error->message);
	g_ptr_array_set_size(forward->pipes, 0);
	return false;
}

static void accept_one(struct forward *forward)
{
	int fd = accept4(forward->listen_fd, NULL, NULL,
			 SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		g_ptr_array_add(forward->pipes, forward_pipe_new(
				fd, forward->address, forward->port));
	/* Out of descriptors: it stays readable until there is one. */
	else if (errno == EMFILE || errno == ENFILE)
		(void)poll(NULL, 0, OUT_OF_FDS_MS);
}

static void begin_request(struct forward *forward,
			  struct forward_request *request)
{
	struct forward_pipe *pipe = forward_pipe_new(
		request->fd, request->address, request->port);

	request->fd = -1;
	pipe->request = request;
	g_ptr_array_add(forward->pipes, pipe);
}

static void take_requests(struct forward *forward)
{
	struct forward_request *request;
	uint64_t count;
	ssize_t n = read(forward->wake_fd, &count, sizeof(count));

	(void)n;
	while ((request = g_async_queue_try_pop(forward->requests)) != NULL)
		begin_request(forward, request);
}

/* sshd's first answer otherwise waits 40 ms for our delayed ACK. */
static void acknowledge_at_once(const struct forward *forward)
{
	const int on = 1;
	(void)setsockopt(forward->session->fd, IPPROTO_TCP, TCP_QUICKACK, &on,
			 sizeof(on));
}

/* libssh tells the reason code of RFC 4254, section 5.1, in its text, behind
 * the channel's number, which would make every host's failure another one. */
static void set_refused(struct forward *forward, struct forward_pipe *pipe)
{
	const char *why = ssh_get_error(forward->session->ssh);
	const char *code = strstr(why, "error (");
	const char *words = code ? strstr(code, ") ") : NULL;
	const char *hint = code && g_str_has_prefix(code, "error (1)")
		? " (its sshd forbids forwarding: AllowTcpForwarding, "
		  "PermitOpen)" : "";
	g_autofree char *text = g_strconcat(words ? words + 2 : why, hint,
					    NULL);

	say(forward, text);
	refuse(pipe, MUSTER_ERROR_REFUSED, text);
}

/* True if the pipe has come to its end, whichever. */
static bool settle(struct forward *forward, struct forward_pipe *pipe,
		   enum forward_step step)
{
	if (pipe->open && pipe->request)
		forward_request_end(g_steal_pointer(&pipe->request), NULL);
	if (step == FORWARD_REFUSED)
		set_refused(forward, pipe);
	return step > FORWARD_BUSY;
}

/* One step of each. True: there may be more to do at once. */
static bool step_all(struct forward *forward)
{
	bool busy = false;

	for (guint i = 0; i < forward->pipes->len;) {
		struct forward_pipe *pipe = forward->pipes->pdata[i];
		if (!pipe->open)
			acknowledge_at_once(forward);
		enum forward_step step = forward_pipe_step(pipe,
							   forward->session);
		if (step == FORWARD_BROKEN) {
			lose(forward);
			return true;
		}
		busy = busy || step != FORWARD_IDLE;
		if (settle(forward, pipe, step))
			g_ptr_array_remove_index_fast(forward->pipes, i);
		else
			i++;
	}
	return busy;
}

static bool work(struct forward *forward)
{
	g_autoptr(GError) error = NULL;

	if (!forward->session->ssh &&
	    (forward->pipes->len == 0 || !reconnect(forward)))
		return false;
	guint64 before = forward->received.in_packets;
	if (!session_pump(forward->session, &error)) {
		say(forward, error->message);
		drop_all(forward);
		return forward->pipes->len > 0;
	}
	return step_all(forward) || forward->received.in_packets != before;
}

enum { END, WAKE, LISTEN, SSH, FIRST_PIPE };

static void add_fd(struct forward *forward, int fd, short events)
{
	struct pollfd wanted = {.fd = fd, .events = events};

	g_array_append_val(forward->fds, wanted);
}

/* Blocks until there is something to do, unless `busy`. */
static void wait_for_news(struct forward *forward, bool busy)
{
	struct session *session = forward->session;
	guint n = forward->pipes->len;
	bool writing = session->ssh && (ssh_get_poll_flags(session->ssh) &
					SSH_WRITE_PENDING);

	g_array_set_size(forward->fds, 0);
	add_fd(forward, cancel_fd(forward->end), POLLIN);
	add_fd(forward, forward->wake_fd, POLLIN);
	add_fd(forward, n < CLIENTS_MAX ? forward->listen_fd : -1, POLLIN);
	add_fd(forward, session->ssh ? session->fd : -1,
	       writing ? POLLIN | POLLOUT : POLLIN);
	for (guint i = 0; i < n; i++) {
		struct pollfd wanted = forward_pipe_poll(
			forward->pipes->pdata[i]);

		g_array_append_val(forward->fds, wanted);
	}
	struct pollfd *fds = (struct pollfd *)(void *)forward->fds->data;

	if (poll(fds, forward->fds->len, busy ? 0 : -1) <= 0)
		for (guint i = 0; i < forward->fds->len; i++)
			fds[i].revents = 0;
	for (guint i = 0; i < n; i++)
		forward_pipe_polled(forward->pipes->pdata[i],
				    fds[FIRST_PIPE + i].revents);
}

static void *pump(void *data)
{
	struct forward *forward = data;
	bool busy = false;

	count_packets(forward);
	while (!cancel_is_aborted(forward->end)) {
		wait_for_news(forward, busy);
		const struct pollfd *fds =
			(const struct pollfd *)(void *)forward->fds->data;
		bool has_client = fds[LISTEN].revents != 0;

		if (fds[WAKE].revents)
			take_requests(forward);
		if (has_client)
			accept_one(forward);
		busy = work(forward);
	}
	return NULL;
}

static bool start_thread(struct forward *forward, GError **error)
{
	forward->shadow = *forward->session->transport;
	forward->shadow.cancel = forward->end;
	forward->session->transport = &forward->shadow;
	forward->thread = g_thread_try_new("forward", pump, forward, NULL);
	if (forward->thread)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "%s: no thread to be had: %s", forward->title,
		    g_strerror(errno));
	return false;
}

struct forward *forward_start(struct session *session, const char *title,
			      const struct forward_listener *listener,
			      GError **error)
{
	struct forward *forward = g_new0(struct forward, 1);

	forward->session = session;
	forward->title = g_strdup(title);
	forward->run = session->transport->cancel;
	forward->listen_fd = listener ? listener->fd : -1;
	forward->address = g_strdup(listener ? listener->address : NULL);
	forward->port = listener ? listener->port : 0;
	forward->end = cancel_new();
	forward->requests = g_async_queue_new();
	forward->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (forward->wake_fd < 0)
		g_error("eventfd: %s", g_strerror(errno));
	forward->pipes = g_ptr_array_new_with_free_func(free_pipe);
	forward->fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
	if (start_thread(forward, error))
		return forward;
	forward_free(forward);
	return NULL;
}

int forward_dial(struct forward *forward, const char *address, unsigned port,
		 gint64 deadline_us, GError **error)
{
	const uint64_t one = 1;
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		       sockets) != 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "%s: no sockets to be had: %s", forward->title,
			    g_strerror(errno));
		return -1;
	}
	struct forward_request *request =
		forward_request_new(address, port, sockets[1]);

	g_async_queue_push(forward->requests, request);
	ssize_t n = write(forward->wake_fd, &one, sizeof(one));

	(void)n;
	bool ok = forward_request_wait(request, forward->run, deadline_us,
				       error);

	forward_request_unref(request);
	if (ok)
		return sockets[0];
	close(sockets[0]);
	return -1;
}

void forward_free(struct forward *forward)
{
	struct forward_request *request;

	if (!forward)
		return;
	cancel_abort(forward->end);
	if (forward->thread)
		g_thread_join(forward->thread);
	while ((request = g_async_queue_try_pop(forward->requests)) != NULL)
		forward_request_end(request, g_error_new_literal(
			MUSTER_ERROR, MUSTER_ERROR_LOST, "it is over"));
	/* Channels first: they are the session's. */
	g_ptr_array_unref(forward->pipes);
	session_free(forward->session);
	g_array_unref(forward->fds);
	g_async_queue_unref(forward->requests);
	close(forward->wake_fd);
	cancel_free(forward->end);
	g_free(forward->title);
	g_free(forward->address);
	g_free(forward);
}
