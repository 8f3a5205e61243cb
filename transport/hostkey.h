/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides whether a server is the host it should be. Strict, or trusting a
 * host never seen before; never trusting a key that differs from a known one.
 */
#ifndef MUSTER_TRANSPORT_HOSTKEY_H
#define MUSTER_TRANSPORT_HOSTKEY_H

#include "session.h"

struct hostkeys;

/* Reads `user_file` (NULL: ~/.ssh/known_hosts) and the system-wide file, once.
 * A file that does not exist is empty; one that cannot be read is error
 * HOST_KEY_UNREADABLE. */
struct hostkeys *hostkeys_load(const char *user_file,
			       enum host_key_policy policy, GError **error);
void hostkeys_free(struct hostkeys *keys);

/* A value for SSH_OPTIONS_HOSTKEYS that asks first for the types on file, so
 * that the server shows the key we can check; NULL if none is on file. */
char *hostkeys_algorithms(const struct hostkeys *keys, const struct host *host);

/* True if `blob` (the server's public key, base64 as in known_hosts) is to be
 * trusted for `host`. Writes a new host's key to the user's file if the policy
 * says so. Errors: HOST_KEY_UNKNOWN, _CHANGED, _REVOKED, _UNREADABLE, and
 * OUTPUT if the file cannot be written. Any thread. */
bool hostkeys_check(struct hostkeys *keys, const struct host *host,
		    const char *type, const char *blob, GError **error);

#endif
