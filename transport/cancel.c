/* SPDX-License-Identifier: Apache-2.0
 *
 * Two atomics and two eventfds. The eventfds are written once and never read,
 * so once readable they stay so for every thread that polls them.
 */
#include "cancel.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct cancel {
	_Atomic gint64 stop_us;		/* 0: no stop yet */
	atomic_bool aborted;
	int stop_fd, abort_fd;
};

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		g_error("eventfd: %s", g_strerror(errno));
	return fd;
}

/* A full counter would be EAGAIN, and readable all the same. */
static void make_readable(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));
	(void)n;
}

struct cancel *cancel_new(void)
{
	struct cancel *cancel = g_new0(struct cancel, 1);

	cancel->stop_fd = new_eventfd();
	cancel->abort_fd = new_eventfd();
	return cancel;
}

void cancel_free(struct cancel *cancel)
{
	if (!cancel)
		return;
	close(cancel->stop_fd);
	close(cancel->abort_fd);
	g_free(cancel);
}

void cancel_stop(struct cancel *cancel)
{
	gint64 none = 0;

	/* Only the first stop counts: a second one must not give the work on
	 * the hosts another grace. */
	if (atomic_compare_exchange_strong(&cancel->stop_us, &none,
					   g_get_monotonic_time()))
		make_readable(cancel->stop_fd);
}

void cancel_abort(struct cancel *cancel)
{
	cancel_stop(cancel);
	atomic_store(&cancel->aborted, true);
	make_readable(cancel->abort_fd);
}

bool cancel_is_stopped(const struct cancel *cancel)
{
	return atomic_load(&cancel->stop_us) != 0;
}

bool cancel_is_aborted(const struct cancel *cancel)
{
	return atomic_load(&cancel->aborted);
}

int cancel_fd(const struct cancel *cancel)
{
	return cancel->abort_fd;
}

int cancel_stop_fd(const struct cancel *cancel)
{
	return cancel->stop_fd;
}

gint64 cancel_deadline(const struct cancel *cancel, gint64 begun_us,
		       gint64 deadline_us)
{
	gint64 stop_us = atomic_load(&cancel->stop_us);

	if (stop_us == 0)
		return deadline_us;
	return MIN(deadline_us, MAX(begun_us, stop_us) + CANCEL_GRACE_US);
}
