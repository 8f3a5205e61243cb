/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges the flags that the inventory asks for itself, microk8s_*_args, in
 * the args files that were brought along by the look. The cluster lives
 * without them, so what is missing is a warning, and drift.
 */
#include "proof.h"

#include "playbooks/microk8s/args_file.h"
#include "playbooks/microk8s/extra_args.h"

#include <string.h>

/* The text of the service's args file, or NULL if the look brings none. */
static const char *text_of(const struct facts *facts, const char *service)
{
	const struct {
		const char *service, *text;
	} known[] = {
		{ "kubelet", facts->args_kubelet },
		{ "kube-apiserver", facts->args_apiserver },
		{ "kube-proxy", facts->args_proxy },
		{ "apiserver-proxy", facts->args_apiserver_proxy },
		{ "cluster-agent", facts->args_cluster_agent },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(known[i].service, service) == 0)
			return known[i].text;
	return NULL;
}

static void judge_flag(struct proof *proof, const struct node *node,
		       const char *service, const char *text,
		       const struct extra_arg *arg)
{
	g_autofree char *value = args_file_get(text, arg->key);

	if (g_strcmp0(value, arg->value) == 0)
		return;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_ARGS, .state = VERDICT_WARNS,
		.node = node, .cause = "args-not-as-asked",
	}, "args/%s: %s is %s, and the inventory says %s", service, arg->key,
	   !value ? "not there" : *value ? value : "without a value",
	   !arg->value ? "not there" : *arg->value ? arg->value
	   : "without a value");
}

void judge_extra_args(struct proof *proof, const struct node *node)
{
	const struct extra_args_service *service;
	bool is_master = node->role == NODE_MASTER;

	for (size_t i = 0; (service = extra_args_at(i)); i++) {
		const char *asked = host_var(node->host, service->variable);
		const char *text = text_of(node->facts, service->name);
		g_autoptr(GPtrArray) args = NULL;
		size_t at;

		if (!asked || !text ||
		    !(is_master ? service->on_masters : service->on_workers))
			continue;
		args = extra_args_parse(service, asked, &at, NULL);
		for (guint k = 0; args && k < args->len; k++)
			judge_flag(proof, node, service->name, text,
				   g_ptr_array_index(args, k));
	}
}
