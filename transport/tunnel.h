/* SPDX-License-Identifier: Apache-2.0
 *
 * A TCP endpoint as seen from a host, offered to this process as a UNIX
 * socket in a 0700 directory. Owns its own SSH connection and the one thread
 * that pumps it, because a libssh session belongs to one thread.
 */
#ifndef MUSTER_TRANSPORT_TUNNEL_H
#define MUSTER_TRANSPORT_TUNNEL_H

#include "session.h"

struct tunnel;

/* Connects to `host` and serves `address`:`port` as dialled from there. */
struct tunnel *tunnel_open(struct transport *transport,
			   const struct host *host, const char *address,
			   unsigned port, gint64 deadline_us, GError **error);
const char *tunnel_socket_path(const struct tunnel *tunnel);

/* Stops the thread, closes all, removes the socket. Accepts NULL. */
void tunnel_free(struct tunnel *tunnel);

#endif
