/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a host's answer to facts.sh: an error exactly when there are no
 * facts, and every question about the facts has an answer.
 */
#include "playbooks/microk8s/facts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct facts *facts, const struct facts *master)
{
	enum facts_membership membership = facts_membership(facts, master);

	if (!facts->hostname || !facts->node_name || facts->epoch < 0 ||
	    (facts->installed && (!facts->version || !facts->notes)) ||
	    (membership == FACTS_NOT_INSTALLED) == facts->installed ||
	    facts->addresses->len > FACTS_ADDRESSES_MAX)
		abort();
	for (guint i = 0; i < facts->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(facts->addresses, i);

		if (!facts_has_address(facts, address->ip) ||
		    address->prefix > 32)
			abort();
	}
	if (!facts->server_cert.sans || !facts->kubelet_cert.sans ||
	    facts->provider_age_s < FACTS_AGE_NONE ||
	    (facts->ca_sha256 && strlen(facts->ca_sha256) != 64))
		abort();
	facts_san_has_ip(&facts->server_cert, "10.8.0.4");
	facts_cert_days_left(facts, &facts->kubelet_cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] =
		"hostname=m\nlock=no-cert-reissue\nfile=certs/ca.crt 1 -\n"
		"contents=YQ==\nend=1\n";
	g_autoptr(GError) error = NULL;
	struct facts *facts = facts_parse((const char *)data, size, &error);
	struct facts *master = facts_parse(text, strlen(text), NULL);

	if (!facts != (error != NULL))
		abort();
	if (facts)
		check(facts, master);
	facts_free(facts);
	facts_free(master);
	return 0;
}
