/* SPDX-License-Identifier: Apache-2.0
 *
 * Many hosts at once: at most `forks` items at a time, each on a thread, as a
 * sliding window (a slow one delays nobody but itself).
 */
#ifndef MUSTER_TRANSPORT_FLEET_H
#define MUSTER_TRANSPORT_FLEET_H

#include <stddef.h>

/* Called once for each index, never on the caller's thread unless no thread
 * could be made; has a 256 kB stack. */
typedef void (*fleet_fn)(size_t index, void *data);

/* Runs fn for 0..n-1, returns when all have returned. forks 0 means n. */
void fleet_run(size_t n, size_t forks, fleet_fn fn, void *data);

#endif
