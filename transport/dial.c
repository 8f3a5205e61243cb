/* SPDX-License-Identifier: Apache-2.0
 *
 * Name lookup on a helper thread (getaddrinfo() cannot be interrupted, so on
 * a deadline the thread is left behind to finish alone), then non-blocking
 * connects in the manner of RFC 8305: a new one every 250 ms or as soon as one
 * fails, and the first that succeeds is kept.
 */
#include "dial.h"
#include "error.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define STAGGER_US (250 * G_TIME_SPAN_MILLISECOND)
#define ADDRESSES_MAX 8
/* A peer that has acknowledged nothing for this long is gone: bytes on their
 * way count, and where there are none the keepalive's probes. */
#define USER_TIMEOUT_MS 15000
#define KEEPALIVE_IDLE_S 5
#define KEEPALIVE_INTERVAL_S 3
#define KEEPALIVE_COUNT 3

struct lookup {
	gint references;	/* atomic: the dialler's and the thread's */
	int done_fd;		/* readable when the fields below are set */
	char *address, *service;
	int status, saved_errno;
	struct addrinfo *found;
};

static void lookup_unref(struct lookup *lookup)
{
	if (!g_atomic_int_dec_and_test(&lookup->references))
		return;
	if (lookup->found)
		freeaddrinfo(lookup->found);
	close(lookup->done_fd);
	g_free(lookup->address);
	g_free(lookup->service);
	g_free(lookup);
}

static void *lookup_thread(void *data)
{
	struct lookup *lookup = data;
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
				       .ai_socktype = SOCK_STREAM};
	const uint64_t one = 1;

	lookup->status = getaddrinfo(lookup->address, lookup->service, &hints,
				     &lookup->found);
	lookup->saved_errno = errno;
	ssize_t n = write(lookup->done_fd, &one, sizeof(one));
	(void)n;
	lookup_unref(lookup);
	return NULL;
}

static int timeout_ms(gint64 deadline_us)
{
	gint64 left = deadline_us - g_get_monotonic_time();
	if (left <= 0)
		return 0;
	return (int)MIN((left + 999) / 1000, G_MAXINT);
}

/* Waits for any of `fds`, whose last element is the cancel flag's. False:
 * cancelled (error set). True with nothing ready: `deadline_us` came. */
static bool wait_for(struct pollfd *fds, nfds_t n, gint64 deadline_us,
		     GError **error)
{
	int ready;
	do
		ready = poll(fds, n, timeout_ms(deadline_us));
	while (ready < 0 && errno == EINTR);

	if (ready > 0 && fds[n - 1].revents) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "connecting was interrupted");
		return false;
	}
	return true;
}

static struct lookup *lookup_finish(struct lookup *lookup,
				    struct cancel *cancel, gint64 deadline_us,
				    GError **error)
{
	struct pollfd fds[] = {
		{.fd = lookup->done_fd, .events = POLLIN},
		{.fd = cancel_fd(cancel), .events = POLLIN},
	};
	if (!wait_for(fds, G_N_ELEMENTS(fds), deadline_us, error))
		return NULL;
	if (!fds[0].revents) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NAME_NOT_FOUND,
			    "look up '%s': the name server did not answer in "
			    "time", lookup->address);
		return NULL;
	}
	/* Read, not just polled: it is what orders the thread's writes to
	 * the fields before our reads of them. */
	uint64_t done;
	ssize_t n = read(lookup->done_fd, &done, sizeof(done));
	(void)n;
	if (lookup->status != 0) {
		const char *why = lookup->status == EAI_SYSTEM
			? g_strerror(lookup->saved_errno)
			: gai_strerror(lookup->status);
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NAME_NOT_FOUND,
			    "look up '%s': %s (set ansible_host to an address "
			    "if the name is not in DNS or /etc/hosts)",
			    lookup->address, why);
		return NULL;
	}
	return lookup;
}

/* The caller unrefs what this returns. */
static struct lookup *look_up(const char *address, unsigned port,
			      struct cancel *cancel, gint64 deadline_us,
			      GError **error)
{
	struct lookup *lookup = g_new0(struct lookup, 1);
	const struct addrinfo numeric = {.ai_socktype = SOCK_STREAM,
					 .ai_flags = AI_NUMERICHOST};

	lookup->references = 1;
	lookup->done_fd = eventfd(0, EFD_CLOEXEC);
	lookup->address = g_strdup(address);
	lookup->service = g_strdup_printf("%u", port);

	/* Numbers need no name server and no thread. */
	if (getaddrinfo(address, lookup->service, &numeric,
			&lookup->found) == 0)
		return lookup;

	g_atomic_int_inc(&lookup->references);
	GThread *thread = g_thread_try_new("lookup", lookup_thread, lookup,
					   NULL);
	if (thread)
		g_thread_unref(thread);
	else
		lookup_thread(lookup);
	if (lookup_finish(lookup, cancel, deadline_us, error))
		return lookup;
	lookup_unref(lookup);
	return NULL;
}

