/* SPDX-License-Identifier: Apache-2.0
 *
 * Events and their words.
 */
#include "event.h"

#include <string.h>

static const char *const status_names[] = {
	[TASK_OK] = "ok",
	[TASK_CHANGED] = "changed",
	[TASK_SKIPPED] = "skipped",
	[TASK_FAILED] = "failed",
	[TASK_UNREACHABLE] = "unreachable",
};

_Static_assert(G_N_ELEMENTS(status_names) == TASK_N,
	       "every status needs a name");

const char *task_status_name(enum task_status status)
{
	return status_names[status];
}

char *event_line(const char *text)
{
	GString *line;

	if (!text)
		return NULL;
	line = g_string_sized_new(strlen(text));
	for (; *text; text++) {
		if (!g_ascii_iscntrl(*text) && *text != ' ')
			g_string_append_c(line, *text);
		else if (line->len && line->str[line->len - 1] != ' ')
			g_string_append_c(line, ' ');
	}
	if (line->len && line->str[line->len - 1] == ' ')
		g_string_truncate(line, line->len - 1);
	return g_string_free(line, FALSE);
}

void event_free(struct event *event)
{
	if (!event)
		return;
	g_free(event->play);
	g_free(event->step);
	g_free(event->host);
	g_free(event->message);
	g_free(event->diff);
	g_free(event->hint);
	g_free(event);
}
