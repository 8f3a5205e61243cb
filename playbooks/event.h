/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run tells while it goes on. Host threads push events onto one
 * queue; one thread takes them off and hands each to every sink. Texts are
 * redacted before they get here.
 */
#ifndef MUSTER_PLAYBOOKS_EVENT_H
#define MUSTER_PLAYBOOKS_EVENT_H

#include <glib.h>

enum task_status {
	TASK_OK,		/* already as it should be */
	TASK_CHANGED,		/* changed (or, in check mode, would be) */
	TASK_SKIPPED,		/* does not apply here */
	TASK_FAILED,
	TASK_UNREACHABLE,
	TASK_N
};

/* "ok", "changed", ... */
const char *task_status_name(enum task_status status);

enum event_kind {
	EVENT_RUN_START,	/* message: playbook's name */
	EVENT_PLAY_START,	/* play, hosts (count) */
	EVENT_STEP_START,	/* play, step, host */
	EVENT_NOTE,		/* the same; message: progress of a long step */
	EVENT_STEP_END,		/* the same; status, message, diff, code,
				   hint, elapsed_us, remote_us */
	EVENT_PLAY_END,		/* play; elapsed_us */
	EVENT_WARNING,		/* message; host may be NULL */
	EVENT_RUN_END		/* elapsed_us; status: the gravest of any
				   host's steps */
};

struct event {
	enum event_kind kind;
	gint64 time_us;		/* wall clock, since the epoch */
	gint64 since_start_us;
	char *play, *step, *host;	/* NULL where they do not apply */
	enum task_status status;
	char *message;
	char *diff;		/* unified diff, or NULL */
	const char *code;	/* stable name of the error, or NULL; static */
	char *hint;		/* what to do about it, or NULL */
	const char *cause;	/* code of the catalogue, or NULL; static */
	unsigned hosts;
	gint64 elapsed_us;	/* as seen from here */
	gint64 remote_us;	/* of it, work on the host */
};

void event_free(struct event *event);

/* `text` as one line: every run of blanks, line feeds and other control
 * characters is one blank, none at either end. NULL gives NULL; newly
 * allocated. */
char *event_line(const char *text);

struct event_sink {
	void (*event)(const struct event *event, void *data);
	void *data;
};

#endif
