/* SPDX-License-Identifier: Apache-2.0
 *
 * Which network do hosts have in common? Told from their addresses alone, so
 * two networks that merely look alike cannot be told apart here: whoever asks
 * tries the ways and says what came of it.
 */
#ifndef MUSTER_PLAYBOOKS_NETWORKS_H
#define MUSTER_PLAYBOOKS_NETWORKS_H

#include "microk8s/facts.h"

#include <glib.h>
#include <stdbool.h>

struct network {
	char *cidr;			/* "10.8.0.0/24" */
	char *iface;			/* the first host's card in it */
	GPtrArray *addresses;		/* char *, one a host, in their order */
	bool is_private;		/* RFC 1918, RFC 6598 */
	bool is_vpn;			/* of a card that VPNs use */
	const char *twice;		/* an address that two hosts have there:
					   it is not one network; or NULL */
	unsigned unreached;		/* ways that do not lead to where they
					   should; set by who tries them */
};

/* Networks in which each of `facts` (struct facts *, 1 or more, none NULL) has
 * an address: struct network *, in the order of networks_rank(); owned by the
 * caller. Those of bridges and overlays of containers are left out. */
GPtrArray *networks_shared(const GPtrArray *facts);

/* The best first: one that is a network, whose hosts reach each other, that is
 * private, and no VPN where the same is to be had without. */
void networks_rank(GPtrArray *networks);

/* True if hosts can be told to reach each other there. */
bool network_is_good(const struct network *network);

/* Whether `ip` is an address of the network's. */
bool network_holds(const struct network *network, const char *ip);

/* A card that containers or virtual machines have on one host alone. */
bool networks_is_internal(const char *iface);

#endif
