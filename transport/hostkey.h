/* SPDX-License-Identifier: Apache-2.0
 *
 * Decides whether a server is the host it should be. Strict, or trusting a
 * host never seen before; never trusting a key that differs from a known one.
 */
#ifndef MUSTER_TRANSPORT_HOSTKEY_H
#define MUSTER_TRANSPORT_HOSTKEY_H

#include "session.h"

struct endpoint;
struct hostkeys;

/* Reads `files` (NULL-terminated; NULL: ~/.ssh/known_hosts and known_hosts2)
 * and the system-wide file, once; new keys are written to the first. A file
 * that does not exist is empty; one that cannot be read is error
 * HOST_KEY_UNREADABLE. */
struct hostkeys *hostkeys_load(const char *const *files,
			       enum host_key_policy policy, GError **error);
void hostkeys_free(struct hostkeys *keys);

/* A value for SSH_OPTIONS_HOSTKEYS that asks first for the types on file, so
 * that the server shows the key we can check; NULL if none is on file.
 * Without `thorough` lines with hashed names do not count. */
char *hostkeys_algorithms(const struct hostkeys *keys,
			  const struct endpoint *endpoint, bool thorough);

/* True if `blob` (the server's public key, base64 as in known_hosts) is to be
 * trusted for `endpoint`. Writes a new host's key to the user's file if the
 * policy says so. Errors: HOST_KEY_UNKNOWN, _CHANGED, _REVOKED, _UNREADABLE,
 * and OUTPUT if the file cannot be written. Any thread. */
bool hostkeys_check(struct hostkeys *keys, const struct endpoint *endpoint,
		    const char *type, const char *blob, GError **error);

/* As hostkeys_check() under the strict policy, whatever the policy is. */
bool hostkeys_check_strictly(struct hostkeys *keys,
			     const struct endpoint *endpoint, const char *type,
			     const char *blob, GError **error);

/* Writes a new host's key to the user's file, whatever the policy is: somebody
 * has said that it is the right one. Errors as hostkeys_check(). */
bool hostkeys_accept(struct hostkeys *keys, const struct endpoint *endpoint,
		     const char *type, const char *blob, GError **error);

/* What known_hosts calls it: "host", "[host]:port"; newly allocated. */
char *hostkeys_name(const struct endpoint *endpoint);

/* One set of files after another, since ssh_config may name others for some
 * hosts: each set is read once a run. */
struct hostkey_store;

/* `file` is --known-hosts and wins over ssh_config; or NULL. Reads the set
 * that most hosts need. */
struct hostkey_store *hostkey_store_new(const char *file,
					enum host_key_policy policy,
					GError **error);
void hostkey_store_free(struct hostkey_store *store);

/* The set for `endpoint`; borrowed. Error HOST_KEY_UNREADABLE. Any thread. */
struct hostkeys *hostkey_store_get(struct hostkey_store *store,
				   const struct endpoint *endpoint,
				   GError **error);

#endif
