/* SPDX-License-Identifier: Apache-2.0
 *
 * Becoming root: whether a host needs sudo, how it is called, and what it
 * means when it says no.
 */
#ifndef MUSTER_TRANSPORT_SUDO_H
#define MUSTER_TRANSPORT_SUDO_H

#include "host.h"

/* A talk with a sudo that may ask for a password. It gets the password only
 * behind a prompt that nobody else can print, so a host that does not ask is
 * never told it, and it is not taken for input of the command. */
struct become {
	char *prompt;			/* NULL: sudo -n, no password to give */
	const char *password;		/* borrowed */
	bool answered;			/* the prompt came, once */
	bool refused;			/* and again: the password is wrong */
};

/* `password` NULL: there is none. */
void become_init(struct become *become, const char *password);
void become_clear(struct become *become);

/* Cuts prompts out of what has come on standard error. True if the password
 * and a line feed are to be sent now. */
bool become_hear(struct become *become, GString *err);

/* True unless `user` is who the host's commands are to run as. */
bool sudo_is_needed(const struct host *host, const char *user);

/* What goes before a command line on `host` when logged in as `user`: "" or a
 * sudo call; newly allocated. */
char *sudo_prefix(const struct host *host, const char *user,
		  const struct become *become);

/* Sets error SUDO from what sudo wrote (`text`, in the C locale) and its exit
 * status. Call only if the command behind it never started. */
void sudo_set_error(GError **error, const char *title, const char *user,
		    const struct become *become, const char *text,
		    int status);

#endif
