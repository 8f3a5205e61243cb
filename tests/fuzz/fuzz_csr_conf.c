/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the template of a certificate: what is added is found the
 * second time, and nothing that was there goes.
 */
#include "playbooks/microk8s/csr_conf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "lb.example.com", "203.0.113.9",
					     NULL };
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *once = csr_conf_add_names(text, names, NULL);
	g_autofree char *twice = NULL;

	csr_conf_is_name(text);
	if (!once)
		return 0;
	twice = csr_conf_add_names(once, names, NULL);
	if (strlen(once) < strlen(text))
		abort();
	/* Unless it has grown past what is read. */
	if (twice && strcmp(once, twice) != 0)
		abort();
	return 0;
}
