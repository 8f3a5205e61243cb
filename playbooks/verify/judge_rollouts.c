/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges the cluster's own workloads, and whether the API gets through to
 * every kubelet: one line of a log proves port, address and certificate.
 */
#include "proof.h"

#include "playbooks/microk8s/cause.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

static void judge_logs(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const char *why = proof_expects(node)
			? g_hash_table_lookup(proof->logs,
					      node->facts->node_name) : NULL;
		const struct cause *cause;

		if (!why)
			continue;
		n++;
		if (!*why)
			continue;
		cause = cause_recognise(CAUSE_OF_LOG, 1, why, NULL, NULL);
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_KUBELET,
			.state = VERDICT_FAILS, .node = node,
			.cause = g_str_has_prefix(cause->code, "certificate-")
				? cause->code : "kubelet-unreachable",
		}, "%s", why);
	}
	if (n > 0)
		proof_hold(proof, CONDITION_KUBELET, "%u %s", n,
			   n == 1 ? "kubelet" : "kubelets");
	else
		proof_skip(proof, CONDITION_KUBELET,
			   "no node has a pod to read a log of");
}

/* The pods of `app` that are not ready, with their nodes; NULL: none. */
static char *not_ready(const struct proof *proof, const char *app)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; proof->pods && i < proof->pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(proof->pods, i);

		if (pod->ready || pod->leaving || !pod->app ||
		    strcmp(pod->app, app) != 0)
			continue;
		g_string_append_printf(text, "%s%s%s%s", text->len ? ", " : "",
				       pod->node ? pod->node : "no node",
				       pod->waiting ? ": " : "",
				       pod->waiting ? pod->waiting : "");
	}
	if (text->len)
		return g_string_free(text, FALSE);
	g_string_free(text, TRUE);
	return NULL;
}

struct rollout {
	enum condition condition;
	const char *name, *app;
	const char *absent;	/* why it may be absent; NULL: it may not */
};

static void judge_rollout(struct proof *proof, const GPtrArray *workloads,
			  struct rollout r)
{
	const struct kube_workload *w = workloads
		? kube_workloads_find(workloads, r.name) : NULL;
	g_autofree char *problem = w ? kube_workload_problem(w) : NULL;
	g_autofree char *pods = problem ? not_ready(proof, r.app) : NULL;
	struct judgement failed = {
		.condition = r.condition, .state = VERDICT_FAILS,
		.cause = "rollout-unfinished",
	};

	if (!workloads)
		proof_skip(proof, r.condition, "the API did not tell");
	else if (!w && r.absent)
		proof_skip(proof, r.condition, "%s", r.absent);
	else if (!w)
		proof_say(proof, failed, "there is no %s in kube-system",
			  r.name);
	else if (problem)
		proof_say(proof, failed, "%s%s%s%s", problem,
			  pods ? " (not on " : "", pods ? pods : "",
			  pods ? ")" : "");
	else
		proof_hold(proof, r.condition, "%" G_GINT64_FORMAT " of %"
			   G_GINT64_FORMAT " ready", w->ready, w->wanted);
}

/* The agent writes the file and then applies it; where that failed nobody
 * tries again. */
static void judge_environment(struct proof *proof,
			      const struct cluster *cluster)
{
	const struct facts *facts = cluster->master->facts;
	const struct kube_workload *w = proof->daemons
		? kube_workloads_find(proof->daemons, "calico-node") : NULL;
	const char *file = facts ? facts->cni_method : NULL;

	if (!w || !w->method || !file)
		proof_skip(proof, CONDITION_CALICO_ENV, "no method to compare");
	else if (strcmp(w->method, file) == 0)
		proof_hold(proof, CONDITION_CALICO_ENV,
			   "IP_AUTODETECTION_METHOD is %s", file);
	else
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_CALICO_ENV,
			.state = VERDICT_FAILS, .node = cluster->master,
			.cause = "cni-env-differs",
		}, "IP_AUTODETECTION_METHOD is %s, in cni.yaml %s", w->method,
		   file);
}

void judge_rollouts(struct proof *proof, const struct cluster *cluster)
{
	judge_logs(proof, cluster);
	judge_rollout(proof, proof->daemons, (struct rollout) {
		CONDITION_CALICO, "calico-node", "calico-node", NULL });
	judge_rollout(proof, proof->deployments, (struct rollout) {
		CONDITION_CALICO_CONTROLLERS, "calico-kube-controllers",
		"calico-kube-controllers", NULL });
	judge_rollout(proof, proof->deployments, (struct rollout) {
		CONDITION_COREDNS, "coredns", "kube-dns",
		"the dns addon is not enabled" });
	judge_environment(proof, cluster);
}
