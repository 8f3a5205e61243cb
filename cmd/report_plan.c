/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan on standard output: what a run would change, in the order in which
 * it would, hosts with the same change told once.
 */
#include "report.h"

#include "harmless.h"
#include "term.h"

#include <string.h>

struct change {
	char *play, *step, *message, *diff;
	GString *hosts;
	unsigned n_hosts;
};

struct plan {
	const struct run_info *info;
	GPtrArray *changes;		/* struct change * */
};

static void change_free(struct change *change)
{
	g_free(change->play);
	g_free(change->step);
	g_free(change->message);
	g_free(change->diff);
	g_string_free(change->hosts, TRUE);
	g_free(change);
}

static struct change *find_same(const struct plan *plan,
				const struct event *event)
{
	for (guint i = 0; i < plan->changes->len; i++) {
		struct change *c = g_ptr_array_index(plan->changes, i);

		if (g_strcmp0(c->play, event->play) == 0 &&
		    g_strcmp0(c->step, event->step) == 0 &&
		    g_strcmp0(c->message, event->message) == 0 &&
		    g_strcmp0(c->diff, event->diff) == 0)
			return c;
	}
	return NULL;
}

static void plan_event(const struct event *event, void *data)
{
	struct plan *plan = data;
	struct change *change;

	if (event->kind != EVENT_STEP_END || event->status != TASK_CHANGED)
		return;
	change = find_same(plan, event);
	if (!change) {
		change = g_new0(struct change, 1);
		change->play = g_strdup(event->play);
		change->step = g_strdup(event->step);
		change->message = g_strdup(event->message);
		change->diff = g_strdup(event->diff);
		change->hosts = g_string_new(NULL);
		g_ptr_array_add(plan->changes, change);
	}
	g_string_append_printf(change->hosts, "%s%s",
			       change->n_hosts ? ", " : "", event->host);
	change->n_hosts++;
}

/* What stands in a node's file may be anything. */
static void print_diff(const char *diff)
{
	g_autofree char *text = harmless(diff, strlen(diff), false);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++)
		if (line[1] || **line)
			printf("      %s\n", *line);
}

/* Plays keep their order because their first change came in that order. */
static void plan_finish(void *data, const struct run_result *result)
{
	const struct plan *plan = data;
	bool has_color = term_has_color(stdout, plan->info->options->color);
	const char *play = NULL;

	(void)result;
	fflush(stderr);
	for (guint i = 0; i < plan->changes->len; i++) {
		const struct change *c = g_ptr_array_index(plan->changes, i);

		if (g_strcmp0(play, c->play) != 0)
			printf("%s%s%s\n", term_bold(has_color), c->play,
			       term_reset(has_color));
		play = c->play;
		printf("  %s: %s%s%s\n", c->hosts->str, c->step,
		       c->message && *c->message ? ": " : "",
		       c->message ? c->message : "");
		if (c->diff)
			print_diff(c->diff);
	}
	printf("%s%u %s would change something; nothing was changed.\n",
	       plan->changes->len ? "\n" : "", plan->changes->len,
	       plan->changes->len == 1 ? "step" : "steps");
}

static void plan_free(void *data)
{
	struct plan *plan = data;

	g_ptr_array_unref(plan->changes);
	g_free(plan);
}

struct reporter *report_plan_new(const struct run_info *info)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct plan *plan = g_new0(struct plan, 1);

	plan->info = info;
	plan->changes = g_ptr_array_new_with_free_func(
		(GDestroyNotify)change_free);
	reporter->sink.event = plan_event;
	reporter->sink.data = plan;
	reporter->finish = plan_finish;
	reporter->free = plan_free;
	return reporter;
}
