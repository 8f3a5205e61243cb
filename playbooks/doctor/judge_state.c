/* SPDX-License-Identifier: Apache-2.0
 *
 * What an existing MicroK8s carries with it: marks of joins that broke off,
 * certificates, where a worker finds the API, refreshes; and nodes that the
 * API still has of hosts that are not members.
 */
#include "doctor.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/provider_yaml.h"

#include <string.h>

static void judge_mark(const struct node *node, GPtrArray *findings)
{
	if (node->facts->locks & LOCK_JOIN_IN_PROGRESS)
		finding_add(findings, "join-broke-off", FINDING_WARNS,
			    node->host->name,
			    "muster doctor --fix=lock, or sudo rm "
			    "/var/snap/microk8s/current/var/lock/"
			    "join-in-progress",
			    "the mark of a join that never ended is there");
}

static void judge_certificate(const struct node *node, const char *file,
			      const struct facts_cert *cert, const char *cure,
			      GPtrArray *findings)
{
	gint64 days = facts_cert_days_left(node->facts, cert);
	const char *host = node->host->name;

	if (cert->not_after == 0)
		return;
	if (days < 0)
		finding_add(findings, "certificate-expired", FINDING_BLOCKS,
			    host, cure, "%s ended %" G_GINT64_FORMAT
			    " days ago", file, -days);
	else if (days < DOCTOR_CERTIFICATE_DAYS)
		finding_add(findings, "certificate-ends-soon", FINDING_WARNS,
			    host, cure, "%s ends in %" G_GINT64_FORMAT
			    " days", file, days);
	if (!facts_san_has_ip(cert, node->node_ip))
		finding_add(findings, "certificate-without-address",
			    FINDING_WARNS, host, cure,
			    "%s does not name node_ip %s", file,
			    node->node_ip);
}

/* A host that is to join gets its certificates then, and a master that nobody
 * has joined from `up`; those of members stay as they are. */
static void judge_certificates(const struct node *node, GPtrArray *findings)
{
	const struct facts *facts = node->facts;
	bool is_master = node->role == NODE_MASTER;

	if (is_master && (facts->locks & LOCK_NO_CERT_REISSUE))
		judge_certificate(node, "server.crt", &facts->server_cert,
				  "sudo microk8s refresh-certs -e server.crt",
				  findings);
	if (is_master ? (facts->locks & LOCK_NO_CERT_REISSUE) != 0
	    : facts_is_worker(facts))
		judge_certificate(node, "kubelet.crt", &facts->kubelet_cert,
				  is_master ? "muster up, which signs a new one"
				  : "muster up, which joins it again",
				  findings);
}

static void judge_provider(const struct cluster *cluster,
			   const struct node *node, GPtrArray *findings)
{
	g_autoptr(GPtrArray) found = NULL;
	g_autoptr(GPtrArray) wanted = api_endpoint_servers(cluster);

	if (!cluster->master->facts ||
	    !facts_is_member_of(node->facts, cluster->master->facts) ||
	    !node->facts->provider)
		return;
	found = provider_yaml_addresses(node->facts->provider, NULL);
	if (api_endpoint_is_right(cluster, found))
		return;
	g_autofree char *now = found ? api_endpoint_list(found)
		: g_strdup("nothing");
	g_autofree char *right = api_endpoint_list(wanted);

	finding_add(findings, "provider-address", FINDING_WARNS,
		    node->host->name, "muster up, which corrects it",
		    "provider.yaml has %s instead of %s", now, right);
}

static void judge_hold(const struct node *node, GPtrArray *findings)
{
	if (node->facts->installed && !node->facts->held)
		finding_add(findings, "refresh-not-held", FINDING_ADVISES,
			    node->host->name,
			    "muster doctor --fix=hold, or sudo snap refresh "
			    "--hold microk8s",
			    "snapd may refresh MicroK8s whenever it likes");
}

/* A name of another node that leads back to this host; its own does so on
 * every Debian, and muster makes no use of it. */
static void judge_hosts_file(const struct cluster *cluster,
			     const struct node *node, GPtrArray *findings)
{
	for (guint i = 0; i < node->checks->loopbacks->len; i++) {
		const struct checks_name *n =
			g_ptr_array_index(node->checks->loopbacks, i);

		for (guint k = 0; k < cluster->nodes->len; k++) {
			const struct node *other =
				g_ptr_array_index(cluster->nodes, k);

			if (other == node || !other->facts ||
			    strcmp(other->facts->hostname, n->name) != 0 ||
			    strcmp(node->facts->hostname, n->name) == 0)
				continue;
			finding_add(findings, "hosts-file-loopback",
				    FINDING_WARNS, node->host->name,
				    "muster doctor --fix=hosts, or take that "
				    "name out of the line in /etc/hosts",
				    "/etc/hosts maps %s, which is another "
				    "host, to %s", n->name, n->ip);
		}
	}
}

void doctor_judge_state(const struct cluster *cluster,
			const struct node *node, GPtrArray *findings)
{
	judge_mark(node, findings);
	judge_certificates(node, findings);
	judge_provider(cluster, node, findings);
	judge_hosts_file(cluster, node, findings);
	judge_hold(node, findings);
}

void doctor_judge_seen(const struct cluster *cluster, GPtrArray *findings)
{
	const struct facts *master = cluster->master->facts;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);
		const struct kube_node *seen = cluster_seen(cluster, node);
		g_autofree char *cure = NULL;

		if (!seen || node->role == NODE_MASTER || !master ||
		    facts_is_member_of(node->facts, master))
			continue;
		cure = g_strdup_printf("on %s: sudo microk8s remove-node %s "
				       "--force", cluster->master->host->name,
				       seen->name);
		finding_add(findings, "node-stale", FINDING_WARNS,
			    node->host->name, cure,
			    "the API has a node %s (%s), and this host is not "
			    "a member", seen->name, seen->internal_ip
			    ? seen->internal_ip : "no address");
	}
}

/* If it is told already, as that its certificate has ended, once is enough. */
static bool is_told(const GPtrArray *findings, const struct cause *cause)
{
	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);

		if (f->cause == cause)
			return true;
	}
	return false;
}

void doctor_judge_api_error(const struct node *master, const GError *error,
			    GPtrArray *findings)
{
	const struct cause *cause = cause_recognise(
		CAUSE_OF_LOG, 0, error->message, NULL, NULL);

	if (strcmp(cause->code, "unknown") == 0)
		cause = cause_find("api-unavailable");
	if (!is_told(findings, cause))
		finding_add(findings, cause->code, FINDING_WARNS,
			    master->host->name, "sudo microk8s inspect on it",
			    "%s", error->message);
}

void doctor_judge_node(const struct cluster *cluster, const struct node *node,
		       GPtrArray *findings)
{
	doctor_judge_identity(cluster, node, findings);
	doctor_judge_machine(cluster, node, findings);
	doctor_judge_state(cluster, node, findings);
}
