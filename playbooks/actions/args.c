/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `args`: flags in a MicroK8s args file. Sets or removes single
 * flags and leaves every other line, comments too, as it is.
 */
#include "actions.h"

#include <string.h>

static const char *const service_names[] = {
	"kube-apiserver", "kubelet", "kube-proxy", "kube-scheduler",
	"kube-controller-manager", "apiserver-proxy", "k8s-dqlite",
	"containerd", "cluster-agent", NULL
};

static const struct param params[] = {
	{ .name = "service", .type = PARAM_ENUM, .required = true,
	  .choices = service_names,
	  .help = "Which file of /var/snap/microk8s/current/args." },
	{ .name = "set", .type = PARAM_MAP, .required = true,
	  .help = "Flags and their values, such as --node-ip: 10.8.0.5; a "
		  "null value removes the flag." },
};

/* kubelite reads the files of all Kubernetes' components. */
static enum node_service service_of(const char *name)
{
	static const struct {
		const char *name;
		enum node_service service;
	} others[] = {
		{ "apiserver-proxy", NODE_PROXY },
		{ "k8s-dqlite", NODE_DQLITE },
		{ "containerd", NODE_CONTAINERD },
		{ "cluster-agent", NODE_AGENT },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
		if (strcmp(others[i].name, name) == 0)
			return others[i].service;
	return NODE_KUBELITE;
}

/* Where the facts keep the file's text, or NULL if they do not have it. */
static char **known_text(struct facts *facts, const char *service)
{
	const struct {
		const char *service;
		char **text;
	} known[] = {
		{ "kube-apiserver", &facts->args_apiserver },
		{ "kubelet", &facts->args_kubelet },
		{ "kube-proxy", &facts->args_proxy },
		{ "apiserver-proxy", &facts->args_apiserver_proxy },
		{ "cluster-agent", &facts->args_cluster_agent },
	};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(known[i].service, service) == 0)
			return known[i].text;
	return NULL;
}

static bool current_text(struct task *task, const char *service,
			 const char *path, char **text, GError **error)
{
	struct facts *facts = task_node(task)->facts;
	char **known = facts ? known_text(facts, service) : NULL;

	if (known) {
		*text = g_strdup(*known);
		return true;
	}
	return file_read(task_session(task), path, text, task_deadline(task),
			 error);
}

/* The facts must say what is there now: the next step may look at it. */
static void remember(struct task *task, const char *service, const char *text)
{
	struct facts *facts = task_node(task)->facts;
	char **known = facts ? known_text(facts, service) : NULL;

	if (!known)
		return;
	g_free(*known);
	*known = g_strdup(text);
}

enum task_status node_edit_args(struct task *task, const char *service,
				const struct args_edit *edits, size_t n,
				GError **error)
{
	g_autofree char *path = g_strconcat(ARGS_DIR "/", service, NULL);
	g_autofree char *before = NULL, *after = NULL;

	if (!current_text(task, service, path, &before, error))
		return TASK_FAILED;
	after = args_file_edit(before, edits, n, error);
	if (!after) {
		g_prefix_error(error, "%s: ", path);
		return TASK_FAILED;
	}
	if (before && strcmp(before, after) == 0)
		return TASK_OK;
	enum task_status status = node_edit_file(task, path, before, after,
						 service_of(service), error);

	if (status == TASK_CHANGED && task_may_change(task))
		remember(task, service, after);
	return status;
}

void args_edits_describe(const struct args_edit *edits, size_t n,
			 GString *text)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = edits[i].value;
		const char *sign = !value ? " absent" : *value ? "=" : "";

		g_string_append_printf(text, "%s%s%s%s", i ? ", " : "",
				       edits[i].key, sign,
				       value ? value : "");
	}
}

static enum task_status args_run(struct task *task, GError **error)
{
	size_t n = task_map_size(task, "set");
	g_autofree struct args_edit *edits = g_new0(struct args_edit, n);
	g_autoptr(GString) summary = g_string_new(NULL);

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	for (size_t i = 0; i < n; i++) {
		edits[i].key = task_map_key(task, "set", i);
		edits[i].value = task_map_value(task, "set", i);
	}
	args_edits_describe(edits, n, summary);
	task_say(task, "%s", summary->str);
	return node_edit_args(task, task_string(task, "service"), edits, n,
			      error);
}

const struct action action_args = {
	.name = "args",
	.summary = "set flags in one of MicroK8s' args files",
	.help = "Edits single flags and keeps every other line, comments and "
		"order. The file is replaced atomically, keeps its owner and "
		"mode, and its old text stays beside it. The service is "
		"restarted by a later `restart` step.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = args_run,
};
