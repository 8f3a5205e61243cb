/* SPDX-License-Identifier: Apache-2.0
 *
 * Text for people, in the manner of clush -b: a rule, the folded names of all
 * hosts that said the same, a rule, and what they said.
 */
#include "exec_report.h"

#include "harmless.h"
#include "term.h"

#include "playbooks/diff.h"
#include "transport/error.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RULE "---------------\n"

static const char *const end_names[EXEC_N] = {
	[EXEC_OK] = "ok",
	[EXEC_FAILED] = "failed",
	[EXEC_UNREACHABLE] = "unreachable",
	[EXEC_UNFINISHED] = "unfinished",
};

enum exec_end exec_end_of(const struct group *group)
{
	if (!group->error)
		return group->status == 0 ? EXEC_OK : EXEC_FAILED;
	if (group->error->code == MUSTER_ERROR_CANCELLED)
		return EXEC_UNFINISHED;
	return muster_error_is_unreachable(group->error->code)
		? EXEC_UNREACHABLE : EXEC_FAILED;
}

const char *exec_end_name(enum exec_end end)
{
	return end_names[end];
}

/* Lines of muster's own are harmless whoever reads them. */
static char *one_line(const char *text)
{
	g_autofree char *line = g_strdelimit(g_strdup(text), "\n\t", ' ');

	return harmless(line, strlen(line), false);
}

/* How they ended, in words; "" for exit status 0. */
static char *end_text(const struct group *group)
{
	if (group->status > 0)
		return g_strdup_printf("exit status %d", group->status);
	return group->error ? one_line(group->error->message) : g_strdup("");
}

static bool has_output(const struct group *group)
{
	return group->out->len > 0 || group->err->len > 0;
}

static void print_header(const struct exec_report *report,
			 const struct group *group)
{
	bool color = term_has_color(stdout, report->options->color);
	g_autofree char *end = end_text(group);

	fputs(RULE, stdout);
	printf("%s%s%s (%u)%s%s%s%s\n", term_bold(color), group->names,
	       term_reset(color), group->members->len, *end ? ": " : "", end,
	       has_output(group) ? "" : *end ? ", no output" : ": no output",
	       group->is_cut ? ", output cut: too long" : "");
	fputs(RULE, stdout);
}

static void append_lines(GString *body, const GString *text,
			 const char *prefix)
{
	const char *line = text->str, *end = text->str + text->len;

	while (line < end) {
		const char *feed = memchr(line, '\n', (size_t)(end - line));
		const char *to = feed ? feed : end;

		g_string_append(body, prefix);
		g_string_append_len(body, line, to - line);
		g_string_append_c(body, '\n');
		line = to + 1;
	}
}

/* Standard output, then standard error with a mark before each line; both end
 * with a line's end. */
static GString *body_of(const struct group *group)
{
	GString *body = g_string_sized_new(group->out->len + 1);

	append_lines(body, group->out, "");
	append_lines(body, group->err, "! ");
	return body;
}

static void print_body(const struct exec_report *report,
		       const struct group *group)
{
	g_autoptr(GString) body = body_of(group);

	if (isatty(STDOUT_FILENO)) {
		g_autofree char *text = harmless(
			body->str, body->len,
			term_has_color(stdout, report->options->color));

		fputs(text, stdout);
	} else {
		fwrite(body->str, 1, body->len, stdout);
	}
}

static char *diff_text(const struct group *from, const struct group *to)
{
	g_autoptr(GString) a = body_of(from), b = body_of(to);
	g_autofree char *before = harmless(a->str, a->len, false);
	g_autofree char *after = harmless(b->str, b->len, false);

	return diff_unified("", before, after);
}

static void print_diff(const struct exec_report *report,
		       const struct group *from, const struct group *to)
{
	static const char *const heads[] = { "--- \n", "+++ \n" };
	g_autofree char *diff = diff_text(from, to);
	const char *hunks = diff;

	print_header(report, to);
	if (!diff) {
		printf("(the same output as %s)\n", from->names);
		return;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(heads); i++)
		if (g_str_has_prefix(hunks, heads[i]))
			hunks += strlen(heads[i]);
	printf("--- %s\n+++ %s\n%s", from->names, to->names, hunks);
}

/* Hosts that never said anything are told of on standard error only. */
static void print_groups(const struct exec_report *report)
{
	const struct group *reference = NULL;

	for (guint i = 0; i < report->groups->len; i++) {
		const struct group *group =
			g_ptr_array_index(report->groups, i);

		if (group->error && !has_output(group))
			continue;
		if (report->shows_diff && reference && !group->error) {
			print_diff(report, reference, group);
			continue;
		}
		print_header(report, group);
		print_body(report, group);
		if (!reference && !group->error)
			reference = group;
	}
}

static void print_failure(const struct exec_report *report,
			  const struct group *group)
{
	enum exec_end end = exec_end_of(group);
	bool color = term_has_color(stderr, report->options->color);
	g_autofree char *text = end_text(group);

	fprintf(stderr, "muster exec: %s (%u): %s%s%s: %s\n", group->names,
		group->members->len, term_status_color(
			end == EXEC_UNREACHABLE ? TASK_UNREACHABLE
			: TASK_FAILED, color),
		exec_end_name(end), term_reset(color), text);
}

/* An exit status stands in the header already, if there is one. */
static void print_failures(const struct exec_report *report)
{
	for (guint i = 0; i < report->groups->len; i++) {
		const struct group *group =
			g_ptr_array_index(report->groups, i);

		if (group->error || (!report->is_folded && group->status != 0))
			print_failure(report, group);
	}
}

static void print_sum(const struct exec_report *report)
{
	guint counts[EXEC_N] = { 0 }, n = 0;

	for (guint i = 0; i < report->groups->len; i++) {
		const struct group *group =
			g_ptr_array_index(report->groups, i);

		counts[exec_end_of(group)] += group->members->len;
		n += group->members->len;
	}
	fprintf(stderr, "muster exec: %u %s in %.1f s:", n,
		n == 1 ? "host" : "hosts",
		(double)report->wall_us / G_USEC_PER_SEC);
	for (int end = 0; end < EXEC_N; end++)
		fprintf(stderr, " %s=%u", end_names[end], counts[end]);
	fputc('\n', stderr);
}

void exec_report_text(const struct exec_report *report)
{
	if (report->is_folded)
		print_groups(report);
	fflush(stdout);
	print_failures(report);
	if (report->options->verbosity >= 0)
		print_sum(report);
}
