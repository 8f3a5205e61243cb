/* SPDX-License-Identifier: Apache-2.0
 *
 * Folded host names: what they look like, and that no name is lost or made up,
 * by having the inventory's reader unfold them.
 */
#include "cmd/fold.h"
#include "transport/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *fold_words(const char *words)
{
	g_auto(GStrv) names = g_strsplit(words, " ", -1);

	return fold_names((const char *const *)names,
			  *words ? g_strv_length(names) : 0);
}

static const struct {
	const char *names, *folded;
} cases[] = {
	{ "", "" },
	{ "w1", "w1" },
	{ "w1 w2", "w[1-2]" },
	{ "w01 w02 w03 w12", "w[01-03,12]" },
	{ "w12 w03 w01 w02", "w[01-03,12]" },
	{ "w1 w1 w1", "w1" },
	{ "w1 w3 w5", "w[1,3,5]" },
	{ "w8 w9 w10 w11", "w[8-11]" },
	{ "w08 w09 w10 w11", "w[08-11]" },
	{ "w98 w99 w100 w101 w01", "w[01,98-99,100-101]" },
	{ "w1 w01 w001", "w[1,01,001]" },
	{ "w1 w01 w02 w2", "w[1-2,01-02]" },
	{ "w5 w05 w10", "w[5,05,10]" },
	{ "w0 w1", "w[0-1]" },
	{ "w00 w01", "w[00-01]" },
	{ "m1 w1 w2 m2", "m[1-2],w[1-2]" },
	{ "master w1 w2", "master,w[1-2]" },
	{ "alpha beta", "alpha,beta" },
	{ "n1.example.org n2.example.org n3.example.com",
	  "n[1-2].example.org,n3.example.com" },
	{ "n1.k8s.org n2.k8s.org", "n[1-2].k8s.org" },
	{ "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.[1-3]" },
	{ "10.0.0.1 10.0.1.1", "10.0.[0-1].1" },
	{ "r1n1 r1n2 r2n1 r2n2", "r[1-2]n[1-2]" },
	{ "r1n1 r1n2 r2n1", "r1n[1-2],r2n1" },
	{ "r1n1 r2n1 r3n1", "r[1-3]n1" },
	{ "1 2 3", "[1-3]" },
	{ "1a 2a", "[1-2]a" },
	{ "w w1", "w,w1" },
	/* more digits than a number has */
	{ "w123456789012345678 w123456789012345679",
	  "w123456789012345678,w123456789012345679" },
	{ "w12345678901234567 w12345678901234568",
	  "w[12345678901234567-12345678901234568]" },
	{ "fe80::1 fe80::2", "fe80::[1-2]" },
	{ "n\xc3\xa9" "1 n\xc3\xa9" "2", "n\xc3\xa9[1-2]" },
};

static void test_fold_names_looks_like_a_nodeset(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *folded = fold_words(cases[i].names);

		assert_string_equal(folded, cases[i].folded);
	}
}

/* Each set becomes its elements, in all ways; each way is a host line with
 * ranges as an inventory has them. */
static void add_lines(GString *lines, const char *done, const char *rest)
{
	const char *open = strchr(rest, '[');
	const char *close = open ? strchr(open, ']') : NULL;

	if (!open) {
		g_string_append_printf(lines, "%s%s\n", done, rest);
		return;
	}
	g_autofree char *set = g_strndup(open + 1, (gsize)(close - open) - 1);
	g_auto(GStrv) items = g_strsplit(set, ",", -1);

	for (char **item = items; *item; item++) {
		char *dash = strchr(*item, '-');
		g_autofree char *head = NULL;

		if (dash)
			*dash = ':';
		head = g_strdup_printf("%s%.*s%s%s%s", done,
				       (int)(open - rest), rest,
				       dash ? "[" : "", *item,
				       dash ? "]" : "");
		add_lines(lines, head, close + 1);
	}
}

