/* SPDX-License-Identifier: Apache-2.0
 *
 * ansible_ssh_common_args and its like: the options of ssh(1) that say how a
 * host is reached. muster takes -o, -J, -F and -i; anything else would be an
 * option it cannot honour, and is refused by name.
 */
#ifndef MUSTER_TRANSPORT_SSH_ARGS_H
#define MUSTER_TRANSPORT_SSH_ARGS_H

#include <glib.h>
#include <stdbool.h>

struct ssh_args {
	GPtrArray *options;	/* char *, "Key=Value", for ssh -G */
	char *jump;		/* -J, or NULL */
	char *config_file;	/* -F, or NULL */
	GPtrArray *identity_files; /* char *, -i in order */
	GPtrArray *notes;	/* char *: what was given and is not done, such
				   as StrictHostKeyChecking=no */
};

/* Reads `text` into `args`, behind what is there; words as a shell would
 * split them. Error DATA names the word that is not understood. */
bool ssh_args_parse(struct ssh_args *args, const char *text, GError **error);

void ssh_args_init(struct ssh_args *args);
void ssh_args_clear(struct ssh_args *args);

#endif
