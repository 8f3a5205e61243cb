/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a host's answer to probe.sh: an error exactly when there is no
 * probe, peers that can be found, and a word for every DNS answer.
 */
#include "playbooks/verify/probe.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct probe *probe)
{
	if (probe->peers->len > PROBE_PEERS_MAX || probe->answer < -1 ||
	    (probe->dns_reach == REACH_OK) != (probe->dns != NULL))
		abort();
	for (guint i = 0; i < probe->peers->len; i++) {
		const struct probe_peer *peer =
			g_ptr_array_index(probe->peers, i);

		if (!probe_find(probe, peer->node_ip) ||
		    !*reach_name(peer->small))
			abort();
	}
	if (probe->dns) {
		g_autofree char *says = NULL;

		probe_dns_address(probe->dns, &says);
		if (!says)
			abort();
	}
	if (!probe->has_clock)
		return;
	probe_set_offset(probe, probe->begin_us - 1, probe->finish_us + 1);
	if (probe->slack_us < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	struct probe *probe = probe_parse((const char *)data, size, &error);

	if (!probe != (error != NULL))
		abort();
	if (probe)
		check(probe);
	probe_free(probe);
	return 0;
}
