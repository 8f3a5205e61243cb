/* SPDX-License-Identifier: Apache-2.0
 *
 * Ctrl-C. One thread waits for SIGINT and SIGTERM: the first stops the run
 * softly, the second aborts it. All other threads have both blocked.
 */
#ifndef MUSTER_CMD_SIGNALS_H
#define MUSTER_CMD_SIGNALS_H

#include "transport/cancel.h"

struct signals;

/* Call before any other thread exists. Borrows `cancel` until signals_stop. */
struct signals *signals_start(struct cancel *cancel);

/* Ends the thread and frees. Returns the first signal that came, or 0. */
int signals_stop(struct signals *signals);

#endif
