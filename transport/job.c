/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the host again and again how the job stands, each time for as long as
 * the host is willing to sit on the answer. What happens to the connection
 * meanwhile is no matter: it is dialled again until the deadline, and the
 * question is the same.
 */
#include "job_priv.h"
#include "error.h"
#include "exec_priv.h"
#include "session_priv.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#define ID_MAX 80
#define WAIT_US (20 * G_TIME_SPAN_SECOND)
/* An answer this late will not come: the connection is dead, or as good. */
#define LATE_US (10 * G_TIME_SPAN_SECOND)
#define ANSWER_US (500 * G_TIME_SPAN_MILLISECOND) /* left for it to arrive */
#define CONNECT_FIRST_US (4 * G_TIME_SPAN_SECOND)
#define CONNECT_MOST_US (20 * G_TIME_SPAN_SECOND)
#define BACK_OFF_FIRST_US (250 * G_TIME_SPAN_MILLISECOND)
#define BACK_OFF_MOST_US (3 * G_TIME_SPAN_SECOND)

struct job {
	struct session *session;
	const struct job_request *request;
	gint64 begun_us;
	gint64 asked_us;	/* when it may first have been started; 0 */
	bool started;		/* the host said so */
	gint64 away_us;		/* since when the host is away; 0: it is not */
	unsigned failures;	/* since then */
	GError *last;		/* why the last of them failed */
};

static bool check_id(const struct job_request *request, GError **error)
{
	static const char allowed[] = G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
		"._-";
	size_t length = strlen(request->id);

	/* A leading dot is ours (or the directory above). */
	if (length > 0 && length <= ID_MAX && *request->id != '.' &&
	    strspn(request->id, allowed) == length)
		return true;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "%s: '%s' is no name for a job", request->title,
		    request->id);
	return false;
}

/* The deadline, or the end of a soft stop's grace. */
static gint64 limit(const struct job *job)
{
	return cancel_deadline(job->session->transport->cancel, job->begun_us,
			       job->request->deadline_us);
}

/* What it means that limit() has come. Returns false. */
static bool set_out_of_time(const struct job *job, GError **error)
{
	const struct job_request *request = job->request;
	const char *address = job->session->host->address;

	if (limit(job) < request->deadline_us)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "%s: stopped: not finished %d s after the "
			    "interrupt (it goes on, in %s/%s on the host)",
			    request->title,
			    (int)(CANCEL_GRACE_US / G_USEC_PER_SEC), JOB_DIR,
			    request->id);
	else if (job->away_us > 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_LOST,
			    "%s: connection to %s lost %d s ago and not to be "
			    "had again: %s (the job may have gone on, in %s/%s "
			    "on the host)", request->title, address,
			    (int)((g_get_monotonic_time() - job->away_us) /
				  G_USEC_PER_SEC),
			    job->last ? job->last->message : "out of time",
			    JOB_DIR, request->id);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DEADLINE,
			    "%s: out of time (it goes on, in %s/%s on the "
			    "host)", request->title, JOB_DIR, request->id);
	return false;
}

/* The run was interrupted, or limit() has come. Returns false. */
static bool set_cut_short(const struct job *job, GError **error)
{
	if (!cancel_is_aborted(job->session->transport->cancel))
		return set_out_of_time(job, error);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
		    "%s: interrupted (it may go on, in %s/%s on the host)",
		    job->request->title, JOB_DIR, job->request->id);
	return false;
}

/* False, without an error: cancelled or out of time. */
static bool sleep_until(const struct job *job, gint64 until_us)
{
	struct cancel *cancel = job->session->transport->cancel;

	for (;;) {
		gint64 now_us = g_get_monotonic_time();
		if (cancel_is_aborted(cancel) || now_us >= limit(job))
			return false;
		if (now_us >= until_us)
			return true;
		struct pollfd fds[] = {
			{.fd = cancel_fd(cancel), .events = POLLIN},
			{.fd = cancel_is_stopped(cancel) ? -1
				: cancel_stop_fd(cancel), .events = POLLIN},
		};
		gint64 left_us = MIN(until_us, limit(job)) - now_us;
		(void)poll(fds, G_N_ELEMENTS(fds),
			   (int)(MAX(left_us, 0) / 1000 + 1));
	}
}

/* Twice as long each time, and never all hosts at the same moment. */
static gint64 back_off_us(unsigned failures)
{
	gint64 us = BACK_OFF_FIRST_US << MIN(failures - 1, 5);

	us = MIN(us, BACK_OFF_MOST_US);
	return us / 2 + (gint64)(g_random_double() * (double)us / 2);
}

static void note_away(struct job *job, const GError *why)
{
	if (job->away_us == 0)
		job->away_us = g_get_monotonic_time();
	job->failures++;
	g_clear_error(&job->last);
	job->last = g_error_copy(why);
}

/* A host that does not let us in is not away. */
static bool may_come_back(const GError *why)
{
	static const int codes[] = {
		MUSTER_ERROR_NAME_NOT_FOUND, MUSTER_ERROR_REFUSED,
		MUSTER_ERROR_NO_ROUTE, MUSTER_ERROR_CONNECT_TIMEOUT,
		MUSTER_ERROR_HANDSHAKE, MUSTER_ERROR_LOST,
	};
	for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
		if (g_error_matches(why, MUSTER_ERROR, codes[i]))
			return true;
	return false;
}

/* Dials until the host is back. The very first connection is made as for any
 * other command: once, and if it fails that is the answer. */
