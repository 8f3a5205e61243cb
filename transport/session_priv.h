/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room that speak libssh share about a session. The
 * library is always non-blocking; whoever gets SSH_AGAIN calls session_wait()
 * and tries again, so every call honours its deadline and the cancel flag.
 */
#ifndef MUSTER_TRANSPORT_SESSION_PRIV_H
#define MUSTER_TRANSPORT_SESSION_PRIV_H

#include "auth.h"
#include "hostkey.h"
#include "session.h"

#include <libssh/libssh.h>

struct transport {
	struct hostkeys *hostkeys;
	struct identities *identities;
	struct cancel *cancel;		/* borrowed */
	struct redactor *redactor;	/* borrowed */
	char *private_key_file;
	bool use_agent;
	gint64 connect_timeout_us;
	session_log_fn log;
	void *log_data;
};

struct session {
	struct transport *transport;	/* borrowed */
	const struct host *host;	/* borrowed */
	ssh_session ssh;		/* NULL: not connected */
	ssh_event event;		/* pumps ssh; set once authenticated */
	int fd;				/* ssh's; ssh_free() closes it */
};

/* Login name the session uses; borrowed. */
const char *session_user(const struct session *session);

/* Blocks until the socket has something for libssh. False: DEADLINE or
 * CANCELLED (aborted, or the grace of a soft stop is over). `begun_us` is when
 * the work that waits began. */
bool session_wait(struct session *session, gint64 begun_us,
		  gint64 deadline_us, GError **error);

/* Handles what has arrived without blocking; channel callbacks run in here.
 * False: LOST, and the session has been dropped (channels are gone with it). */
bool session_pump(struct session *session, GError **error);

/* Connects if needed and opens a channel of type "session". The caller frees
 * it with ssh_channel_free(), but not after session_drop(). Errors as
 * session_connect(), LOST, DEADLINE, CANCELLED. */
ssh_channel session_open_channel(struct session *session, gint64 deadline_us,
				 GError **error);

/* Sets LOST with libssh's reason, behind "`what`: " if that is not NULL, and
 * drops the session. Returns false. */
bool session_set_lost(struct session *session, const char *what,
		      GError **error);

#endif
