/* SPDX-License-Identifier: Apache-2.0
 *
 * Holds a proof together: the table of conditions, and verdicts folded as
 * they are said.
 */
#include "proof.h"

#include <string.h>

const struct condition_text condition_texts[CONDITION_N] = {
	[CONDITION_REACHED] = { "reached",
		"every host answers over SSH, and lets muster be root",
		"laptop" },
	[CONDITION_API] = { "api-healthy",
		"the API server and its datastore are healthy",
		"master, 127.0.0.1:16443" },
	[CONDITION_REDUNDANT] = { "high-availability",
		"the datastore bears the loss of a master, where there are "
		"several", "master, microk8s status" },
	[CONDITION_WORKERS_API] = { "api-from-workers",
		"every node finds the API as its own kubelet does",
		"every node, 127.0.0.1:16443" },
	[CONDITION_API_ENDPOINT] = { "api-endpoint",
		"the load balancer's address leads every node to the API, "
		"whose certificate names it",
		"every node, microk8s_api_endpoint" },
	[CONDITION_PRESENT] = { "nodes-present",
		"every host of the inventory is a node of its own", "API" },
	[CONDITION_READY] = { "nodes-ready", "every node is Ready", "API" },
	[CONDITION_ADDRESS] = { "nodes-address",
		"every node's INTERNAL-IP is its node_ip", "API" },
	[CONDITION_CALICO_ADDRESS] = { "calico-address",
		"Calico found every node at its node_ip", "API" },
	[CONDITION_VERSION] = { "kubelet-version",
		"every kubelet is of one minor version", "API" },
	[CONDITION_STRANGERS] = { "no-strangers",
		"there is no node that the inventory does not name", "API" },
	[CONDITION_ENDPOINTS] = { "endpoints",
		"the API announces the masters' node_ip, before and after "
		"the proxies' refresh", "API" },
	[CONDITION_PROXY] = { "proxy-endpoints",
		"every worker's proxy was sent there, before and after its "
		"refresh", "workers, provider.yaml" },
	[CONDITION_ARGS] = { "arguments",
		"args files hold node_ip, so that a restart changes nothing",
		"every node, args" },
	[CONDITION_CERTIFICATES] = { "certificates-address",
		"certificates name node_ip", "every node, certs" },
	[CONDITION_CERTIFICATES_LAST] = { "certificates-last",
		"certificates hold for 30 days more", "every node, certs" },
	[CONDITION_KUBELET] = { "kubelet-reachable",
		"the API reads a log from every kubelet, and trusts its "
		"certificate", "API, pods/log" },
	[CONDITION_CALICO] = { "calico-node",
		"Calico runs on every node", "API" },
	[CONDITION_CALICO_CONTROLLERS] = { "calico-controllers",
		"Calico's controllers run", "API" },
	[CONDITION_COREDNS] = { "coredns", "the cluster's DNS runs", "API" },
	[CONDITION_CALICO_ENV] = { "calico-env",
		"Calico runs as the master's cni.yaml says",
		"API, and master, cni.yaml" },
	[CONDITION_PORTS] = { "node-ports",
		"every node reaches every other's kubelet, and the master's "
		"API and agent", "every node, TCP" },
	[CONDITION_ROUTES] = { "routes",
		"packets to other nodes leave from node_ip", "every node" },
	[CONDITION_OVERLAY] = { "overlay",
		"packets pass between all nodes through VXLAN",
		"every node, tunnel addresses" },
	[CONDITION_OVERLAY_FULL] = { "overlay-full-size",
		"so do the largest, in one piece",
		"every node, tunnel addresses" },
	[CONDITION_PODS] = { "pods",
		"every node reaches pods of other nodes over TCP",
		"every node" },
	[CONDITION_SERVICES] = { "services",
		"every node reaches service addresses", "every node" },
	[CONDITION_DNS] = { "dns",
		"the cluster's DNS answers every node", "every node, UDP" },
	[CONDITION_DEEP_PODS] = { "deep-pods",
		"a pod on every node reaches a pod on every other",
		"a pod on every node" },
	[CONDITION_DEEP_SERVICE] = { "deep-service",
		"a pod on every node reaches a service",
		"a pod on every node" },
	[CONDITION_DEEP_DNS] = { "deep-dns",
		"a pod on every node resolves a name",
		"a pod on every node" },
	[CONDITION_CLOCKS] = { "clocks",
		"the hosts' clocks agree", "every host" },
	[CONDITION_REVISIONS] = { "snap-equal",
		"every host has one channel and one revision",
		"every host, snap list" },
	[CONDITION_HELD] = { "refresh-held",
		"snapd does not refresh MicroK8s by itself",
		"every host, snap list" },
	[CONDITION_TOKENS] = { "no-tokens",
		"no join token is left behind", "master" },
	[CONDITION_JOINS] = { "no-broken-join",
		"no join has broken off", "every host, locks" },
};

