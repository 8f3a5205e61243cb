/* SPDX-License-Identifier: Apache-2.0
 *
 * Unified diffs: as diff -u of GNU diffutils 3.8 prints them, and whatever the
 * texts, applying the diff to the old one gives the new one.
 */
#include "playbooks/diff.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define UNENDED "\\ No newline at end of file\n"

static const struct { const char *name, *before, *after, *hunks; } cases[] = {
	{ "one of many",
	  "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n",
	  "1\n2\n3\n4\n5\nsix\n7\n8\n9\n10\n11\n",
	  "@@ -3,7 +3,7 @@\n 3\n 4\n 5\n-6\n+six\n 7\n 8\n 9\n" },
	{ "only line", "a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n" },
	{ "from nothing", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n" },
	{ "one line from nothing", "", "a\n", "@@ -0,0 +1 @@\n+a\n" },
	{ "a feed from nothing", "", "\n", "@@ -0,0 +1 @@\n+\n" },
	{ "to nothing", "a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n" },
	{ "added at the end", "a\nb\n", "a\nb\nc\n",
	  "@@ -1,2 +1,3 @@\n a\n b\n+c\n" },
	{ "added at the start", "a\nb\n", "x\na\nb\n",
	  "@@ -1,2 +1,3 @@\n+x\n a\n b\n" },
	{ "removed at the start", "x\na\nb\n", "a\nb\n",
	  "@@ -1,3 +1,2 @@\n-x\n a\n b\n" },
	{ "two for two", "a\nb\nc\nd\n", "a\nB\nC\nd\n",
	  "@@ -1,4 +1,4 @@\n a\n-b\n-c\n+B\n+C\n d\n" },
	{ "empty lines", "\n\n", "\n", "@@ -1,2 +1 @@\n \n-\n" },
	{ "feed added", "a\nb", "a\nb\n",
	  "@@ -1,2 +1,2 @@\n a\n-b\n" UNENDED "+b\n" },
	{ "feed removed", "a\nb\n", "a\nb",
	  "@@ -1,2 +1,2 @@\n a\n-b\n+b\n" UNENDED },
	{ "neither ended", "a\nb", "a\nc",
	  "@@ -1,2 +1,2 @@\n a\n-b\n" UNENDED "+c\n" UNENDED },
	{ "unended grows", "a", "a\nb",
	  "@@ -1 +1,2 @@\n-a\n" UNENDED "+a\n+b\n" UNENDED },
	{ "unended is context", "a\nz", "A\nz",
	  "@@ -1,2 +1,2 @@\n-a\n+A\n z\n" UNENDED },
	{ "unended is far", "a\nb\nc\nd\ne\nz", "A\nb\nc\nd\ne\nz",
	  "@@ -1,4 +1,4 @@\n-a\n+A\n b\n c\n d\n" },
	{ "six lines between are one hunk",
	  "a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
	  "@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n" },
	{ "seven lines between are two hunks",
	  "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
	  "@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n"
	  "@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n" },
	{ "line numbers after a loss",
	  "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n",
	  "1\n2\n3\n5\n6\n7\n8\n9\n10\n11\n12\n13\n13a\n14\n15\n16\n",
	  "@@ -1,7 +1,6 @@\n 1\n 2\n 3\n-4\n 5\n 6\n 7\n"
	  "@@ -11,6 +10,7 @@\n 11\n 12\n 13\n+13a\n 14\n 15\n 16\n" },
};

static void test_diff_texts_give_what_diff_u_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *expected = g_strconcat(
			"--- /etc/f\n+++ /etc/f\n", cases[i].hunks, NULL);
		g_autofree char *got = diff_unified(
			"/etc/f", cases[i].before, cases[i].after);

		if (g_strcmp0(got, expected) != 0)
			print_error("%s\n", cases[i].name);
		assert_string_equal(got, expected);
	}
}

static void test_diff_equal_texts_give_null(void **state)
{
	(void)state;
	assert_null(diff_unified("f", "", ""));
	assert_null(diff_unified("f", "a\n", "a\n"));
	assert_null(diff_unified("f", "a", "a"));
}

/* --- patch(1), strict: every line of context and every count has to fit --- */

struct patch {
	GPtrArray *old;			/* char *, with their line feeds */
	guint at;			/* in old */
	GString *out;
};

static GPtrArray *lines_of(const char *text)
{
	GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);

	while (*text) {
		size_t n = strcspn(text, "\n");

		n += text[n] == '\n';
		g_ptr_array_add(lines, g_strndup(text, n));
		text += n;
	}
	return lines;
}

static unsigned read_number(const char **c)
{
	char *end;
	unsigned n = (unsigned)strtoul(*c, &end, 10);

	assert_ptr_not_equal(end, *c);
	*c = end;
	return n;
}

/* "12,3" or "12" */
static void read_range(const char **c, unsigned *start, unsigned *count)
{
	*start = read_number(c);
	*count = 1;
	if (**c != ',')
		return;
	(*c)++;
	*count = read_number(c);
}

