/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges the ways between nodes by their pattern: what fails tells less than
 * what fails beside something that works. A way that one condition has found
 * broken is left out by those after it.
 */
#include "pairs.h"

#include "playbooks/microk8s/kube_nodes.h"

#include <string.h>

#define VXLAN_OVERHEAD 50	/* outer IPv4, UDP, VXLAN, inner Ethernet */

struct way {
	const struct node *from, *to;
	const struct probe *probe;
	const struct probe_peer *peer;
};

static bool is_bad(enum reach reach)
{
	return reach == REACH_LOST || reach == REACH_UNREACHABLE;
}

static bool is_told(enum reach reach)
{
	return reach != REACH_UNASKED && reach != REACH_UNTOLD;
}

/* All ways that were asked (struct way). */
static GArray *find_ways(const struct proof *proof,
			 const struct cluster *cluster)
{
	GArray *ways = g_array_new(FALSE, FALSE, sizeof(struct way));

	for (guint i = 0; i < cluster->nodes->len; i++) {
		struct way way = { .from = g_ptr_array_index(cluster->nodes, i)
		};

		way.probe = proof_probe(proof, cluster, way.from);
		for (guint k = 0; way.probe && k < cluster->nodes->len; k++) {
			way.to = g_ptr_array_index(cluster->nodes, k);
			way.peer = way.to == way.from ? NULL
				: probe_find(way.probe, way.to->node_ip);
			if (way.peer)
				g_array_append_val(ways, way);
		}
	}
	return ways;
}

/* --- ports and routes --- */

static void judge_port(struct proof *proof, const struct way *way,
		       enum reach reach, unsigned port,
		       const char *refused_cause)
{
	if (!is_bad(reach) && reach != REACH_REFUSED)
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_PORTS, .state = VERDICT_FAILS,
		.node = way->from,
		.cause = reach == REACH_REFUSED ? refused_cause
			: "node-port-blocked",
	}, "%s:%u of %s: %s", way->to->node_ip, port, way->to->host->name,
	   reach == REACH_REFUSED ? "nobody listens"
	   : reach == REACH_LOST ? "no answer" : "no way there");
}

static void judge_route(struct proof *proof, const struct way *way)
{
	struct judgement j = {
		.condition = CONDITION_ROUTES, .state = VERDICT_WARNS,
		.node = way->from, .cause = "wrong-source-address",
	};

	if (way->peer->src &&
	    strcmp(way->peer->src, way->from->node_ip) != 0)
		proof_say(proof, j, "it sends to others from %s instead of %s",
			  way->peer->src, way->from->node_ip);
}

static void judge_direct(struct proof *proof, const GArray *ways)
{
	unsigned ports = 0, routes = 0;

	for (guint i = 0; i < ways->len; i++) {
		const struct way *way = &g_array_index(ways, struct way, i);

		judge_port(proof, way, way->peer->kubelet, 10250,
			   "kubelet-unreachable");
		judge_port(proof, way, way->peer->api, 16443, "api-refused");
		judge_port(proof, way, way->peer->agent, 25000,
			   "agent-silent");
		judge_route(proof, way);
		ports += is_told(way->peer->kubelet) +
			(unsigned)is_told(way->peer->api) +
			is_told(way->peer->agent);
		routes += way->peer->src != NULL;
	}
	if (ports == 0)
		proof_skip(proof, CONDITION_PORTS, "%s", ways->len
			   ? "no node has perl to ask with"
			   : "there are no two nodes to ask");
	proof_hold(proof, CONDITION_PORTS, "%u connections", ports);
	if (routes == 0)
		proof_skip(proof, CONDITION_ROUTES, "no route was told");
	proof_hold(proof, CONDITION_ROUTES, "%u routes", routes);
}

/* --- the overlay --- */

/* Between these hosts not even the plain network works. */
static bool is_apart(const struct way *way)
{
	return is_bad(way->peer->kubelet);
}

