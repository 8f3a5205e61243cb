/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges what the nodes' own files hold: arguments and certificates. They
 * decide what a node is after its next restart.
 */
#include "proof.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/args_file.h"
#include "playbooks/microk8s/proxy_args.h"

#include <string.h>

#define DAYS_LEAST 30

static void judge_arg(struct proof *proof, const struct node *node,
		      const char *text, const char *service, const char *key)
{
	g_autofree char *value = args_file_get(text, key);

	if (g_strcmp0(value, node->node_ip) == 0)
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_ARGS, .state = VERDICT_FAILS,
		.node = node, .cause = "args-missing",
	}, "args/%s: %s is %s, and should be %s", service, key,
	   value ? value : "not there", node->node_ip);
}

/* Behind a load balancer a worker's proxy asks nobody else, and without one it
 * does not stop asking. */
static void judge_refresh(struct proof *proof, const struct cluster *cluster,
			  const struct node *node)
{
	const char *args = node->facts->args_apiserver_proxy;
	const char *wanted = proxy_args_wanted(args,
					       cluster->endpoint != NULL);
	g_autofree char *value = args_file_get(args, PROXY_ARGS_INTERVAL);

	if (node->role == NODE_MASTER || !wanted)
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_ARGS, .state = VERDICT_FAILS,
		.node = node, .cause = "args-missing",
	}, "args/apiserver-proxy: " PROXY_ARGS_INTERVAL " is %s, and should "
	   "be %s", value ? value : "not there", wanted);
}

struct certificate {
	const char *file;
	const struct facts_cert *cert;
};

static void judge_certificate(struct proof *proof, const struct node *node,
			      struct certificate c)
{
	gint64 days = facts_cert_days_left(node->facts, c.cert);

	if (!facts_san_has_ip(c.cert, node->node_ip))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_CERTIFICATES,
			.state = VERDICT_FAILS, .node = node,
			.cause = "certificate-without-address",
		}, "certs/%s does not name %s", c.file, node->node_ip);
	if (days < 0)
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_CERTIFICATES_LAST,
			.state = VERDICT_FAILS, .node = node,
			.cause = "certificate-expired",
		}, "certs/%s ended %" G_GINT64_FORMAT " %s ago", c.file, -days,
		   days == -1 ? "day" : "days");
	else if (days < DAYS_LEAST)
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_CERTIFICATES_LAST,
			.state = VERDICT_FAILS, .node = node,
			.cause = "certificate-ends-soon",
		}, "certs/%s ends in %" G_GINT64_FORMAT " days", c.file, days);
}

/* Who comes through the load balancer asks for it by its name. */
static void judge_endpoint_name(struct proof *proof,
				const struct cluster *cluster,
				const struct node *node)
{
	const struct facts_cert *cert = &node->facts->server_cert;

	if (!cluster->endpoint || node->role != NODE_MASTER ||
	    cert->not_after == 0 ||
	    facts_san_has_name(cert, cluster->endpoint->host))
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_CERTIFICATES,
		.state = VERDICT_FAILS, .node = node,
		.cause = "certificate-without-address",
	}, "certs/server.crt does not name %s", cluster->endpoint->host);
}

/* How many certificates could be read. */
static unsigned judge_node(struct proof *proof, const struct cluster *cluster,
			   const struct node *node)
{
	const struct facts *facts = node->facts;
	struct certificate certs[] = {
		{ "kubelet.crt", &facts->kubelet_cert },
		{ "server.crt", &facts->server_cert },
	};
	size_t n_certs = node->role == NODE_MASTER ? 2 : 1;
	unsigned n = 0;

	judge_arg(proof, node, facts->args_kubelet, "kubelet", "--node-ip");
	if (node->role == NODE_MASTER)
		judge_arg(proof, node, facts->args_apiserver,
			  "kube-apiserver", "--advertise-address");
	judge_refresh(proof, cluster, node);
	judge_endpoint_name(proof, cluster, node);
	judge_extra_args(proof, node);
	for (size_t i = 0; i < n_certs; i++) {
		/* One that cannot be read tells nothing. */
		if (certs[i].cert->not_after == 0)
			continue;
		judge_certificate(proof, node, certs[i]);
		n++;
	}
	return n;
}

void judge_files(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0, n_certs = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (!proof_expects(node) || !node->facts->installed)
			continue;
		n++;
		n_certs += judge_node(proof, cluster, node);
	}
	if (n == 0)
		proof_skip(proof, CONDITION_ARGS, "no node to look at");
	proof_hold(proof, CONDITION_ARGS, "%u %s", n,
		   n == 1 ? "node" : "nodes");
	if (n_certs == 0) {
		proof_skip(proof, CONDITION_CERTIFICATES,
			   "no node has one that can be read");
		proof_skip(proof, CONDITION_CERTIFICATES_LAST,
			   "no node has one that can be read");
	}
	proof_hold(proof, CONDITION_CERTIFICATES, "%u certificates", n_certs);
	proof_hold(proof, CONDITION_CERTIFICATES_LAST, "%u certificates",
		   n_certs);
}
