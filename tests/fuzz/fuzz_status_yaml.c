/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what `microk8s status --format yaml` printed: an error exactly
 * when there is no result, and members that hold what was promised.
 */
#include "playbooks/microk8s/status_yaml.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) members = status_yaml_members(text, &error);

	if (!members != (error != NULL))
		abort();
	for (guint i = 0; members && i < members->len; i++) {
		const struct backend_node *node =
			g_ptr_array_index(members, i);

		if (!node->address || !*node->address ||
		    node->role > BACKEND_SPARE)
			abort();
	}
	return 0;
}
