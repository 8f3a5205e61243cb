/* SPDX-License-Identifier: Apache-2.0
 *
 * From options to an exit status: inventory, transport, cluster, playbook,
 * reporters, the run itself. What up, plan and play have in common.
 */
#ifndef MUSTER_CMD_RUNNER_H
#define MUSTER_CMD_RUNNER_H

#include "options.h"

/* Runs the playbook `text` (named `name` in messages) as `command`. Prints
 * everything there is to print. Returns the process exit status. */
int runner_run(const struct options *options, const char *command,
	       const char *name, const char *text);

#endif
