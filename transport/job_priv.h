/* SPDX-License-Identifier: Apache-2.0
 *
 * The far side of a job: the script that starts one, waits for it and tells
 * how it stands, and what it answers. job.c decides what follows from that.
 */
#ifndef MUSTER_TRANSPORT_JOB_PRIV_H
#define MUSTER_TRANSPORT_JOB_PRIV_H

#include "job.h"

#define JOB_DIR "/run/muster/jobs"

enum job_state {
	JOB_RUNNING,
	JOB_DONE,	/* has an exit status */
	JOB_DIED,	/* its wrapper ended without leaving one */
	JOB_GONE,	/* no trace of it on the host */
	JOB_REBOOTED	/* the same, and the host has started since */
};

struct job_answer {
	enum job_state state;
	struct exec_result *result;	/* DONE: all of it; DIED: output only.
					   Owned; exec_result_free() */
};

struct job_question {
	const struct job_request *request;	/* borrowed */
	bool start;		/* make it if there is none of that id */
	gint64 age_us;		/* since it was first asked to be made */
	gint64 wait_us;		/* longest the host should wait for its end */
	gint64 deadline_us;
};

/* One exec_run() on a connected session; its errors, OUTPUT_LIMIT, PREFLIGHT
 * (a tool is missing there) and PROTOCOL. */
bool job_ask(struct session *session, const struct job_question *question,
	     struct job_answer *answer, GError **error);

/* Removes what the host keeps of it; not being able to is no error, as the
 * next job does it a day later. */
void job_remove(struct session *session, const struct job_request *request,
		gint64 deadline_us);

#endif
