/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges who was reached, the API's health, and where the nodes are told to
 * find it.
 */
#include "proof.h"

#include "playbooks/microk8s/provider_yaml.h"

#include <string.h>

#define API_PORT "16443"

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
			}, "no answer through its own 127.0.0.1:" API_PORT);
		else if (probe->answer == 0 && proof->api_ready)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_WORKERS_API,
				.state = VERDICT_FAILS, .node = node,
				.cause = "api-refused",
			}, "no answer at its own 127.0.0.1:" API_PORT);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_WORKERS_API, "it answers %u %s", n,
			   n == 1 ? "node" : "nodes");
	else
		proof_skip(proof, CONDITION_WORKERS_API, "%s", untold
			   ? "no node has curl or openssl to ask with"
			   : "no node was asked");
}

static char *joined(const GPtrArray *texts)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < texts->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(texts, i));
	if (texts->len == 0)
		g_string_append(text, "nothing");
	return g_string_free(text, FALSE);
}

static bool is_just(const GPtrArray *texts, const char *wanted)
{
	return texts->len == 1 &&
		strcmp(g_ptr_array_index(texts, 0), wanted) == 0;
}

static void judge_endpoints(struct proof *proof,
			    const struct cluster *cluster)
{
	const char *wanted = cluster->master->node_ip;
	bool is_told = false;

	for (size_t i = 0; i < G_N_ELEMENTS(proof->endpoints); i++) {
		const GPtrArray *found = proof->endpoints[i];

		is_told = is_told || found;
		if (!found || is_just(found, wanted))
			continue;
		g_autofree char *text = joined(found);

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

/* The file as it was first read, and as it is after a refresh. */
static void judge_provider(struct proof *proof, const struct node *node,
			   const char *text, const char *wanted)
{
	g_autoptr(GPtrArray) found = provider_yaml_addresses(text, NULL);
	g_autofree char *list = found ? joined(found)
		: g_strdup("something unreadable");

	if (!found || !is_just(found, wanted))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_PROXY, .state = VERDICT_FAILS,
			.node = node, .cause = "provider-address",
		}, "its proxy is sent to %s instead of %s", list, wanted);
}

static void judge_providers(struct proof *proof,
			    const struct cluster *cluster)
{
	g_autofree char *wanted = g_strconcat(cluster->master->node_ip,
					      ":" API_PORT, NULL);
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
		judge_provider(proof, node, second, wanted);
		if (g_strcmp0(first, second) != 0 && second)
			judge_provider(proof, node, first, wanted);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_PROXY, "%s on %u %s", wanted, n,
			   n == 1 ? "worker" : "workers");
	else
		proof_skip(proof, CONDITION_PROXY, "there is no worker");
}

void judge_api(struct proof *proof, const struct cluster *cluster)
{
	judge_reached(proof, cluster);
	judge_health(proof);
	judge_workers_api(proof, cluster);
	judge_endpoints(proof, cluster);
	judge_providers(proof, cluster);
}
