/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the verb `upgrade` share: one node's upgrade, its turn,
 * and its pods. All for the thread of that node.
 */
#ifndef MUSTER_PLAYBOOKS_UPGRADE_WORK_H
#define MUSTER_PLAYBOOKS_UPGRADE_WORK_H

#include "actions.h"

struct upgrade_work {
	struct task *task;
	char *channel;			/* in full */
	char *latest;			/* the version in it; NULL: not told */
	char *version, *revision;	/* of the node, before */
	bool was_held;
	struct session *own;		/* to the master, if one is needed */
	/* of the last survey */
	bool is_ready;
	bool is_cordoned;		/* by somebody else */
	bool is_marked;			/* cordoned by an upgrade */
	bool has_room;			/* other nodes take its pods */
	unsigned masters, ready_masters;
	char *behind;			/* a control plane that is older than
					   `latest`, or NULL */
};

/* Frees what it holds. */
void upgrade_work_clear(struct upgrade_work *work);

/* Asks the API for all that stands under "of the last survey". */
bool upgrade_survey(struct upgrade_work *work, GError **error);

/* Takes part in the queue, which is in the order of the inventory: so early
 * that those before it have done the same when the first may begin. */
void upgrade_queue(struct upgrade_work *work, bool awaits_turn);

/* Waits until the node may begin. TASK_OK: it may, and upgrade_leave() follows;
 * TASK_SKIPPED: another has failed; TASK_FAILED with *error. */
enum task_status upgrade_enter(struct upgrade_work *work, GError **error);
void upgrade_leave(struct upgrade_work *work, bool ok);

/* Moves the pods off the node if they have anywhere to go, which leaves it
 * cordoned and marked. When they cannot go it takes pods as before. */
bool upgrade_make_room(struct upgrade_work *work, GError **error);

/* Lifts the cordon that carries the mark, and no other. */
bool upgrade_take_pods(struct upgrade_work *work, GError **error);

#endif
