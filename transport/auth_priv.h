/* SPDX-License-Identifier: Apache-2.0
 *
 * One authentication, for the files that each know a part of it.
 */
#ifndef MUSTER_TRANSPORT_AUTH_PRIV_H
#define MUSTER_TRANSPORT_AUTH_PRIV_H

#include "identity.h"
#include "session_priv.h"

/* What is at hand, and what was tried so far. */
struct attempt {
	struct session *session;
	const struct endpoint *endpoint;
	gint64 begun_us, deadline_us;
	const char *agent_path;	/* NULL: no agent */
	GPtrArray *agent_keys;	/* GBytes *, or NULL; borrowed */
	GString *tried;		/* for the error text */
	unsigned n_keys;
	GPtrArray *offered;	/* GBytes *, by the agent */
	const GError *key_error; /* the first key that could not be used */
	const char *password;
	bool has_more;		/* the agent has keys that were not offered */
};

/* Adds to what the error text will say was tried. */
void auth_note(struct attempt *attempt, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

typedef int (*auth_call)(struct attempt *attempt, const void *what);

/* An SSH_AUTH_* that is not AGAIN; SSH_AUTH_ERROR has `error` set. After a
 * server hung up libssh says AGAIN for ever: looking at the connection ends
 * that. */
int auth_try(struct attempt *attempt, auth_call call, const void *what,
	     GError **error);

/* By password or keyboard-interactive, whichever the server takes. */
int auth_try_password(struct attempt *attempt, GError **error);

/* Files that may hold a certificate of `identity`: CertificateFile, and
 * KEY-cert.pub beside it; NULL-terminated, newly allocated. */
char **auth_certificates(const struct attempt *attempt,
			 const struct identity *identity);

/* A copy of the key with the first certificate that is for it; or NULL. */
ssh_key auth_certified_key(const struct attempt *attempt,
			   const struct identity *identity);

#endif
