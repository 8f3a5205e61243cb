/* SPDX-License-Identifier: Apache-2.0
 *
 * muster kubeconfig: what kubectl on this machine needs, on standard output
 * or merged into its own file.
 */
#include "cmd.h"

#include "kubeconfig_address.h"
#include "kubeconfig_file.h"
#include "runner.h"

#include "playbooks/api.h"
#include "playbooks/embedded.h"
#include "transport/error.h"

#include <stdio.h>
#include <string.h>

#define CREDENTIALS_US (30 * G_TIME_SPAN_SECOND)
#define NAME_PREFIX "microk8s-"

struct command {
	gboolean merge;
	char *context, *server;		/* options; or NULL */
	struct cluster *cluster;
	char *text;			/* what to print; holds the key */
};

static void begin(struct cluster *cluster, void *data)
{
	struct command *c = data;
	g_autoptr(GHashTable) all = g_hash_table_new(NULL, NULL);

	c->cluster = cluster;
	cluster_invite_masters(cluster, all);
}

/* --server is the user's word: it may lead through a tunnel that is not open
 * yet. So it is tried, and told, and kept. */
static char *choose_server(const struct command *c,
			   const struct kubeconfig *config,
			   struct cancel *cancel, GError **error)
{
	g_autofree char *why = NULL;

	if (!c->server)
		return kubeconfig_find_server(c->cluster, config, cancel,
					      error);
	if (!kubeconfig_try(c->cluster->master, config, c->server, cancel,
			    &why))
		fprintf(stderr, "muster kubeconfig: warning: %s\n", why);
	return g_strdup(c->server);
}

static bool merge(struct command *c, const struct kubeconfig_entry *entry,
		  GError **error)
{
	g_autofree char *path = kubeconfig_file_path();
	bool changed = false;

	if (!kubeconfig_file_merge(path, entry, &changed, error))
		return false;
	c->text = g_strdup_printf("%s: context '%s' %s, %s\n", path,
				  entry->name, changed ? "written"
				  : "is there already", entry->server);
	return true;
}

static bool answer(struct command *c, struct cancel *cancel, GError **error)
{
	const struct node *master = c->cluster->master;
	g_autofree char *name = c->context ? g_strdup(c->context)
		: g_strconcat(NAME_PREFIX, c->cluster->first->host->name,
			      NULL);
	g_autofree char *server = NULL;
	g_autoptr(Kubeconfig) config = api_credentials(
		master->session, g_get_monotonic_time() + CREDENTIALS_US,
		error);

	if (config)
		server = choose_server(c, config, cancel, error);
	if (!server)
		return false;
	const struct kubeconfig_entry entry = {
		.name = name, .server = server, .config = config,
	};

	if (c->merge)
		return merge(c, &entry, error);
	c->text = kubeconfig_text(&entry);
	return true;
}

/* What would answer wrongly, or not at all, is not asked. */
static bool has_control_plane(const struct command *c,
			      const struct run_result *result, GError **error)
{
	const struct node *master = c->cluster->master;

	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->host == master->host && h->error) {
			*error = g_error_copy(h->error);
			return false;
		}
	}
	if (!master->facts)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "%s: stopped before it was asked",
			    master->host->name);
	else if (!master->facts->installed)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    "%s: MicroK8s is not installed",
			    master->host->name);
	else if (facts_is_worker(master->facts))
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
			    "%s: is a worker, and the inventory says master",
			    master->host->name);
	else
		return true;
	return false;
}

static bool after(const struct run_result *result, struct cancel *cancel,
		  int *status, void *data)
{
	struct command *c = data;
	g_autoptr(GError) error = NULL;

	if (has_control_plane(c, result, &error) &&
	    answer(c, cancel, &error))
		return false;
	fprintf(stderr, "muster kubeconfig: %s\n", error->message);
	*status = muster_error_exit_status(error->code);
	return false;
}

/* --- the answer --- */

static void tell_warning(const struct event *event, void *data)
{
	(void)data;
	if (event->kind == EVENT_WARNING)
		fprintf(stderr, "muster: %s%s%s\n",
			event->host ? event->host : "",
			event->host ? ": " : "", event->message);
}