static void add_items(GString *lines, const char *folded)
{
	g_autoptr(GString) item = g_string_new(NULL);
	int depth = 0;

	for (const char *c = folded;; c++) {
		depth += *c == '[' ? 1 : *c == ']' ? -1 : 0;
		if (*c && (*c != ',' || depth > 0)) {
			g_string_append_c(item, *c);
			continue;
		}
		add_lines(lines, "", item->str);
		g_string_truncate(item, 0);
		if (!*c)
			return;
	}
}

/* The names in `folded`, in the inventory's order. */
static GPtrArray *unfold(const char *folded)
{
	static const struct inventory_rules rules = { .prefix = "x_" };
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	g_autoptr(GString) lines = g_string_new(NULL);
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	add_items(lines, folded);
	g_autoptr(Inventory) inventory = inventory_parse(
		lines->str, lines->len, "folded", &rules, problems, NULL);

	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *text = problem_format(
			g_ptr_array_index(problems, i));

		print_message("%s: %s\n", folded, text);
	}
	assert_non_null(inventory);
	for (guint i = 0; i < inventory->hosts->len; i++) {
		const struct host *host = g_ptr_array_index(inventory->hosts,
							    i);

		g_ptr_array_add(names, g_strdup(host->name));
	}
	return names;
}

static void assert_round_trip(GHashTable *names, const char *folded)
{
	g_autoptr(GPtrArray) back = unfold(folded);

	if (back->len != g_hash_table_size(names))
		print_message("%s: %u of %u names\n", folded, back->len,
			      g_hash_table_size(names));
	assert_int_equal(back->len, g_hash_table_size(names));
	for (guint i = 0; i < back->len; i++)
		assert_true(g_hash_table_contains(
			names, g_ptr_array_index(back, i)));
}

static void test_fold_names_unfolds_to_the_same_names(void **state)
{
	(void)state;
	for (size_t i = 1; i < G_N_ELEMENTS(cases); i++) {
		g_auto(GStrv) names = g_strsplit(cases[i].names, " ", -1);
		g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash,
							     g_str_equal);
		g_autofree char *folded = fold_words(cases[i].names);

		/* in a file they would be a section, and ports */
		if (*folded == '[' || strchr(cases[i].names, ':'))
			continue;
		for (char **name = names; *name; name++)
			g_hash_table_add(set, *name);
		assert_round_trip(set, folded);
	}
}

/* The same names for the same seed on every machine. */
static guint next(guint *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 0x7fff;
}

static char *random_name(guint *seed)
{
	guint a = next(seed) % 120, b = next(seed) % 4;

	switch (next(seed) % 5) {
	case 0:
		return g_strdup_printf("w%u", a);
	case 1:
		return g_strdup_printf("w%02u", a);
	case 2:
		return g_strdup_printf("w%03u", a);
	case 3:
		return g_strdup_printf("r%un%02u", b, a % 5);
	default:
		return g_strdup_printf("n%u.k8s%u.org", a % 9, b);
	}
}

static void test_fold_names_random_names_survive(void **state)
{
	guint seed = 1;
	(void)state;

	for (int round = 0; round < 200; round++) {
		g_autoptr(GHashTable) set = g_hash_table_new(g_str_hash,
							     g_str_equal);
		g_autoptr(GPtrArray) names =
			g_ptr_array_new_with_free_func(g_free);

		for (guint n = next(&seed) % 40 + 1; n > 0; n--) {
			g_ptr_array_add(names, random_name(&seed));
			g_hash_table_add(set, names->pdata[names->len - 1]);
		}
		g_autofree char *folded = fold_names(
			(const char *const *)names->pdata, names->len);

		assert_round_trip(set, folded);
	}
}

static void test_fold_names_10000_are_short(void **state)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	(void)state;

	for (int i = 0; i < 10000; i++)
		g_ptr_array_add(names, g_strdup_printf("rack%02d-node%02d",
						       i % 100, i / 100));
	g_autofree char *folded = fold_names((const char *const *)names->pdata,
					     names->len);

	assert_string_equal(folded, "rack[00-99]-node[00-99]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold_names_looks_like_a_nodeset),
		cmocka_unit_test(test_fold_names_unfolds_to_the_same_names),
		cmocka_unit_test(test_fold_names_random_names_survive),
		cmocka_unit_test(test_fold_names_10000_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
