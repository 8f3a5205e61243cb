/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory as the tree that `ansible-inventory --graph` draws.
 */
#ifndef MUSTER_CMD_INVENTORY_GRAPH_H
#define MUSTER_CMD_INVENTORY_GRAPH_H

#include "transport/inventory.h"

#include <stdio.h>

/* `group` and all below it, one line each; with `with_vars` the merged
 * variables of each host and the own ones of each group, save those that are
 * passwords by name. A group below two others stands below both. */
void inventory_graph_print(const struct inventory_group *group,
			   bool with_vars, FILE *to);

#endif
