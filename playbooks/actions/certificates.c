/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `certificates`: a master's server.crt and kubelet.crt must name
 * the address that nodes and tools will use, server.crt every other name of
 * the API too, and they must not have ended. They were made when MicroK8s was
 * installed, perhaps before the VPN was up; and with --advertise-address set
 * MicroK8s no longer renews them by itself (apiservice-kicker).
 */
#include "actions.h"

#include "playbooks/microk8s/csr_conf.h"

#include <string.h>

#define TEMPLATE_PATH SNAP_DATA "/certs/csr.conf.template"

static const struct param params[] = {
	{ .name = "address", .type = PARAM_STRING, .required = true,
	  .help = "IPv4 address that both certificates must name." },
	{ .name = "names", .type = PARAM_STRING, .fallback = "",
	  .help = "More names and addresses that server.crt must name, "
		  "separated by blanks or commas; none is ever taken away." },
};

/* Restarts kubelite and the cluster agent by itself, and makes every join URL
 * handed out before worthless; so it comes before the token. */
static const char server_script[] =
	"exec /snap/bin/microk8s refresh-certs -e server.crt\n";

/* kubelet.crt is made once and never again: signed anew here for the key that
 * is there, with every address the host has now. $1 marker, $2 address. */
static const char kubelet_script[] =
	"set -e\n"
	"cd " SNAP_DATA "/certs\n"
	"ssl=$(command -v openssl || echo "
	"/snap/microk8s/current/usr/bin/openssl)\n"
	"node=$(hostname | tr '[:upper:]' '[:lower:]')\n"
	"san=DNS:$node\n"
	"for ip in $(hostname -I) $2; do\n"
	"	case $ip in *:*) continue ;; esac\n"
	"	case ,$san, in *,IP:$ip,*) ;; *) san=$san,IP:$ip ;; esac\n"
	"done\n"
	"dir=$(mktemp -d)\n"
	"trap 'rm -rf \"$dir\"' EXIT\n"
	"echo \"subjectAltName=$san\" >\"$dir/ext\"\n"
	"\"$ssl\" req -new -sha256 -key kubelet.key "
	"-subj \"/CN=system:node:$node/O=system:nodes\" -out \"$dir/csr\"\n"
	"\"$ssl\" x509 -req -sha256 -in \"$dir/csr\" -CA ca.crt -CAkey ca.key "
	"-CAcreateserial -days 3650 -extfile \"$dir/ext\" -out \"$dir/crt\"\n"
	"mkdir -p \"${1%/*}\"\n"
	": >\"$1\"\n"
	"cp -p kubelet.crt kubelet.crt.muster-old\n"
	"cp -p kubelet.crt kubelet.crt.muster-new\n"
	"cat \"$dir/crt\" >kubelet.crt.muster-new\n"
	"mv -f kubelet.crt.muster-new kubelet.crt\n";

static bool renew_server(struct task *task, GError **error)
{
	g_autofree char *id = g_strdup_printf("%s-certs", task_run_id(task));
	struct job_request request = {
		.id = id,
		.title = "microk8s refresh-certs -e server.crt",
		.script = server_script,
	};

	return task_job(task, request, NULL, error);
}

static bool renew_kubelet(struct task *task, const char *address,
			  GError **error)
{
	const char *args[] = { pending_marker(NODE_KUBELITE), address, NULL };
	struct exec_request request = {
		.title = "sign kubelet.crt anew",
		.script = kubelet_script,
		.args = args,
	};

	if (!task_exec(task, request, NULL, error))
		return false;
	task_node(task)->pending |= NODE_KUBELITE;
	return true;
}

/* The parameter `names`, each once; NULL-terminated, owned by the caller. */
static char **wanted_names(struct task *task)
{
	g_auto(GStrv) words = g_strsplit_set(task_string(task, "names"),
					     " \t,", -1);
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint i = 0; words[i]; i++) {
		if (!*words[i] || strcmp(words[i],
					 task_string(task, "address")) == 0 ||
		    g_ptr_array_find_with_equal_func(names, words[i],
						     g_str_equal, NULL))
			continue;
		g_ptr_array_add(names, words[i]);
	}
	g_ptr_array_add(names, NULL);
	return g_strdupv((char **)names->pdata);
}

