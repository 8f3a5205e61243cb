/* SPDX-License-Identifier: Apache-2.0
 *
 * What the join of a control plane has of its own; for join.c. All on the
 * joiner's thread, while no other host joins.
 */
#ifndef MUSTER_ACTIONS_JOIN_MASTER_H
#define MUSTER_ACTIONS_JOIN_MASTER_H

#include "actions.h"

#include "playbooks/microk8s/join_text.h"

#define JOIN_TAKEN_IN "taken_in"	/* parameter of `join` */

/* False with error FAILED while another control plane has not come back. */
bool join_master_begin(struct task *task, GError **error);

/* Whether the datastore refused it for an older member of its address. */
bool join_master_may_expel(struct task *task,
			   const struct join_verdict *verdict);

/* Takes that member off, and looks that it is gone. */
bool join_master_expel(struct task *task, GError **error);

/* Waits until the datastore lists it; *again is whether it has to join once
 * more. False if nobody could be asked. */
bool join_master_prove(struct task *task, bool *again, GError **error);

#endif
