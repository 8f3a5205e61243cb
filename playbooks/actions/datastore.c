/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `datastore`: moves the address of a fresh dqlite datastore off
 * 127.0.0.1 before the first join, which would otherwise do it in the middle
 * of that join and take the API away for everyone else's (cluster agent,
 * pkg/api/v2/join.go). Only a datastore of one member may be moved so.
 */
#include "actions.h"

#include "playbooks/microk8s/backend_yaml.h"

#define DQLITE_PORT 19001
#define UPDATE_PATH SNAP_DATA "/var/kubernetes/backend/update.yaml"

static const struct param params[] = {
	{ .name = "address", .type = PARAM_STRING, .required = true,
	  .help = "IPv4 address of the master that all nodes can reach." },
};

/* Why it must stay as it is, or NULL if it is to be moved. */
static const char *reason_to_stay(const struct facts *facts, char **address,
				  GError **error)
{
	g_autoptr(GPtrArray) members = NULL;

	if (!(facts->locks & LOCK_HA_CLUSTER) || !facts->backend_info)
		return "not a dqlite datastore";
	struct backend_node *info =
		backend_yaml_info(facts->backend_info, error);

	if (!info)
		return NULL;
	bool is_loopback = backend_node_is_loopback(info);

	*address = g_strdup(info->address);
	backend_node_free(info);
	if (!is_loopback)
		return "already off 127.0.0.1";
	members = facts->backend_cluster
		? backend_yaml_cluster(facts->backend_cluster, error) : NULL;
	if (members && members->len > 1)
		return "it has more than one member";
	return NULL;
}

static enum task_status datastore_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *ip = task_string(task, "address");
	g_autofree char *address = NULL;
	g_autofree char *update = NULL;
	g_autoptr(GError) parse_error = NULL;

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	const char *stay = reason_to_stay(node->facts, &address, &parse_error);

	if (parse_error) {
		g_propagate_error(error, g_steal_pointer(&parse_error));
		return TASK_FAILED;
	}
	if (stay) {
		task_say(task, "%s: %s", address ? address : "none", stay);
		return TASK_OK;
	}
	update = backend_yaml_update(ip, DQLITE_PORT, error);
	if (!update)
		return TASK_FAILED;
	task_say(task, "from %s to %s:%d", address, ip, DQLITE_PORT);
	return node_edit_file(task, UPDATE_PATH, NULL, update, NODE_DQLITE,
			      error);
}

const struct action action_datastore = {
	.name = "datastore",
	.summary = "give a fresh datastore an address that other nodes know",
	.help = "Writes update.yaml for k8s-dqlite, which takes it up at its "
		"next start. Does nothing to a datastore that has been moved "
		"before or has several members.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = datastore_run,
};
