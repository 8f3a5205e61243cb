/* SPDX-License-Identifier: Apache-2.0
 *
 * The verb `join`: makes a host a member of the cluster, a worker or one more
 * control plane (join_master.c). The join runs as a job that survives a lost
 * connection; what is a race is tried again, what cannot succeed is not; and
 * an exit status of 0 is not believed before the host's own files say the
 * same, or of a control plane the datastore.
 */
#include "join_master.h"

#include "playbooks/api.h"

#include <string.h>

#define NO_WAY_STATUS 97	/* join_script: the agent is out of reach */
#define STALE_LOCK SNAP_DATA "/var/lock/join-in-progress"
#define FIRST_JOIN_API_US (180 * G_TIME_SPAN_SECOND)

static const struct param params[] = {
	{ .name = "attempts", .type = PARAM_INT, .fallback = "6",
	  .help = "How often to try what fails by a race." },
	{ .name = "attempt_timeout", .type = PARAM_DURATION, .fallback = "6m",
	  .help = "How long one attempt may take; join itself never gives "
		  "up." },
	{ .name = "timeout", .type = PARAM_DURATION, .fallback = "20m",
	  .help = "How long all attempts together may take." },
	{ .name = JOIN_TAKEN_IN, .type = PARAM_DURATION, .fallback = "90s",
	  .help = "How long the datastore may take, after the join of a "
		  "control plane, to list it." },
};

/* $1 URL, $2 master's address, $3 seconds for the attempt, $4 --worker or
 * nothing: --controlplane sends join.py the wrong way.
 * join.py has no timeout of its own, so the agent is probed first; it signs
 * with a client that honours proxy variables, which know nothing of nodes
 * (microk8s#1146). A join left over from an interrupted run is let finish. */
static const char join_script[] =
	"joining() {\n"
	"	for f in /proc/[0-9]*/cmdline; do\n"
	"		tr '\\0' ' ' <\"$f\" 2>/dev/null |\n"
	"		grep -Eq '(microk8s[. ]join|/join\\.py) ' && return 0\n"
	"	done\n"
	"	return 1\n"
	"}\n"
	"n=0\n"
	"while joining && [ $n -lt 240 ]; do sleep 1; n=$((n + 1)); done\n"
	"n=0\n"
	"until timeout 5 bash -c 'exec 3<>\"/dev/tcp/$0/25000\"' \"$2\" "
	"2>/dev/null; do\n"
	"	n=$((n + 1))\n"
	"	if [ $n -ge 5 ]; then\n"
	"		echo \"no connection to $2:25000 from here\" >&2\n"
	"		exit 97\n"
	"	fi\n"
	"	sleep 1\n"
	"done\n"
	"unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy "
	"ALL_PROXY\n"
	"exec timeout -k 10 \"$3\" /snap/bin/microk8s join \"$1\" $4\n";

/* The first join of a master that could not be prepared goes alone: it moves
 * the datastore and re-applies the CNI under everyone else's feet. */
static bool enter_first_join(struct cluster *cluster)
{
	bool is_first;

	if (cluster->prepared)
		return false;
	g_mutex_lock(&cluster->lock);
	while (cluster->first_join_taken && !cluster->first_join_done)
		g_cond_wait(&cluster->changed, &cluster->lock);
	is_first = !cluster->first_join_taken;
	cluster->first_join_taken = true;
	g_mutex_unlock(&cluster->lock);
	return is_first;
}

static void leave_first_join(struct task *task, bool joined)
{
	struct cluster *cluster = task_cluster(task);
	gint64 until_us = g_get_monotonic_time() + FIRST_JOIN_API_US;

	while (joined && cluster->api && g_get_monotonic_time() < until_us &&
	       !api_is_ready(cluster->api, NULL, until_us))
		if (!task_sleep(task, G_TIME_SPAN_SECOND, NULL))
			break;
	g_mutex_lock(&cluster->lock);
	cluster->first_join_done = joined;
	cluster->first_join_taken = joined;
	g_cond_broadcast(&cluster->changed);
	g_mutex_unlock(&cluster->lock);
}

/* A token other than the one that was refused; shared by all who need it. */
static bool renew_token(struct task *task, const char *refused, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	bool ok = true;

	g_mutex_lock(&cluster->lock);
	if (g_strcmp0(cluster->token, refused) == 0)
		ok = token_mint(cluster, "3600", task_deadline(task), error);
	g_mutex_unlock(&cluster->lock);
	return ok;
}

static char *current_token(struct cluster *cluster)
{
	char *token;

	g_mutex_lock(&cluster->lock);
	token = g_strdup(cluster->token);
	g_mutex_unlock(&cluster->lock);
	return token;
}

static struct join_verdict *attempt(struct task *task, gint64 number,
				    const char *token, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	const char *master_ip = cluster->master->node_ip;
	g_autofree char *id = g_strdup_printf("%s-join-%" G_GINT64_FORMAT,
					      task_run_id(task), number);
	g_autofree char *url = join_url(master_ip, token, error);
	g_autofree char *seconds = g_strdup_printf(
		"%" G_GINT64_FORMAT, MAX(task_duration(task, "attempt_timeout")
					 / G_TIME_SPAN_SECOND, 1));
	bool is_worker = task_node(task)->role == NODE_WORKER;
	const char *args[] = { url, master_ip, seconds,
			       is_worker ? "--worker" : "", NULL };
	g_autoptr(ExecResult) result = NULL;
	struct job_request request = {
		.id = id,
		.title = is_worker ? "microk8s join --worker"
			: "microk8s join",
		.script = join_script,
		.args = args,
		.accept_failure = true,
	};

	if (!url || !task_job(task, request, &result, error))
		return NULL;
	if (result->status == NO_WAY_STATUS) {
		task_node(task)->awaited = false;	/* left as it was */
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_JOIN,
			    "%s cannot reach the master's cluster agent at "
			    "%s:%d", task_host(task)->name, master_ip,
			    JOIN_AGENT_PORT);
		task_hint(task, "open 25000/tcp and 16443/tcp on %s for this "
			  "host, and check that node_ip=%s is the address on "
			  "which nodes reach it",
			  cluster->master->host->name, master_ip);
		return NULL;
	}
	return join_text_classify(result->status, result->out, result->err);
}