/* Where Calico or its VXLAN sits, if that is not node_ip; else NULL. */
static const char *wrong_address(const struct proof *proof,
				 const struct cluster *cluster,
				 const struct node *node, const char **cause)
{
	const struct probe *probe = proof_probe(proof, cluster, node);
	const struct kube_node *seen = cluster_seen(cluster, node);

	*cause = "calico-ip-wrong";
	if (seen && seen->calico_ip &&
	    strcmp(seen->calico_ip, node->node_ip) != 0)
		return seen->calico_ip;
	*cause = "overlay-interface";
	if (probe && probe->vxlan_local &&
	    strcmp(probe->vxlan_local, node->node_ip) != 0)
		return probe->vxlan_local;
	return NULL;
}

/* Says so of `node` if its overlay sits at a wrong address. */
static bool say_wrong_address(struct proof *proof,
			      const struct cluster *cluster,
			      const struct node *node)
{
	const struct probe *probe = proof_probe(proof, cluster, node);
	const char *cause;
	const char *found = wrong_address(proof, cluster, node, &cause);

	if (!found)
		return false;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_OVERLAY, .state = VERDICT_FAILS,
		.node = node, .cause = cause,
	}, "its VXLAN sends from %s%s%s instead of %s", found,
	   probe && probe->vxlan_card ? " on " : "",
	   probe && probe->vxlan_card ? probe->vxlan_card : "",
	   node->node_ip);
	return true;
}

/* Both ends are looked at, and each host that is to blame is named once. */
static bool blames_address(struct proof *proof, const struct cluster *cluster,
			   const struct way *way, GHashTable *named)
{
	const struct node *ends[] = { way->from, way->to };
	bool is_blamed = false;

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		const char *cause;

		if (!wrong_address(proof, cluster, ends[i], &cause))
			continue;
		is_blamed = true;
		if (g_hash_table_add(named, (gpointer)(guintptr)ends[i]))
			say_wrong_address(proof, cluster, ends[i]);
	}
	return is_blamed;
}

static void judge_overlay(struct proof *proof, const struct cluster *cluster,
			  const GArray *ways)
{
	g_autoptr(GArray) lost = g_array_new(FALSE, FALSE,
					     sizeof(struct pair));
	g_autoptr(GArray) hung = g_array_new(FALSE, FALSE,
					     sizeof(struct pair));
	g_autoptr(GHashTable) named = g_hash_table_new(NULL, NULL);
	unsigned told = 0;

	for (guint i = 0; i < ways->len; i++) {
		const struct way *way = &g_array_index(ways, struct way, i);
		struct pair pair = { way->from, way->to };

		told += is_told(way->peer->small);
		if (is_apart(way))
			continue;
		if (is_bad(way->peer->small)) {
			if (!blames_address(proof, cluster, way, named))
				g_array_append_val(lost, pair);
		} else if (way->peer->small == REACH_OK &&
			   way->peer->full == REACH_OK &&
			   is_bad(way->peer->tunnel)) {
			g_array_append_val(hung, pair);
		}
	}
	pairs_say(proof, (struct judgement) {
		.condition = CONDITION_OVERLAY, .state = VERDICT_FAILS,
		.cause = "overlay-udp4789" }, lost, cluster, told,
		"the nodes reach each other, and nothing passes in VXLAN");
	pairs_say(proof, (struct judgement) {
		.condition = CONDITION_OVERLAY, .state = VERDICT_FAILS,
		.cause = "overlay-offload" }, hung, cluster, told,
		"pings pass in VXLAN, and TCP hangs");
	if (told == 0)
		proof_skip(proof, CONDITION_OVERLAY,
			   "no node has a tunnel address to ask for");
	proof_hold(proof, CONDITION_OVERLAY, "%u ways", told);
}

/* --- what fits --- */

/* A host whose VXLAN is too wide for what it rides on. */
static bool say_too_wide(struct proof *proof, const struct cluster *cluster,
			 const struct node *node, GHashTable *named)
{
	const struct probe *probe = proof_probe(proof, cluster, node);

	if (!probe || !probe->card_mtu ||
	    probe->vxlan_mtu + VXLAN_OVERHEAD <= probe->card_mtu)
		return false;
	if (!g_hash_table_add(named, (gpointer)(guintptr)node))
		return true;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_OVERLAY_FULL, .state = VERDICT_FAILS,
		.node = node, .cause = "overlay-mtu",
	}, "vxlan.calico has MTU %u, and %s below it %u: %u is the most",
	   probe->vxlan_mtu, probe->card, probe->card_mtu,
	   probe->card_mtu - VXLAN_OVERHEAD);
	return true;
}

