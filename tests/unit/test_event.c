/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts of events: one line each, whatever a host or a playbook said.
 */
#include "playbooks/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct { const char *text, *line; } cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ " a  b ", "a b" },
	{ "a\nb\n", "a b" },
	{ "\n\r\n", "" },
	{ "a\t\x01\x7f z", "a z" },
	{ "\033[31mred\033[0m", "[31mred [0m" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
};

static void test_event_line_is_one_printable_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *line = event_line(cases[i].text);

		assert_string_equal(line, cases[i].line);
	}
	assert_null(event_line(NULL));
}

static void test_task_status_name_is_ansibles_word(void **state)
{
	(void)state;
	assert_string_equal(task_status_name(TASK_OK), "ok");
	assert_string_equal(task_status_name(TASK_CHANGED), "changed");
	assert_string_equal(task_status_name(TASK_SKIPPED), "skipped");
	assert_string_equal(task_status_name(TASK_FAILED), "failed");
	assert_string_equal(task_status_name(TASK_UNREACHABLE), "unreachable");
	event_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_event_line_is_one_printable_line),
		cmocka_unit_test(test_task_status_name_is_ansibles_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
