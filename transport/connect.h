/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of session_connect() that something else needs one by one.
 */
#ifndef MUSTER_TRANSPORT_CONNECT_H
#define MUSTER_TRANSPORT_CONNECT_H

#include "session_priv.h"

/* Finds out how the session's host is reached, if that is not known yet.
 * Errors as endpoints_host(). */
bool connect_resolve(struct session *session, gint64 deadline_us,
		     GError **error);

/* Up to the end of the key exchange; session_drop() ends it. Errors: those of
 * session_connect() from NAME_NOT_FOUND to HANDSHAKE. */
bool connect_handshake(struct session *session, gint64 deadline_us,
		       GError **error);

/* The key the server has shown, as in known_hosts; newly allocated. */
bool connect_host_key(struct session *session, char **type, char **base64,
		      GError **error);

#endif
