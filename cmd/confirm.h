/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a whole cluster apart is confirmed by its name, which is the name of
 * its master in the inventory. What reset and rebuild have in common.
 */
#ifndef MUSTER_CMD_CONFIRM_H
#define MUSTER_CMD_CONFIRM_H

#include "runner.h"

struct confirm {
	const struct options *options;
	const char *name;		/* --confirm, or NULL: ask */
	const char *command;		/* "reset" */
	bool purge;			/* --purge */
};

/* Hooks of a runner; `data` is a struct confirm. The first refuses (error
 * USAGE) what is not confirmed and asks at the terminal if there is one; a
 * run that changes nothing needs none. The second names the hosts that were
 * not reached. */
bool confirm_admit(const struct inventory *inventory, struct cluster *cluster,
		   GHashTable **limit, struct cancel *cancel, void *data,
		   GError **error);
bool confirm_after(const struct run_result *result, struct cancel *cancel,
		   int *status, void *data);

/* Readies `options` for the plays of reset; false and a message if they hold
 * what makes no sense with it. */
bool confirm_options(struct confirm *confirm, const struct options *options,
		     const char *command);

#endif
