/* SPDX-License-Identifier: Apache-2.0
 *
 * A task as its action sees it: arguments, the host's session, what to tell,
 * and the gate.
 */
#include "action.h"
#include "api.h"
#include "diff.h"
#include "run_priv.h"
#include "vars.h"

#include "playbooks/microk8s/cause.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/job.h"

#include <string.h>

static gint64 timeout_of(const struct task *task)
{
	for (guint i = 0; i < task->values->len; i++) {
		const struct value *v =
			&g_array_index(task->values, struct value, i);

		if (v->param->type == PARAM_DURATION && v->number > 0 &&
		    strcmp(v->param->name, "timeout") == 0)
			return v->number;
	}
	return task->step->action->timeout_us;
}

struct task *task_new(struct run *run, struct run_host *host,
		      const struct play *play, const struct step *step,
		      GError **error)
{
	struct vars vars = {
		.extra = run->options->extra_vars,
		.host = host->host,
		.cluster = run->options->cluster,
		.node = host->node,
	};
	struct mark where;
	GArray *values = values_resolve(step, &vars, &where, error);

	if (!values) {
		g_prefix_error(error, "%s:%u:%u: ",
			       run->options->playbook->file, where.line,
			       where.column);
		return NULL;
	}
	struct task *task = g_new0(struct task, 1);

	task->run = run;
	task->host = host;
	task->play = play;
	task->step = step;
	task->values = values;
	task->begun_us = g_get_monotonic_time();
	task->deadline_us = task->begun_us + timeout_of(task);
	return task;
}

void task_free(struct task *task)
{
	if (!task)
		return;
	g_array_unref(task->values);
	g_free(task->message);
	g_free(task->hint);
	if (task->diff)
		g_string_free(task->diff, TRUE);
	g_free(task);
}

const struct host *task_host(const struct task *task)
{
	return task->host->host;
}

struct session *task_session(const struct task *task)
{
	return task->host->session;
}

struct transport *task_transport(const struct task *task)
{
	return task->run->options->transport;
}

struct cluster *task_cluster(const struct task *task)
{
	return task->run->options->cluster;
}

struct node *task_node(const struct task *task)
{
	return task->host->node;
}

gint64 task_deadline(const struct task *task)
{
	return task->deadline_us;
}

const char *task_run_id(const struct task *task)
{
	return task->run->options->run_id;
}

bool task_is_stopped(const struct task *task)
{
	return cancel_is_stopped(task->run->cancel);
}

bool task_may_change(const struct task *task)
{
	return !task->run->options->check;
}

/* --- arguments --- */

static const struct value *find_value(const struct task *task,
				      const char *param)
{
	for (guint i = 0; i < task->values->len; i++) {
		const struct value *v =
			&g_array_index(task->values, struct value, i);

		if (strcmp(v->param->name, param) == 0)
			return v;
	}
	g_error("action '%s' has no parameter '%s'", task->step->action->name,
		param);
}

const char *task_string(const struct task *task, const char *param)
{
	return find_value(task, param)->text;
}

gint64 task_int(const struct task *task, const char *param)
{
	return find_value(task, param)->number;
}

bool task_bool(const struct task *task, const char *param)
{
	return find_value(task, param)->number != 0;
}

gint64 task_duration(const struct task *task, const char *param)
{
	return find_value(task, param)->number;
}

size_t task_map_size(const struct task *task, const char *param)
{
	const struct value *value = find_value(task, param);

	return value->map_values ? value->map_values->len : 0;
}

const char *task_map_key(const struct task *task, const char *param, size_t i)
{
	return g_ptr_array_index(find_value(task, param)->map_keys, i);
}

const char *task_map_value(const struct task *task, const char *param,
			   size_t i)
{
	return g_ptr_array_index(find_value(task, param)->map_values, i);
}

/* --- telling --- */

void task_say(struct task *task, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);

	va_end(args);
	g_free(task->message);
	task->message = text;
}

void task_hint(struct task *task, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);

	va_end(args);
	g_free(task->hint);
	task->hint = text;
}

void task_cause(struct task *task, const char *code)
{
	task->cause = cause_find(code);
}

void task_diff(struct task *task, const char *path, const char *before,
	       const char *after)
{
	g_autofree char *text = diff_unified(path, before, after);

	if (!text)
		return;
	if (!task->diff)
		task->diff = g_string_new(NULL);
	g_string_append(task->diff, text);
}

static void push_text(struct task *task, enum event_kind kind,
		      const char *format, va_list args)
{
	struct event *event = run_event(task->run, kind);

	event->play = g_strdup(task->play->name);
	event->step = g_strdup(task->step->title);
	event->host = g_strdup(task->host->host->name);
	event->message = g_strdup_vprintf(format, args);
	run_push(task->run, event);
}

void task_note(struct task *task, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	push_text(task, EVENT_NOTE, format, args);
	va_end(args);
}

void task_warn(struct task *task, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	push_text(task, EVENT_WARNING, format, args);
	va_end(args);
}

void task_add_remote(struct task *task, gint64 us)
{
	task->remote_us += us;
}

/* --- doing --- */

/* A later failure takes the place of one that was got over. */
static void recognise(struct task *task, const struct exec_result *result)
{
	const struct cause *cause = cause_recognise(
		CAUSE_OF_COMMAND, result->status, result->out, result->err,
		NULL);

	task->cause = strcmp(cause->code, "unknown") == 0 ? NULL : cause;
}

static void hand_over(struct exec_result *own, struct exec_result **result)
{
	if (result)
		*result = own;
	else
		exec_result_free(own);
}

bool task_exec(struct task *task, struct exec_request request,
	       struct exec_result **result, GError **error)
{
	struct exec_result *own = NULL;
	gint64 begun_us = g_get_monotonic_time();

	if (request.deadline_us == 0)
		request.deadline_us = task->deadline_us;
	bool ok = exec_run(task->host->session, &request, &own, error);

	task_add_remote(task, g_get_monotonic_time() - begun_us);
	if (!ok && own)
		recognise(task, own);
	hand_over(own, result);
	return ok;
}

bool task_job(struct task *task, struct job_request request,
	      struct exec_result **result, GError **error)
{
	struct exec_result *own = NULL;
	gint64 begun_us = g_get_monotonic_time();

	if (request.deadline_us == 0)
		request.deadline_us = task->deadline_us;
	bool ok = job_run(task->host->session, &request, &own, error);

	gint64 passed_us = g_get_monotonic_time() - begun_us;

	/* What the host measured, not how long the way there was broken; its
	 * clock ticks in 10 ms, so it may seem longer than it took. */
	task_add_remote(task, own ? MIN(own->elapsed_us, passed_us)
			: passed_us);
	if (!ok && own)
		recognise(task, own);
	hand_over(own, result);
	return ok;
}

bool task_open_api(struct task *task, gint64 most_us, GError **error)
{
	struct cluster *cluster = task_cluster(task);

	if (!cluster->api)
		cluster->api = api_open(
			task_transport(task), task_session(task),
			MIN(task_deadline(task),
			    g_get_monotonic_time() + most_us), error);
	return cluster->api != NULL;
}

bool task_sleep(struct task *task, gint64 us, GError **error)
{
	gint64 until_us = MIN(g_get_monotonic_time() + us, task->deadline_us);

	if (!run_sleep(task->run, until_us)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "stopped");
		return false;
	}
	if (until_us < task->deadline_us)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DEADLINE,
		    "not done after %" G_GINT64_FORMAT " s",
		    (task->deadline_us - task->begun_us) / G_TIME_SPAN_SECOND);
	return false;
}
