/* SPDX-License-Identifier: Apache-2.0
 *
 * A real sshd to run jobs on, and a patient job: it says that it runs, and
 * runs until it is told to end. For one test each.
 */
#ifndef MUSTER_TESTS_SSH_JOBRIG_H
#define MUSTER_TESTS_SSH_JOBRIG_H

#include "sshd.h"
#include "transport/job_priv.h"

struct jobrig {
	struct sshd *sshd;
	struct rig rig;
	struct host host;	/* root there */
	struct session *session;
	char *id, *dir;		/* of the job */
	char *count, *go;	/* files: a line for each start; what it waits
				   for */
	const char *args[3];
	/* of a job on a thread */
	struct job_request request;
	struct exec_result *result;
	GError *error;
	gint64 ended_us;
	gint lost;		/* atomic: its connection was */
	gint64 told_us;		/* when it was last told how the job stands;
				   what comes after is the clean-up */
};

int jobrig_set_up(void **state);
int jobrig_tear_down(void **state);

/* A request for `script` under the rig's id, with count and go as arguments
 * and 60 s of time; borrows all of that. */
struct job_request jobrig_request(const struct jobrig *f, const char *script);

extern const char jobrig_patient[];	/* the script of a patient job */

/* Runs one on a thread for at most `seconds`; it runs on the host when this
 * returns. Join the thread, then look at result, error and the times. */
GThread *jobrig_start(struct jobrig *f, int seconds);

void jobrig_touch(const char *path);

/* Waits until that file is there, for at most 30 s. */
void jobrig_await(const char *path);

/* The job was started so often, so far. */
void jobrig_expect_starts(const struct jobrig *f, size_t n);

/* The patient job came to its good end, was started once and left nothing. */
void jobrig_expect_done(const struct jobrig *f);

#endif
