/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages are a length and a body; the relay understands two of them and
 * refuses the rest.
 */
#include "agent.h"
#include "error.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX ((guint32)256 * 1024)	/* OpenSSH's own maximum */
#define KEYS_MAX 2048

enum {
	AGENT_FAILURE = 5,
	AGENT_REQUEST_IDENTITIES = 11,
	AGENT_IDENTITIES_ANSWER = 12,
	AGENT_SIGN_REQUEST = 13
};

struct wire {
	int fd;
	struct cancel *cancel;
	gint64 deadline_us;
};

/* False at the deadline, on an abort, or when the other side is gone. */
static bool wait_for(const struct wire *wire, short events)
{
	for (;;) {
		gint64 left_us = wire->deadline_us - g_get_monotonic_time();
		struct pollfd fds[] = {
			{.fd = wire->fd, .events = events},
			{.fd = cancel_fd(wire->cancel), .events = POLLIN},
		};

		if (left_us <= 0 || cancel_is_aborted(wire->cancel))
			return false;
		if (poll(fds, 2, (int)MIN(left_us / 1000 + 1, 60000)) < 0 &&
		    errno != EINTR)
			return false;
		if (fds[0].revents)
			return true;
	}
}

static bool transfer(const struct wire *wire, guint8 *bytes, size_t n,
		     bool is_write)
{
	while (n > 0) {
		if (!wait_for(wire, is_write ? POLLOUT : POLLIN))
			return false;
		ssize_t moved = is_write
			? send(wire->fd, bytes, n, MSG_NOSIGNAL)
			: recv(wire->fd, bytes, n, 0);

		if (moved == 0 || (moved < 0 && errno != EINTR &&
				   errno != EAGAIN))
			return false;
		if (moved > 0) {
			bytes += moved;
			n -= (size_t)moved;
		}
	}
	return true;
}

static guint32 read_u32(const guint8 *at)
{
	guint32 value;

	memcpy(&value, at, sizeof(value));
	return GUINT32_FROM_BE(value);
}

static void append_u32(GByteArray *to, guint32 value)
{
	guint32 big = GUINT32_TO_BE(value);

	g_byte_array_append(to, (const guint8 *)&big, sizeof(big));
}

/* One message without its length; NULL if none came whole. */
static GByteArray *receive(const struct wire *wire)
{
	guint8 length[4];
	GByteArray *body;

	if (!transfer(wire, length, sizeof(length), false))
		return NULL;
	guint32 n = read_u32(length);

	if (n == 0 || n > MESSAGE_MAX)
		return NULL;
	body = g_byte_array_sized_new(n);
	g_byte_array_set_size(body, n);
	if (transfer(wire, body->data, n, false))
		return body;
	g_byte_array_unref(body);
	return NULL;
}

static bool send_message(const struct wire *wire, const GByteArray *body)
{
	g_autoptr(GByteArray) whole = g_byte_array_new();

	append_u32(whole, body->len);
	g_byte_array_append(whole, body->data, body->len);
	return transfer(wire, whole->data, whole->len, true);
}

static int dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >=
	    sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
			       sizeof(address)) != 0) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

static void set_silent(const char *path, GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
		    "ssh-agent at '%s' gives no answer that makes sense",
		    path);
}

static int open_agent(const char *path, GError **error)
{
	int fd = dial(path);

	if (fd < 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_AUTH,
			    "ssh-agent at '%s': %s", path, g_strerror(errno));
	return fd;
}

GPtrArray *agent_parse(const void *answer, gsize length)
{
	const guint8 *bytes = answer;
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(
		(GDestroyNotify)g_bytes_unref);
	size_t at = 5;

	if (length < at || bytes[0] != AGENT_IDENTITIES_ANSWER)
		return NULL;
	guint32 n = read_u32(bytes + 1);

	for (guint32 i = 0; i < n && i < KEYS_MAX; i++) {
		for (int part = 0; part < 2; part++) { /* blob, comment */
			if (length - at < 4)
				return NULL;
			guint32 size = read_u32(bytes + at);

			at += 4;
			if (length - at < size)
				return NULL;
			if (part == 0)
				g_ptr_array_add(keys, g_bytes_new(bytes + at,
								  size));
			at += size;
		}
	}
	return g_steal_pointer(&keys);
}

static GPtrArray *ask_identities(const struct wire *wire)
{
	static const guint8 request = AGENT_REQUEST_IDENTITIES;
	g_autoptr(GByteArray) body = g_byte_array_new();
	g_autoptr(GByteArray) answer = NULL;

	g_byte_array_append(body, &request, 1);
	if (!send_message(wire, body))
		return NULL;
	answer = receive(wire);
	return answer ? agent_parse(answer->data, answer->len) : NULL;
}

