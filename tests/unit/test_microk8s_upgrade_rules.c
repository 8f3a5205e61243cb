/* SPDX-License-Identifier: Apache-2.0
 *
 * What an upgrade may do: versions, windows, majorities.
 */
#include "playbooks/microk8s/upgrade_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_upgrade_goes_one_minor_version_at_a_time(void **state)
{
	static const struct {
		const char *from, *to;
		enum upgrade_step step;
	} cases[] = {
		{ "v1.31.9", "1.31/stable", UPGRADE_SAME },
		{ "v1.31.9", "1.31/edge/fix", UPGRADE_SAME },
		{ "v1.31.9", "v1.31.2", UPGRADE_SAME },
		{ "v1.31.9", "1.32/stable", UPGRADE_NEXT },
		{ "v1.9.1", "1.10/stable", UPGRADE_NEXT },
		{ "v1.31.9", "1.32-strict/stable", UPGRADE_NEXT },
		{ "v1.30.14", "1.32/stable", UPGRADE_SKIPS },
		{ "v1.35.0", "v2.0.1", UPGRADE_SKIPS },
		{ "v1.32.8", "1.31/stable", UPGRADE_BACK },
		{ "v2.0.1", "1.36/stable", UPGRADE_BACK },
		{ "v1.32.8", "latest/stable", UPGRADE_UNKNOWN },
		{ "latest/edge", "1.32/stable", UPGRADE_UNKNOWN },
		{ NULL, "1.32/stable", UPGRADE_UNKNOWN },
		{ "v1.32.8", NULL, UPGRADE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (upgrade_step_between(cases[i].from, cases[i].to) !=
		    cases[i].step)
			fail_msg("case %zu", i);
}

static void test_upgrade_lag_counts_minor_versions(void **state)
{
	(void)state;
	assert_int_equal(upgrade_lag("v1.30.14", "1.33/stable"), 3);
	assert_int_equal(upgrade_lag("v1.33.4", "v1.33.1"), 0);
	assert_int_equal(upgrade_lag("v1.34.1", "1.33/stable"), -1);
	assert_true(upgrade_lag("v1.34.1", "v2.0.0") > UPGRADE_SKEW_MAX);
	assert_true(upgrade_lag("v2.0.0", "v1.34.1") < 0);
	assert_int_equal(upgrade_lag("v1.34.1", "latest/stable"), 0);
	assert_int_equal(upgrade_lag(NULL, "1.33/stable"), 0);
}

static void test_upgrade_next_channel_is_as_strict_and_risky(void **state)
{
	static const struct { const char *from, *channel, *next; } cases[] = {
		{ "v1.30.14", "1.32/stable", "1.31/stable" },
		{ "v1.9.14", "1.32/candidate", "1.10/candidate" },
		{ "v1.30.14", "1.33-strict/edge", "1.31-strict/edge" },
		{ "v1.30.14", "latest/stable", "1.31/stable" },
		{ "v1.30.14", "1.32/edge/fix", "1.31/edge" },
		{ "x1", "1.32/stable", NULL },
		{ NULL, "1.32/stable", NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *next = upgrade_next_channel(
			cases[i].from, cases[i].channel);

		if (g_strcmp0(next, cases[i].next) != 0)
			fail_msg("case %zu: %s", i, next ? next : "NULL");
	}
	assert_true(upgrade_is_strict("1.32-strict/stable"));
	assert_false(upgrade_is_strict("1.32/stable"));
	assert_false(upgrade_is_strict("1.32/edge/not-strict"));
}

static void test_upgrade_window_is_a_number_or_a_share(void **state)
{
	static const struct {
		const char *text;
		unsigned workers, window;
	} cases[] = {
		{ "1", 30, 1 }, { "2", 1, 2 }, { "100", 3, 100 },
		{ "25%", 4, 1 }, { "25%", 7, 1 }, { "25%", 8, 2 },
		{ "50%", 3, 1 }, { "100%", 7, 7 }, { "1%", 5, 1 },
		{ "34%", 0, 1 },
	};
	static const char *const none[] = {
		"", "0", "0%", "101%", "-1", "+1", " 1", "1 ", "1.5", "1%%",
		"%", "x", "2x", "99999999999999999999", NULL
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		unsigned window = 0;

		assert_true(upgrade_window(cases[i].text, cases[i].workers,
					   &window));
		if (window != cases[i].window)
			fail_msg("%s of %u: %u", cases[i].text,
				 cases[i].workers, window);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(none); i++)
		if (upgrade_window(none[i], 10, NULL))
			fail_msg("'%s' is a window", none[i] ? none[i]
				 : "NULL");
}

static void test_upgrade_leaves_the_datastore_its_majority(void **state)
{
	static const struct { unsigned masters, ready; bool keeps; } cases[] = {
		{ 1, 1, true }, { 2, 2, true }, { 2, 1, true },
		{ 3, 3, true }, { 3, 2, false }, { 3, 0, false },
		{ 4, 4, true }, { 4, 3, false },
		{ 5, 5, true }, { 5, 4, true }, { 5, 3, false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		if (upgrade_keeps_quorum(cases[i].masters, cases[i].ready) !=
		    cases[i].keeps)
			fail_msg("%u of %u", cases[i].ready,
				 cases[i].masters);
}

static void test_upgrade_kubelet_is_that_of_its_snap(void **state)
{
	(void)state;
	assert_true(upgrade_is_version("v1.32.8", "v1.32.8"));
	assert_true(upgrade_is_version("v1.32.8", "1.32.8"));
	assert_true(upgrade_is_version("v1.32.8+bd31f8", "v1.32.8"));
	assert_false(upgrade_is_version("v1.32.8", "v1.32.80"));
	assert_false(upgrade_is_version("v1.31.9", "v1.32.8"));
	assert_false(upgrade_is_version("v1.32.8", NULL));
	assert_false(upgrade_is_version(NULL, "v1.32.8"));
	assert_false(upgrade_is_version("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_upgrade_goes_one_minor_version_at_a_time),
		cmocka_unit_test(test_upgrade_lag_counts_minor_versions),
		cmocka_unit_test(
			test_upgrade_next_channel_is_as_strict_and_risky),
		cmocka_unit_test(test_upgrade_window_is_a_number_or_a_share),
		cmocka_unit_test(
			test_upgrade_leaves_the_datastore_its_majority),
		cmocka_unit_test(test_upgrade_kubelet_is_that_of_its_snap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
