/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a whole cluster apart is confirmed by its name, which is the name of
 * its master in the inventory. What reset and rebuild have in common.
 */
#ifndef MUSTER_CMD_CONFIRM_H
#define MUSTER_CMD_CONFIRM_H

#include "runner.h"

struct confirm {
	struct options *options;
	char *name;			/* --confirm, or NULL: ask */
	const char *command;		/* "reset"; borrowed */
	gboolean purge;			/* --purge */
};

/* Parses argv: --confirm, --purge (which `purge_help` explains) and what
 * `usage` says, whose entries it sets, and readies the options for the plays
 * of reset. False after -h (*status 0) or a mistake, which it prints (*status
 * EX_USAGE). Clear `confirm` in any case. */
bool confirm_parse(struct confirm *confirm, int argc, char **argv,
		   struct options_usage usage, const char *purge_help,
		   int *status);
void confirm_clear(struct confirm *confirm);
typedef struct confirm Confirm; /* for g_auto(Confirm) */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Confirm, confirm_clear)

/* Hooks of a runner; `data` is a struct confirm. The first refuses (error
 * USAGE) what is not confirmed and asks at the terminal if there is one; a
 * run that changes nothing needs none. The second names the hosts that were
 * not reached. */
bool confirm_admit(const struct inventory *inventory, struct cluster *cluster,
		   GHashTable **limit, struct cancel *cancel, void *data,
		   GError **error);
bool confirm_after(const struct run_result *result, struct cancel *cancel,
		   int *status, void *data);

#endif