/* An exit status of 0: does the host's own state say so, too? */
static bool prove_join(struct task *task, bool *again, GError **error)
{
	struct node *node = task_node(task);

	if (!node_look(task, error))
		return false;
	if (node->role == NODE_MASTER)
		return join_master_prove(task, again, error);
	*again = !facts_is_worker(node->facts) ||
		!facts_is_member_of(node->facts,
				    task_cluster(task)->master->facts);
	return true;
}

/* Judges what came of an attempt. True: done, or try again (*again). */
static bool settle_verdict(struct task *task, struct join_verdict *verdict,
			   const char *token, bool *again, GError **error)
{
	*again = true;
	if (join_master_may_expel(task, verdict))
		return join_master_expel(task, error) &&
			renew_token(task, token, error);
	if (verdict->outcome == JOIN_FATAL) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_JOIN,
			    "microk8s join: %s (%s)", verdict->meaning,
			    verdict->detail ? verdict->detail
					    : verdict->cause);
		task_cause(task, verdict->cause);
		if (*verdict->fix)
			task_hint(task, "%s", verdict->fix);
		return false;
	}
	if (verdict->outcome == JOIN_RETRY_NEW_TOKEN)
		return renew_token(task, token, error);
	if (verdict->outcome == JOIN_RETRY)
		return true;
	return prove_join(task, again, error);
}

static bool join_with_retries(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	gint64 attempts = task_int(task, "attempts");
	g_autofree char *first = NULL;

	for (gint64 number = 1; number <= attempts; number++) {
		g_autofree char *token = current_token(cluster);
		bool again = false;
		struct join_verdict *verdict =
			attempt(task, number, token, error);

		if (!verdict)
			return false;
		bool ok = settle_verdict(task, verdict, token, &again, error);
		g_autofree char *said = g_strdup(
			verdict->outcome == JOIN_OK
			? "join said success, but the host is no member"
			: verdict->detail ? verdict->detail
			: verdict->meaning);

		if (again)
			task_cause(task, verdict->cause);
		join_verdict_free(verdict);
		if (!ok || !again)
			return ok;
		if (!first)
			first = g_strdup(said);
		if (number == attempts) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_JOIN,
				    "microk8s join failed %" G_GINT64_FORMAT
				    " times: %s", attempts, first);
			return false;
		}
		task_note(task, "attempt %" G_GINT64_FORMAT " failed, again: "
			  "%s", number, said);
		/* jitter keeps those who collided from doing so again */
		if (!task_sleep(task, number * g_random_int_range(500, 2500) *
				G_TIME_SPAN_MILLISECOND, error))
			return false;
	}
	return false;
}

static enum task_status drop_stale_lock(struct task *task, GError **error)
{
	struct node *node = task_node(task);
	struct exec_request request = {
		.title = "remove a stale join-in-progress",
		.script = "rm -f " STALE_LOCK "\n",
	};

	if (!(node->facts->locks & LOCK_JOIN_IN_PROGRESS)) {
		task_say(task, "member of this cluster");
		return TASK_OK;
	}
	task_say(task, "member of this cluster; removed the mark of a join "
		 "that never ended");
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (!task_exec(task, request, NULL, error))
		return TASK_FAILED;
	node->facts->locks &= ~(unsigned)LOCK_JOIN_IN_PROGRESS;
	return TASK_CHANGED;
}

static enum task_status join_run(struct task *task, GError **error)
{
	struct cluster *cluster = task_cluster(task);
	struct node *node = task_node(task);

	if (node_skips(task, false))
		return TASK_SKIPPED;
	if (node == cluster->master) {
		task_say(task, "the cluster is joined through it");
		return TASK_SKIPPED;
	}
	const char *reason = cluster_join_reason(cluster, node);

	if (!reason)
		return drop_stale_lock(task, error);
	task_say(task, "as %s of %s: %s", node->role == NODE_MASTER
		 ? "control plane" : "worker", cluster->master->node_ip,
		 reason);
	if (!task_may_change(task))
		return TASK_CHANGED;
	if (node->role == NODE_MASTER && !join_master_begin(task, error))
		return TASK_FAILED;
	if (!cluster->token && !renew_token(task, NULL, error))
		return TASK_FAILED;
	bool is_first = enter_first_join(cluster);
	bool joined = join_with_retries(task, error);

	if (is_first)
		leave_first_join(task, joined);
	if (!joined)
		return TASK_FAILED;
	node->fresh_us = g_get_monotonic_time();
	return TASK_CHANGED;
}

const struct action action_join = {
	.name = "join",
	.summary = "make a host a worker, or a control plane, of the cluster",
	.help = "Joins a host that is not a member yet, joined only half, or "
		"is a member without its node. Runs `microk8s join` (with "
		"--worker on a worker) detached on the host, so a lost "
		"connection does not break it; races that MicroK8s is known "
		"for are tried again. A control plane has joined when the "
		"datastore lists it: until then it is joined again, and what "
		"an older one of its address left there is taken off first.",
	.params = params,
	.n_params = G_N_ELEMENTS(params),
	.timeout_us = 20 * 60 * G_TIME_SPAN_SECOND,
	.retry_safe = false,
	.run = join_run,
};
