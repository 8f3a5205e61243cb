/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a kubeconfig: an error exactly when there is no result, and
 * never a result with a part missing.
 */
#include "playbooks/microk8s/kubeconfig.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Kubeconfig) config = kubeconfig_parse((const char *)data,
							size, &error);

	if (!config != (error != NULL))
		abort();
	if (config && (!config->server || !strstr(config->ca_pem, "-BEGIN ") ||
		       !strstr(config->cert_pem, "-BEGIN ") ||
		       !strstr(config->key_pem, "-BEGIN ")))
		abort();
	return 0;
}