static void judge_full(struct proof *proof, const struct cluster *cluster,
		       const GArray *ways)
{
	g_autoptr(GArray) lost = g_array_new(FALSE, FALSE,
					     sizeof(struct pair));
	g_autoptr(GHashTable) named = g_hash_table_new(NULL, NULL);
	unsigned told = 0;

	for (guint i = 0; i < ways->len; i++) {
		const struct way *way = &g_array_index(ways, struct way, i);
		struct pair pair = { way->from, way->to };

		told += is_told(way->peer->full);
		if (!is_bad(way->peer->full))
			continue;
		bool from = say_too_wide(proof, cluster, way->from, named);
		bool to = say_too_wide(proof, cluster, way->to, named);

		if (!from && !to)
			g_array_append_val(lost, pair);
	}
	pairs_say(proof, (struct judgement) {
		.condition = CONDITION_OVERLAY_FULL, .state = VERDICT_FAILS,
		.cause = "overlay-mtu" }, lost, cluster, told,
		"small packets pass in VXLAN and full ones are lost");
	if (told == 0)
		proof_skip(proof, CONDITION_OVERLAY_FULL, "%s",
			   proof_state(proof, CONDITION_OVERLAY) ==
			   VERDICT_FAILS ? "not even small ones pass"
			   : "no node has a tunnel address to ask for");
	proof_hold(proof, CONDITION_OVERLAY_FULL, "%u ways", told);
}

static void judge_pods(struct proof *proof, const struct cluster *cluster,
		       const GArray *ways)
{
	g_autoptr(GArray) lost = g_array_new(FALSE, FALSE,
					     sizeof(struct pair));
	unsigned told = 0;

	for (guint i = 0; i < ways->len; i++) {
		const struct way *way = &g_array_index(ways, struct way, i);
		struct pair pair = { way->from, way->to };

		if (!is_told(way->peer->pod) || is_apart(way) ||
		    is_bad(way->peer->small) || is_bad(way->peer->tunnel))
			continue;
		told++;
		if (is_bad(way->peer->pod))
			g_array_append_val(lost, pair);
	}
	pairs_say(proof, (struct judgement) {
		.condition = CONDITION_PODS, .state = VERDICT_FAILS,
		.cause = "pod-unreachable" }, lost, cluster, told,
		"TCP to pods gets no answer");
	if (told == 0)
		proof_skip(proof, CONDITION_PODS, "%s",
			   proof_state(proof, CONDITION_OVERLAY) ==
			   VERDICT_FAILS ? "the overlay is broken"
			   : "no pod on another node that could be asked");
	proof_hold(proof, CONDITION_PODS, "%u ways", told);
}

void judge_mesh(struct proof *proof, const struct cluster *cluster)
{
	g_autoptr(GArray) ways = find_ways(proof, cluster);

	judge_direct(proof, ways);
	judge_overlay(proof, cluster, ways);
	judge_full(proof, cluster, ways);
	judge_pods(proof, cluster, ways);
}

const char *proof_cell(const struct proof *proof,
		       const struct cluster *cluster, const struct node *from,
		       const struct node *to)
{
	const struct probe *probe = proof_probe(proof, cluster, from);
	const struct probe_peer *p = probe && from != to
		? probe_find(probe, to->node_ip) : NULL;

	if (!p || !is_told(p->kubelet))
		return "-";
	if (is_bad(p->kubelet) || p->kubelet == REACH_REFUSED ||
	    is_bad(p->api) || is_bad(p->agent) ||
	    p->api == REACH_REFUSED || p->agent == REACH_REFUSED)
		return "port";
	if (is_bad(p->small))
		return "lost";
	if (is_bad(p->full))
		return "mtu";
	if (is_bad(p->tunnel))
		return "hangs";
	return is_bad(p->pod) ? "pod" : "ok";
}
