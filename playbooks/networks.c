/* SPDX-License-Identifier: Apache-2.0
 *
 * Compares the addresses of hosts, network by network of the first.
 */
#include "networks.h"

#include "microk8s/checks.h"

#include <string.h>

#define SHARED_PREFIX_MAX 30	/* longer ones have no room for two hosts */

static const char *const internal_cards[] = {
	"lo", "docker", "cni", "flannel", "cali", "vxlan", "tunl",
	"lxdbr", "lxcbr", "virbr", "veth", "vnet", "ovn", "ovs", "kube-",
	"nodelocal", "cilium", "weave", "podman", "dummy",
};

static const char *const vpn_cards[] = {
	"wg", "tun", "tap", "tailscale", "zt", "nebula", "ipsec", "ppp",
	"utun", "vpn",
};

static bool begins_with_any(const char *text, const char *const *words,
			    size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (g_str_has_prefix(text, words[i]))
			return true;
	return false;
}

/* br- and 12 digits; br-lan may be anything. */
static bool is_docker_bridge(const char *iface)
{
	return g_str_has_prefix(iface, "br-") && strlen(iface) == 15 &&
		strspn(iface + 3, "0123456789abcdef") == 12;
}

bool networks_is_internal(const char *iface)
{
	return is_docker_bridge(iface) ||
		begins_with_any(iface, internal_cards,
				G_N_ELEMENTS(internal_cards));
}

static bool is_in(const char *ip, const char *cidr)
{
	guint32 a, b;
	unsigned a_prefix, b_prefix;

	return checks_net_parse(ip, &a, &a_prefix) &&
		checks_net_parse(cidr, &b, &b_prefix) &&
		a_prefix >= b_prefix &&
		checks_nets_overlap(a, a_prefix, b, b_prefix);
}

static bool is_private(const char *ip)
{
	static const char *const ranges[] = {
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
		"100.64.0.0/10",
	};

	for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++)
		if (is_in(ip, ranges[i]))
			return true;
	return false;
}

/* The network of an address, "a.b.c.d/n"; NULL if it is none to share. A
 * tailnet gives each host a /32 of a range that is all its own. */
static char *cidr_of(const struct facts_address *address)
{
	g_autofree char *text = g_strdup_printf("%s/%u", address->ip,
						address->prefix);
	guint32 net;
	unsigned prefix;

	if (networks_is_internal(address->iface) ||
	    is_in(address->ip, "127.0.0.0/8") ||
	    is_in(address->ip, "169.254.0.0/16"))
		return NULL;
	if (address->prefix == 32 && is_in(address->ip, "100.64.0.0/10"))
		return g_strdup("100.64.0.0/10");
	if (address->prefix > SHARED_PREFIX_MAX || address->prefix == 0 ||
	    !checks_net_parse(text, &net, &prefix))
		return NULL;
	return g_strdup_printf("%u.%u.%u.%u/%u", net >> 24, net >> 16 & 255,
			       net >> 8 & 255, net & 255, prefix);
}

/* The host's first address in that network, or NULL. */
static const struct facts_address *address_in(const struct facts *facts,
					      const char *cidr)
{
	for (guint i = 0; i < facts->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(facts->addresses, i);
		g_autofree char *own = cidr_of(address);

		if (g_strcmp0(own, cidr) == 0)
			return address;
	}
	return NULL;
}

static void network_free(void *data)
{
	struct network *network = data;

	g_free(network->cidr);
	g_free(network->iface);
	g_ptr_array_unref(network->addresses);
	g_free(network);
}

static const char *find_twice(const GPtrArray *addresses)
{
	for (guint i = 0; i < addresses->len; i++)
		for (guint k = 0; k < i; k++)
			if (strcmp(g_ptr_array_index(addresses, i),
				   g_ptr_array_index(addresses, k)) == 0)
				return g_ptr_array_index(addresses, i);
	return NULL;
}

/* NULL if a host has no address there. */
static struct network *network_new(const GPtrArray *facts,
				   const struct facts_address *first,
				   const char *cidr)
{
	struct network *network = g_new0(struct network, 1);

	network->cidr = g_strdup(cidr);
	network->iface = g_strdup(first->iface);
	network->addresses = g_ptr_array_new_with_free_func(g_free);
	network->is_private = is_private(first->ip);
	network->is_vpn = begins_with_any(first->iface, vpn_cards,
					  G_N_ELEMENTS(vpn_cards));
	for (guint i = 0; i < facts->len; i++) {
		const struct facts_address *address =
			address_in(g_ptr_array_index(facts, i), cidr);

		if (!address) {
			network_free(network);
			return NULL;
		}
		g_ptr_array_add(network->addresses, g_strdup(address->ip));
	}
	network->twice = find_twice(network->addresses);
	return network;
}

static bool is_told(const GPtrArray *networks, const char *cidr)
{
	for (guint i = 0; i < networks->len; i++) {
		const struct network *network =
			g_ptr_array_index(networks, i);

		if (strcmp(network->cidr, cidr) == 0)
			return true;
	}
	return false;
}

GPtrArray *networks_shared(const GPtrArray *facts)
{
	GPtrArray *networks = g_ptr_array_new_with_free_func(network_free);
	const struct facts *first = g_ptr_array_index(facts, 0);

	for (guint i = 0; i < first->addresses->len; i++) {
		const struct facts_address *address =
			g_ptr_array_index(first->addresses, i);
		g_autofree char *cidr = cidr_of(address);
		struct network *network = cidr && !is_told(networks, cidr)
			? network_new(facts, address, cidr) : NULL;

		if (network)
			g_ptr_array_add(networks, network);
	}
	networks_rank(networks);
	return networks;
}

/* The smaller, the better. */
static unsigned badness(const struct network *network)
{
	return (network->twice ? 8u : 0) + (network->unreached ? 4u : 0) +
		(network->is_private ? 0 : 2u) + (network->is_vpn ? 1u : 0);
}

static gint best_first(gconstpointer a, gconstpointer b)
{
	const struct network *const *x = a, *const *y = b;

	return (gint)badness(*x) - (gint)badness(*y);
}

void networks_rank(GPtrArray *networks)
{
	/* Stable: of equals the first host's first card stays first. */
	g_ptr_array_sort(networks, best_first);
}

bool network_is_good(const struct network *network)
{
	return !network->twice && network->unreached == 0;
}

bool network_holds(const struct network *network, const char *ip)
{
	return g_hostname_is_ip_address(ip) && is_in(ip, network->cidr);
}
