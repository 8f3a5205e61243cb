/* SPDX-License-Identifier: Apache-2.0
 *
 * Standard input, read whole so that it can be given to many hosts.
 */
#ifndef MUSTER_CMD_STDIN_INPUT_H
#define MUSTER_CMD_STDIN_INPUT_H

#include "transport/cancel.h"

#define STDIN_INPUT_MAX ((size_t)32 * 1024 * 1024)

/* Reads to its end; *input is NULL if there is none: a terminal, /dev/null, or
 * closed. Says on standard error what it waits for when nothing comes for two
 * seconds. False: more than STDIN_INPUT_MAX or unreadable (NO_INPUT), or
 * stopped while it waited (CANCELLED). Caller frees. */
bool stdin_input_read(struct cancel *cancel, GString **input, GError **error);

#endif
