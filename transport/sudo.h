/* SPDX-License-Identifier: Apache-2.0
 *
 * Becoming root: whether a host needs sudo, how it is called, and what it
 * means when it says no.
 */
#ifndef MUSTER_TRANSPORT_SUDO_H
#define MUSTER_TRANSPORT_SUDO_H

#include "host.h"

/* What goes before a command line on `host` when logged in as `user`: "" or a
 * sudo call that never asks; newly allocated. */
char *sudo_prefix(const struct host *host, const char *user);

/* Sets error SUDO from what sudo wrote (`text`, in the C locale) and its exit
 * status. Call only if the command behind it never started. */
void sudo_set_error(GError **error, const char *title, const char *user,
		    const char *text, int status);

#endif
