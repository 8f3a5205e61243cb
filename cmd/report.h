/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways of telling a run. Each reporter is one event sink plus what it prints
 * once the run is over; standard output gets the answer, standard error the
 * story. All are called on one thread.
 */
#ifndef MUSTER_CMD_REPORT_H
#define MUSTER_CMD_REPORT_H

#include "options.h"
#include "playbooks/run.h"

/* What a run was, for those who tell of it. All borrowed. */
struct run_info {
	const char *command;		/* "up", "plan", "play" */
	const char *playbook, *inventory;
	const char *run_id;
	const char *log_dir;		/* NULL: no logs could be written */
	const struct cluster *cluster;
	gint64 started_us;		/* wall clock */
	const struct options *options;
};

struct reporter {
	struct event_sink sink;
	/* After the run; `result` as run_execute() gave it. */
	void (*finish)(void *data, const struct run_result *result);
	void (*free)(void *data);
};

/* One line per host transition on standard error. */
struct reporter *report_plain_new(const struct run_info *info);
/* What would change, folded over hosts, on standard output. */
struct reporter *report_plan_new(const struct run_info *info);
/* The recap and the table of nodes on standard output. */
struct reporter *report_answer_new(const struct run_info *info);
/* One document, schema muster.run/1, on standard output. */
struct reporter *report_json_new(const struct run_info *info);
/* One JSON object a line, as things happen. NULL (error OUTPUT) if the file
 * cannot be written. */
struct reporter *report_events_new(const struct run_info *info,
				   const char *path, GError **error);

void reporter_free(struct reporter *reporter);

/* The nodes as the API last reported them: NAME STATUS ROLES AGE VERSION
 * INTERNAL-IP NODE_IP. Newly allocated text, or NULL if it never did. */
char *nodes_table(const struct cluster *cluster);

#endif
