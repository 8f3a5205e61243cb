/* SPDX-License-Identifier: Apache-2.0
 *
 * Who takes part in a run: --limit and --exclude held against the inventory,
 * the roles and the playbook.
 */
#ifndef MUSTER_CMD_LIMIT_H
#define MUSTER_CMD_LIMIT_H

#include "options.h"

#include "playbooks/cluster.h"
#include "playbooks/playbook.h"

/* The set of hosts that take part, in *limit, or NULL there for all; the
 * caller unrefs. Error USAGE if a pattern matches nothing, if no play is for
 * one of them, or if `command` works through the master and it is not among
 * them: muster's own playbooks do, a user's ("play") need not. */
bool limit_find(const struct options *options, const char *command,
		const struct inventory *inventory,
		const struct cluster *roles, const struct playbook *playbook,
		GHashTable **limit, GError **error);

#endif
