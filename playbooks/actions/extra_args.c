/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `extra_args`: the flags of the inventory's microk8s_*_args in the
 * args files of this host, for the services that run on it. A join writes
 * args/kubelet anew, so workers are given theirs behind it.
 */
#include "actions.h"

#include "playbooks/microk8s/extra_args.h"

#include <string.h>

#define SERVICE(file, word) \
	{ .name = (file), .type = PARAM_STRING, \
	  .fallback = "${microk8s_" word "_args:-}", \
	  .help = "Flags for args/" file ", such as --v=2; --v- takes one " \
		  "away.", \
	  .rule = extra_args_check }

static const struct param params[] = {
	SERVICE("kubelet", "kubelet"),
	SERVICE("kube-apiserver", "kube_apiserver"),
	SERVICE("kube-proxy", "kube_proxy"),
	SERVICE("kube-scheduler", "kube_scheduler"),
	SERVICE("kube-controller-manager", "kube_controller_manager"),
	SERVICE("containerd", "containerd"),
	SERVICE("k8s-dqlite", "k8s_dqlite"),
	SERVICE("cluster-agent", "cluster_agent"),
	SERVICE("apiserver-proxy", "apiserver_proxy"),
};

/* The edits of one file; adds to `said`. */
static enum task_status edit_service(struct task *task,
				     const struct extra_args_service *service,
				     const GPtrArray *args, GString *said,
				     GError **error)
{
	struct args_edit edits[ARGS_FILE_EDITS_MAX];	/* as many as parsed */

	for (guint i = 0; i < args->len; i++) {
		const struct extra_arg *arg = g_ptr_array_index(args, i);

		edits[i].key = arg->key;
		edits[i].value = arg->value;
	}
	g_string_append_printf(said, "%s%s: ", said->len ? "; " : "",
			       service->name);
	args_edits_describe(edits, args->len, said);
	return node_edit_args(task, service->name, edits, args->len, error);
}

static enum task_status extra_args_run(struct task *task, GError **error)
{
	const struct extra_args_service *service;
	g_autoptr(GString) said = g_string_new(NULL);
	enum task_status whole = TASK_OK;

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	bool is_master = task_node(task)->role == NODE_MASTER;

	for (size_t i = 0; (service = extra_args_at(i)); i++) {
		g_autoptr(GPtrArray) args = NULL;
		size_t at;

		if (is_master ? !service->on_masters : !service->on_workers)
			continue;
		args = extra_args_parse(service, task_string(task,
							     service->name),
					&at, error);
		if (!args)
			return TASK_FAILED;
		if (args->len == 0)
			continue;
		enum task_status status = edit_service(task, service, args,
						       said, error);

		if (status == TASK_FAILED)
			return TASK_FAILED;
		if (status == TASK_CHANGED)
			whole = TASK_CHANGED;
	}
	task_say(task, "%s", said->len ? said->str : "not asked for");
	return said->len ? whole : TASK_SKIPPED;
}

const struct action action_extra_args = {
	.name = "extra_args",
	.summary = "set the inventory's own flags of MicroK8s' services",
	.help = "Edits the args files as `args` does, for the services that "
		"run on the host: those of the control plane on masters, "
		"apiserver-proxy on workers, the others on both. A flag that "
		"is taken out of the inventory stays until --FLAG- is "
		"written. What the cluster hangs on is refused.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 120 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = extra_args_run,
};
