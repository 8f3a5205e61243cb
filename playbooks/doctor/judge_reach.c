/* SPDX-License-Identifier: Apache-2.0
 *
 * What the ways between master and workers mean; and what it means that a
 * host could not be looked at at all.
 */
#include "doctor.h"

#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/join_text.h"
#include "transport/error.h"

#include <string.h>

#define API_PORT 16443
#define KUBELET_PORT 10250
#define DQLITE_PORT 19001

/* What one host's ways are judged with. */
struct ways {
	const struct cluster *cluster;
	const struct node *node;
	const GPtrArray *reach;
	GPtrArray *findings;
};

static bool is_word(const struct ways *w, enum reach_kind kind,
		    const char *peer, unsigned port, const char *word)
{
	return g_strcmp0(reach_word(w->reach, kind, peer, port), word) == 0;
}

/* False if packets to `peer` leave by a wrong way: then nothing else of that
 * way says anything. */
static bool judge_route(const struct ways *w, const struct node *peer)
{
	const char *source = reach_word(w->reach, REACH_ROUTE, peer->node_ip,
					0);
	const char *host = w->node->host->name;

	if (!source || strcmp(source, w->node->node_ip) == 0)
		return true;
	if (strcmp(source, "none") == 0) {
		finding_add(w->findings, "no-way-to-peer", FINDING_BLOCKS,
			    host, "bring its VPN up; with WireGuard, name the "
			    "peers' addresses in AllowedIPs",
			    "it has no route to %s, %s", peer->node_ip,
			    peer->host->name);
		return false;
	}
	finding_add(w->findings, "wrong-source-address", FINDING_BLOCKS, host,
		    "correct that route (ip route get tells it); with "
		    "WireGuard, name the peers' addresses in AllowedIPs",
		    "packets to %s, %s, leave from %s instead of %s",
		    peer->node_ip, peer->host->name, source,
		    w->node->node_ip);
	return false;
}

/* Those of `ports` (ends with 0) that gave no answer. */
static void judge_ports(const struct ways *w, const struct node *peer,
			const unsigned *ports)
{
	g_autoptr(GString) mute = g_string_new(NULL);
	g_autofree char *cure = NULL;
	unsigned n = 0;

	for (size_t i = 0; ports[i]; i++)
		if (is_word(w, REACH_TCP, peer->node_ip, ports[i],
			    "timeout") ||
		    is_word(w, REACH_TCP, peer->node_ip, ports[i],
			    "unreachable"))
			g_string_append_printf(mute, "%s%u", n++ ? "," : "",
					       ports[i]);
	if (n == 0)
		return;
	cure = g_strdup_printf("on %s: sudo iptables -I INPUT -p tcp -m "
			       "multiport --dports %s -j ACCEPT (ufw: sudo "
			       "ufw allow %s/tcp)", peer->host->name,
			       mute->str, mute->str);
	finding_add(w->findings, "port-blocked", FINDING_BLOCKS,
		    w->node->host->name, cure,
		    "no answer from %s, %s, at tcp %s", peer->host->name,
		    peer->node_ip, mute->str);
}

static bool runs(const struct node *node)
{
	return node->facts->installed &&
		!(node->facts->locks & LOCK_STOPPED);
}

static void judge_agent(const struct ways *w, const struct node *master)
{
	bool is_refused = is_word(w, REACH_TCP, master->node_ip,
				  JOIN_AGENT_PORT, "refused");
	bool is_bad = is_word(w, REACH_TCP, master->node_ip, JOIN_AGENT_PORT,
			      "open") &&
		is_word(w, REACH_HEALTH, master->node_ip, 0, "bad");

	if (runs(master) && (is_refused || is_bad))
		finding_add(w->findings, "agent-silent", FINDING_BLOCKS,
			    master->host->name,
			    "sudo snap restart microk8s.daemon-cluster-agent",
			    "its cluster agent %s at %s:%d", is_refused
			    ? "takes no connections" : "does not say that it "
			    "is well", master->node_ip, JOIN_AGENT_PORT);
	if (runs(master) && is_word(w, REACH_TCP, master->node_ip, API_PORT,
				    "refused"))
		finding_add(w->findings, "api-refused", FINDING_WARNS,
			    master->host->name,
			    "sudo snap restart microk8s.daemon-kubelite",
			    "its API takes no connections at %s:%d",
			    master->node_ip, API_PORT);
}

