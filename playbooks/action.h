/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of an action, the verb of a step: it looks, decides, changes,
 * looks again. Run twice it changes nothing the second time. It changes
 * nothing at all unless task_may_change() says so: that is the one gate which
 * check mode closes.
 */
#ifndef MUSTER_PLAYBOOKS_ACTION_H
#define MUSTER_PLAYBOOKS_ACTION_H

#include "event.h"
#include "param.h"
#include "transport/host.h"
#include "transport/session.h"

struct task;

struct action {
	const char *name;
	const char *summary;		/* one line */
	const char *help;		/* paragraphs for `explain`, or NULL */
	const struct param *params;
	size_t n_params;
	gint64 timeout_us;		/* longest it may take on one host */
	bool retry_safe;		/* may be run again after a failure */
	bool read_only;			/* never changes a host */
	/* Does the step on one host. Reports through task_*(); returns the
	 * outcome. On TASK_FAILED/TASK_UNREACHABLE *error is set; the engine
	 * turns error codes of muster_error_is_unreachable() kind into
	 * TASK_UNREACHABLE by itself. */
	enum task_status (*run)(struct task *task, GError **error);
};

/* Every action there is; ends with NULL. Defined in actions/table.c. */
extern const struct action *const action_table[];
const struct action *action_find(const char *name);

/* --- what an action may ask of its task; all borrowed, one thread --- */

const struct host *task_host(const struct task *task);
struct session *task_session(const struct task *task);
struct transport *task_transport(const struct task *task);

/* The host's facts, the cluster and everything that hosts share: playbooks
 * room types, see cluster.h. */
struct cluster;
struct node;
struct cluster *task_cluster(const struct task *task);
struct node *task_node(const struct task *task);

gint64 task_deadline(const struct task *task);	/* absolute, monotonic us */
const char *task_run_id(const struct task *task);
bool task_is_stopped(const struct task *task);	/* soft cancel */

/* Arguments, interpolated and defaulted. NULL / 0 / false if not given and
 * without default. */
const char *task_string(const struct task *task, const char *param);
gint64 task_int(const struct task *task, const char *param);
bool task_bool(const struct task *task, const char *param);
gint64 task_duration(const struct task *task, const char *param);
size_t task_map_size(const struct task *task, const char *param);
const char *task_map_key(const struct task *task, const char *param, size_t i);
/* NULL means "absent". */
const char *task_map_value(const struct task *task, const char *param,
			   size_t i);

/* False in check mode: report TASK_CHANGED and return without changing. */
bool task_may_change(const struct task *task);

/* One line why, shown with the outcome (last call wins). */
void task_say(struct task *task, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* What to do about a failure, shown under it. */
void task_hint(struct task *task, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Which cause of the catalogue a failure has, by its code. What a failed
 * command said is recognised by task_exec() and task_job() already. */
void task_cause(struct task *task, const char *code);
/* Adds a unified diff of a file edit to the outcome. */
void task_diff(struct task *task, const char *path, const char *before,
	       const char *after);
/* Progress of a long step, at once. */
void task_note(struct task *task, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A warning that survives the run. */
void task_warn(struct task *task, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Accounts for work done on the host, for the critical path. exec_run() and
 * job_run() through task_exec()/task_job() do it themselves. */
void task_add_remote(struct task *task, gint64 us);

/* exec_run()/job_run() with the task's session, deadline and accounting. A
 * deadline_us of 0 in the request means the task's. */
struct exec_request;
struct exec_result;
struct job_request;
bool task_exec(struct task *task, struct exec_request request,
	       struct exec_result **result, GError **error);
bool task_job(struct task *task, struct job_request request,
	      struct exec_result **result, GError **error);

/* Opens the cluster's API (cluster->api, see api.h) on the task's host, unless
 * it is open already; takes at most `most_us` and the task's deadline. */
bool task_open_api(struct task *task, gint64 most_us, GError **error);

/* Sleeps, but wakes for cancel; false if the run was stopped or the task's
 * deadline has passed (then with error CANCELLED/DEADLINE). */
bool task_sleep(struct task *task, gint64 us, GError **error);

#endif
