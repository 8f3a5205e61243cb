/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `forget`: takes away what `microk8s leave` leaves behind on a host
 * and what muster itself wrote there, so that nothing of an old cluster meets
 * the next one: the mark of a broken join, tokens, secrets, backups, restarts
 * that were owed.
 */
#include "actions.h"

#include "playbooks/departure.h"

#include <string.h>

/* $1 look or do. Prints the name of each thing that is (or was) there. Files
 * that MicroK8s expects are emptied, keeping owner and mode. */
static const char forget_script[] =
	"mode=$1 data=" SNAP_DATA "\n"
	"[ -d \"$data/\" ] || exit 0\n"
	"for file in \"$data\"/var/lock/join-in-progress \\\n"
	"	\"$data\"/args/*.muster* \"$data\"/args/*/*.muster* \\\n"
	"	\"$data\"/var/kubernetes/backend/*.muster* \\\n"
	"	\"$data\"/credentials/.*.muster \\\n"
	"	\"$data\"/credentials/callback-token.txt \\\n"
	"	" STATE_DIR "; do\n"
	"	[ -e \"$file\" ] || continue\n"
	"	echo \"${file##*/}\"\n"
	"	[ \"$mode\" = look ] || rm -rf \"$file\" || exit 1\n"
	"done\n"
	"for name in cluster-tokens certs-request-tokens callback-tokens; do\n"
	"	file=$data/credentials/$name.txt\n"
	"	[ -s \"$file\" ] || continue\n"
	"	echo \"$name.txt\"\n"
	"	[ \"$mode\" = look ] || : >\"$file\" || exit 1\n"
	"done\n";

/* In a plan nobody has left yet, so callers ask what would be there. */
static bool is_done_with(const struct task *task)
{
	const struct node *node = task_node(task);
	const struct departure *d =
		departure_of(task_cluster(task), node);

	if (task_cluster(task)->departures)
		return d && d->has_left;
	return !task_may_change(task) ||
		!(node->facts->locks & (LOCK_CLUSTERED |
					LOCK_NO_CERT_REISSUE));
}

static enum task_status forget_run(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	const char *args[] = { task_may_change(task) ? "do" : "look", NULL };
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "take away what is left of a cluster",
		.script = forget_script,
		.args = args,
	};

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (!node->facts->installed || !is_done_with(task)) {
		task_say(task, "%s", node->facts->installed
			 ? "it is still in its cluster"
			 : "MicroK8s is not installed");
		return TASK_SKIPPED;
	}
	if (!task_exec(task, request, &result, error))
		return TASK_FAILED;
	g_strdelimit(g_strstrip(result->out), "\n", ' ');
	node->pending = 0;
	if (!*result->out) {
		task_say(task, "nothing is left");
		return TASK_OK;
	}
	task_say(task, "%s", result->out);
	return TASK_CHANGED;
}

const struct action action_forget = {
	.name = "forget",
	.summary = "take away what is left of a cluster on a host",
	.help = "For a host that has left: removes the mark of a broken join, "
		"join and callback tokens, muster's backups of files and its "
		"notes of restarts that were owed.",
	.timeout_us = 60 * G_TIME_SPAN_SECOND,
	.retry_safe = true,
	.run = forget_run,
};
