/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as provider.yaml: whatever stood there, the text made of it lists
 * exactly the servers wanted, and setting them again changes nothing.
 */
#include "playbooks/microk8s/provider_yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_set(const char *text, const char *const *wanted, size_t n)
{
	g_autofree char *once = provider_yaml_set(text, wanted, n, NULL);
	g_autofree char *twice = provider_yaml_set(once, wanted, n, NULL);
	g_autoptr(GPtrArray) found = provider_yaml_addresses(once, NULL);

	if (!found || found->len != n || strcmp(once, twice) != 0)
		abort();
	for (guint i = 0; i < found->len; i++) {
		if (strcmp(found->pdata[i], wanted[i]) != 0)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const wanted[] = {
		"10.8.0.4:16443", "[fd00::1]:16443", "10.8.0.5:16443"
	};
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) found = provider_yaml_addresses(text, &error);

	if (!found != (error != NULL))
		abort();
	for (size_t n = 1; n <= G_N_ELEMENTS(wanted); n++)
		check_set(text, wanted, n);
	return 0;
}