static void take_old(struct patch *p, const char *line)
{
	assert_true(p->at < p->old->len);
	assert_string_equal(g_ptr_array_index(p->old, p->at), line);
	p->at++;
}

/* Lines of one hunk, from *i on. */
static void apply_hunk(struct patch *p, const GPtrArray *diff, guint *i)
{
	const char *head = g_ptr_array_index(diff, *i);
	unsigned start, n_old, new_start, n_new;

	assert_true(g_str_has_prefix(head, "@@ -"));
	head += 4;
	read_range(&head, &start, &n_old);
	assert_true(g_str_has_prefix(head, " +"));
	head += 2;
	read_range(&head, &new_start, &n_new);
	assert_string_equal(head, " @@\n");
	while (p->at < (n_old ? start - 1 : start))
		g_string_append(p->out, g_ptr_array_index(p->old, p->at++));
	for ((*i)++; n_old > 0 || n_new > 0; (*i)++) {
		assert_true(*i < diff->len);
		const char *line = g_ptr_array_index(diff, *i);
		g_autofree char *text = g_strdup(line + 1);

		if (*i + 1 < diff->len && g_str_has_prefix(
			    g_ptr_array_index(diff, *i + 1), "\\")) {
			assert_string_equal(g_ptr_array_index(diff, *i + 1),
					    UNENDED);
			*strchr(text, '\n') = '\0';
			(*i)++;
		}
		if (*line != '+') {
			take_old(p, text);
			n_old--;
		}
		if (*line != '-') {
			g_string_append(p->out, text);
			n_new--;
		}
	}
}

static char *apply(const char *before, const char *diff)
{
	g_autoptr(GPtrArray) lines = lines_of(diff);
	struct patch p = { lines_of(before), 0, g_string_new(NULL) };

	assert_string_equal(g_ptr_array_index(lines, 0), "--- f\n");
	assert_string_equal(g_ptr_array_index(lines, 1), "+++ f\n");
	for (guint i = 2; i < lines->len;)
		apply_hunk(&p, lines, &i);
	while (p.at < p.old->len)
		g_string_append(p.out, g_ptr_array_index(p.old, p.at++));
	g_ptr_array_unref(p.old);
	return g_string_free(p.out, FALSE);
}

/* Few different lines, so that much is common; now and then unended. */
static char *random_text(GRand *rand)
{
	GString *text = g_string_new(NULL);
	int n = g_rand_int_range(rand, 0, 30);

	for (int i = 0; i < n; i++)
		g_string_append_printf(text, "%.*s\n",
				       g_rand_int_range(rand, 0, 3), "xy");
	if (text->len && g_rand_int_range(rand, 0, 4) == 0)
		g_string_truncate(text, text->len - 1);
	return g_string_free(text, FALSE);
}

/* `text` with a few lines lost, doubled or new. */
static char *random_edit(GRand *rand, const char *text)
{
	g_autoptr(GPtrArray) lines = lines_of(text);
	GString *out = g_string_new(NULL);

	for (guint i = 0; i < lines->len; i++) {
		int dice = g_rand_int_range(rand, 0, 12);

		if (dice == 0)
			continue;
		if (dice == 1)
			g_string_append(out, "new\n");
		g_string_append(out, g_ptr_array_index(lines, i));
		if (dice == 2 && out->str[out->len - 1] == '\n')
			g_string_append(out, g_ptr_array_index(lines, i));
	}
	return g_string_free(out, FALSE);
}

static void test_diff_applied_to_the_old_text_gives_the_new(void **state)
{
	guint32 seed = g_random_int();
	GRand *rand = g_rand_new_with_seed(seed);

	(void)state;
	print_message("seed %u\n", seed);
	for (int i = 0; i < 3000; i++) {
		g_autofree char *before = random_text(rand);
		g_autofree char *after = i % 2 ? random_text(rand)
			: random_edit(rand, before);
		g_autofree char *diff = diff_unified("f", before, after);

		if (!diff) {
			assert_string_equal(before, after);
			continue;
		}
		g_autofree char *got = apply(before, diff);

		if (strcmp(got, after) != 0)
			print_error("%s\n=>\n%s\n:\n%s\n", before, after,
				    diff);
		assert_string_equal(got, after);
	}
	g_rand_free(rand);
}

/* Beyond the size for which the common lines are searched. */
static void test_diff_large_texts_still_apply(void **state)
{
	g_autoptr(GString) before = g_string_new("head\n");
	g_autoptr(GString) after = g_string_new("head\n");

	(void)state;
	for (int i = 0; i < 5000; i++) {
		g_string_append_printf(before, "old %d\nsame\n", i);
		g_string_append_printf(after, "new %d\nsame\n", i);
	}
	g_autofree char *diff = diff_unified("f", before->str, after->str);
	g_autofree char *got = apply(before->str, diff);

	assert_string_equal(got, after->str);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_diff_texts_give_what_diff_u_prints),
		cmocka_unit_test(test_diff_equal_texts_give_null),
		cmocka_unit_test(
			test_diff_applied_to_the_old_text_gives_the_new),
		cmocka_unit_test(test_diff_large_texts_still_apply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
