/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the endpoint from the inventory, and tells where that leaves workers.
 */
#include "api_endpoint.h"

#include "cluster.h"
#include "transport/error.h"
#include "transport/scalar.h"

#include <string.h>

#define VARIABLE "microk8s_api_endpoint"

void api_endpoint_free(struct api_endpoint *endpoint)
{
	if (!endpoint)
		return;
	g_free(endpoint->text);
	g_free(endpoint->host);
	g_free(endpoint);
}

static void tell(GPtrArray *problems, const struct host *host,
		 const char *hint, const char *what)
{
	const struct host_var *origin = host_var_origin(host, VARIABLE);

	problem_add(problems, true, origin ? origin->file : host->file,
		    origin ? origin->line : host->line,
		    origin ? origin->column : host->column, hint,
		    "host '%s' %s", host->name, what);
}

/* False once told: a cluster has one, and every host needs it. */
static bool is_agreed(const GPtrArray *nodes, GPtrArray *problems)
{
	const struct node *first = g_ptr_array_index(nodes, 0);
	const char *wanted = host_var(first->host, VARIABLE);

	for (guint i = 1; i < nodes->len; i++) {
		const struct node *node = g_ptr_array_index(nodes, i);
		const char *own = host_var(node->host, VARIABLE);
		g_autofree char *what = NULL;

		if (g_strcmp0(own, wanted) == 0)
			continue;
		what = g_strdup_printf("%s " VARIABLE ", as '%s' %s",
				       own ? "has another" : "has no",
				       first->host->name, wanted
				       ? "has" : "has none");
		tell(problems, node->host, "write it once, below [all:vars]",
		     what);
		return false;
	}
	return true;
}

/* A worker's proxy that asks a worker's proxy comes to no end. */
static bool leads_to_worker(const struct api_endpoint *endpoint,
			    const GPtrArray *nodes, GPtrArray *problems)
{
	for (guint i = 0; i < nodes->len; i++) {
		const struct node *node = g_ptr_array_index(nodes, i);

		if (node->role != NODE_WORKER || endpoint->port != API_ENDPOINT_PORT ||
		    g_strcmp0(node->node_ip, endpoint->host) != 0)
			continue;
		tell(problems, node->host, "it is to be that of a load "
		     "balancer in front of the masters",
		     "is a worker, and " VARIABLE " leads to its own proxy");
		return true;
	}
	return false;
}

struct api_endpoint *api_endpoint_new(const GPtrArray *nodes,
				      GPtrArray *problems)
{
	const struct node *first = nodes->len
		? g_ptr_array_index(nodes, 0) : NULL;
	const char *text = first ? host_var(first->host, VARIABLE) : NULL;
	struct api_endpoint *endpoint;

	if (!first || !is_agreed(nodes, problems) || !text)
		return NULL;
	endpoint = g_new0(struct api_endpoint, 1);
	endpoint->text = g_strdup(text);
	if (scalar_server(text, &endpoint->host, &endpoint->port) &&
	    !leads_to_worker(endpoint, nodes, problems))
		return endpoint;
	api_endpoint_free(endpoint);
	return NULL;
}

bool api_endpoint_check_extra(GHashTable *extra, GError **error)
{
	if (!extra || !g_hash_table_contains(extra, VARIABLE))
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_USAGE,
		    VARIABLE " belongs into the inventory, below [all:vars]: "
		    "with -e other commands would not know it");
	return false;
}

char *api_endpoint_url(const struct api_endpoint *endpoint)
{
	return g_strconcat("https://", endpoint->text, NULL);
}

GPtrArray *api_endpoint_servers(const struct cluster *cluster)
{
	GPtrArray *servers = g_ptr_array_new_with_free_func(g_free);

	if (cluster->endpoint)
		g_ptr_array_add(servers, g_strdup(cluster->endpoint->text));
	for (guint i = 0; !cluster->endpoint && i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER)
			g_ptr_array_add(servers, g_strdup_printf(
				"%s:%d", node->node_ip, API_ENDPOINT_PORT));
	}
	return servers;
}

bool api_endpoint_is_just(const GPtrArray *servers, const GPtrArray *wanted)
{
	if (!servers || servers->len != wanted->len)
		return false;
	for (guint i = 0; i < wanted->len; i++)
		if (!g_ptr_array_find_with_equal_func(
			    (GPtrArray *)(guintptr)servers,
			    g_ptr_array_index(wanted, i), g_str_equal, NULL))
			return false;
	return true;
}

bool api_endpoint_is_right(const struct cluster *cluster,
			   const GPtrArray *servers)
{
	g_autoptr(GPtrArray) wanted = api_endpoint_servers(cluster);

	if (cluster->endpoint)
		return api_endpoint_is_just(servers, wanted);
	return servers && cluster_lists_masters(cluster, servers,
						API_ENDPOINT_PORT);
}

char *api_endpoint_list(const GPtrArray *servers)
{
	GString *text = g_string_new(servers->len ? NULL : "nothing");

	for (guint i = 0; i < servers->len; i++)
		g_string_append_printf(text, "%s%s", i ? ", " : "",
			(const char *)g_ptr_array_index(servers, i));
	return g_string_free(text, FALSE);
}
