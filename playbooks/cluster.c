/* SPDX-License-Identifier: Apache-2.0
 *
 * From an inventory to the roles of a cluster: which variables and groups are
 * MicroK8s', and what must hold before anything is connected to.
 */
#include "cluster.h"

#include "api.h"
#include "api_endpoint.h"
#include "microk8s/kube_nodes.h"
#include "transport/error.h"
#include "wants.h"

#include <arpa/inet.h>
#include <string.h>

static const struct inventory_var vars[] = {
	{ "node_ip", INVENTORY_IPV4,
	  "address on which the nodes reach each other" },
	{ "microk8s_channel", INVENTORY_CHANNEL,
	  "snap channel to install, such as 1.32/stable" },
	{ "microk8s_hold", INVENTORY_BOOL,
	  "whether to hold back snapd's own refreshes of MicroK8s (default: "
	  "left as it is)" },
	{ "microk8s_settle", INVENTORY_DURATION,
	  "how long after a change to look again (default: one refresh of the "
	  "workers' proxies and a little more)" },
	{ "microk8s_verify_timeout", INVENTORY_DURATION,
	  "how long nodes may take to become Ready (default: 3m)" },
	{ "microk8s_master_wait", INVENTORY_DURATION,
	  "how long the datastore may take to list a master that has joined "
	  "(default: 90s)" },
	{ "microk8s_token_ttl", INVENTORY_DURATION,
	  "how long the join token of a run lives (default: 1h)" },
	{ "microk8s_api_endpoint", INVENTORY_SERVER,
	  "load balancer in front of the masters, HOST:PORT" },
	{ "microk8s_addons", INVENTORY_OWN,
	  "addons to enable, such as dns ingress metallb:FROM-TO" },
	{ "microk8s_alias", INVENTORY_BOOL,
	  "whether kubectl is to mean MicroK8s' kubectl on the nodes" },
	{ "microk8s_group_users", INVENTORY_OWN,
	  "users who may call microk8s without sudo" },
	{ "microk8s_registry_mirrors", INVENTORY_OWN,
	  "mirrors of image registries, REGISTRY=URL" },
	{ "microk8s_extra_sans", INVENTORY_OWN,
	  "more names and addresses of the API in its certificate" },
	{ "node_labels", INVENTORY_OWN, "labels of the node, KEY=VALUE" },
	{ "node_taints", INVENTORY_OWN,
	  "taints of the node, KEY[=VALUE]:EFFECT" },
	{ "microk8s_kubelet_args", INVENTORY_OWN, "flags for the kubelet" },
	{ "microk8s_kube_apiserver_args", INVENTORY_OWN,
	  "flags for the API server" },
	{ "microk8s_kube_proxy_args", INVENTORY_OWN, "flags for kube-proxy" },
	{ "microk8s_kube_scheduler_args", INVENTORY_OWN,
	  "flags for the scheduler" },
	{ "microk8s_kube_controller_manager_args", INVENTORY_OWN,
	  "flags for the controller manager" },
	{ "microk8s_containerd_args", INVENTORY_OWN, "flags for containerd" },
	{ "microk8s_k8s_dqlite_args", INVENTORY_OWN,
	  "flags for the datastore" },
	{ "microk8s_cluster_agent_args", INVENTORY_OWN,
	  "flags for the cluster agent" },
	{ "microk8s_apiserver_proxy_args", INVENTORY_OWN,
	  "flags for the workers' way to the API" },
};

static const struct inventory_group_alias aliases[] = {
	{ "master", "masters" },
	{ "control_plane", "masters" },
	{ "microk8s_HA", "masters" },
	{ "worker", "workers" },
	{ "microk8s_WORKERS", "workers" },
};

static const struct inventory_rules rules = {
	.prefix = "microk8s_",
	.vars = vars,
	.n_vars = G_N_ELEMENTS(vars),
	.aliases = aliases,
	.n_aliases = G_N_ELEMENTS(aliases),
	.check = wants_check,
};

const struct inventory_rules *cluster_inventory_rules(void)
{
	return &rules;
}

static void node_free(struct node *node)
{
	session_free(node->session);
	facts_free(node->facts);
	checks_free(node->checks);
	g_free(node);
}

static bool is_ipv4(const char *text)
{
	struct in_addr address;

	return inet_pton(AF_INET, text, &address) == 1;
}

/* node_ip, or the address that SSH uses if that is one. */
static const char *node_address(const struct host *host, GPtrArray *problems)
{
	const char *node_ip = host_var(host, "node_ip");

	if (node_ip)
		return node_ip;
	if (is_ipv4(host->address))
		return host->address;
	problem_add(problems, true, host->file, host->line, host->column,
		    "write node_ip=ADDRESS on its line: the IPv4 address on "
		    "which the other nodes reach it",
		    "host '%s' has no node_ip, and '%s' is a name, not an "
		    "address", host->name, host->address);
	return NULL;
}

static void check_unique_address(const struct cluster *cluster,
				 const struct node *node, GPtrArray *problems)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *other = g_ptr_array_index(cluster->nodes, i);
		const struct host_var *origin;

		if (!other->node_ip || strcmp(other->node_ip, node->node_ip))
			continue;
		origin = host_var_origin(node->host, "node_ip");
		problem_add(problems, true,
			    origin ? origin->file : node->host->file,
			    origin ? origin->line : node->host->line,
			    origin ? origin->column : node->host->column,
			    "every node needs an address of its own",
			    "hosts '%s' and '%s' have the same node_ip %s",
			    other->host->name, node->host->name,
			    node->node_ip);
		return;
	}
}

