/* SPDX-License-Identifier: Apache-2.0
 *
 * A flock(2) on this machine, per cluster: the quick half of "one run per
 * cluster", before anything is connected to.
 */
#ifndef MUSTER_CMD_LOCAL_LOCK_H
#define MUSTER_CMD_LOCAL_LOCK_H

#include <glib.h>

struct local_lock;

/* Locks for the cluster whose master is at address:port. Error LOCKED with
 * the other run's line, or OUTPUT. */
struct local_lock *local_lock_take(const char *address, unsigned port,
				   const char *run_id, GError **error);

/* Gives it up. Accepts NULL. */
void local_lock_free(struct local_lock *lock);

#endif
