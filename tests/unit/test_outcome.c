/* SPDX-License-Identifier: Apache-2.0
 *
 * How steps sum up: per host, and to the exit status of a run.
 */
#include "playbooks/outcome.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define OK (-1)
#define HOSTS 3

/* Codes of each host's first failure, and what the run ends with. */
static const struct {
	int codes[HOSTS];
	bool stopped;
	int status;
} cases[] = {
	{ { OK, OK, OK }, false, 0 },
	{ { OK, OK, OK }, true, 130 },
	{ { OK, MUSTER_ERROR_COMMAND, OK }, false, 2 },
	{ { OK, MUSTER_ERROR_COMMAND, OK }, true, 2 },
	{ { MUSTER_ERROR_DEADLINE, MUSTER_ERROR_DATA, OK }, false, 2 },
	{ { OK, OK, MUSTER_ERROR_REFUSED }, false, 4 },
	{ { OK, OK, MUSTER_ERROR_LOST }, false, 4 },
	{ { MUSTER_ERROR_HOST_KEY_UNKNOWN, OK, OK }, false, 4 },
	{ { MUSTER_ERROR_COMMAND, OK, MUSTER_ERROR_REFUSED }, false, 6 },
	{ { MUSTER_ERROR_VERIFY, OK, OK }, false, 3 },
	{ { MUSTER_ERROR_VERIFY, MUSTER_ERROR_JOIN, OK }, false, 2 },
	{ { MUSTER_ERROR_VERIFY, OK, MUSTER_ERROR_AUTH }, false, 4 },
	{ { MUSTER_ERROR_PREFLIGHT, MUSTER_ERROR_COMMAND, OK }, false, 69 },
	{ { MUSTER_ERROR_LOCKED, MUSTER_ERROR_PREFLIGHT, OK }, false, 75 },
	{ { MUSTER_ERROR_LOCKED, MUSTER_ERROR_HOST_KEY_CHANGED,
	    MUSTER_ERROR_COMMAND }, false, 76 },
	{ { OK, MUSTER_ERROR_HOST_KEY_REVOKED, OK }, false, 76 },
	{ { MUSTER_ERROR_SUDO, OK, OK }, false, 2 },
	{ { MUSTER_ERROR_SUDO, MUSTER_ERROR_SUDO, MUSTER_ERROR_SUDO }, false,
	  77 },
	{ { MUSTER_ERROR_SUDO, MUSTER_ERROR_SUDO, MUSTER_ERROR_REFUSED },
	  false, 6 },
	/* what a Ctrl-C broke off has not failed */
	{ { MUSTER_ERROR_CANCELLED, OK, OK }, true, 130 },
	{ { MUSTER_ERROR_CANCELLED, MUSTER_ERROR_COMMAND, OK }, true, 2 },
};

static struct run_result *result_of(const int codes[static HOSTS],
				    bool stopped)
{
	static struct host host;
	struct run_result *result = g_new0(struct run_result, 1);

	result->stopped = stopped;
	result->hosts = g_ptr_array_new_with_free_func(
		(GDestroyNotify)host_result_free);
	for (int i = 0; i < HOSTS; i++) {
		struct host_result *h = host_result_new(&host);

		if (codes[i] != OK)
			g_set_error(&h->error, MUSTER_ERROR, codes[i], "x");
		g_ptr_array_add(result->hosts, h);
	}
	return result;
}

static void test_outcome_exit_status_is_of_the_gravest(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct run_result *result = result_of(cases[i].codes,
						      cases[i].stopped);

		if (outcome_exit_status(result) != cases[i].status)
			print_error("case %zu\n", i);
		assert_int_equal(outcome_exit_status(result),
				 cases[i].status);
		run_result_free(result);
	}
}

static struct outcome failure(int code, const char *message, const char *hint)
{
	struct outcome outcome = { .status = TASK_FAILED,
				   .hint = g_strdup(hint),
				   .elapsed_us = 5, .remote_us = 3 };

	outcome.error = g_error_new(MUSTER_ERROR, code, "%s", message);
	return outcome;
}

static void test_host_result_add_keeps_the_first_failure(void **state)
{
	static struct host host;
	struct host_result *result = host_result_new(&host);
	struct outcome good = { .status = TASK_CHANGED, .elapsed_us = 10,
				.remote_us = 7 };
	struct outcome first = failure(MUSTER_ERROR_JOIN, "first", "do this");
	struct outcome second = failure(MUSTER_ERROR_LOST, "second", NULL);

	(void)state;
	host_result_add(result, "a", &good);
	host_result_add(result, "b", &first);
	host_result_add(result, "c", &second);
	assert_int_equal(result->counts[TASK_CHANGED], 1);
	assert_int_equal(result->counts[TASK_FAILED], 2);
	assert_int_equal(result->elapsed_us, 20);
	assert_int_equal(result->remote_us, 13);
	assert_int_equal(result->error->code, MUSTER_ERROR_JOIN);
	assert_string_equal(result->error->message, "first");
	assert_string_equal(result->failed_step, "b");
	assert_string_equal(result->hint, "do this");
	outcome_clear(&first);
	outcome_clear(&second);
	host_result_free(result);
	host_result_free(NULL);
}

static void test_outcome_redact_takes_secrets_out_of_every_text(void **state)
{
	struct redactor *redactor = redactor_new();
	struct outcome outcome = failure(MUSTER_ERROR_COMMAND,
					 "exit 1: hunter22", "hunter22?");

	(void)state;
	redactor_add(redactor, "hunter22");
	outcome.message = g_strdup("set hunter22");
	outcome.diff = g_strdup("+password=hunter22\n");
	outcome_redact(&outcome, redactor);
	assert_string_equal(outcome.error->message, "exit 1: [redacted]");
	assert_string_equal(outcome.hint, "[redacted]?");
	assert_string_equal(outcome.message, "set [redacted]");
	assert_string_equal(outcome.diff, "+password=[redacted]\n");
	outcome_clear(&outcome);
	redactor_free(redactor);
}

static void test_outcome_clear_leaves_nothing_behind(void **state)
{
	struct outcome outcome = failure(MUSTER_ERROR_COMMAND, "x", "y");

	(void)state;
	outcome_clear(&outcome);
	assert_null(outcome.error);
	assert_null(outcome.hint);
	assert_int_equal(outcome.remote_us, 0);
	assert_int_equal(outcome.elapsed_us, 0);
	outcome_clear(&outcome);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outcome_exit_status_is_of_the_gravest),
		cmocka_unit_test(test_host_result_add_keeps_the_first_failure),
		cmocka_unit_test(
			test_outcome_redact_takes_secrets_out_of_every_text),
		cmocka_unit_test(test_outcome_clear_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