static void add_node(struct cluster *cluster, const struct host *host,
		     GPtrArray *problems)
{
	bool is_master = host_in_group(host, "masters");
	struct node *node;

	if (!is_master && !host_in_group(host, "workers")) {
		problem_add(problems, false, host->file, host->line,
			    host->column, NULL,
			    "host '%s' is neither in [masters] nor in "
			    "[workers]: it is left alone", host->name);
		return;
	}
	node = g_new0(struct node, 1);
	node->host = host;
	node->role = is_master ? NODE_MASTER : NODE_WORKER;
	node->node_ip = node_address(host, problems);
	if (node->node_ip)
		check_unique_address(cluster, node, problems);
	if (cluster->transport)
		node->session = session_new(cluster->transport, host);
	g_ptr_array_add(cluster->nodes, node);
	if (is_master && !cluster->first)
		cluster->first = cluster->master = node;
}

void cluster_invite_masters(struct cluster *cluster, GHashTable *limit)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER)
			node->bystander = g_hash_table_add(
				limit, (gpointer)(guintptr)node->host);
	}
}

unsigned cluster_masters(const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		n += node->role == NODE_MASTER;
	}
	return n;
}

static bool any_fatal(const GPtrArray *problems)
{
	for (guint i = 0; i < problems->len; i++) {
		const struct problem *p = g_ptr_array_index(problems, i);

		if (p->fatal)
			return true;
	}
	return false;
}

struct cluster *cluster_new(const struct inventory *inventory,
			    struct transport *transport, GPtrArray *problems,
			    GError **error)
{
	struct cluster *cluster = g_new0(struct cluster, 1);

	cluster->transport = transport;
	cluster->nodes = g_ptr_array_new_with_free_func(
		(GDestroyNotify)node_free);
	cluster->remote_locks = g_ptr_array_new_with_free_func(
		(GDestroyNotify)remote_lock_free);
	g_mutex_init(&cluster->lock);
	g_cond_init(&cluster->changed);
	for (guint i = 0; i < inventory->hosts->len; i++)
		add_node(cluster, g_ptr_array_index(inventory->hosts, i),
			 problems);
	cluster->endpoint = api_endpoint_new(cluster->nodes, problems);
	if (!cluster->master)
		problem_add(problems, true, inventory->path, 0, 0,
			    "name the control plane host under [masters]",
			    "no host in group 'masters'");
	if (!any_fatal(problems))
		return cluster;
	cluster_free(cluster);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: does not describe a cluster", inventory->path);
	return NULL;
}

void cluster_free(struct cluster *cluster)
{
	if (!cluster)
		return;
	api_free(cluster->api);
	api_endpoint_free(cluster->endpoint);
	g_ptr_array_unref(cluster->remote_locks);
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	g_ptr_array_unref(cluster->nodes);
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	g_free(cluster->token);
	g_mutex_clear(&cluster->lock);
	g_cond_clear(&cluster->changed);
	g_free(cluster);
}

bool cluster_chose(const struct cluster *cluster, const struct node *node)
{
	return !cluster->chosen ||
		g_hash_table_contains(cluster->chosen, node->host);
}

void cluster_forget(struct cluster *cluster)
{
	g_clear_pointer(&cluster->api, api_free);
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	g_clear_pointer(&cluster->members, g_ptr_array_unref);
	g_clear_pointer(&cluster->token, g_free);
	cluster->is_master_settled = false;
	cluster->prepared = false;
	cluster->first_join_done = false;
	cluster->first_join_taken = false;
}

struct node *cluster_find(const struct cluster *cluster,
			  const struct host *host)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->host == host)
			return node;
	}
	return NULL;
}

const struct kube_node *cluster_seen(const struct cluster *cluster,
				     const struct node *node)
{
	if (!cluster->seen || !node->facts)
		return NULL;
	return kube_nodes_find(cluster->seen, node->facts->node_name);
}

const struct node *cluster_whose(const struct cluster *cluster,
				 const struct kube_node *seen)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (node->facts ? strcmp(node->facts->node_name,
					 seen->name) == 0
		    : strcmp(node->host->name, seen->name) == 0 ||
		      g_strcmp0(node->node_ip, seen->internal_ip) == 0)
			return node;
	}
	return NULL;
}

const char *cluster_join_reason(const struct cluster *cluster,
				const struct node *node)
{
	const struct facts *own = node->facts;
	const struct facts *master = cluster->master->facts;

	if (node->role == NODE_MASTER)
		return cluster_master_join_reason(cluster, node);
	if (!own || !own->installed || !facts_is_worker(own))
		return own && (own->locks & LOCK_JOIN_IN_PROGRESS)
			? "an earlier join broke off" : "not joined yet";
	if (!master || !facts_is_member_of(own, master))
		return "it belongs to another cluster";
	if (!(own->locks & LOCK_NO_CERT_REISSUE))
		return "an earlier join broke off";
	/* One that cannot be read is no reason to join each time. */
	if (own->kubelet_cert.not_after != 0 &&
	    !facts_san_has_ip(&own->kubelet_cert, node->node_ip))
		return "its kubelet certificate does not name its node_ip";
	if (facts_cert_days_left(own, &own->kubelet_cert) < 0)
		return "its kubelet certificate has ended";
	if (cluster->seen && !cluster_seen(cluster, node))
		return "the API does not know it";
	return NULL;
}