static const char *const state_names[] = {
	"holds", "skipped", "warns", "fails"
};

const char *verdict_state_name(enum verdict_state state)
{
	return state_names[state];
}

static void verdict_free(void *data)
{
	struct verdict *verdict = data;

	g_ptr_array_unref(verdict->hosts);
	g_free(verdict->evidence);
	g_free(verdict->cure);
	g_free(verdict);
}

void deep_report_free(struct deep_report *report)
{
	if (!report)
		return;
	g_free(report->node);
	g_free(report->text);
	g_free(report);
}

static void probe_free_or_not(void *data)
{
	probe_free(data);
}

static void balancer_word_free(void *data)
{
	struct balancer_word *word = data;

	if (word)
		g_free(word->text);
	g_free(word);
}

/* Frees all but what to do. */
static void clear_answers(struct proof *proof)
{
	g_clear_pointer(&proof->api_problem, g_free);
	g_clear_pointer(&proof->members_problem, g_free);
	for (size_t i = 0; i < G_N_ELEMENTS(proof->endpoints); i++)
		g_clear_pointer(&proof->endpoints[i], g_ptr_array_unref);
	g_clear_pointer(&proof->pods, g_ptr_array_unref);
	g_clear_pointer(&proof->daemons, g_ptr_array_unref);
	g_clear_pointer(&proof->deployments, g_ptr_array_unref);
	g_clear_pointer(&proof->api_service, g_free);
	g_clear_pointer(&proof->dns_service, g_free);
	g_clear_pointer(&proof->logs, g_hash_table_unref);
	g_clear_pointer(&proof->probes, g_ptr_array_unref);
	g_clear_pointer(&proof->unreached, g_ptr_array_unref);
	g_clear_pointer(&proof->balancer, g_ptr_array_unref);
	g_clear_pointer(&proof->deep_reports, g_ptr_array_unref);
	g_clear_pointer(&proof->deep_problem, g_free);
	for (int c = 0; c < CONDITION_N; c++)
		g_clear_pointer(&proof->verdicts[c], g_ptr_array_unref);
}

void proof_reset(struct proof *proof, const struct cluster *cluster)
{
	clear_answers(proof);
	proof->api_asked = proof->api_ready = proof->is_judged = false;
	proof->deep_cause = NULL;
	proof->logs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					    g_free);
	proof->probes = g_ptr_array_new_with_free_func(probe_free_or_not);
	g_ptr_array_set_size(proof->probes, (int)cluster->nodes->len);
	proof->unreached = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_set_size(proof->unreached, (int)cluster->nodes->len);
	proof->balancer = g_ptr_array_new_with_free_func(balancer_word_free);
	g_ptr_array_set_size(proof->balancer, (int)cluster->nodes->len);
	for (int c = 0; c < CONDITION_N; c++)
		proof->verdicts[c] =
			g_ptr_array_new_with_free_func(verdict_free);
}

struct proof *proof_new(const struct cluster *cluster)
{
	struct proof *proof = g_new0(struct proof, 1);

	proof_reset(proof, cluster);
	return proof;
}

void proof_free(struct proof *proof)
{
	if (!proof)
		return;
	clear_answers(proof);
	g_free(proof->image);
	g_free(proof);
}

const struct probe *proof_probe(const struct proof *proof,
				const struct cluster *cluster,
				const struct node *node)
{
	guint i;

	if (!g_ptr_array_find(cluster->nodes, node, &i))
		return NULL;
	return g_ptr_array_index(proof->probes, i);
}

