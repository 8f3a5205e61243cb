/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens a TCP connection under a deadline. libssh's own dialling blocks in
 * getaddrinfo(), tries one address only (before 0.11) and leaves its socket
 * to be inherited by children; this does none of that.
 */
#ifndef MUSTER_TRANSPORT_DIAL_H
#define MUSTER_TRANSPORT_DIAL_H

#include "cancel.h"

#include <glib.h>

/* A connected, non-blocking, close-on-exec socket, or -1. All addresses of
 * `address` are tried, a quarter of a second apart; the first to answer wins.
 * Errors: NAME_NOT_FOUND, REFUSED, NO_ROUTE, CONNECT_TIMEOUT, CANCELLED. */
int dial_tcp(const char *address, unsigned port, struct cancel *cancel,
	     gint64 deadline_us, GError **error);

#endif
