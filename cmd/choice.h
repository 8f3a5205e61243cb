/* SPDX-License-Identifier: Apache-2.0
 *
 * The hosts that --limit and --exclude leave, for a command whose first master
 * takes part in any case: it holds the lock, and is asked of the cluster.
 */
#ifndef MUSTER_CMD_CHOICE_H
#define MUSTER_CMD_CHOICE_H

#include "options.h"

#include "playbooks/cluster.h"
#include "transport/inventory.h"

struct choice {
	char *limit, *exclude;		/* of the options; or NULL */
	GHashTable *chosen;		/* set of struct host *; NULL: all */
};

/* Takes --limit and --exclude away from `options`, which would leave the
 * master out. */
void choice_take(struct choice *choice, struct options *options);

/* Tells `cluster` who was chosen, which borrows that, and the runner by
 * `*limit` who takes part. Error USAGE if no node is left. */
bool choice_admit(struct choice *choice, const struct inventory *inventory,
		  struct cluster *cluster, GHashTable **limit, GError **error);

void choice_clear(struct choice *choice);

#endif
