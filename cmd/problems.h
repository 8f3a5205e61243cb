/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes of input files on standard error, a line each.
 */
#ifndef MUSTER_CMD_PROBLEMS_H
#define MUSTER_CMD_PROBLEMS_H

#include "options.h"

#include "transport/inventory.h"

/* Prints `problems` (struct problem *). */
void problems_print(const GPtrArray *problems);

/* Reads the inventory that -i names, by the rules of a cluster's, and prints
 * what is wrong with it. The caller frees it; NULL with error DATA or
 * NO_INPUT. */
struct inventory *problems_load_inventory(const struct options *options,
					  GError **error);

#endif
