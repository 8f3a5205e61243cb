/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a certificate's file, and as what stands in base64 in one: its
 * names are lines, and not too many.
 */
#include "playbooks/microk8s/certificate.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *pem, size_t length)
{
	g_auto(GStrv) sans = NULL;
	gint64 not_after = 0;

	if (!certificate_read(pem, length, &sans, &not_after)) {
		if (sans || not_after)
			abort();
		return;
	}
	if (!sans || g_strv_length(sans) > CERTIFICATE_SANS_MAX)
		abort();
	for (char **san = sans; *san; san++)
		if (strpbrk(*san, "\n\r\t\x1b"))
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *base64 = g_base64_encode(data, size);
	g_autofree char *pem = g_strconcat("-----BEGIN CERTIFICATE-----\n",
					   base64, "\n-----END CERTIFICATE"
					   "-----\n", NULL);

	check((const char *)data, size);
	check(pem, strlen(pem));
	return 0;
}
