/* SPDX-License-Identifier: Apache-2.0
 *
 * The verbs `token` and `revoke`. One token with a lifetime serves all joins
 * of a run: it is minted before the first (add-node writes its file without a
 * lock, and a running join may undo that) and is not used up by a refused
 * attempt. It never appears in an argument list on this side, nor in a log.
 */
#include "actions.h"

#include "playbooks/microk8s/join_text.h"

#include <string.h>

static const struct param params[] = {
	{ .name = "ttl", .type = PARAM_DURATION, .fallback = "1h",
	  .help = "How long the token lives should it not be revoked." },
};

static const char mint_script[] =
	"exec /snap/bin/microk8s add-node --token-ttl \"$1\" "
	"--format token-check\n";

/* The token comes on standard input. Lines are compared by the shell itself,
 * so it enters no argument list; the file keeps owner and mode. */
static const char revoke_script[] =
	"IFS= read -r token || exit 0\n"
	"dir=" SNAP_DATA "/credentials\n"
	"for name in cluster-tokens.txt certs-request-tokens.txt; do\n"
	"	file=$dir/$name new=$dir/.$name.muster\n"
	"	[ -f \"$file\" ] || continue\n"
	"	cp -p \"$file\" \"$new\" || exit 1\n"
	"	while IFS= read -r line || [ -n \"$line\" ]; do\n"
	"		case $line in\n"
	"		\"$token\" | \"$token\"[-\\|]*) ;;\n"
	"		*) printf '%s\\n' \"$line\" ;;\n"
	"		esac\n"
	"	done <\"$file\" >\"$new\" && mv -f \"$new\" \"$file\" || exit 1\n"
	"done\n";

bool token_mint(struct cluster *cluster, const char *ttl, gint64 deadline_us,
		GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	const char *args[] = { ttl, NULL };
	struct exec_request request = {
		.title = "microk8s add-node",
		.script = mint_script,
		.args = args,
		.private_output = true,
		.deadline_us = deadline_us,
	};

	if (!exec_run(cluster->master->session, &request, &result, error))
		return false;
	char *token = join_token_check_parse(result->out, error);

	explicit_bzero(result->out, result->out_length);
	if (!token) {
		g_prefix_error(error, "microk8s add-node: ");
		return false;
	}
	redactor_add(transport_redactor(cluster->transport), token);
	g_free(cluster->token);
	cluster->token = token;
	return true;
}

/* How many hosts that are still in the run have to join. */
static unsigned joins_ahead(const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (node->facts && !node->failed &&
		    cluster_join_reason(cluster, node))
			n++;
	}
	return n;
}

static enum task_status token_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 ttl_us = task_duration(task, "ttl");
	g_autofree char *ttl = g_strdup_printf(
		"%" G_GINT64_FORMAT, MAX(ttl_us / G_TIME_SPAN_SECOND, 60));
	unsigned joins = joins_ahead(cluster);

	if (task_node(task) != cluster->master) {
		task_say(task, "handed out by the first master");
		return TASK_SKIPPED;
	}
	if (joins == 0) {
		task_say(task, "nobody has to join");
		return TASK_SKIPPED;
	}
	task_say(task, "for %u %s", joins, joins == 1 ? "join" : "joins");
	if (!task_may_change(task))
		return TASK_CHANGED;
	gint64 begun_us = g_get_monotonic_time();

	if (!token_mint(cluster, ttl, task_deadline(task), error))
		return TASK_FAILED;
	task_add_remote(task, g_get_monotonic_time() - begun_us);
	return TASK_CHANGED;
}

const struct action action_token = {
	.name = "token",
	.summary = "mint one join token for all hosts that have to join",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = false,
	.run = token_run,
};

static enum task_status revoke_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	if (!cluster->token || task_node(task) != cluster->master) {
		task_say(task, "no token of this run");
		return TASK_SKIPPED;
	}
	const char *slash = strchr(cluster->token, '/');
	g_autofree char *input = g_strdup_printf(
		"%.*s\n", slash ? (int)(slash - cluster->token)
				: (int)strlen(cluster->token), cluster->token);
	struct exec_request request = {
		.title = "revoke the join token",
		.script = revoke_script,
		.input = input,
		.input_length = strlen(input),
	};
	bool ok = task_exec(task, request, NULL, error);

	explicit_bzero(input, strlen(input));
	if (!ok) {
		task_hint(task, "it dies by itself when its lifetime is over; "
			  "or delete its line in " SNAP_DATA
			  "/credentials/cluster-tokens.txt");
		return TASK_FAILED;
	}
	g_clear_pointer(&cluster->token, g_free);
	return TASK_CHANGED;
}

const struct action action_revoke = {
	.name = "revoke",
	.summary = "make this run's join token worthless",
	.timeout_us = 30 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = revoke_run,
};
