/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of services with args files of their own, and the reader of the
 * flags that are wanted in them.
 */
#include "extra_args.h"
#include "args_file.h"
#include "word_list.h"

#include <string.h>

/* muster sets these, or finds the nodes, the API and the datastore by them:
 * another value would undo what it proves. Joins write some of them, too. */
static const char *const of_apiserver[] = {
	"--advertise-address", "--secure-port", "--etcd-servers",
	"--client-ca-file", "--tls-cert-file", "--tls-private-key-file", NULL
};
static const char *const of_kubelet[] = {
	"--node-ip", "--hostname-override", "--kubeconfig", "--client-ca-file",
	"--node-labels", NULL
};
static const char *const of_proxy[] = {
	"--hostname-override", "--kubeconfig", "--master", NULL
};
static const char *const of_clients[] = { "--kubeconfig", NULL };
static const char *const of_containerd[] = {
	"--config", "--root", "--state", "--address", NULL
};
static const char *const of_dqlite[] = { "--storage-dir", "--listen", NULL };
static const char *const of_agent[] = {
	"--bind", "--keyfile", "--certfile", NULL
};
static const char *const of_apiserver_proxy[] = {
	"--traefik-config", "--kubeconfig", "--refresh-interval", NULL
};

/* In the order in which they are edited. */
static const struct extra_args_service services[] = {
	{ "kubelet", "microk8s_kubelet_args", true, true, of_kubelet },
	{ "kube-apiserver", "microk8s_kube_apiserver_args", true, false,
	  of_apiserver },
	{ "kube-proxy", "microk8s_kube_proxy_args", true, true, of_proxy },
	{ "kube-scheduler", "microk8s_kube_scheduler_args", true, false,
	  of_clients },
	{ "kube-controller-manager", "microk8s_kube_controller_manager_args",
	  true, false, of_clients },
	{ "containerd", "microk8s_containerd_args", true, true,
	  of_containerd },
	{ "k8s-dqlite", "microk8s_k8s_dqlite_args", true, false, of_dqlite },
	{ "cluster-agent", "microk8s_cluster_agent_args", true, true,
	  of_agent },
	{ "apiserver-proxy", "microk8s_apiserver_proxy_args", false, true,
	  of_apiserver_proxy },
};

const struct extra_args_service *extra_args_at(size_t i)
{
	return i < G_N_ELEMENTS(services) ? &services[i] : NULL;
}

const struct extra_args_service *extra_args_find(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(services); i++)
		if (strcmp(services[i].name, name) == 0 ||
		    strcmp(services[i].variable, name) == 0)
			return &services[i];
	return NULL;
}

static void arg_free(void *data)
{
	struct extra_arg *arg = data;

	g_free(arg->key);
	g_free(arg->value);
	g_free(arg);
}

/* "--", then lower-case words with dashes between them. */
static bool is_flag(const char *key)
{
	size_t length = strlen(key);

	if (length < 3 || strncmp(key, "--", 2) != 0 ||
	    !g_ascii_isalnum(key[2]) || !g_ascii_isalnum(key[length - 1]))
		return false;
	for (key += 2; *key; key++)
		if (!g_ascii_isalnum(*key) && *key != '-')
			return false;
	return true;
}

/* The writer of args files has the last word on what can stand in one. */
static bool is_writable(const struct extra_arg *arg, GError **error)
{
	const struct args_edit edit = { arg->key, arg->value };
	g_autofree char *text = args_file_edit("", &edit, 1, error);

	return text != NULL;
}

static struct extra_arg *read_word(const char *word)
{
	struct extra_arg *arg = g_new0(struct extra_arg, 1);
	const char *equals = strchr(word, '=');
	size_t length = equals ? (size_t)(equals - word) : strlen(word);
	bool is_absent = !equals && length > 3 && word[length - 1] == '-';

	arg->key = g_strndup(word, length - is_absent);
	if (!is_absent)
		arg->value = g_strdup(equals ? equals + 1 : "");
	return arg;
}

static bool check_arg(const struct extra_args_service *service,
		      const struct extra_arg *arg,
		      const struct list_word *word, size_t *at,
		      GError **error)
{
	if (!is_flag(arg->key))
		word_list_refuse(at, word->at, error, "'%s' is not a flag "
				 "(--FLAG=VALUE, --FLAG, or --FLAG- to take "
				 "one away)", word->text);
	else if (g_strv_contains(service->owned, arg->key))
		word_list_refuse(at, word->at, error, "%s of %s is not to be "
				 "given: muster or MicroK8s sets it itself",
				 arg->key, service->name);
	else if (is_writable(arg, error))
		return true;
	*at = word->at;
	return false;
}

GPtrArray *extra_args_parse(const struct extra_args_service *service,
			    const char *text, size_t *at, GError **error)
{
	g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(arg_free);
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_BLANKS, at, error);

	for (guint i = 0; words && i < words->len; i++) {
		const struct list_word *word = g_ptr_array_index(words, i);
		struct extra_arg *arg = read_word(word->text);

		g_ptr_array_add(args, arg);
		if (!check_arg(service, arg, word, at, error))
			return NULL;
		for (guint k = 0; k < i; k++) {
			const struct extra_arg *other =
				g_ptr_array_index(args, k);

			if (strcmp(other->key, arg->key) == 0)
				return word_list_refuse(
					at, word->at, error,
					"%s is there twice", arg->key);
		}
	}
	if (words && words->len > ARGS_FILE_EDITS_MAX)
		return word_list_refuse(at, 0, error, "more than %d flags",
					ARGS_FILE_EDITS_MAX);
	return words ? g_steal_pointer(&args) : NULL;
}

bool extra_args_check(const char *name, const char *text, size_t *at,
		      GError **error)
{
	g_autoptr(GPtrArray) args =
		extra_args_parse(extra_args_find(name), text, at, error);

	return args != NULL;
}