static void print_text(void *data, const struct run_result *result)
{
	const struct command *c = data;

	(void)result;
	if (c->text)
		fputs(c->text, stdout);
}

static void free_nothing(void *data)
{
	(void)data;
}

static struct reporter *make_reporter(const struct run_info *info, void *data)
{
	struct reporter *reporter = g_new0(struct reporter, 1);

	(void)info;
	reporter->sink.event = tell_warning;
	reporter->sink.data = data;
	reporter->finish = print_text;
	reporter->free = free_nothing;
	return reporter;
}

/* --- options --- */

static const char *mistake_in(const struct command *c,
			      const struct options *options)
{
	g_autoptr(GUri) uri = NULL;

	if (options->json)
		return "there is no --json here: the answer is YAML, for "
		       "kubectl";
	if (c->context && !*c->context)
		return "--context takes a name";
	if (!c->server)
		return NULL;
	uri = g_uri_parse(c->server, G_URI_FLAGS_NONE, NULL);
	if (!uri || strcmp(g_uri_get_scheme(uri), "https") != 0 ||
	    !g_uri_get_host(uri) || !*g_uri_get_host(uri) ||
	    g_uri_get_userinfo(uri))
		return "--server takes a URL such as https://10.8.0.4:16443";
	return NULL;
}

static struct options *parse(struct command *c, int argc, char **argv,
			     int *status)
{
	const GOptionEntry entries[] = {
		{ "merge", 0, 0, G_OPTION_ARG_NONE, &c->merge,
		  "Put it into $KUBECONFIG's first file or ~/.kube/config",
		  NULL },
		{ "context", 0, 0, G_OPTION_ARG_STRING, &c->context,
		  "Its name there (default " NAME_PREFIX "MASTER)", "NAME" },
		{ "server", 0, 0, G_OPTION_ARG_STRING, &c->server,
		  "The API's address, instead of one that is tried and good",
		  "URL" },
		G_OPTION_ENTRY_NULL
	};
	static const struct options_usage usage = {
		.examples =
			"Examples:\n"
			"  muster kubeconfig -i inventory.ini >cluster.yaml\n"
			"  muster kubeconfig -i inventory.ini --merge\n"
			"  kubectl --context microk8s-node1 get nodes\n"
			"\n"
			"Prints a kubectl configuration that works from this "
			"machine: of\nmicrok8s_api_endpoint, the master's "
			"node_ip and its ansible_host, the first under\nwhich "
			"the API answers and that its certificate names; of "
			"several masters, those\nof the first that is "
			"reached. The admin's key is in it: whoever has it "
			"has the\ncluster.",
		.summary =
			"--merge edits the text in place: other contexts, "
			"comments and order stay, the\ncurrent context too "
			"if there is one. The file's old text is kept beside "
			"it as\n*" KUBECONFIG_BACKUP ".\n\n"
			"Exit status: 0 done, 2 the host failed, 4 it was "
			"unreachable, 64 usage,\n65 inventory, or a file "
			"that is no kubeconfig, 66 no inventory, 69 no "
			"address is\ngood, 73 the file cannot be written, 75 "
			"kubectl is writing it, 130 Ctrl-C.",
		.only_asks = true,
	};
	struct options_usage own = usage;

	own.entries = entries;
	struct options *options = options_parse(argc, argv, &own, status);

	const char *mistake = options ? mistake_in(c, options) : NULL;

	return options_or_mistake(options, argv[0], mistake, status);
}

int cmd_kubeconfig(int argc, char **argv)
{
	struct command c = { .merge = FALSE };
	const struct runner_hooks hooks = {
		.begin = begin, .reporter = make_reporter, .after = after,
		.data = &c,
	};
	int status = 0;
	g_autoptr(Options) options = parse(&c, argc, argv, &status);

	if (options)
		status = runner_run_hooked(options, argv[0],
					   "kubeconfig.yaml",
					   embedded_text("kubeconfig.yaml"),
					   &hooks);
	if (c.text)
		explicit_bzero(c.text, strlen(c.text));
	g_free(c.text);
	g_free(c.context);
	g_free(c.server);
	return status;
}
