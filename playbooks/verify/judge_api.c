/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges who was reached, the API's health, and where the nodes are told to
 * find it.
 */
#include "proof.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/provider_yaml.h"

#define API_PORT 16443

static void judge_reached(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const char *why = g_ptr_array_index(proof->unreached, i);

		n += proof_expects(node);
		/* Without a reason it did not take part (--limit). */
		if (node->failed && why)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_REACHED,
				.state = VERDICT_FAILS, .node = node,
				.cause = node->facts ? NULL : "unreachable",
			}, "%s", why);
	}
	proof_hold(proof, CONDITION_REACHED, "%u %s", n,
		   n == 1 ? "host" : "hosts");
}

static void judge_health(struct proof *proof)
{
	if (!proof->api_asked)
		proof_skip(proof, CONDITION_API,
			   "the master was not reached");
	else if (proof->api_ready)
		proof_hold(proof, CONDITION_API, "/readyz says ok");
	else
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_API, .state = VERDICT_FAILS,
			.cause = "api-not-ready",
		}, "%s", proof->api_problem);
}

static void judge_workers_api(struct proof *proof,
			      const struct cluster *cluster)
{
	unsigned n = 0, untold = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct probe *probe = proof_probe(proof, cluster, node);

		if (!probe)
			continue;
		n += probe->answer > 0;
		untold += probe->answer < 0;
		if (probe->answer == 0 && node->role == NODE_WORKER)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_WORKERS_API,
				.state = VERDICT_FAILS, .node = node,
				.cause = "worker-lost-api",
			}, "no answer through its own 127.0.0.1:%d", API_PORT);
		else if (probe->answer == 0 && proof->api_ready)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_WORKERS_API,
				.state = VERDICT_FAILS, .node = node,
				.cause = "api-refused",
			}, "no answer at its own 127.0.0.1:%d", API_PORT);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_WORKERS_API, "it answers %u %s", n,
			   n == 1 ? "node" : "nodes");
	else
		proof_skip(proof, CONDITION_WORKERS_API, "%s", untold
			   ? "no node has curl or openssl to ask with"
			   : "no node was asked");
}

/* Masters that are members of the datastore, as far as that is known: only
 * these can announce themselves. */
static GPtrArray *expected_endpoints(const struct cluster *cluster)
{
	GPtrArray *expected = g_ptr_array_new();

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER && proof_expects(node) &&
		    (!cluster->members || members_find(cluster, node)))
			g_ptr_array_add(expected,
					(gpointer)(guintptr)node->node_ip);
	}
	if (expected->len == 0)
		g_ptr_array_add(expected, (gpointer)(guintptr)
				cluster->master->node_ip);
	return expected;
}

/* One that is down may be listed for the lease of its endpoint. */
static bool is_complete(const struct cluster *cluster, GPtrArray *found,
			const GPtrArray *expected)
{
	if (!cluster_lists_masters(cluster, found, 0))
		return false;
	for (guint i = 0; i < expected->len; i++)
		if (!g_ptr_array_find_with_equal_func(
			    found, g_ptr_array_index(expected, i), g_str_equal,
			    NULL))
			return false;
	return true;
}

static void judge_endpoints(struct proof *proof,
			    const struct cluster *cluster)
{
	g_autoptr(GPtrArray) expected = expected_endpoints(cluster);
	g_autofree char *wanted = api_endpoint_list(expected);
	bool is_told = false;

	for (size_t i = 0; i < G_N_ELEMENTS(proof->endpoints); i++) {
		GPtrArray *found = proof->endpoints[i];

		is_told = is_told || found;
		if (!found || is_complete(cluster, found, expected))
			continue;
		g_autofree char *text = api_endpoint_list(found);

		proof_say(proof, (struct judgement) {
			.condition = CONDITION_ENDPOINTS,
			.state = VERDICT_FAILS,
			.cause = found->len ? "endpoints-wrong"
				: "endpoints-empty",
		}, "it announces %s instead of %s", text, wanted);
	}
	if (is_told)
		proof_hold(proof, CONDITION_ENDPOINTS, "%s", wanted);
	else
		proof_skip(proof, CONDITION_ENDPOINTS,
			   "the API did not tell");
}

/* What every node found at the load balancer's address; nobody was asked for
 * it without one. */
static void judge_balancer(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0;

	if (!cluster->endpoint || !proof->balancer)
		return;
	for (guint i = 0; i < proof->balancer->len; i++) {
		const struct balancer_word *word =
			g_ptr_array_index(proof->balancer, i);

		if (!word || word->is_untold)
			continue;
		n++;
		if (!word->is_ok)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_API_ENDPOINT,
				.state = VERDICT_FAILS,
				.node = g_ptr_array_index(cluster->nodes, i),
				.cause = word->cause,
			}, "%s", word->text);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_API_ENDPOINT,
			   "%s answers %u %s", cluster->endpoint->text, n,
			   n == 1 ? "node" : "nodes");
	else
		proof_skip(proof, CONDITION_API_ENDPOINT,
			   "no node was asked for %s",
			   cluster->endpoint->text);
}

/* The file as it was first read, and as it is after a refresh. */
static void judge_provider(struct proof *proof, const struct cluster *cluster,
			   const struct node *node, const char *text)
{
	g_autoptr(GPtrArray) wanted = api_endpoint_servers(cluster);
	g_autoptr(GPtrArray) found = provider_yaml_addresses(text, NULL);
	g_autofree char *list = found ? api_endpoint_list(found)
		: g_strdup("something unreadable");
	g_autofree char *right = api_endpoint_list(wanted);

	if (!api_endpoint_is_right(cluster, found))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_PROXY, .state = VERDICT_FAILS,
			.node = node, .cause = "provider-address",
		}, "its proxy is sent to %s instead of %s", list, right);
}

static void judge_providers(struct proof *proof,
			    const struct cluster *cluster)
{
	g_autoptr(GPtrArray) wanted = api_endpoint_servers(cluster);
	g_autofree char *list = api_endpoint_list(wanted);
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct probe *probe = proof_probe(proof, cluster, node);
		const char *first, *second;

		if (node->role == NODE_MASTER || !proof_expects(node) ||
		    !facts_is_worker(node->facts))
			continue;
		n++;
		first = node->facts->provider;
		second = probe && probe->provider ? probe->provider : first;
		judge_provider(proof, cluster, node, second);
		if (g_strcmp0(first, second) != 0 && second)
			judge_provider(proof, cluster, node, first);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_PROXY, "%s on %u %s", list, n,
			   n == 1 ? "worker" : "workers");
	else
		proof_skip(proof, CONDITION_PROXY, "there is no worker");
}

void judge_api(struct proof *proof, const struct cluster *cluster)
{
	judge_reached(proof, cluster);
	judge_health(proof);
	judge_workers_api(proof, cluster);
	judge_balancer(proof, cluster);
	judge_endpoints(proof, cluster);
	judge_providers(proof, cluster);
}
