/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room that speak libssh share about a session. The
 * library is always non-blocking; whoever gets SSH_AGAIN calls session_wait()
 * and tries again, so every call honours its deadline and the cancel flag.
 */
#ifndef MUSTER_TRANSPORT_SESSION_PRIV_H
#define MUSTER_TRANSPORT_SESSION_PRIV_H

#include "child.h"
#include "endpoint.h"
#include "session.h"

#include <libssh/libssh.h>

struct jumps;

struct transport {
	struct endpoints *endpoints;
	struct hostkey_store *hostkeys;
	struct identities *identities;
	struct jumps *jumps;
	struct cancel *cancel;		/* borrowed */
	struct redactor *redactor;	/* borrowed */
	bool use_agent;
	char *password, *become_password; /* wiped at the end */
	gint64 connect_timeout_us;	/* 0: the host's own */
	session_log_fn log;
	void *log_data;
};

struct session {
	struct transport *transport;	/* borrowed */
	const struct host *host;	/* borrowed */
	const struct endpoint *endpoint; /* borrowed; NULL before the first
					    session_connect() */
	bool is_jump;			/* made by session_new_to() */
	ssh_session ssh;		/* NULL: not connected */
	ssh_event event;		/* pumps ssh; set once authenticated */
	int fd;				/* ssh's; ssh_free() closes it */
	bool expects_more;		/* commands: keep a spare channel and
					   a shell */
	ssh_channel spare;		/* being opened, or open; or NULL */
	ssh_channel shell;		/* of a shell that stays, waiting for a
					   request; or NULL */
	bool has_proxy;			/* ProxyCommand runs */
	struct child_proxy proxy;
};

/* Login name the session uses; borrowed. Only once it has been connected. */
const char *session_user(const struct session *session);

/* Passwords for logging in and for sudo: the inventory's for this host, or the
 * run's; NULL if nobody gave one. Borrowed. */
const char *session_password(const struct session *session);
const char *session_become_password(const struct session *session);

/* A session straight to `endpoint` (borrowed), such as a jump host; `host`
 * (borrowed) stands for it in logs. */
struct session *session_new_to(struct transport *transport,
			       const struct host *host,
			       const struct endpoint *endpoint);

/* Ends the child of a ProxyCommand; what it said last, newly allocated, or
 * NULL if there is none. */
char *session_end_proxy(struct session *session);

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

/* Asks for a channel for the next command, without waiting, if that was wished
 * for and there is none yet. */
void session_open_spare(struct session *session);

/* Sets LOST with libssh's reason, behind "`what`: " if that is not NULL, and
 * drops the session. Returns false. */
bool session_set_lost(struct session *session, const char *what,
		      GError **error);

#endif
