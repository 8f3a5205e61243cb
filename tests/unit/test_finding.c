/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings: what is equal is told once, and the gravest comes first.
 */
#include "playbooks/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct finding *at(const GPtrArray *findings, guint i)
{
	return g_ptr_array_index(findings, i);
}

static void test_finding_add_folds_equal_ones(void **state)
{
	g_autoptr(GPtrArray) list = findings_new();

	(void)state;
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "b", "x", "no %s",
		    "snap");
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "a", "x",
		    "no snap");
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "b", "x",
		    "no snap");
	assert_int_equal(list->len, 1);
	assert_int_equal(at(list, 0)->hosts->len, 2);
	assert_string_equal(g_ptr_array_index(at(list, 0)->hosts, 0), "b");
	assert_string_equal(at(list, 0)->cause->code, "snapd-missing");
	/* Another cure, evidence, severity or cause is another finding. */
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "c", "y",
		    "no snap");
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "c", "x", "none");
	finding_add(list, "snapd-missing", FINDING_WARNS, "c", "x",
		    "no snap");
	finding_add(list, "unreachable", FINDING_BLOCKS, "c", NULL,
		    "no snap");
	assert_int_equal(list->len, 5);
	assert_string_equal(at(list, 4)->cure, "");
	assert_int_equal(findings_count(list, FINDING_BLOCKS), 4);
	assert_int_equal(findings_count(list, FINDING_WARNS), 1);
	assert_int_equal(findings_count(list, FINDING_ADVISES), 0);
}

static void test_findings_rank_puts_the_gravest_first(void **state)
{
	g_autoptr(GPtrArray) list = findings_new();

	(void)state;
	finding_add(list, "refresh-not-held", FINDING_ADVISES, "a", "", "1");
	finding_add(list, "clock-skew", FINDING_WARNS, "a", "", "2");
	finding_add(list, "cidr-overlap", FINDING_BLOCKS, "a", "", "3");
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "a", "", "4");
	finding_add(list, "snapd-missing", FINDING_BLOCKS, "a", "", "5");
	finding_add(list, "clock-skew", FINDING_BLOCKS, "a", "", "6");
	finding_add(list, "clock-skew", FINDING_BLOCKS, "b", "", "6");
	finding_add(list, "clock-skew", FINDING_BLOCKS, "c", "", "7");
	findings_rank(list);

	static const char *const order[] = {
		"6", "7", "4", "5", "3", "2", "1"
	};

	assert_int_equal(list->len, G_N_ELEMENTS(order));
	for (guint i = 0; i < list->len; i++)
		assert_string_equal(at(list, i)->evidence, order[i]);
	assert_string_equal(finding_severity_name(FINDING_ADVISES),
			    "advises");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finding_add_folds_equal_ones),
		cmocka_unit_test(test_findings_rank_puts_the_gravest_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
