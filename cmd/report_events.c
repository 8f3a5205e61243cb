/* SPDX-License-Identifier: Apache-2.0
 *
 * Every event as one line of JSON (NDJSON), written as it happens, so that a
 * run that is killed leaves all it did behind.
 */
#include "report.h"

#include "json_text.h"

#include "transport/error.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

struct events {
	const struct run_info *info;
	FILE *file;
};

static const char *const kind_names[] = {
	[EVENT_RUN_START] = "run_start",
	[EVENT_PLAY_START] = "play_start",
	[EVENT_STEP_START] = "step_start",
	[EVENT_NOTE] = "note",
	[EVENT_STEP_END] = "step_end",
	[EVENT_PLAY_END] = "play_end",
	[EVENT_WARNING] = "warning",
	[EVENT_RUN_END] = "run_end",
};

static void set_text(json_t *json, const char *key, const char *text)
{
	if (text)
		json_object_set_new(json, key, json_text(text));
}

static json_t *event_json(const struct run_info *info,
			  const struct event *event)
{
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:o, s:I}", "schema", "muster.event/1",
		"run_id", info->run_id, "kind", kind_names[event->kind],
		"time", json_time(event->time_us),
		"since_start_ms", json_ms(event->since_start_us));

	set_text(json, "play", event->play);
	set_text(json, "step", event->step);
	set_text(json, "host", event->host);
	set_text(json, "message", event->message);
	set_text(json, "diff", event->diff);
	set_text(json, "code", event->code);
	set_text(json, "hint", event->hint);
	set_text(json, "cause", event->cause);
	if (event->kind == EVENT_STEP_END || event->kind == EVENT_RUN_END)
		set_text(json, "status", task_status_name(event->status));
	if (event->kind == EVENT_STEP_END) {
		json_object_set_new(json, "elapsed_ms",
				    json_integer(json_ms(
					    event->elapsed_us)));
		json_object_set_new(json, "remote_ms",
				    json_integer(json_ms(
					    event->remote_us)));
	}
	if (event->kind == EVENT_PLAY_START)
		json_object_set_new(json, "hosts",
				    json_integer(event->hosts));
	return json;
}

static void events_event(const struct event *event, void *data)
{
	struct events *e = data;
	json_t *json = event_json(e->info, event);

	json_dumpf(json, e->file, JSON_COMPACT);
	putc('\n', e->file);
	fflush(e->file);
	json_decref(json);
}

static void events_finish(void *data, const struct run_result *result)
{
	struct events *e = data;

	(void)result;
	if (ferror(e->file))
		fprintf(stderr, "muster: not all events could be written\n");
}

static void events_free(void *data)
{
	struct events *e = data;

	fclose(e->file);
	g_free(e);
}

struct reporter *report_events_new(const struct run_info *info,
				   const char *path, GError **error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_OUTPUT,
			    "cannot write '%s': %s", path,
			    g_strerror(errno));
		return NULL;
	}
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct events *e = g_new0(struct events, 1);

	e->info = info;
	e->file = fdopen(fd, "w");
	reporter->sink.event = events_event;
	reporter->sink.data = e;
	reporter->finish = events_finish;
	reporter->free = events_free;
	return reporter;
}
