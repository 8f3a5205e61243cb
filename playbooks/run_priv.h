/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's inside: a run, its hosts, and a task, which is one step on one
 * host. run.c drives them, task.c is what actions see of it.
 */
#ifndef MUSTER_PLAYBOOKS_RUN_PRIV_H
#define MUSTER_PLAYBOOKS_RUN_PRIV_H

#include "run.h"

struct run {
	const struct run_options *options;	/* borrowed */
	struct cancel *cancel;			/* borrowed */
	struct redactor *redactor;		/* borrowed */
	GPtrArray *hosts;			/* struct run_host *; owned */
	GHashTable *by_host;			/* struct host * -> the same */
	GAsyncQueue *events;			/* struct event *; any thread */
	gint64 started_us;			/* monotonic */
	gint64 critical_us;
	bool was_settled;			/* who speaks for the cluster */
};

/* Touched by one thread at a time: that of its host within a play, the
 * run's between plays. */
struct run_host {
	const struct host *host;
	struct node *node;			/* borrowed; NULL: no role */
	struct session *session;		/* borrowed */
	struct session *own_session;		/* owned; only without a node */
	struct host_result *result;		/* borrowed from the result */
	gint64 play_remote_us;			/* of the play that runs */
	bool failed;
	bool reached;				/* was connected in this run */
};

/* An argument with its names filled in and its type read. */
struct value {
	const struct param *param;
	char *text;				/* NULL: not given */
	gint64 number;				/* INT; DURATION in us; BOOL */
	GPtrArray *map_values;			/* PARAM_MAP: char * or NULL */
	const GPtrArray *map_keys;		/* borrowed from the step */
};

struct task {
	struct run *run;
	struct run_host *host;
	const struct play *play;
	const struct step *step;
	GArray *values;				/* struct value */
	gint64 begun_us, deadline_us, remote_us;
	char *message, *hint;
	const struct cause *cause;		/* of the last failure; NULL */
	GString *diff;				/* NULL: none */
};

/* A task with its arguments resolved; NULL with error DATA if they do not
 * hold for this host. */
struct task *task_new(struct run *run, struct run_host *host,
		      const struct play *play, const struct step *step,
		      GError **error);
void task_free(struct task *task);

/* Resolves `step`'s arguments by `vars` into struct value; NULL and error DATA
 * (with *where set to the argument's place) if one does not hold. A preview
 * leaves values that hang on facts alone. */
struct vars;
GArray *values_resolve(const struct step *step, struct vars *vars,
		       struct mark *where, GError **error);

/* Runs `step` on `host`, tells of it and counts it in the host's result; a
 * connection that was lost is made again for steps that may be repeated. False
 * if it failed. On the host's thread. */
bool run_step(struct run *run, struct run_host *host, const struct play *play,
	      const struct step *step);

/* An event of this moment, everything else zero. */
struct event *run_event(const struct run *run, enum event_kind kind);

/* Takes `event`; its texts are redacted on the way, and all but the diff put
 * on one line. Any thread. */
void run_push(struct run *run, struct event *event);

/* Sleeps until that moment (monotonic us); false, at once, if the run is or
 * gets stopped. Any thread. */
bool run_sleep(const struct run *run, gint64 until_us);

#endif
