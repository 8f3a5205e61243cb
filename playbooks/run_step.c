/* SPDX-License-Identifier: Apache-2.0
 *
 * One step on one host: the action, again where a connection was lost, and
 * what is told of it.
 */
#include "action.h"
#include "outcome.h"
#include "run_priv.h"

#include "playbooks/microk8s/cause.h"
#include "transport/error.h"

#include <string.h>

#define RETRIES 4		/* of a step after a lost connection */
#define RETRY_PAUSE_US (500 * G_TIME_SPAN_MILLISECOND)

static void push_step(struct run *run, const struct run_host *host,
		      const struct play *play, const struct step *step)
{
	struct event *event = run_event(run, EVENT_STEP_START);

	event->play = g_strdup(play->name);
	event->step = g_strdup(step->title);
	event->host = g_strdup(host->host->name);
	run_push(run, event);
}

static void push_step_end(struct run *run, const struct run_host *host,
			  const struct play *play, const struct step *step,
			  const struct outcome *outcome)
{
	struct event *event = run_event(run, EVENT_STEP_END);

	event->play = g_strdup(play->name);
	event->step = g_strdup(step->title);
	event->host = g_strdup(host->host->name);
	event->status = outcome->status;
	event->message = g_strdup(outcome->error ? outcome->error->message
				  : outcome->message);
	event->code = outcome->error
		? muster_error_name(outcome->error->code) : NULL;
	event->diff = g_strdup(outcome->diff);
	event->hint = g_strdup(outcome->hint);
	event->cause = outcome->cause;
	event->elapsed_us = outcome->elapsed_us;
	event->remote_us = outcome->remote_us;
	run_push(run, event);
}

static enum task_status status_of(enum task_status status,
				  const GError *error)
{
	if (status != TASK_FAILED || !error)
		return status;
	return muster_error_is_unreachable(error->code) ? TASK_UNREACHABLE
							: TASK_FAILED;
}

/* By what the action knows, else by the words of the error: it may quote the
 * API or a log. */
static void add_cause(struct outcome *outcome, const struct cause *cause)
{
	if (!cause)
		cause = cause_recognise(CAUSE_OF_LOG, 0,
					outcome->error->message, NULL, NULL);
	if (strcmp(cause->code, "unknown") == 0)
		return;
	outcome->cause = cause->code;
	if (!outcome->hint)
		outcome->hint = g_strdup(cause->fix);
}

static void run_action(struct task *task, struct outcome *outcome)
{
	enum task_status status = task->step->action->run(task,
							  &outcome->error);

	if ((status == TASK_FAILED || status == TASK_UNREACHABLE) &&
	    !outcome->error)
		g_set_error(&outcome->error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "%s failed without a reason", task->step->title);
	if (status != TASK_FAILED && status != TASK_UNREACHABLE)
		g_clear_error(&outcome->error);	/* one it got over */
	outcome->status = status_of(status, outcome->error);
	outcome->message = g_steal_pointer(&task->message);
	outcome->hint = g_steal_pointer(&task->hint);
	if (outcome->error)
		add_cause(outcome, task->cause);
	outcome->remote_us = task->remote_us;
	if (task->diff)
		outcome->diff = g_string_free(g_steal_pointer(&task->diff),
					      FALSE);
}

/* A connection that was there and went, or cannot be had again just now. What
 * never was reachable in this run is not waited for. */
static bool is_worth_retrying(const struct run *run,
			      const struct run_host *host,
			      const struct step *step,
			      const struct outcome *outcome)
{
	if (outcome->status != TASK_UNREACHABLE ||
	    !step->action->retry_safe || cancel_is_stopped(run->cancel))
		return false;
	switch (outcome->error->code) {
	case MUSTER_ERROR_LOST:
		return true;
	case MUSTER_ERROR_REFUSED:
	case MUSTER_ERROR_NO_ROUTE:
	case MUSTER_ERROR_CONNECT_TIMEOUT:
		return host->reached;
	default:
		return false;
	}
}

static void run_step_once(struct run *run, struct run_host *host,
			  const struct play *play, const struct step *step,
			  struct outcome *outcome)
{
	struct task *task = task_new(run, host, play, step, &outcome->error);

	if (task)
		run_action(task, outcome);
	else
		outcome->status = TASK_FAILED;
	task_free(task);
	if (session_is_connected(host->session) ||
	    g_error_matches(outcome->error, MUSTER_ERROR, MUSTER_ERROR_LOST))
		host->reached = true;
}

static void push_retry(struct run *run, const struct run_host *host,
		       const struct play *play, const struct step *step,
		       const char *why)
{
	struct event *event = run_event(run, EVENT_NOTE);

	event->play = g_strdup(play->name);
	event->step = g_strdup(step->title);
	event->host = g_strdup(host->host->name);
	event->message = g_strdup_printf("%s; connecting again", why);
	run_push(run, event);
}

/* The step, and again as long as that may help. */
static void run_step_stubbornly(struct run *run, struct run_host *host,
				const struct play *play,
				const struct step *step,
				struct outcome *outcome)
{
	run_step_once(run, host, play, step, outcome);
	for (unsigned n = 1; n <= RETRIES; n++) {
		gint64 remote_us = outcome->remote_us;

		if (!is_worth_retrying(run, host, step, outcome))
			return;
		push_retry(run, host, play, step, outcome->error->message);
		if (!run_sleep(run, g_get_monotonic_time() +
			       RETRY_PAUSE_US * n))
			return;
		outcome_clear(outcome);
		run_step_once(run, host, play, step, outcome);
		outcome->remote_us += remote_us;
	}
}

bool run_step(struct run *run, struct run_host *host,
		     const struct play *play, const struct step *step)
{
	gint64 begun_us = g_get_monotonic_time();
	g_autofree char *title = redactor_apply(run->redactor, step->title);
	struct outcome outcome = { .status = TASK_FAILED };

	push_step(run, host, play, step);
	run_step_stubbornly(run, host, play, step, &outcome);
	outcome.elapsed_us = g_get_monotonic_time() - begun_us;
	outcome_redact(&outcome, run->redactor);
	push_step_end(run, host, play, step, &outcome);
	host_result_add(host->result, title, &outcome);
	host->play_remote_us += outcome.remote_us;
	bool ok = outcome.status != TASK_FAILED &&
		outcome.status != TASK_UNREACHABLE;

	outcome_clear(&outcome);
	return ok;
}
