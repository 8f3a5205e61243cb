/* SPDX-License-Identifier: Apache-2.0
 *
 * A real sshd for one test program: own directory, keys, port and known_hosts.
 * Needs root (it logs in as root and makes users); it ends with the program.
 */
#ifndef MUSTER_TESTS_SSH_SSHD_H
#define MUSTER_TESTS_SSH_SSHD_H

#include "transport/session.h"

#include <sys/types.h>

struct sshd {
	char *dir;
	unsigned port;
	char *key;		/* private key that logs in as anybody here */
	char *other_key;	/* one that does not */
	char *host_key;		/* "ssh-ed25519 AAAA..." */
	char *known_hosts;	/* names the server with its key */
	pid_t pid;
	GPtrArray *users;	/* made by sshd_add_user() */
};

/* `config` (sshd_config lines, may be NULL) comes first, and so wins. Fails
 * the test run when it cannot start. */
struct sshd *sshd_start(const char *config);
void sshd_stop(struct sshd *sshd);

/* Makes a system user that the key may log in as; gone after sshd_stop().
 * `shell` NULL: /bin/sh. `sudoers` is what follows the name in a sudoers line,
 * or NULL. NULL if users cannot be made here (skip the test then). */
const char *sshd_add_user(struct sshd *sshd, const char *shell,
			  const char *sudoers);

/* Gives a user of sshd_add_user() a password of plain letters. */
bool sshd_set_password(const char *user, const char *password);

/* What the server has logged; newly allocated. And how often it said this. */
char *sshd_log(const struct sshd *sshd);
guint sshd_count(const struct sshd *sshd, const char *words);

/* Kills all connections to it that are up, as if they had broken. */
void sshd_drop(const struct sshd *sshd);

/* The server as a host to log in to as `user`; no allocation to free. */
struct host sshd_host(const struct sshd *sshd, const char *user);

/* A transport that trusts it, with a cancel flag and redactor of its own. */
struct rig {
	struct cancel *cancel;
	struct redactor *redactor;
	struct transport *transport;
};
void rig_init(struct rig *rig, const struct transport_options *options);
void rig_clear(struct rig *rig);

/* Options that trust `sshd` strictly. */
struct transport_options sshd_options(const struct sshd *sshd);

/* A TCP port of 127.0.0.1 that nobody listens on. */
unsigned sshd_free_port(void);

gint64 in_seconds(int seconds); /* an absolute deadline */

/* Writes a file under the server's directory; returns its path. */
char *sshd_write(const struct sshd *sshd, const char *name, const char *text,
		 int mode);

/* Runs a local command; false if it fails. */
bool run_local(const char *const *argv);

/* For g_spawn_async(): the child ends with the test program. */
void die_with_parent(gpointer unused);

#endif
