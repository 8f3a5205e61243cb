/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of error codes: complete, distinct, and with the exit statuses
 * that scripts rely on.
 */
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_error_names_are_distinct(void **state)
{
	(void)state;
	for (int i = 0; i < MUSTER_ERROR_N; i++) {
		assert_true(strlen(muster_error_name(i)) > 0);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(muster_error_name(i),
						muster_error_name(j));
	}
}

static void test_error_codes_have_their_status(void **state)
{
	static const struct {
		int code, status;
		gboolean unreachable;
	} cases[] = {
		{MUSTER_ERROR_USAGE, 64, FALSE},
		{MUSTER_ERROR_DATA, 65, FALSE},
		{MUSTER_ERROR_NO_INPUT, 66, FALSE},
		{MUSTER_ERROR_REFUSED, 4, TRUE},
		{MUSTER_ERROR_AUTH, 4, TRUE},
		{MUSTER_ERROR_LOST, 4, TRUE},
		{MUSTER_ERROR_HOST_KEY_UNKNOWN, 4, TRUE},
		{MUSTER_ERROR_HOST_KEY_CHANGED, 76, TRUE},
		{MUSTER_ERROR_HOST_KEY_REVOKED, 76, TRUE},
		{MUSTER_ERROR_COMMAND, 2, FALSE},
		{MUSTER_ERROR_VERIFY, 3, FALSE},
		{MUSTER_ERROR_LOCKED, 75, FALSE},
		{MUSTER_ERROR_DEADLINE, 124, FALSE},
		{MUSTER_ERROR_N, 1, FALSE},
		{-1, 1, FALSE},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_int_equal(muster_error_exit_status(cases[i].code),
				 cases[i].status);
		assert_int_equal(muster_error_is_unreachable(cases[i].code),
				 cases[i].unreachable);
	}
}

static void test_error_status_is_never_success(void **state)
{
	(void)state;
	for (int i = 0; i < MUSTER_ERROR_N; i++)
		assert_in_range(muster_error_exit_status(i), 1, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_error_names_are_distinct),
		cmocka_unit_test(test_error_codes_have_their_status),
		cmocka_unit_test(test_error_status_is_never_success),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
