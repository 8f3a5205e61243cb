/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody who waits, on a thread of his own, for a connection that the
 * forwarder's thread is to make.
 */
#ifndef MUSTER_TRANSPORT_FORWARD_REQUEST_H
#define MUSTER_TRANSPORT_FORWARD_REQUEST_H

#include "cancel.h"

#include <glib.h>
#include <stdbool.h>

struct forward_request {
	gint references;	/* atomic: his and the thread's */
	int done_fd;		/* readable once it is decided */
	char *address;
	unsigned port;
	int fd;			/* the forwarder's end; -1 once it was taken */
	GError *error;		/* why not; set before done_fd */
};

/* Takes `fd`. */
struct forward_request *forward_request_new(const char *address, unsigned port,
					    int fd);
void forward_request_unref(struct forward_request *request);

/* Decides it: `error` (taken) NULL means that the connection is there. */
void forward_request_end(struct forward_request *request, GError *error);

/* Waits for that. Errors: the one it ended with, DEADLINE, CANCELLED. */
bool forward_request_wait(struct forward_request *request,
			  struct cancel *cancel, gint64 deadline_us,
			  GError **error);

#endif
