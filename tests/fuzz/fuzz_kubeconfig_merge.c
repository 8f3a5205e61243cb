/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a kubeconfig to merge into: an error exactly when there is no
 * result, and a result that is left as it is the second time.
 */
#include "playbooks/microk8s/kubeconfig_merge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char ca[] = "CA", crt[] = "CRT", key[] = "KEY";
	static struct kubeconfig config = {
		.ca_pem = ca, .cert_pem = crt, .key_pem = key,
	};
	const struct kubeconfig_entry entry = {
		.name = "lab", .server = "https://a:1", .config = &config,
	};
	g_autoptr(GError) error = NULL;
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *once = kubeconfig_merge(text, &entry, &error);

	if (!once != (error != NULL))
		abort();
	if (!once)
		return 0;
	g_autofree char *twice = kubeconfig_merge(once, &entry, NULL);

	if (!twice || strcmp(once, twice) != 0)
		abort();
	return 0;
}
