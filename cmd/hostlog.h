/* SPDX-License-Identifier: Apache-2.0
 *
 * One log file per host with everything that was run there and what it said,
 * secrets taken out, below $XDG_STATE_HOME/muster/<run> (0700, files 0600).
 */
#ifndef MUSTER_CMD_HOSTLOG_H
#define MUSTER_CMD_HOSTLOG_H

#include "transport/redact.h"
#include "transport/session.h"

struct hostlog;

/* Makes the directory of this run and removes those beyond the newest 20.
 * Borrows `redactor`. NULL with error OUTPUT. */
struct hostlog *hostlog_new(const char *run_id, struct redactor *redactor,
			    GError **error);
void hostlog_free(struct hostlog *log);

/* The directory; borrowed. */
const char *hostlog_dir(const struct hostlog *log);

/* A session_log_fn; `data` is the struct hostlog. Any thread. */
void hostlog_write(const struct host *host, const char *title,
		   const char *out, const char *err, int status,
		   gint64 elapsed_us, void *data);

#endif