static void judge_worker_of(const struct ways *w, const struct node *worker)
{
	const char *name = worker->facts->node_name;
	const char *found = reach_word(w->reach, REACH_NAME, name, 0);
	g_autofree char *cure = NULL;
	struct finding *finding;

	if (runs(worker) && is_word(w, REACH_TCP, worker->node_ip,
				    KUBELET_PORT, "refused"))
		finding_add(w->findings, "kubelet-unreachable", FINDING_WARNS,
			    worker->host->name,
			    "sudo snap restart microk8s.daemon-kubelite",
			    "its kubelet takes no connections at %s:%d",
			    worker->node_ip, KUBELET_PORT);
	if (!found || strcmp(found, worker->node_ip) == 0)
		return;
	cure = g_strdup_printf("on %s: echo '%s %s' | sudo tee -a /etc/hosts "
			       "(--fix=hosts does)",
			       w->node->host->name, worker->node_ip, name);
	finding = finding_add(w->findings, "hostname-unresolved",
			      FINDING_BLOCKS, worker->host->name, cure,
			      "%s resolves '%s' to %s instead of %s",
			      w->node->host->name, name,
			      strcmp(found, "none") == 0 ? "nothing" : found,
			      worker->node_ip);
	finding->cure_is_for_master = true;
}

/* A worker is not sent there before it finds the API. */
static void judge_endpoint(const struct ways *w)
{
	const struct api_endpoint *endpoint = w->cluster->endpoint;
	const struct node *master = w->cluster->master;
	const char *word;

	if (!endpoint)
		return;
	if (is_word(w, REACH_NAME, endpoint->host, 0, "none")) {
		finding_add(w->findings, "endpoint-unresolved",
			    FINDING_BLOCKS, w->node->host->name,
			    "give it a DNS that knows the name, or a line in "
			    "/etc/hosts", "'%s' of microk8s_api_endpoint "
			    "resolves to nothing", endpoint->host);
		return;
	}
	word = reach_word(w->reach, REACH_TCP, endpoint->host,
			  endpoint->port);
	if (word && strcmp(word, "open") != 0 && master->facts &&
	    runs(master))
		finding_add(w->findings, "endpoint-silent", FINDING_BLOCKS,
			    w->node->host->name,
			    "look at the load balancer, and at firewalls "
			    "before it",
			    "no way to microk8s_api_endpoint %s: %s",
			    endpoint->text, word);
}

void doctor_judge_reach(const struct cluster *cluster, const struct node *node,
			const GPtrArray *reach, GPtrArray *findings)
{
	static const unsigned of_master[] = { JOIN_AGENT_PORT, API_PORT, 0 };
	static const unsigned of_worker[] = {
		KUBELET_PORT, JOIN_AGENT_PORT, 0
	};
	static const unsigned of_datastore[] = { DQLITE_PORT, 0 };
	struct ways w = { cluster, node, reach, findings };

	judge_endpoint(&w);
	if (!facts_has_address(node->facts, node->node_ip))
		return;
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *peer =
			g_ptr_array_index(cluster->nodes, i);

		if (peer == node || !peer->facts ||
		    !facts_has_address(peer->facts, peer->node_ip) ||
		    !judge_route(&w, peer))
			continue;
		if (node == cluster->master) {
			judge_ports(&w, peer, of_worker);
			judge_worker_of(&w, peer);
		} else if (peer == cluster->master) {
			judge_ports(&w, peer, of_master);
			judge_agent(&w, peer);
		}
		if (node->role == NODE_MASTER && peer->role == NODE_MASTER)
			judge_ports(&w, peer, of_datastore);
	}
}

void doctor_judge_error(const struct node *node, const GError *error,
			GPtrArray *findings)
{
	const char *host = node->host->name;
	g_autofree char *detail = NULL;
	const struct cause *cause;

	if (g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_SUDO)) {
		bool is_missing = strstr(error->message, "is not installed");

		finding_add(findings, is_missing ? "sudo-missing"
			    : "sudo-refused", FINDING_BLOCKS, host, is_missing
			    ? "su -c 'apt-get install sudo', or log in as root"
			    : "echo \"$USER ALL=(ALL) NOPASSWD:ALL\" | sudo "
			    "tee /etc/sudoers.d/90-muster (as that user), or "
			    "give the password with -K", "%s",
			    error->message);
		return;
	}
	if (muster_error_is_unreachable(error->code)) {
		finding_add(findings, "unreachable", FINDING_BLOCKS, host,
			    "ssh to it by hand, and see what it says",
			    "%s", error->message);
		return;
	}
	cause = cause_recognise(CAUSE_OF_COMMAND, 1, error->message, NULL,
				&detail);
	finding_add(findings, cause->code, FINDING_BLOCKS, host, cause->fix,
		    "%s", error->message);
}
