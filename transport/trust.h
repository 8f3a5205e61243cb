/* SPDX-License-Identifier: Apache-2.0
 *
 * Getting to know hosts: which key a server shows, before anybody logs in, and
 * writing it down once a person has said that it is the right one.
 */
#ifndef MUSTER_TRANSPORT_TRUST_H
#define MUSTER_TRANSPORT_TRUST_H

#include "session.h"

enum trust_state {
	TRUST_KNOWN,		/* known_hosts has this key */
	TRUST_NEW,		/* the host is not in known_hosts */
	TRUST_REFUSED		/* changed, revoked, unreadable line */
};

struct trust_offer {
	enum trust_state state;
	char *name;		/* as in known_hosts: "host", "[host]:22022" */
	char *type;		/* "ssh-ed25519" */
	char *fingerprint;	/* "SHA256:..." */
	char *base64;		/* the key itself */
	GError *why;		/* TRUST_REFUSED: what hostkeys_check() said */
};

void trust_offer_free(struct trust_offer *offer);

/* Connects as far as the key exchange, notes the key and hangs up. NULL with
 * session_connect()'s errors up to HANDSHAKE. */
struct trust_offer *trust_ask(struct session *session, gint64 deadline_us,
			      GError **error);

/* Writes a TRUST_NEW key to the known_hosts file of this host, under a lock.
 * Errors: OUTPUT; HOST_KEY_CHANGED if another has been written meanwhile. */
bool trust_accept(struct session *session, const struct trust_offer *offer,
		  GError **error);

/* The jump hosts on the way to `session`'s host, "" for none: "a", "a,b" for a
 * chain. Newly allocated; NULL with endpoints_host()'s errors. */
char *trust_jump_of(struct session *session, gint64 deadline_us,
		    GError **error);

/* A session to the last hop of the jump list `spec`, for trust_ask(). `host`
 * (borrowed) stands for it. */
struct session *trust_jump_session(struct transport *transport,
				   const struct host *host, const char *spec,
				   gint64 deadline_us, GError **error);

#endif