GPtrArray *agent_list(const char *path, struct cancel *cancel,
		      gint64 deadline_us, GError **error)
{
	struct wire wire = {open_agent(path, error), cancel, deadline_us};
	GPtrArray *keys;

	if (wire.fd < 0)
		return NULL;
	keys = ask_identities(&wire);
	close(wire.fd);
	if (!keys)
		set_silent(path, error);
	return keys;
}

/* --- the relay --- */

struct agent_relay {
	struct wire agent, client;
	GPtrArray *allowed, *held; /* GBytes * */
	int far_fd;		/* libssh's */
	GThread *thread;
};

static GByteArray *allowed_answer(const struct agent_relay *relay)
{
	static const guint8 kind = AGENT_IDENTITIES_ANSWER;
	GByteArray *body = g_byte_array_new();

	g_byte_array_append(body, &kind, 1);
	append_u32(body, relay->allowed->len);
	for (guint i = 0; i < relay->allowed->len; i++) {
		gsize length;
		const void *blob = g_bytes_get_data(
			g_ptr_array_index(relay->allowed, i), &length);

		append_u32(body, (guint32)length);
		g_byte_array_append(body, blob, (guint)length);
		append_u32(body, 0);	/* no comment */
	}
	return body;
}

/* The request with the agent's own name for the key; NULL if it is for none
 * of those that are allowed. */
static GByteArray *translate(const struct agent_relay *relay,
			     const GByteArray *request)
{
	if (request->len < 5)
		return NULL;
	guint32 length = read_u32(request->data + 1);

	for (guint i = 0; i < relay->allowed->len; i++) {
		gsize n;
		const void *blob = g_bytes_get_data(
			g_ptr_array_index(relay->allowed, i), &n);

		if (n != length || request->len - 5 < n ||
		    memcmp(blob, request->data + 5, n) != 0)
			continue;
		GByteArray *body = g_byte_array_new();
		gsize held_n;
		const void *held = g_bytes_get_data(
			g_ptr_array_index(relay->held, i), &held_n);

		g_byte_array_append(body, request->data, 1);
		append_u32(body, (guint32)held_n);
		g_byte_array_append(body, held, (guint)held_n);
		return g_byte_array_append(body, request->data + 5 + n,
					   request->len - 5 - (guint)n);
	}
	return NULL;
}

/* What to say to a request. An agent that has gone refuses: libssh leaks where
 * it is hung up on. */
static GByteArray *answer_to(const struct agent_relay *relay,
			     const GByteArray *request)
{
	static const guint8 failure = AGENT_FAILURE;
	GByteArray *answer = NULL;

	if (request->data[0] == AGENT_REQUEST_IDENTITIES)
		return allowed_answer(relay);
	g_autoptr(GByteArray) signing = request->data[0] == AGENT_SIGN_REQUEST
		? translate(relay, request) : NULL;

	if (signing && send_message(&relay->agent, signing))
		answer = receive(&relay->agent);
	if (answer)
		return answer;
	GByteArray *body = g_byte_array_new();

	return g_byte_array_append(body, &failure, 1);
}

static void *serve(void *data)
{
	const struct agent_relay *relay = data;
	bool goes_on = true;

	while (goes_on) {
		g_autoptr(GByteArray) request = receive(&relay->client);
		g_autoptr(GByteArray) answer = request
			? answer_to(relay, request) : NULL;

		goes_on = answer && send_message(&relay->client, answer);
	}
	/* libssh waits without end for what will not come any more */
	shutdown(relay->client.fd, SHUT_RDWR);
	return NULL;
}

struct agent_relay *agent_relay_start(const char *path, GPtrArray *allowed,
				      GPtrArray *held, struct cancel *cancel,
				      gint64 deadline_us, GError **error)
{
	int sockets[2], fd = open_agent(path, error);

	if (fd < 0)
		return NULL;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "ssh-agent: no sockets to be had: %s",
			    g_strerror(errno));
		close(fd);
		return NULL;
	}
	struct agent_relay *relay = g_new0(struct agent_relay, 1);

	relay->agent = (struct wire){fd, cancel, deadline_us};
	relay->client = (struct wire){sockets[0], cancel, deadline_us};
	relay->far_fd = sockets[1];
	relay->allowed = g_ptr_array_ref(allowed);
	relay->held = g_ptr_array_ref(held);
	relay->thread = g_thread_new("agent", serve, relay);
	return relay;
}

int agent_relay_fd(const struct agent_relay *relay)
{
	return relay->far_fd;
}

void agent_relay_stop(struct agent_relay *relay)
{
	if (!relay)
		return;
	shutdown(relay->client.fd, SHUT_RDWR);
	shutdown(relay->agent.fd, SHUT_RDWR);
	g_thread_join(relay->thread);
	close(relay->client.fd);
	close(relay->agent.fd);
	g_ptr_array_unref(relay->allowed);
	g_ptr_array_unref(relay->held);
	g_free(relay);
}
