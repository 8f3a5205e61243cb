/* SPDX-License-Identifier: Apache-2.0
 *
 * Proving to a server who we are: which keys, in which order, and passwords
 * only where somebody gave one.
 */
#ifndef MUSTER_TRANSPORT_AUTH_H
#define MUSTER_TRANSPORT_AUTH_H

#include "session.h"

/* Reads the keys that auth_run() will want and asks for passphrases, so that
 * nobody's deadline runs while a person types. Never fails: what is wrong
 * with a key is told when it is needed. */
void auth_prepare(struct session *session);

/* Authenticates a connected session whose host key has been checked. Errors:
 * KEY_FILE, AUTH, LOST, CONNECT_TIMEOUT, CANCELLED. */
bool auth_run(struct session *session, gint64 deadline_us, GError **error);

#endif
