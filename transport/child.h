/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of this machine that help to reach a host: ssh -G, and what a
 * ProxyCommand names.
 */
#ifndef MUSTER_TRANSPORT_CHILD_H
#define MUSTER_TRANSPORT_CHILD_H

#include "cancel.h"

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Runs argv (looked up in PATH, no shell) to its end and brings back what it
 * printed, at most 1 MiB a stream, and its exit status (128 + n for a signal).
 * On a deadline or an abort it is killed. Errors: NO_INPUT (cannot be
 * started), DEADLINE, CANCELLED, OUTPUT_LIMIT. Any thread. */
bool child_run(const char *const *argv, struct cancel *cancel,
	       gint64 deadline_us, char **out, char **err, int *status,
	       GError **error);

/* A child whose standard input and output are one socket of ours. */
struct child_proxy {
	pid_t pid;
	int fd;		/* non-blocking, close-on-exec; the caller's */
	int err_fd;	/* its standard error, the same */
};

/* Starts `command` by /bin/sh. False with error NO_INPUT. */
bool child_proxy_start(const char *command, struct child_proxy *proxy,
		       GError **error);

/* Ends it and reaps it. Returns what it wrote to standard error (the last
 * 4 KiB, one line, newly allocated) and closes err_fd; fd is not touched. */
char *child_proxy_end(struct child_proxy *proxy);

#endif
