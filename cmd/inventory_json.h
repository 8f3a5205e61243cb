/* SPDX-License-Identifier: Apache-2.0
 *
 * An inventory in the JSON shape of `ansible-inventory --list`.
 */
#ifndef MUSTER_CMD_INVENTORY_JSON_H
#define MUSTER_CMD_INVENTORY_JSON_H

#include "transport/inventory.h"

#include <stdio.h>

/* False for what is a password by its name: muster prints none. */
bool inventory_var_is_shown(const char *name);

/* One document and a line feed. Of all hosts only `hosts` (struct host *)
 * stand in it. Variables stand merged under _meta.hostvars, all as strings. */
void inventory_json_print(const struct inventory *inventory,
			  const GPtrArray *hosts, FILE *to);

#endif
