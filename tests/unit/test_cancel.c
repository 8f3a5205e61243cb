/* SPDX-License-Identifier: Apache-2.0
 *
 * The two levels of the cancel flag and what they do to deadlines.
 */
#include "transport/cancel.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool readable(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	return poll(&pfd, 1, 0) == 1;
}

static void test_cancel_new_is_quiet(void **state)
{
	struct cancel *cancel = cancel_new();
	(void)state;
	assert_false(cancel_is_stopped(cancel));
	assert_false(cancel_is_aborted(cancel));
	assert_false(readable(cancel_fd(cancel)));
	assert_false(readable(cancel_stop_fd(cancel)));
	assert_int_equal(cancel_deadline(cancel, 1, 12345), 12345);
	cancel_free(cancel);
}

static void test_cancel_stop_gives_one_grace(void **state)
{
	struct cancel *cancel = cancel_new();
	gint64 before_us = g_get_monotonic_time();
	(void)state;
	cancel_stop(cancel);
	gint64 after_us = g_get_monotonic_time();
	assert_true(cancel_is_stopped(cancel));
	assert_false(cancel_is_aborted(cancel));
	assert_true(readable(cancel_stop_fd(cancel)));
	assert_false(readable(cancel_fd(cancel)));

	/* Work begun before: from the stop on. */
	gint64 until_us = cancel_deadline(cancel, 1, G_MAXINT64);
	assert_true(until_us >= before_us + CANCEL_GRACE_US);
	assert_true(until_us <= after_us + CANCEL_GRACE_US);
	/* Work begun later: from its begin on. */
	gint64 later_us = after_us + G_USEC_PER_SEC;
	assert_int_equal(cancel_deadline(cancel, later_us, G_MAXINT64),
			 later_us + CANCEL_GRACE_US);
	/* Never later than it was. */
	assert_int_equal(cancel_deadline(cancel, 1, after_us), after_us);
	cancel_stop(cancel);
	assert_int_equal(cancel_deadline(cancel, 1, G_MAXINT64), until_us);
	cancel_free(cancel);
}

static void test_cancel_abort_is_a_stop_too(void **state)
{
	struct cancel *cancel = cancel_new();
	(void)state;
	cancel_abort(cancel);
	assert_true(cancel_is_stopped(cancel));
	assert_true(cancel_is_aborted(cancel));
	assert_true(readable(cancel_fd(cancel)));
	assert_true(readable(cancel_fd(cancel)));
	cancel_free(cancel);
	cancel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cancel_new_is_quiet),
		cmocka_unit_test(test_cancel_stop_gives_one_grace),
		cmocka_unit_test(test_cancel_abort_is_a_stop_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
