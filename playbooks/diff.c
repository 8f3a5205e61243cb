/* SPDX-License-Identifier: Apache-2.0
 *
 * The longest common subsequence of lines, after what both texts begin and
 * end with has been set aside: files of nodes differ in a line or two.
 */
#include "diff.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define CONTEXT 3
#define CELLS_MAX ((size_t)4 * 1000 * 1000)	/* beyond: one block replaced */

enum kind { SAME = ' ', REMOVED = '-', ADDED = '+' };

struct line {
	enum kind kind;
	const char *text;
};

struct texts {
	char **a, **b;		/* lines without their line feed */
	size_t n_a, n_b;
	bool a_unended, b_unended;
};

/* Lines of `text`; *unended: the last has no line feed. */
static char **split(const char *text, size_t *n, bool *unended)
{
	char **lines = g_strsplit(text, "\n", -1);
	size_t length = g_strv_length(lines);

	*unended = length > 0 && *lines[length - 1];
	if (length > 0 && !*unended)
		length--;
	*n = length;
	return lines;
}

static void add(GArray *out, enum kind kind, const char *text)
{
	struct line line = { kind, text };

	g_array_append_val(out, line);
}

/* Lengths of common subsequences of the tails a[i..], b[j..]. */
static unsigned *make_table(char **a, size_t n, char **b, size_t m)
{
	size_t width = m + 1;
	unsigned *table = g_new0(unsigned, (n + 1) * width);

	for (size_t i = n; i-- > 0;)
		for (size_t j = m; j-- > 0;)
			table[i * width + j] = strcmp(a[i], b[j]) == 0
				? table[(i + 1) * width + j + 1] + 1
				: MAX(table[(i + 1) * width + j],
				      table[i * width + j + 1]);
	return table;
}

static void diff_middle(GArray *out, char **a, size_t n, char **b, size_t m)
{
	g_autofree unsigned *table = NULL;
	size_t i = 0, j = 0, width = m + 1;

	if ((n + 1) * width <= CELLS_MAX)
		table = make_table(a, n, b, m);
	while (table && i < n && j < m) {
		if (strcmp(a[i], b[j]) == 0) {
			add(out, SAME, a[i++]);
			j++;
		} else if (table[(i + 1) * width + j] >=
			   table[i * width + j + 1]) {
			add(out, REMOVED, a[i++]);
		} else {
			add(out, ADDED, b[j++]);
		}
	}
	while (i < n)
		add(out, REMOVED, a[i++]);
	while (j < m)
		add(out, ADDED, b[j++]);
}

static GArray *diff_lines(const struct texts *t)
{
	GArray *out = g_array_new(FALSE, FALSE, sizeof(struct line));
	size_t head = 0, tail = 0, least = MIN(t->n_a, t->n_b);

	while (head < least && strcmp(t->a[head], t->b[head]) == 0)
		add(out, SAME, t->a[head++]);
	while (tail < least - head && strcmp(t->a[t->n_a - tail - 1],
					     t->b[t->n_b - tail - 1]) == 0)
		tail++;
	diff_middle(out, t->a + head, t->n_a - head - tail, t->b + head,
		    t->n_b - head - tail);
	for (size_t i = t->n_a - tail; i < t->n_a; i++)
		add(out, SAME, t->a[i]);
	return out;
}

/* Where the hunk that begins at or after line `at` ends: past the last change
 * that lies within twice the context of the one before. */
static guint hunk_end(const GArray *lines, guint first_change)
{
	guint end = first_change;

	for (guint i = first_change; i < lines->len &&
	     i <= end + 2 * CONTEXT; i++)
		if (g_array_index(lines, struct line, i).kind != SAME)
			end = i;
	return MIN(end + CONTEXT + 1, lines->len);
}

static void print_hunk(GString *text, const GArray *lines, guint from,
		       guint to, guint line_a, guint line_b)
{
	guint n_a = 0, n_b = 0;

	for (guint i = from; i < to; i++) {
		enum kind kind = g_array_index(lines, struct line, i).kind;

		n_a += kind != ADDED;
		n_b += kind != REMOVED;
	}
	g_string_append_printf(text, "@@ -%u,%u +%u,%u @@\n",
			       n_a ? line_a : line_a - 1, n_a,
			       n_b ? line_b : line_b - 1, n_b);
	for (guint i = from; i < to; i++) {
		const struct line *line =
			&g_array_index(lines, struct line, i);

		g_string_append_printf(text, "%c%s\n", (char)line->kind,
				       line->text);
	}
}

static void print_hunks(GString *text, const GArray *lines)
{
	guint line_a = 1, line_b = 1, at = 0;

	while (at < lines->len) {
		guint change = at;

		while (change < lines->len && g_array_index(
			       lines, struct line, change).kind == SAME)
			change++;
		if (change == lines->len)
			return;
		guint from = change - at > CONTEXT ? change - CONTEXT : at;
		guint to = hunk_end(lines, change);

		line_a += from - at;
		line_b += from - at;
		print_hunk(text, lines, from, to, line_a, line_b);
		for (guint i = from; i < to; i++) {
			enum kind kind =
				g_array_index(lines, struct line, i).kind;

			line_a += kind != ADDED;
			line_b += kind != REMOVED;
		}
		at = to;
	}
}

char *diff_unified(const char *path, const char *before, const char *after)
{
	struct texts t;
	GString *text;

	if (strcmp(before, after) == 0)
		return NULL;
	t.a = split(before, &t.n_a, &t.a_unended);
	t.b = split(after, &t.n_b, &t.b_unended);
	g_autoptr(GArray) lines = diff_lines(&t);

	text = g_string_new(NULL);
	g_string_append_printf(text, "--- %s\n+++ %s\n", path, path);
	print_hunks(text, lines);
	if (t.a_unended != t.b_unended)
		g_string_append_printf(text, "\\ the %s text has no line feed "
				       "at its end\n",
				       t.a_unended ? "old" : "new");
	g_strfreev(t.a);
	g_strfreev(t.b);
	return g_string_free(text, FALSE);
}
