/* SPDX-License-Identifier: Apache-2.0
 *
 * The known_hosts reader on arbitrary files. Beside not crashing: a line that
 * revokes a key for every host is never outdone by anything before it.
 */
#include "transport/known_hosts.h"

#include <stdint.h>
#include <string.h>

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhsc" \
	    "HR4f"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum known_hosts_result check(const struct known_hosts *known,
				     unsigned port)
{
	gsize length = 0;
	g_autofree guchar *blob = g_base64_decode(KEY, &length);
	struct known_hosts_verdict verdict = known_hosts_check(
		known, "n1.example.com", port, blob, length);
	g_autoptr(GPtrArray) types = known_hosts_types(
		known, "n1.example.com", port, true);

	if ((verdict.result == KNOWN_HOSTS_UNKNOWN) != !verdict.file)
		g_error("a verdict without its line");
	g_free(verdict.fingerprint);
	return verdict.result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char revoked[] = "@revoked * ssh-ed25519 " KEY "\n";
	struct known_hosts *known = known_hosts_new();

	known_hosts_add(known, "fuzz", (const char *)data, size);
	check(known, 22);
	check(known, 2222);
	known_hosts_add(known, "revoked", revoked, strlen(revoked));
	if (check(known, 22) != KNOWN_HOSTS_REVOKED)
		g_error("a revoked key got through");
	known_hosts_free(known);
	return 0;
}
