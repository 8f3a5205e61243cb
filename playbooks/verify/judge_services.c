/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges service addresses and DNS as each node finds them. Behind both are
 * pods of other nodes: where the way to those is broken already, nothing more
 * is said.
 */
#include "proof.h"

#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

static bool is_bad(enum reach reach)
{
	return reach == REACH_LOST || reach == REACH_UNREACHABLE ||
		reach == REACH_REFUSED;
}

static const struct node *node_named(const struct cluster *cluster,
				     const char *name)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (proof_expects(node) &&
		    strcmp(node->facts->node_name, name) == 0)
			return node;
	}
	return NULL;
}

/* Whether every pod of the cluster's DNS is ready and on a node that `from`
 * reaches in every way. */
static bool reaches_dns(const struct proof *proof,
			const struct cluster *cluster,
			const struct node *from)
{
	unsigned n = 0;

	for (guint i = 0; proof->pods && i < proof->pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(proof->pods, i);
		const struct node *to = pod->node && pod->ready
			? node_named(cluster, pod->node) : NULL;
		const char *cell;

		if (g_strcmp0(pod->app, "kube-dns") != 0 || !to)
			continue;
		cell = proof_cell(proof, cluster, from, to);
		if (strcmp(cell, "ok") != 0 && strcmp(cell, "-") != 0)
			return false;
		n++;
	}
	return n > 0;
}

static bool reaches_api(const struct proof *proof,
			const struct cluster *cluster,
			const struct node *from)
{
	const struct probe *probe = proof_probe(proof, cluster, from);
	const struct probe_peer *peer =
		probe_find(probe, cluster->master->node_ip);

	return probe->answer != 0 && !(peer && is_bad(peer->api));
}

static void judge_service(struct proof *proof, const struct node *node,
			  const char *address, unsigned port,
			  enum reach reach)
{
	if (is_bad(reach))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_SERVICES,
			.state = VERDICT_FAILS, .node = node,
			.cause = "service-unreachable",
		}, "%s:%u: %s", address, port, reach_name(reach));
}

static void judge_name(struct proof *proof, const struct node *node,
		       const struct probe *probe)
{
	g_autofree char *address = NULL;
	struct judgement failed = {
		.condition = CONDITION_DNS, .state = VERDICT_FAILS,
		.node = node, .cause = "dns-fails",
	};

	if (probe->dns_reach != REACH_OK)
		proof_say(proof, failed, "%s does not answer",
			  proof->dns_service);
	else if (!probe_dns_address(probe->dns, &address))
		proof_say(proof, failed, "%s: %s", proof->dns_service,
			  address);
	else if (proof->api_service &&
		 strcmp(address, proof->api_service) != 0)
		proof_say(proof, failed, "kubernetes.default is %s instead "
			  "of %s", address, proof->api_service);
}

void judge_services(struct proof *proof, const struct cluster *cluster)
{
	unsigned services = 0, names = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct probe *p = proof_probe(proof, cluster, node);

		if (!p)
			continue;
		if (p->api_service != REACH_UNASKED &&
		    p->api_service != REACH_UNTOLD &&
		    reaches_api(proof, cluster, node)) {
			judge_service(proof, node, proof->api_service, 443,
				      p->api_service);
			services++;
		}
		if (!reaches_dns(proof, cluster, node))
			continue;
		if (p->dns_service != REACH_UNASKED &&
		    p->dns_service != REACH_UNTOLD) {
			judge_service(proof, node, proof->dns_service, 53,
				      p->dns_service);
			services++;
		}
		/* A service that does not answer is told of once. */
		if (p->dns_reach == REACH_UNASKED ||
		    p->dns_reach == REACH_UNTOLD || is_bad(p->dns_service))
			continue;
		judge_name(proof, node, p);
		names++;
	}
	if (services == 0)
		proof_skip(proof, CONDITION_SERVICES,
			   "no node could be asked for one");
	proof_hold(proof, CONDITION_SERVICES, "%u connections", services);
	if (names == 0)
		proof_skip(proof, CONDITION_DNS, "%s", !proof->dns_service
			   ? "the dns addon is not enabled"
			   : "no node reaches every pod of it");
	proof_hold(proof, CONDITION_DNS, "it answers %u %s", names,
		   names == 1 ? "node" : "nodes");
}
