/* SPDX-License-Identifier: Apache-2.0
 *
 * Host patterns against one inventory.
 */
#include "transport/error.h"
#include "transport/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char text[] = "[masters]\nm1\n[workers]\nw[01:03]\n2001:db8::1\n"
			   "[odd]\nm1\nw01\nw03\n";

static const struct { const char *pattern, *hosts; } cases[] = {
	{ "all", "m1 w01 w02 w03 2001:db8::1" },
	{ "*", "m1 w01 w02 w03 2001:db8::1" },
	{ "masters", "m1" },
	{ "w02,m1", "m1 w02" },
	{ "w02:m1", "m1 w02" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "workers:!w02", "w01 w03 2001:db8::1" },
	{ "!workers", "m1" },
	{ "workers:&odd", "w01 w03" },
	{ "&odd:workers:!w01", "w03" },
	{ "w0*", "w01 w02 w03" },
	{ "w0[12]*", "w01 w02" },
	{ "workers[0]", "w01" },
	{ "workers[0:1]", "w01 w02" },
	{ "workers[2:]", "w03 2001:db8::1" },
	{ "workers[-1]", "2001:db8::1" },
	{ "workers[9]", "" },
	{ "~w0[23]", "w02 w03" },
	{ "nobody", "" },
	{ "", "" },
};

static void free_problem(void *problem)
{
	problem_free(problem);
}

static void test_pattern_select_gives_hosts_in_inventory_order(void **state)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(Inventory) inventory = inventory_parse(text, strlen(text),
			"i", NULL, problems, NULL);

	(void)state;
	assert_non_null(inventory);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) hosts = pattern_select(inventory,
				cases[i].pattern, true, NULL);
		g_autoptr(GString) names = g_string_new(NULL);

		assert_non_null(hosts);
		for (guint j = 0; j < hosts->len; j++) {
			const struct host *host = g_ptr_array_index(hosts, j);

			g_string_append_printf(names, "%s%s", j ? " " : "",
					       host->name);
		}
		assert_string_equal(names->str, cases[i].hosts);
	}
}

static struct inventory *load(void)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);

	return inventory_parse(text, strlen(text), "i", NULL, problems, NULL);
}

/* "limit" and "exclude" as given, then the hosts or the message. */
static const struct { const char *limit, *exclude, *hosts, *message; }
limits[] = {
	{ NULL, NULL, "m1 w01 w02 w03 2001:db8::1", NULL },
	{ "workers", NULL, "w01 w02 w03 2001:db8::1", NULL },
	{ NULL, "workers", "m1", NULL },
	{ "workers", "w01,w03", "w02 2001:db8::1", NULL },
	{ "w01", "odd", NULL, "no host is left by --limit 'w01' and" },
	{ "w09", NULL, NULL, "no host matches 'w09' (did you mean w0" },
	{ "w01,xyz", NULL, NULL, "no host matches 'xyz' (muster inventory" },
	{ "workers:!w9", NULL, NULL, "no host matches '!w9'" },
	{ NULL, "w99", NULL, "no host matches 'w99'" },
	{ "workers[7]", NULL, NULL, "no host matches 'workers[7]'" },
	{ "workers[0-1]", NULL, NULL, "a subscript is written [0:1]" },
	{ "", NULL, NULL, "no host is left" },
};

static void test_pattern_limit_gives_hosts_or_says_why_not(void **state)
{
	g_autoptr(Inventory) inventory = load();

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) hosts = pattern_limit(inventory,
				limits[i].limit, limits[i].exclude, &error);
		g_autoptr(GString) names = g_string_new(NULL);

		assert_true((hosts == NULL) == (limits[i].hosts == NULL));
		if (!hosts) {
			assert_int_equal(error->code, MUSTER_ERROR_USAGE);
			if (!strstr(error->message, limits[i].message))
				print_error("%s\n", error->message);
			assert_non_null(strstr(error->message,
					       limits[i].message));
			continue;
		}
		for (guint j = 0; j < hosts->len; j++) {
			const struct host *host = g_ptr_array_index(hosts, j);

			g_string_append_printf(names, "%s%s", j ? " " : "",
					       host->name);
		}
		assert_string_equal(names->str, limits[i].hosts);
	}
}

static void test_pattern_limit_missing_file_is_no_input(void **state)
{
	g_autoptr(Inventory) inventory = load();
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(pattern_limit(inventory, "@/nonexistent/x", NULL, &error));
	assert_int_equal(error->code, MUSTER_ERROR_NO_INPUT);
}

static void test_pattern_select_nothing_or_nonsense_is_usage(void **state)
{
	static const char *const patterns[] = { "nobody", "~(", "w01:!w01" };
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(Inventory) inventory = inventory_parse(text, strlen(text),
			"i", NULL, problems, NULL);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(pattern_select(inventory, patterns[i], false,
					   &error));
		assert_int_equal(error->code, MUSTER_ERROR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_pattern_select_gives_hosts_in_inventory_order),
		cmocka_unit_test(
			test_pattern_limit_gives_hosts_or_says_why_not),
		cmocka_unit_test(
			test_pattern_limit_missing_file_is_no_input),
		cmocka_unit_test(
			test_pattern_select_nothing_or_nonsense_is_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