static void set_option(int fd, int level, int name, int value)
{
	/* None of these is vital: a refusal costs speed, not truth. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static void tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_COUNT);
}

struct race {
	const struct addrinfo *next;
	struct pollfd fds[ADDRESSES_MAX + 1];	/* connects, cancel */
	nfds_t n;
	int worst_errno;
};

/* "Refused" says most about a host, "timed out" least. */
static int informative(int code)
{
	static const int order[] = {ETIMEDOUT, ENETUNREACH, EHOSTUNREACH,
				    ECONNREFUSED};
	for (int i = 0; i < (int)G_N_ELEMENTS(order); i++)
		if (order[i] == code)
			return i + 2;
	return code == 0 ? 0 : 1;
}

static void note_failure(struct race *race, int code)
{
	if (informative(code) > informative(race->worst_errno))
		race->worst_errno = code;
}

/* Starts connects until one is pending; returns a socket that connected at
 * once, or -1. */
static int start_next(struct race *race)
{
	while (race->next && race->n < ADDRESSES_MAX) {
		const struct addrinfo *to = race->next;
		race->next = to->ai_next;

		int fd = socket(to->ai_family,
				SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0) {
			note_failure(race, errno);
			continue;
		}
		tune(fd);
		if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
			return fd;
		if (errno == EINPROGRESS) {
			race->fds[race->n++] = (struct pollfd){
				.fd = fd, .events = POLLOUT};
			return -1;
		}
		note_failure(race, errno);
		close(fd);
	}
	race->next = NULL;
	return -1;
}

/* A socket that became connected (taken out of the race), or -1. */
static int collect(struct race *race)
{
	for (nfds_t i = 0; i < race->n;) {
		if (!race->fds[i].revents) {
			i++;
			continue;
		}
		int fd = race->fds[i].fd;
		int code = 0;
		socklen_t size = sizeof(code);
		race->fds[i] = race->fds[--race->n];
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
			code = errno;
		if (code == 0)
			return fd;
		note_failure(race, code);
		close(fd);
	}
	return -1;
}

static int race_run(struct race *race, struct cancel *cancel,
		    gint64 deadline_us, GError **error)
{
	int fd = start_next(race);

	while (fd < 0 && race->n > 0) {
		gint64 until = deadline_us;
		if (race->next)
			until = MIN(until, g_get_monotonic_time() + STAGGER_US);
		race->fds[race->n] = (struct pollfd){.fd = cancel_fd(cancel),
						     .events = POLLIN};
		if (!wait_for(race->fds, race->n + 1, until, error))
			break;
		fd = collect(race);
		if (fd >= 0)
			break;
		if (g_get_monotonic_time() >= deadline_us) {
			note_failure(race, ETIMEDOUT);
			break;
		}
		if (race->next)
			fd = start_next(race);
	}
	for (nfds_t i = 0; i < race->n; i++)
		close(race->fds[i].fd);
	return fd;
}

static const struct {
	int number, code;
	const char *hint;
} connect_errors[] = {
	{ECONNREFUSED, MUSTER_ERROR_REFUSED,
	 " (nothing listens there: is sshd running, is the port right?)"},
	{ETIMEDOUT, MUSTER_ERROR_CONNECT_TIMEOUT,
	 " (host down, or a firewall drops the packets)"},
	{EHOSTUNREACH, MUSTER_ERROR_NO_ROUTE, " (host down, or wrong network)"},
	{ENETUNREACH, MUSTER_ERROR_NO_ROUTE, " (is the VPN up?)"},
	{0, MUSTER_ERROR_NO_ROUTE, ""},
};

static void set_connect_error(GError **error, const char *address,
			      unsigned port, int number)
{
	size_t i = 0;
	while (connect_errors[i].number && connect_errors[i].number != number)
		i++;
	g_set_error(error, MUSTER_ERROR, connect_errors[i].code,
		    "connect to %s port %u: %s%s", address, port,
		    g_strerror(number), connect_errors[i].hint);
}

int dial_tcp(const char *address, unsigned port, struct cancel *cancel,
	     gint64 deadline_us, GError **error)
{
	struct lookup *lookup = look_up(address, port, cancel, deadline_us,
					error);
	if (!lookup)
		return -1;

	struct race race = {.next = lookup->found};
	g_autoptr(GError) cancelled = NULL;
	int fd = race_run(&race, cancel, deadline_us, &cancelled);
	/* Only now: it would cut a longer deadline of the connect short. */
	if (fd >= 0)
		set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
			   USER_TIMEOUT_MS);
	if (fd < 0 && cancelled)
		g_propagate_error(error, g_steal_pointer(&cancelled));
	else if (fd < 0)
		set_connect_error(error, address, port, race.worst_errno);
	lookup_unref(lookup);
	return fd;
}
