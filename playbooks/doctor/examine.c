/* SPDX-License-Identifier: Apache-2.0
 *
 * The two rounds of looking: the script of the facts on every host, then that
 * of the ways between them. Nothing is judged here.
 */
#include "doctor.h"

#include "playbooks/api.h"
#include "playbooks/api_endpoint.h"
#include "playbooks/embedded.h"
#include "playbooks/microk8s/args_file.h"
#include "playbooks/microk8s/join_text.h"
#include "playbooks/node_facts.h"
#include "transport/exec.h"

#include <string.h>

#define API_PORT 16443
#define KUBELET_PORT 10250
#define DQLITE_PORT 19001

bool doctor_look(struct node *node, gint64 deadline_us, GError **error)
{
	struct exec_request request = node_facts_request(node);
	g_autoptr(ExecResult) result = NULL;

	/* Connected first, so that the clock is read in a narrow window. */
	if (!session_connect(node->session, deadline_us, error))
		return false;
	gint64 before_us = g_get_real_time();

	request.deadline_us = deadline_us;
	return exec_run(node->session, &request, &result, error) &&
		node_facts_take(node, result, before_us, g_get_real_time(),
				error);
}

bool doctor_master_checks_names(const struct cluster *cluster)
{
	const struct facts *master = cluster->master->facts;
	g_autofree char *types = NULL;
	const char *by_ip, *by_name;

	if (!master || !master->args_apiserver)
		return false;
	types = args_file_get(master->args_apiserver,
			      "--kubelet-preferred-address-types");
	if (!types)
		return true;
	by_ip = strstr(types, "InternalIP");
	by_name = strstr(types, "Hostname");
	return !by_ip || (by_name && by_name < by_ip);
}

static void ask(GPtrArray *questions, const char *format, ...)
	G_GNUC_PRINTF(2, 3);

static void ask(GPtrArray *questions, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_ptr_array_add(questions, g_strdup_vprintf(format, args));
	va_end(args);
}

static void ask_of_worker(GPtrArray *questions, const struct node *worker,
			  bool by_name)
{
	ask(questions, "tcp:%s:%d", worker->node_ip, KUBELET_PORT);
	ask(questions, "tcp:%s:%d", worker->node_ip, JOIN_AGENT_PORT);
	if (by_name)
		ask(questions, "name:%s", worker->facts->node_name);
}

static void ask_of_master(GPtrArray *questions, const struct node *master)
{
	ask(questions, "tcp:%s:%d", master->node_ip, JOIN_AGENT_PORT);
	ask(questions, "tcp:%s:%d", master->node_ip, API_PORT);
	if (master->facts->installed)
		ask(questions, "health:%s", master->node_ip);
}

/* Its name has to resolve here even before anybody answers there. */
static void ask_of_endpoint(GPtrArray *questions,
			    const struct api_endpoint *endpoint)
{
	ask(questions, "tcp:%s:%u", endpoint->host, endpoint->port);
	if (!g_hostname_is_ip_address(endpoint->host))
		ask(questions, "name:%s", endpoint->host);
}

static GPtrArray *questions_of(const struct cluster *cluster,
			       const struct node *node)
{
	GPtrArray *questions = g_ptr_array_new_with_free_func(g_free);
	bool by_name = doctor_master_checks_names(cluster);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *peer =
			g_ptr_array_index(cluster->nodes, i);

		if (peer == node || !peer->facts)
			continue;
		ask(questions, "route:%s", peer->node_ip);
		if (node == cluster->master)
			ask_of_worker(questions, peer, by_name);
		else if (peer == cluster->master)
			ask_of_master(questions, peer);
		if (node->role == NODE_MASTER && peer->role == NODE_MASTER)
			ask(questions, "tcp:%s:%d", peer->node_ip,
			    DQLITE_PORT);
	}
	if (cluster->endpoint && node->role == NODE_WORKER)
		ask_of_endpoint(questions, cluster->endpoint);
	g_ptr_array_add(questions, NULL);
	return questions;
}

GPtrArray *doctor_reach(const struct cluster *cluster,
			const struct node *node, gint64 deadline_us,
			GError **error)
{
	g_autoptr(GPtrArray) questions = questions_of(cluster, node);
	struct exec_request request = {
		.title = "try the ways to the other hosts",
		.script = embedded_text("reach.sh"),
		.args = (const char *const *)questions->pdata,
		.deadline_us = deadline_us,
	};
	g_autoptr(ExecResult) result = NULL;

	if (!exec_run(node->session, &request, &result, error))
		return NULL;
	return reach_parse(result->out, result->out_length, error);
}

bool doctor_see(struct cluster *cluster, gint64 deadline_us, GError **error)
{
	struct node *master = cluster->master;

	if (!master->facts || !master->facts->installed ||
	    facts_is_worker(master->facts) ||
	    (master->facts->locks & LOCK_STOPPED))
		return true;
	g_clear_pointer(&cluster->seen, g_ptr_array_unref);
	if (!cluster->api)
		cluster->api = api_open(cluster->transport, master->session,
					deadline_us, error);
	if (cluster->api)
		cluster->seen = api_nodes(cluster->api, deadline_us, error);
	return cluster->seen != NULL;
}