static bool connect_again(struct job *job, GError **error)
{
	if (job->asked_us == 0)
		return session_connect(job->session, limit(job), error);

	while (!session_is_connected(job->session)) {
		if (job->failures > 0 &&
		    !sleep_until(job, g_get_monotonic_time() +
				 back_off_us(job->failures)))
			return set_cut_short(job, error);
		/* SYNs go out after 1, 3 and 7 s: a short try meets the end
		 * of an outage sooner, a long one a host that is slow. */
		gint64 until_us = g_get_monotonic_time() +
			MIN(CONNECT_FIRST_US * (job->failures + 1),
			    CONNECT_MOST_US);
		g_autoptr(GError) why = NULL;

		if (session_connect(job->session, MIN(until_us, limit(job)),
				    &why))
			break;
		if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_CANCELLED))
			return set_cut_short(job, error);
		if (!may_come_back(why)) {
			g_propagate_prefixed_error(
				error, g_steal_pointer(&why), "%s: ",
				job->request->title);
			return false;
		}
		note_away(job, why);
	}
	return true;
}

static bool ask(struct job *job, struct job_answer *answer, GError **error)
{
	gint64 now_us = g_get_monotonic_time();
	if (job->asked_us == 0)
		job->asked_us = now_us;

	gint64 wait_us = MIN(WAIT_US, limit(job) - now_us - ANSWER_US);
	const struct job_question question = {
		.request = job->request,
		.start = !job->started,
		.age_us = now_us - job->asked_us,
		.wait_us = wait_us,
		.deadline_us = MIN(limit(job), now_us + MAX(wait_us, 0) +
				   LATE_US),
	};
	return job_ask(job->session, &question, answer, error);
}

/* An unanswered question. True: ask again. */
static bool outlive(struct job *job, GError *why, GError **error)
{
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_LOST)) {
		note_away(job, why);
		return true;
	}
	if (g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_CANCELLED))
		return set_cut_short(job, error);
	if (!g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_DEADLINE)) {
		g_propagate_error(error, g_error_copy(why));
		return false;
	}
	if (g_get_monotonic_time() >= limit(job))
		return set_out_of_time(job, error);
	session_drop(job->session);
	note_away(job, why);
	return true;
}

static char *said(const struct job *job, const struct exec_result *result)
{
	char *words = exec_tail(job->session, result->err);
	if (*words)
		return words;
	g_free(words);
	return exec_tail(job->session, result->out);
}

/* A shell tells a death by signal as 128 + its number. */
static const char *signal_of(int status)
{
	return status > 128 ? sigabbrev_np(status - 128) : NULL;
}

static bool judge_status(const struct job *job,
			 const struct exec_result *result, GError **error)
{
	const char *title = job->request->title;
	const char *signal = signal_of(result->status);

	if (result->status == 0 || job->request->accept_failure)
		return true;
	g_autofree char *words = said(job, result);
	const char *colon = *words ? ": " : "";
	if (signal)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_SIGNALLED,
			    "%s: killed by signal %s%s%s", title, signal,
			    colon, words);
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_COMMAND,
			    "%s: exit status %d%s%s", title, result->status,
			    colon, words);
	return false;
}

/* The job is over, one way or another. */
static bool judge(const struct job *job, const struct job_answer *answer,
		  GError **error)
{
	const char *title = job->request->title;

	if (answer->state == JOB_DONE)
		return judge_status(job, answer->result, error);
	if (answer->state == JOB_DIED) {
		g_autofree char *words = said(job, answer->result);
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_SIGNALLED,
			    "%s: killed on the host before it could say how "
			    "it ended%s%s", title, *words ? ": " : "", words);
	} else if (answer->state == JOB_REBOOTED) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "%s: the host restarted while it ran; how far it "
			    "got is not known", title);
	} else {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
			    "%s: the host has no trace of it any more (%s/%s "
			    "was removed)", title, JOB_DIR, job->request->id);
	}
	return false;
}

/* Until the job is over: true. */
static bool wait_for_end(struct job *job, struct job_answer *answer,
			 GError **error)
{
	for (;;) {
		g_autoptr(GError) why = NULL;

		if (!connect_again(job, error))
			return false;
		if (!ask(job, answer, &why)) {
			if (!outlive(job, why, error))
				return false;
			continue;
		}
		job->started = true;
		job->away_us = 0;
		job->failures = 0;
		if (answer->state != JOB_RUNNING)
			return true;
		exec_result_free(g_steal_pointer(&answer->result));
		if (g_get_monotonic_time() + ANSWER_US >= limit(job))
			return set_out_of_time(job, error);
	}
}

bool job_run(struct session *session, const struct job_request *request,
	     struct exec_result **result, GError **error)
{
	struct job job = {
		.session = session,
		.request = request,
		.begun_us = g_get_monotonic_time(),
	};
	struct job_answer answer = {0};
	g_autoptr(GError) why = NULL;

	if (!check_id(request, error))
		return false;
	bool good = wait_for_end(&job, &answer, &why) &&
		    judge(&job, &answer, &why);
	/* Of a job too talkative to be fetched nothing more is to be had. */
	if (answer.result || g_error_matches(why, MUSTER_ERROR,
					     MUSTER_ERROR_OUTPUT_LIMIT))
		job_remove(session, request, request->deadline_us);
	if (result && answer.result &&
	    (good || g_error_matches(why, MUSTER_ERROR, MUSTER_ERROR_COMMAND)))
		*result = g_steal_pointer(&answer.result);
	exec_result_free(answer.result);
	if (!good)
		g_propagate_error(error, g_steal_pointer(&why));
	g_clear_error(&job.last);
	return good;
}
