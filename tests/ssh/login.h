/* SPDX-License-Identifier: Apache-2.0
 *
 * One login at a server of a test's own, with what is given for it, and what
 * it should come to.
 */
#ifndef MUSTER_TESTS_SSH_LOGIN_H
#define MUSTER_TESTS_SSH_LOGIN_H

#include "sshd.h"

#define LOGIN_PASSPHRASE "correct-horse"
#define LOGIN_PASSWORD "lab-password"
#define RUN(...) run_local((const char *const[]){__VA_ARGS__, NULL})

/* The key is the inventory's; user NULL: root; config NULL: -F none. */
struct login {
	const struct sshd *to;
	const char *user, *key, *config, *password;
	char *(*ask)(const char *prompt, void *data);
	void *ask_data;
};

/* Connects in a transport of its own and expects `code` (-1: success) with
 * `words` in the text, and LOGIN_PASSWORD never. */
void login_try(const struct transport_options *options,
	       const struct host *host, int code, const char *words);

/* The same for a login. */
void login_expect(const struct login *login, int code, const char *words);

/* A copy of the key that logs in, encrypted, alone or with its .pub; the
 * path. */
char *login_encrypted_key(const struct sshd *sshd, const char *name,
			  bool has_public);

#endif
