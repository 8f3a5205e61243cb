/* SPDX-License-Identifier: Apache-2.0
 *
 * How many hosts have come to their end, in one line of a terminal that is
 * written over and gone at the end. Nothing where standard error is none.
 */
#ifndef MUSTER_CMD_PROGRESS_H
#define MUSTER_CMD_PROGRESS_H

#include <stddef.h>

struct progress;

/* NULL, which the others take, if there is no terminal to tell it to. */
struct progress *progress_new(size_t n_hosts);

/* One more. Any thread. */
void progress_step(struct progress *progress);

void progress_free(struct progress *progress);

#endif
