/* SPDX-License-Identifier: Apache-2.0
 *
 * From the command line to how hosts are connected to, passwords included.
 */
#ifndef MUSTER_CMD_CONNECTION_H
#define MUSTER_CMD_CONNECTION_H

#include "options.h"

struct connection {
	struct transport_options transport;	/* without a log */
	char *password, *become_password;	/* owned; wiped at the end */
};

/* Fills `connection`; asks for passwords or reads them as the options say.
 * Borrows `options` and `cancel`. Errors: NO_INPUT (no terminal to ask at, no
 * such file), CANCELLED. */
bool connection_init(struct connection *connection,
		     const struct options *options, struct cancel *cancel,
		     GError **error);
void connection_clear(struct connection *connection);

#endif