void proof_set_probe(struct proof *proof, const struct cluster *cluster,
		     const struct node *node, struct probe *probe)
{
	guint i;

	if (!g_ptr_array_find(cluster->nodes, node, &i)) {
		probe_free(probe);
		return;
	}
	probe_free(g_ptr_array_index(proof->probes, i));
	g_ptr_array_index(proof->probes, i) = probe;
}

void proof_set_balancer(struct proof *proof, const struct cluster *cluster,
			const struct node *node, struct balancer_word *word)
{
	guint i;

	if (!g_ptr_array_find(cluster->nodes, node, &i)) {
		balancer_word_free(word);
		return;
	}
	balancer_word_free(g_ptr_array_index(proof->balancer, i));
	g_ptr_array_index(proof->balancer, i) = word;
}

/* --- saying --- */

static struct verdict *find_equal(const GPtrArray *verdicts,
				  const struct judgement *j,
				  const char *evidence)
{
	for (guint i = 0; i < verdicts->len; i++) {
		struct verdict *v = g_ptr_array_index(verdicts, i);

		if (v->state == j->state &&
		    strcmp(v->evidence, evidence) == 0 &&
		    g_strcmp0(v->cause, j->cause) == 0 &&
		    g_strcmp0(v->cure, j->cure) == 0)
			return v;
	}
	return NULL;
}

static void say(struct proof *proof, const struct judgement *j,
		const char *format, va_list args)
{
	GPtrArray *verdicts = proof->verdicts[j->condition];
	g_autofree char *evidence = g_strdup_vprintf(format, args);
	struct verdict *v = find_equal(verdicts, j, evidence);

	if (!v) {
		v = g_new0(struct verdict, 1);
		v->state = j->state;
		v->hosts = g_ptr_array_new_with_free_func(g_free);
		v->evidence = g_steal_pointer(&evidence);
		v->cause = j->cause;
		v->cure = g_strdup(j->cure);
		g_ptr_array_add(verdicts, v);
	}
	if (j->node)
		g_ptr_array_add(v->hosts, g_strdup(j->node->host->name));
}

void proof_say(struct proof *proof, struct judgement judgement,
	       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(proof, &judgement, format, args);
	va_end(args);
}

static void say_first(struct proof *proof, enum condition condition,
		      enum verdict_state state, const char *format,
		      va_list args)
{
	struct judgement j = { .condition = condition, .state = state };

	if (proof->verdicts[condition]->len == 0)
		say(proof, &j, format, args);
}

void proof_hold(struct proof *proof, enum condition condition,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_first(proof, condition, VERDICT_HOLDS, format, args);
	va_end(args);
}

void proof_skip(struct proof *proof, enum condition condition,
		const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say_first(proof, condition, VERDICT_SKIPPED, format, args);
	va_end(args);
}

/* --- asking --- */

bool proof_expects(const struct node *node)
{
	return node->facts && !node->failed;
}

enum verdict_state proof_state(const struct proof *proof,
			       enum condition condition)
{
	const GPtrArray *verdicts = proof->verdicts[condition];
	enum verdict_state state = VERDICT_HOLDS;

	if (verdicts->len == 0)
		return VERDICT_SKIPPED;
	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict *v = g_ptr_array_index(verdicts, i);

		state = MAX(state, v->state);
	}
	return state;
}

unsigned proof_count(const struct proof *proof, enum verdict_state state)
{
	unsigned n = 0;

	for (int c = 0; c < CONDITION_N; c++)
		n += proof_state(proof, (enum condition)c) == state;
	return n;
}

void proof_judge(struct proof *proof, const struct cluster *cluster)
{
	proof->is_judged = true;
	judge_api(proof, cluster);
	judge_members(proof, cluster);
	judge_nodes(proof, cluster);
	judge_files(proof, cluster);
	judge_rollouts(proof, cluster);
	judge_mesh(proof, cluster);
	judge_services(proof, cluster);
	judge_deep(proof, cluster);
	judge_upkeep(proof, cluster);
}