static bool is_good(const struct facts *facts, const struct facts_cert *cert,
		    const char *address, char **names)
{
	for (; *names; names++)
		if (!facts_san_has_name(cert, *names))
			return false;
	return facts_san_has_ip(cert, address) &&
		facts_cert_days_left(facts, cert) >= 0;
}

/* The host's own addresses come into server.crt by themselves, other names
 * only from the template. */
static bool edit_template(struct task *task, char **names, GError **error)
{
	const struct facts *facts = task_node(task)->facts;
	g_autofree char *before = NULL, *after = NULL;
	g_autoptr(GPtrArray) foreign = g_ptr_array_new();

	for (; *names; names++)
		if (!facts_has_address(facts, *names) &&
		    !facts_san_has_name(&facts->server_cert, *names))
			g_ptr_array_add(foreign, *names);
	g_ptr_array_add(foreign, NULL);
	if (foreign->len == 1)
		return true;
	if (!file_read(task_session(task), TEMPLATE_PATH, &before,
		       task_deadline(task), error))
		return false;
	after = csr_conf_add_names(before,
				   (const char *const *)foreign->pdata, error);
	if (!after) {
		g_prefix_error(error, TEMPLATE_PATH ": ");
		return false;
	}
	return strcmp(before, after) == 0 ||
		node_edit_file(task, TEMPLATE_PATH, before, after, 0,
			       error) == TASK_CHANGED;
}

static void say_renewal(struct task *task, bool has_server, bool has_kubelet,
			char **names)
{
	g_autofree char *more = g_strjoinv(", ", names);

	task_say(task, "%s%s%s renewed to name %s%s%s",
		 has_server ? "" : "server.crt",
		 has_server || has_kubelet ? "" : " and ",
		 has_kubelet ? "" : "kubelet.crt",
		 task_string(task, "address"), has_server || !*more ? "" : ", ",
		 has_server ? "" : more);
}

/* Renews what is not good and looks whether it is now. */
static enum task_status renew(struct task *task, bool has_server,
			      bool has_kubelet, char **names, GError **error)
{
	const char *address = task_string(task, "address");
	const struct node *node = task_node(task);
	g_autofree char *more = g_strjoinv(", ", names);
	char *none[] = { NULL };

	if (!has_server && !edit_template(task, names, error))
		return TASK_FAILED;
	if (!task_may_change(task))
		return TASK_CHANGED;
	if ((!has_kubelet && !renew_kubelet(task, address, error)) ||
	    (!has_server && (!node_may_restart(task, error) ||
			     !renew_server(task, error))) ||
	    !node_look(task, error))
		return TASK_FAILED;
	if (is_good(node->facts, &node->facts->server_cert, address, names) &&
	    is_good(node->facts, &node->facts->kubelet_cert, address, none))
		return TASK_CHANGED;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_VERIFY,
		    "renewed certificates still do not name %s%s%s", address,
		    *more ? ", " : "", more);
	return TASK_FAILED;
}

static enum task_status certificates_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *address = task_string(task, "address");
	g_auto(GStrv) names = wanted_names(task);
	char *none[] = { NULL };

	if (node_skips(task, false) || node_is_unknowable(task))
		return TASK_SKIPPED;
	if (!node->facts->has_openssl) {
		task_say(task, "no openssl there to read them with");
		return TASK_SKIPPED;
	}
	bool has_server = is_good(node->facts, &node->facts->server_cert,
				  address, names);
	bool has_kubelet = is_good(node->facts, &node->facts->kubelet_cert,
				   address, none);

	if (has_server && has_kubelet) {
		g_autofree char *more = g_strjoinv(", ", names);

		if (*more)
			task_say(task, "both name %s, server.crt %s too",
				 address, more);
		else
			task_say(task, "both name %s", address);
		return TASK_OK;
	}
	say_renewal(task, has_server, has_kubelet, names);
	return renew(task, has_server, has_kubelet, names, error);
}

const struct action action_certificates = {
	.name = "certificates",
	.summary = "make sure the master's certificates name its address",
	.help = "Renews server.crt with `microk8s refresh-certs` and signs "
		"kubelet.crt anew, each only if it has ended or does not name "
		"what it should. A name that is no address of the host goes "
		"into certs/csr.conf.template first.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 300 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = certificates_run,
};
