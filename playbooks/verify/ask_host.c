/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `ask_host`: one script on each host asks for every other, so a mesh
 * of N hosts costs N scripts, each one request.
 */
#include "playbooks/actions/actions.h"
#include "proof.h"

#include "playbooks/embedded.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"

#include <string.h>

static const char *or_dash(const char *text)
{
	return text && *text ? text : "-";
}

static bool is_word(const char *text)
{
	return text && *text && strspn(text, "0123456789.") == strlen(text);
}

/* A pod on `node` in the network that Calico makes, or NULL; rather one that
 * listens. Only kube-system's: what others declare is their own affair. */
static const struct kube_pod *pod_on(const struct proof *proof,
				     const char *node)
{
	const struct kube_pod *found = NULL;

	for (guint i = 0; proof->pods && i < proof->pods->len; i++) {
		const struct kube_pod *pod = g_ptr_array_index(proof->pods, i);

		if (!pod->ready || pod->leaving || pod->host_network ||
		    !is_word(pod->ip) || !pod->node ||
		    strcmp(pod->node, node) != 0)
			continue;
		if (!found || (pod->tcp_port && !found->tcp_port))
			found = pod;
	}
	return found;
}

/* Where nobody listens a refusal proves the way just as well. */
#define CLOSED_PORT 9

static unsigned port_of(const struct kube_pod *pod)
{
	return pod->tcp_port ? pod->tcp_port : CLOSED_PORT;
}

/* "NODE_IP ROLE TUNNEL_IP POD_IP POD_PORT" */
static char *peer_words(const struct cluster *cluster,
			const struct proof *proof, const struct node *node)
{
	const struct kube_node *seen = cluster_seen(cluster, node);
	const struct kube_pod *pod = pod_on(proof, node->facts->node_name);
	const char *tunnel = seen ? seen->calico_tunnel_ip : NULL;

	return g_strdup_printf("%s %s %s %s %u", node->node_ip,
			       node->role == NODE_MASTER ? "master" : "worker",
			       is_word(tunnel) ? tunnel : "-",
			       pod ? pod->ip : "-", pod ? port_of(pod) : 0);
}

static GPtrArray *script_args(struct task *task)
{
	const struct cluster *cluster = task_cluster(task);
	const struct proof *proof = cluster->proof;
	const struct node *own = task_node(task);
	GPtrArray *args = g_ptr_array_new_with_free_func(g_free);

	g_ptr_array_add(args, g_strdup(own->role == NODE_MASTER ? "master"
				       : "worker"));
	g_ptr_array_add(args, g_strdup(own->node_ip));
	g_ptr_array_add(args, g_strdup(embedded_text("mesh.pl")));
	g_ptr_array_add(args, g_strdup(or_dash(proof->api_service)));
	g_ptr_array_add(args, g_strdup(or_dash(proof->dns_service)));
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node != own && proof_expects(node))
			g_ptr_array_add(args, peer_words(cluster, proof,
							 node));
	}
	g_ptr_array_add(args, NULL);
	return args;
}

/* What keeps it from being asked is told by what is asked besides. */
static void ask_balancer(struct task *task)
{
	struct cluster *cluster = task_cluster(task);
	enum endpoint_state state;
	char *text = NULL;

	if (!cluster->endpoint || !endpoint_ask(task, &state, &text, NULL))
		return;
	struct balancer_word *word = g_new0(struct balancer_word, 1);

	word->is_ok = state == ENDPOINT_OK;
	word->is_untold = state == ENDPOINT_UNTOLD;
	word->text = text;
	word->cause = endpoint_cause(state);
	proof_set_balancer(cluster->proof, cluster, task_node(task), word);
}

static enum task_status ask_host_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	g_autoptr(ExecResult) result = NULL;
	struct probe *probe;

	if (!cluster->proof || node_skips(task, false)) {
		if (!cluster->proof)
			task_say(task, "only `muster verify` makes a proof");
		return TASK_SKIPPED;
	}
	g_autoptr(GPtrArray) args = script_args(task);
	struct exec_request request = {
		.title = "ask for the other hosts",
		.script = embedded_text("probe.sh"),
		.args = (const char *const *)args->pdata,
		.output_max = PROBE_SIZE_MAX,
	};
	gint64 sent_us = g_get_real_time();

	if (!task_exec(task, request, &result, error))
		return TASK_FAILED;
	gint64 came_us = g_get_real_time();

	probe = probe_parse(result->out, result->out_length, error);
	if (!probe)
		return TASK_FAILED;
	if (probe->has_clock)
		probe_set_offset(probe, sent_us, came_us);
	task_say(task, "%u %s", probe->peers->len,
		 probe->peers->len == 1 ? "peer" : "peers");
	proof_set_probe(cluster->proof, cluster, task_node(task), probe);
	ask_balancer(task);
	return TASK_OK;
}

const struct action action_ask_host = {
	.name = "ask_host",
	.summary = "ask from a host for all the others, in one script",
	.help = "TCP 10250, and 16443 and 25000 of the master; the VXLAN "
		"tunnel addresses with small and with full packets; pods, "
		"services and DNS; the host's own way to the API, and that by "
		"microk8s_api_endpoint; its clock "
		"and, on the master, whether a join token lives. Part of "
		"`muster verify`, which judges what it was told.",
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.read_only = true,
	.run = ask_host_run,
};
