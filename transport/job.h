/* SPDX-License-Identifier: Apache-2.0
 *
 * Long remote work that outlives the connection. The script runs detached on
 * the host under /run/muster/jobs/<id> (0700, root) with its output and exit
 * status in files; muster waits for it, and after a dropped connection dials
 * again and picks up where it was. The directory is removed once the result
 * has been fetched.
 */
#ifndef MUSTER_TRANSPORT_JOB_H
#define MUSTER_TRANSPORT_JOB_H

#include "exec.h"

struct job_request {
	const char *id;			/* [A-Za-z0-9._-]{1,80}, no dot first;
					   starting an id that exists on the
					   host attaches to it instead */
	const char *title;		/* for logs and errors; no secrets */
	const char *script;		/* POSIX sh, static text */
	const char *const *args;	/* $1..; sent on standard input and kept
					   in a 0600 file, so never in the argv
					   of muster, ssh or the wrapper */
	bool is_public;			/* neither holds a secret: they may be
					   seen in the node's process list
					   while it starts (saves a round
					   trip); at most 100 kB */
	bool accept_failure;		/* exit status != 0 is not an error; a
					   death by signal shows as 128 + n */
	gint64 deadline_us;
	size_t output_max;		/* as exec_request */
};

/* As exec_run(). elapsed_us is the script's own run time as the host measured
 * it. A lost connection is retried with back-off until the deadline; LOST is
 * returned only when the host stays away. DEADLINE leaves the job running and
 * its directory in place (the text names it). SIGNALLED also if the job was
 * killed as a whole, FAILED if the host restarted meanwhile, PREFLIGHT if it
 * has no flock(1) or setsid(1). */
bool job_run(struct session *session, const struct job_request *request,
	     struct exec_result **result, GError **error);

#endif
