/* SPDX-License-Identifier: Apache-2.0
 *
 * The rounds of `muster init` over its hosts: what addresses they have, then
 * whether they reach each other at those that could be node_ip. Changes
 * nothing on them, and needs no root there.
 */
#ifndef MUSTER_CMD_INIT_ASK_H
#define MUSTER_CMD_INIT_ASK_H

#include "init_plan.h"
#include "options.h"

/* Fills facts or problem of every host of `plan`, then its networks. Keys that
 * are not known yet are shown and confirmed at the terminal, if there is one.
 * *status becomes that of the worst host that did not answer, 0 if all did.
 * Errors: those of connection_init() and transport_new(), CANCELLED. */
bool init_ask(struct init_plan *plan, const struct options *options,
	      struct cancel *cancel, int *status, GError **error);

#endif
