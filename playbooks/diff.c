/* SPDX-License-Identifier: Apache-2.0
 *
 * The longest common subsequence of lines, after what both texts begin and
 * end with has been set aside: files of nodes differ in a line or two.
 */
#include "diff.h"

#include <glib.h>
#include <string.h>

#define CONTEXT 3
#define UNENDED "\n\\ No newline at end of file\n"
#define CELLS_MAX ((size_t)4 * 1000 * 1000)	/* beyond: one block replaced */

enum kind { SAME = ' ', REMOVED = '-', ADDED = '+' };

struct line {
	enum kind kind;
	const char *text;	/* with its line feed, if it has one */
};

/* Lines with their line feeds: a last line without is not the same line. */
static GPtrArray *split(const char *text)
{
	/* with room, so that no lines are no NULL to count from */
	GPtrArray *lines = g_ptr_array_new_full(16, g_free);

	while (*text) {
		const char *feed = strchrnul(text, '\n');
		const char *end = *feed ? feed + 1 : feed;

		g_ptr_array_add(lines, g_strndup(text, (gsize)(end - text)));
		text = end;
	}
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

static size_t common_head(char **a, size_t n, char **b, size_t m)
{
	size_t same = 0;

	while (same < n && same < m && strcmp(a[same], b[same]) == 0)
		same++;
	return same;
}

static size_t common_tail(char **a, size_t n, char **b, size_t m)
{
	size_t same = 0;

	while (same < n && same < m &&
	       strcmp(a[n - same - 1], b[m - same - 1]) == 0)
		same++;
	return same;
}

/* Borrows the lines. */
static GArray *diff_lines(const GPtrArray *before, const GPtrArray *after)
{
	GArray *out = g_array_new(FALSE, FALSE, sizeof(struct line));
	char **a = (char **)before->pdata, **b = (char **)after->pdata;
	size_t n = before->len, m = after->len;
	size_t head = common_head(a, n, b, m);
	size_t tail = common_tail(a + head, n - head, b + head, m - head);

	for (size_t i = 0; i < head; i++)
		add(out, SAME, a[i]);
	diff_middle(out, a + head, n - head - tail, b + head,
		    m - head - tail);
	for (size_t i = n - tail; i < n; i++)
		add(out, SAME, a[i]);
	return out;
}

/* Where the hunk of `first_change` ends: with the context of the last change
 * that has at most twice the context between it and the one before. */
static guint hunk_end(const GArray *lines, guint first_change)
{
	guint end = first_change;

	for (guint i = first_change;
	     i < lines->len && i <= end + 2 * CONTEXT + 1; i++)
		if (g_array_index(lines, struct line, i).kind != SAME)
			end = i;
	return MIN(end + CONTEXT + 1, lines->len);
}

/* "3,7"; diff -u leaves a count of one out, and has a range of no lines begin
 * behind the line before it. */
static void print_range(GString *text, guint line, guint count)
{
	g_string_append_printf(text, "%u", count ? line : line - 1);
	if (count != 1)
		g_string_append_printf(text, ",%u", count);
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
	g_string_append(text, "@@ -");
	print_range(text, line_a, n_a);
	g_string_append(text, " +");
	print_range(text, line_b, n_b);
	g_string_append(text, " @@\n");
	for (guint i = from; i < to; i++) {
		const struct line *line =
			&g_array_index(lines, struct line, i);

		g_string_append_c(text, (char)line->kind);
		g_string_append(text, line->text);
		if (!g_str_has_suffix(line->text, "\n"))
			g_string_append(text, UNENDED);
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
	if (strcmp(before, after) == 0)
		return NULL;
	g_autoptr(GPtrArray) a = split(before), b = split(after);
	g_autoptr(GArray) lines = diff_lines(a, b);
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "--- %s\n+++ %s\n", path, path);
	print_hunks(text, lines);
	return g_string_free(text, FALSE);
}
