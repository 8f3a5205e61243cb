/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges the nodes as the API has them: each host one, Ready, on its node_ip.
 */
#include "proof.h"

#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

/* Another host of the run that has the same Node, or NULL. */
static const struct node *find_twin(const struct cluster *cluster,
				    const struct node *node)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *other = g_ptr_array_index(cluster->nodes, i);

		if (other != node && proof_expects(other) &&
		    strcmp(other->facts->node_name,
			   node->facts->node_name) == 0)
			return other;
	}
	return NULL;
}

static void judge_present(struct proof *proof, const struct cluster *cluster,
			  const struct node *node)
{
	const char *name = node->facts->node_name;

	if (find_twin(cluster, node))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_PRESENT,
			.state = VERDICT_FAILS, .node = node,
			.cause = "hostname-duplicate",
		}, "all are called '%s'", name);
	else if (!cluster_seen(cluster, node))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_PRESENT,
			.state = VERDICT_FAILS, .node = node,
			.cause = "node-missing",
		}, "the API has no node '%s'", name);
}

static void judge_ready(struct proof *proof, const struct node *node,
			const struct kube_node *seen)
{
	if (seen->ready == KUBE_READY)
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_READY, .state = VERDICT_FAILS,
		.node = node, .cause = "node-not-ready",
	}, "%s", seen->ready_reason ? seen->ready_reason : "no heartbeat");
}

static void judge_address(struct proof *proof, struct judgement judgement,
			  const char *found)
{
	const char *wanted = judgement.node->node_ip;

	judgement.state = VERDICT_FAILS;
	if (g_strcmp0(found, wanted) != 0)
		proof_say(proof, judgement, "%s instead of %s",
			  found ? found : "none", wanted);
}

/* Calico looks for its address once, when it starts: if it runs with the right
 * method already, looking again is all it takes. */
static const char *calico_cure(const struct proof *proof)
{
	const struct kube_workload *w = proof->daemons
		? kube_workloads_find(proof->daemons, "calico-node") : NULL;

	return w && g_strcmp0(w->method, "kubernetes-internal-ip") == 0
		? "on the master sudo microk8s kubectl -n kube-system rollout "
		  "restart ds/calico-node" : NULL;
}

/* "1.31" of "v1.31.9"; "" of anything else. Newly allocated. */
static char *minor_of(const char *version)
{
	const char *dot = version ? strchr(version, '.') : NULL;
	const char *end = dot ? strchr(dot + 1, '.') : NULL;

	if (!dot)
		return g_strdup("");
	version += *version == 'v';
	return end ? g_strndup(version, (gsize)(end - version))
		   : g_strdup(version);
}

/* Then the version is only what follows from that. */
static bool follows_another(const struct node *node,
			    const struct node *master)
{
	return master->facts && master->facts->channel &&
		node->facts->channel &&
		strcmp(node->facts->channel, master->facts->channel) != 0;
}

static void judge_version(struct proof *proof, const struct cluster *cluster,
			  const struct node *node,
			  const struct kube_node *seen)
{
	const struct kube_node *first = cluster_seen(cluster, cluster->master);
	g_autofree char *own = minor_of(seen->version);
	g_autofree char *wanted = minor_of(first ? first->version : NULL);

	if (*own && *wanted && strcmp(own, wanted) != 0)
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_VERSION,
			.state = VERDICT_FAILS, .node = node,
			.cause = follows_another(node, cluster->master)
				? "channels-differ" : "versions-differ",
		}, "%s, and the master %s", seen->version, first->version);
}

/* A host that was renamed has left it behind: told where the host is. */
static bool is_left_behind(const struct cluster *cluster,
			   const struct kube_node *seen)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (proof_expects(node) &&
		    g_strcmp0(node->node_ip, seen->internal_ip) == 0)
			return true;
	}
	return false;
}

static void judge_strangers(struct proof *proof,
			    const struct cluster *cluster)
{
	for (guint i = 0; i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (!cluster_whose(cluster, seen) &&
		    !is_left_behind(cluster, seen))
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_STRANGERS,
				.state = VERDICT_WARNS,
				.cause = "node-unknown",
			}, "node '%s' (%s)", seen->name, seen->internal_ip
			   ? seen->internal_ip : "no address");
	}
	proof_hold(proof, CONDITION_STRANGERS, "%u %s", cluster->seen->len,
		   cluster->seen->len == 1 ? "node" : "nodes");
}

static const enum condition of_nodes[] = {
	CONDITION_PRESENT, CONDITION_READY, CONDITION_ADDRESS,
	CONDITION_CALICO_ADDRESS, CONDITION_VERSION
};

static void judge_node(struct proof *proof, const struct cluster *cluster,
		       const struct node *node)
{
	const struct kube_node *seen = cluster_seen(cluster, node);

	judge_present(proof, cluster, node);
	/* Whose its address is nobody can tell. */
	if (!seen || find_twin(cluster, node))
		return;
	judge_ready(proof, node, seen);
	judge_address(proof, (struct judgement) {
		.condition = CONDITION_ADDRESS, .node = node,
		.cause = "internal-ip-wrong" }, seen->internal_ip);
	/* Without the annotation there is no Calico to judge, or none yet:
	 * the condition of its pods tells. */
	if (seen->calico_ip)
		judge_address(proof, (struct judgement) {
			.condition = CONDITION_CALICO_ADDRESS, .node = node,
			.cause = "calico-ip-wrong",
			.cure = calico_cure(proof) }, seen->calico_ip);
	judge_version(proof, cluster, node, seen);
}

void judge_nodes(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0;

	if (!cluster->seen) {
		for (size_t c = 0; c < G_N_ELEMENTS(of_nodes); c++)
			proof_skip(proof, of_nodes[c],
				   "the API did not tell");
		proof_skip(proof, CONDITION_STRANGERS, "the API did not tell");
		return;
	}
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (!proof_expects(node))
			continue;
		n++;
		judge_node(proof, cluster, node);
	}
	for (size_t c = 0; c < G_N_ELEMENTS(of_nodes); c++)
		proof_hold(proof, of_nodes[c], "%u %s", n,
			   n == 1 ? "node" : "nodes");
	judge_strangers(proof, cluster);
}
