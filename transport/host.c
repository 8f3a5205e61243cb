/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about one host of the inventory.
 */
#include "host.h"

#include <string.h>

const struct host_var *host_var_origin(const struct host *host,
				       const char *name)
{
	return host->vars ? g_hash_table_lookup(host->vars, name) : NULL;
}

const char *host_var(const struct host *host, const char *name)
{
	const struct host_var *var = host_var_origin(host, name);

	return var ? var->value : NULL;
}

bool host_in_group(const struct host *host, const char *group)
{
	for (guint i = 0; i < host->groups->len; i++)
		if (strcmp(g_ptr_array_index(host->groups, i), group) == 0)
			return true;
	return false;
}
