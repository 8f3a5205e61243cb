/* SPDX-License-Identifier: Apache-2.0
 *
 * A lock on a host that dies with its holder: flock(1) on a file, held by a
 * process at the far end of a living SSH channel. When this process or the
 * connection goes, the kernel drops it; there is nothing stale to clean up.
 */
#ifndef MUSTER_TRANSPORT_REMOTE_LOCK_H
#define MUSTER_TRANSPORT_REMOTE_LOCK_H

#include "session.h"

struct remote_lock;

/* Opens a connection of its own to `host` and locks `path` there, writing
 * `holder` (one line: who, from where, since when) into it. If another run
 * has it: error LOCKED, with that run's line. */
struct remote_lock *remote_lock_acquire(struct transport *transport,
					const struct host *host,
					const char *path, const char *holder,
					gint64 deadline_us, GError **error);

/* Gives the lock up. Accepts NULL. */
void remote_lock_free(struct remote_lock *lock);

#endif
