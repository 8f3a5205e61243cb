/* SPDX-License-Identifier: Apache-2.0
 *
 * The story on standard error: one line per host transition, append-only, so
 * that it reads the same in a terminal, a pipe and a CI log.
 */
#include "report.h"

#include "fold.h"
#include "term.h"

#include <string.h>

#define LOGS_TOLD 3	/* of hosts with one and the same failure */

struct plain {
	const struct run_info *info;
	bool has_color;
	int host_width;
	GHashTable *told;		/* text of a failure -> who had it first */
};

static void print_line(const struct plain *p, const struct event *event,
		       const char *word, enum task_status status,
		       const char *text)
{
	fprintf(stderr, "%7.1fs  %-*s  %s%-11s%s  %s%s%s\n",
		(double)event->since_start_us / G_USEC_PER_SEC,
		p->host_width, event->host ? event->host : "",
		term_status_color(status, p->has_color), word,
		term_reset(p->has_color), event->step ? event->step : "",
		event->step && text && *text ? ": " : "",
		text ? text : "");
}

static bool is_told(const struct plain *p, enum task_status status)
{
	int verbosity = p->info->options->verbosity;

	if (status == TASK_SKIPPED)
		return verbosity > 0;
	if (status == TASK_OK)
		return verbosity >= 0;
	return true;
}

/* What failed in the same words before: fifty hosts behind a jump host that is
 * down have one thing to say. NULL if nobody has said it. */
static const char *said_before(const struct plain *p,
			       const struct event *event)
{
	const char *first;

	if ((event->status != TASK_FAILED &&
	     event->status != TASK_UNREACHABLE) || !event->message)
		return NULL;
	first = g_hash_table_lookup(p->told, event->message);
	if (!first)
		g_hash_table_insert(p->told, g_strdup(event->message),
				    g_strdup(event->host));
	return first;
}

static void print_step_end(const struct plain *p, const struct event *event)
{
	double seconds = (double)event->elapsed_us / G_USEC_PER_SEC;
	const char *first = said_before(p, event);
	g_autofree char *text = NULL;

	if (!is_told(p, event->status))
		return;
	if (first) {
		text = g_strdup_printf("the same as %s", first);
		print_line(p, event, task_status_name(event->status),
			   event->status, text);
		return;
	}
	text = seconds >= 1
		? g_strdup_printf("%s (%.1fs)",
				  event->message ? event->message : "",
				  seconds)
		: g_strdup(event->message);
	print_line(p, event, task_status_name(event->status), event->status,
		   text);
	if (event->hint)
		fprintf(stderr, "%*s  %*s  fix: %s\n", 8, "", p->host_width,
			"", event->hint);
}

static void plain_event(const struct event *event, void *data)
{
	const struct plain *p = data;

	switch (event->kind) {
	case EVENT_RUN_START:
		fprintf(stderr, "muster %s: %s, %u %s, run %s\n",
			p->info->command, p->info->inventory, event->hosts,
			event->hosts == 1 ? "host" : "hosts",
			p->info->run_id);
		break;
	case EVENT_PLAY_START:
		if (event->hosts)
			fprintf(stderr, "%7.1fs  %s%s%s (%u %s)\n",
				(double)event->since_start_us /
				G_USEC_PER_SEC, term_bold(p->has_color),
				event->play, term_reset(p->has_color),
				event->hosts,
				event->hosts == 1 ? "host" : "hosts");
		break;
	case EVENT_NOTE:
		if (p->info->options->verbosity >= 0)
			print_line(p, event, "...", TASK_N, event->message);
		break;
	case EVENT_STEP_END:
		print_step_end(p, event);
		break;
	case EVENT_WARNING:
		print_line(p, event, "warning", TASK_CHANGED, event->message);
		break;
	case EVENT_STEP_START:
	case EVENT_PLAY_END:
	case EVENT_RUN_END:
		break;
	}
}

static bool is_same(const struct host_result *a, const struct host_result *b)
{
	return a->error->code == b->error->code &&
		g_strcmp0(a->error->message, b->error->message) == 0 &&
		g_strcmp0(a->failed_step, b->failed_step) == 0 &&
		g_strcmp0(a->hint, b->hint) == 0;
}

/* The names of those from `i` on that failed as it did, borrowed; NULL if it
 * is one of those that an earlier one has told. */
static GPtrArray *names_like(const struct run_result *result, guint i)
{
	const struct host_result *h = g_ptr_array_index(result->hosts, i);
	g_autoptr(GPtrArray) names = g_ptr_array_new();

	for (guint k = 0; k < result->hosts->len; k++) {
		const struct host_result *other =
			g_ptr_array_index(result->hosts, k);

		if (!other->error || !is_same(h, other))
			continue;
		if (k < i)
			return NULL;
		g_ptr_array_add(names, other->host->name);
	}
	return g_steal_pointer(&names);
}

static void print_logs(const struct plain *p, const GPtrArray *names)
{
	for (guint i = 0; i < MIN(names->len, LOGS_TOLD); i++)
		fprintf(stderr, "      log: %s/%s.log\n", p->info->log_dir,
			(const char *)g_ptr_array_index(names, i));
	if (names->len > LOGS_TOLD)
		fprintf(stderr, "      and %u more there\n",
			names->len - LOGS_TOLD);
}

static void print_failure(const struct plain *p, const struct host_result *h,
			  const GPtrArray *names)
{
	g_autofree char *folded = fold_names(
		(const char *const *)names->pdata, names->len);

	fprintf(stderr, "  %s: %s: %s\n", folded,
		h->failed_step ? h->failed_step : "run", h->error->message);
	if (h->hint)
		fprintf(stderr, "      fix: %s\n", h->hint);
	if (h->cause)
		fprintf(stderr, "      more: muster explain %s\n", h->cause);
	if (p->info->log_dir)
		print_logs(p, names);
}

static void plain_finish(void *data, const struct run_result *result)
{
	const struct plain *p = data;
	bool is_any = false;

	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);
		g_autoptr(GPtrArray) names = h->error
			? names_like(result, i) : NULL;

		if (!names)
			continue;
		if (!is_any)
			fputs("\nWhat went wrong:\n", stderr);
		is_any = true;
		print_failure(p, h, names);
	}
	if (result->stopped)
		fputs("Stopped before the end; run it again to go on.\n",
		      stderr);
}

static void plain_free(void *data)
{
	struct plain *p = data;

	g_hash_table_unref(p->told);
	g_free(p);
}

struct reporter *report_plain_new(const struct run_info *info)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct plain *p = g_new0(struct plain, 1);

	p->info = info;
	p->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					g_free);
	p->has_color = term_has_color(stderr, info->options->color);
	for (guint i = 0; i < info->cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(info->cluster->nodes, i);

		p->host_width = MAX(p->host_width,
				    (int)strlen(node->host->name));
	}
	reporter->sink.event = plain_event;
	reporter->sink.data = p;
	reporter->finish = plain_finish;
	reporter->free = plain_free;
	return reporter;
}
