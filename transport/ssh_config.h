/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh_config as OpenSSH understands it, by asking OpenSSH: ssh -G prints the
 * settings that hold for one destination.
 */
#ifndef MUSTER_TRANSPORT_SSH_CONFIG_H
#define MUSTER_TRANSPORT_SSH_CONFIG_H

#include "cancel.h"
#include "ssh_args.h"

#include <glib.h>
#include <stdbool.h>

struct ssh_query {
	const char *name;		/* destination as typed */
	const char *user;		/* or NULL */
	unsigned port;			/* 0: not given */
	const struct ssh_args *args;	/* or NULL */
	const char *config_file;	/* NULL: ssh's own */
};

/* True if ssh's own files, or `config_file`, say anything that bears on how a
 * host is reached. Where they do not, asking ssh would only cost time: a
 * process for each host. */
bool ssh_config_matters(const char *config_file);

/* The arguments ssh is asked with, one text for one question; newly
 * allocated. */
char *ssh_config_question(const struct ssh_query *query);

/* Keyword (lower case) -> GPtrArray of its values in order (char *), as ssh
 * -G prints them; the caller unrefs. NULL with error DATA and ssh's own words
 * if the configuration does not parse, NO_INPUT if there is no ssh program,
 * DEADLINE, CANCELLED. */
GHashTable *ssh_config_ask(const struct ssh_query *query,
			   struct cancel *cancel, gint64 deadline_us,
			   GError **error);

/* The first value of `keyword`, or NULL; borrowed. */
const char *ssh_config_get(GHashTable *settings, const char *keyword);

#endif
