/* SPDX-License-Identifier: Apache-2.0
 *
 * A request outlives whichever of the two gives it up first.
 */
#include "forward_request.h"
#include "error.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct forward_request *forward_request_new(const char *address, unsigned port,
					    int fd)
{
	struct forward_request *request = g_new0(struct forward_request, 1);

	request->references = 2;
	request->address = g_strdup(address);
	request->port = port;
	request->fd = fd;
	request->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (request->done_fd < 0)
		g_error("eventfd: %s", g_strerror(errno));
	return request;
}

void forward_request_unref(struct forward_request *request)
{
	if (!g_atomic_int_dec_and_test(&request->references))
		return;
	close(request->done_fd);
	if (request->fd >= 0)
		close(request->fd);
	g_clear_error(&request->error);
	g_free(request->address);
	g_free(request);
}

void forward_request_end(struct forward_request *request, GError *error)
{
	const uint64_t one = 1;

	request->error = error;
	ssize_t n = write(request->done_fd, &one, sizeof(one));

	(void)n;
	forward_request_unref(request);
}

static bool set_not_done(struct cancel *cancel,
			 const struct forward_request *request, GError **error)
{
	bool cancelled = cancel_is_aborted(cancel);

	g_set_error(error, MUSTER_ERROR, cancelled ? MUSTER_ERROR_CANCELLED
		    : MUSTER_ERROR_CONNECT_TIMEOUT, "connect to %s port %u: "
		    "%s", request->address, request->port, cancelled
		    ? "interrupted" : "no answer through the jump host in "
		    "time");
	return false;
}

bool forward_request_wait(struct forward_request *request,
			  struct cancel *cancel, gint64 deadline_us,
			  GError **error)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd fds[] = {
			{.fd = request->done_fd, .events = POLLIN},
			{.fd = cancel_fd(cancel), .events = POLLIN},
		};

		if (left_us <= 0 || cancel_is_aborted(cancel))
			return set_not_done(cancel, request, error);
		if (poll(fds, 2, (int)MIN(left_us / 1000 + 1, 60000)) < 0 &&
		    errno != EINTR)
			g_error("poll: %s", g_strerror(errno));
		if (fds[0].revents)
			break;
	}
	/* the eventfd orders the other thread's writes before this */
	uint64_t count;
	ssize_t n = read(request->done_fd, &count, sizeof(count));

	(void)n;
	if (!request->error)
		return true;
	g_propagate_error(error, g_error_copy(request->error));
	return false;
}
