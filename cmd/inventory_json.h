/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory in the JSON shape of `ansible-inventory --list`.
 */
#ifndef MUSTER_CMD_INVENTORY_JSON_H
#define MUSTER_CMD_INVENTORY_JSON_H

#include "transport/inventory.h"

#include <stdio.h>

/* One document and a line feed. Variables stand merged under _meta.hostvars,
 * all as strings; values that are passwords by name are left out. */
void inventory_json_print(const struct inventory *inventory, FILE *to);

#endif
