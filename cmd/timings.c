/* SPDX-License-Identifier: Apache-2.0
 *
 * Gathers the plays' ends, and prints them on standard output.
 */
#include "timings.h"

#include "playbooks/playbook.h"

#include <stdio.h>
#include <string.h>

struct timing {
	char *play;
	gint64 elapsed_us;
};

struct timings {
	const char *names[2];
	guint n_first;			/* plays of the first playbook */
	GPtrArray *plays;		/* struct timing * */
};

static void timing_free(struct timing *timing)
{
	g_free(timing->play);
	g_free(timing);
}

static guint count_plays(const char *text)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	g_autoptr(Playbook) playbook = playbook_parse(
		text, strlen(text), "first", problems, NULL);

	return playbook ? playbook->plays->len : 0;
}

/* A play for nobody takes no time; the numbering is kept. */
static void timings_event(const struct event *event, void *data)
{
	struct timings *t = data;
	struct timing *timing;

	if (event->kind != EVENT_PLAY_END)
		return;
	timing = g_new0(struct timing, 1);
	timing->play = g_strdup(event->play);
	timing->elapsed_us = event->elapsed_us;
	g_ptr_array_add(t->plays, timing);
}

static void print_phase(const struct timings *t, const char *name, guint from,
			guint to)
{
	gint64 total_us = 0;

	for (guint i = from; i < to; i++) {
		const struct timing *play = g_ptr_array_index(t->plays, i);

		total_us += play->elapsed_us;
	}
	printf("%-40s %7.1fs\n", name, (double)total_us / G_USEC_PER_SEC);
	for (guint i = from; i < to; i++) {
		const struct timing *play = g_ptr_array_index(t->plays, i);

		printf("  %-38s %7.1fs\n", play->play,
		       (double)play->elapsed_us / G_USEC_PER_SEC);
	}
}

static void timings_finish(void *data, const struct run_result *result)
{
	const struct timings *t = data;
	guint n = MIN(t->n_first, t->plays->len);

	putchar('\n');
	print_phase(t, t->names[0], 0, n);
	print_phase(t, t->names[1], n, t->plays->len);
	printf("%-40s %7.1fs\n", "both", (double)result->wall_us /
	       G_USEC_PER_SEC);
}

static void timings_free(void *data)
{
	struct timings *t = data;

	g_ptr_array_unref(t->plays);
	g_free(t);
}

struct reporter *timings_new(const char *first_name, const char *first,
			     const char *second_name)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct timings *t = g_new0(struct timings, 1);

	t->names[0] = first_name;
	t->names[1] = second_name;
	t->n_first = count_plays(first);
	t->plays = g_ptr_array_new_with_free_func(
		(GDestroyNotify)timing_free);
	reporter->sink.event = timings_event;
	reporter->sink.data = t;
	reporter->finish = timings_finish;
	reporter->free = timings_free;
	return reporter;
}
