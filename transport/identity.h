/* SPDX-License-Identifier: Apache-2.0
 *
 * Private keys of a run: each file read once, an encrypted one asked for once,
 * and the agents' lists of keys; shared by all sessions.
 */
#ifndef MUSTER_TRANSPORT_IDENTITY_H
#define MUSTER_TRANSPORT_IDENTITY_H

#include "cancel.h"

#include <glib.h>
#include <libssh/libssh.h>
#include <stdbool.h>

/* Never changes once it was given out. */
struct identity {
	char *path;
	ssh_key key;		/* NULL: see error; sessions on all threads may
				   sign with it at once */
	GBytes *blob;		/* of the public key, from the .pub beside the
				   file or the file itself; NULL: not known */
	char *fingerprint;	/* of it, or "?" */
	GError *error;		/* KEY_FILE */
	bool encrypted;
};

struct identities;

/* `ask` gives a passphrase for a prompt (newly allocated, wiped and freed
 * here), or NULL; it is called on one thread at a time. May be NULL. */
struct identities *identities_new(char *(*ask)(const char *prompt, void *data),
				  void *data);
void identities_free(struct identities *identities);

/* The key in `path`; borrowed. With may_ask its passphrase is asked for if it
 * has one, at most three times a run. Any thread. */
const struct identity *identities_get(struct identities *identities,
				      const char *path, bool may_ask);

/* What the agent at `socket` holds (GBytes *), borrowed; asked once a run.
 * NULL: it does not answer, and *why (borrowed) says what is wrong. */
GPtrArray *identities_agent(struct identities *identities, const char *socket,
			    struct cancel *cancel, const GError **why);

#endif
