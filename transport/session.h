/* SPDX-License-Identifier: Apache-2.0
 *
 * A session is one authenticated SSH connection to one host, kept for the
 * whole run. struct transport is what all sessions of a run share: known host
 * keys, identities, the cancel flag. It does not change after
 * transport_new(), except for host keys accepted under its own lock.
 *
 * A session may be used by one thread at a time.
 */
#ifndef MUSTER_TRANSPORT_SESSION_H
#define MUSTER_TRANSPORT_SESSION_H

#include "cancel.h"
#include "host.h"
#include "redact.h"

#include <glib.h>
#include <stdbool.h>

enum host_key_policy {
	HOST_KEY_STRICT,	/* unknown is an error */
	HOST_KEY_ACCEPT_NEW	/* unknown is written to known_hosts */
};

/* Receives everything a session does, for the host's log: `title` is what was
 * run, texts may be NULL. Called on the session's thread; texts are not yet
 * redacted. */
typedef void (*session_log_fn)(const struct host *host, const char *title,
			       const char *out, const char *err, int status,
			       gint64 elapsed_us, void *data);

struct transport_options {
	enum host_key_policy host_key_policy;
	const char *known_hosts;	/* NULL: ~/.ssh/known_hosts, or what
					   ssh_config says; the system-wide
					   file is read as well */
	const char *ssh_config;		/* -F; "none"; NULL: ssh's own files */
	const char *user;		/* -u, wins; or NULL */
	const char *private_key_file;	/* --private-key, wins; or NULL */
	const char *jump;		/* -J, wins; or NULL */
	unsigned connect_forks;		/* handshakes at once behind one jump
					   host; 0 = 8 */
	bool use_agent;			/* SSH_AUTH_SOCK, if set */
	const char *password;		/* for logging in; or NULL */
	const char *become_password;	/* for sudo; or NULL */
	/* Asks a person for a secret (newly allocated); NULL: nobody there */
	char *(*ask)(const char *prompt, void *data);
	void *ask_data;
	gint64 connect_timeout_us;	/* TCP + handshake + auth; wins; 0: the
					   host's own, or 10 s */
	session_log_fn log;		/* or NULL */
	/* Something to be told once, such as a setting that is not followed;
	 * any thread; or NULL */
	void (*note)(const struct host *host, const char *text, void *data);
	void *log_data;			/* of log and note */
};

struct transport;

/* Reads known_hosts once and indexes it by name. The passwords of `hosts`
 * (struct host *, may be NULL) are known to `redactor` from then on. Keeps `cancel` and
 * `redactor` (must outlive it). Copies the options. */
struct transport *transport_new(const struct transport_options *options,
				const GPtrArray *hosts, struct cancel *cancel,
				struct redactor *redactor, GError **error);
void transport_free(struct transport *transport);

struct cancel *transport_cancel(const struct transport *transport);
struct redactor *transport_redactor(const struct transport *transport);

struct session;

/* Not connected yet. Borrows both, which must outlive it. */
struct session *session_new(struct transport *transport,
			    const struct host *host);
void session_free(struct session *session);

/* More than one command is going to be run, all as the same user: from now on
 * they share a shell that stays on the host, and for one that cannot a channel
 * is opened while one before it runs, which saves a round trip. */
void session_expect_more(struct session *session);

const struct host *session_host(const struct session *session);

/* Connects, checks the host key, authenticates; does nothing if connected.
 * Error: one of the codes from NAME_NOT_FOUND to AUTH, or CANCELLED. */
bool session_connect(struct session *session, gint64 deadline_us,
		     GError **error);

/* Drops the connection without ceremony; session_connect() makes a new one. */
void session_drop(struct session *session);
bool session_is_connected(const struct session *session);

#endif
