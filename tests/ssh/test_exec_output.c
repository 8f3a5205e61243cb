/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_run() that hands output on as it comes: all of it, nothing before the
 * script's own, and while the script still runs.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	struct session *session;
};

static int set_up(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	f->sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(f->sshd);
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, "root");
	f->session = session_new(f->rig.transport, &f->host);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	session_free(f->session);
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
	g_free(f);
	return 0;
}

struct heard {
	GString *text[2];
	struct cancel *cancel;	/* aborted at the first byte, or NULL */
};

static void on_output(const char *bytes, size_t n, bool is_stderr, void *data)
{
	struct heard *heard = data;

	g_string_append_len(heard->text[is_stderr], bytes, (gssize)n);
	if (heard->cancel)
		cancel_abort(heard->cancel);
}

static struct exec_request request(const char *script, struct heard *heard)
{
	heard->text[0] = g_string_new(NULL);
	heard->text[1] = g_string_new(NULL);
	return (struct exec_request){.title = "step", .script = script,
		.deadline_us = in_seconds(60), .on_output = on_output,
		.output_data = heard, .accept_failure = true};
}

static void heard_clear(struct heard *heard)
{
	g_string_free(heard->text[0], TRUE);
	g_string_free(heard->text[1], TRUE);
}

static void test_output_both_streams_go_to_the_callback(void **state)
{
	static const struct {
		const char *script, *out, *err;
		int status;
	} cases[] = {
		{"echo out; echo err >&2; exit 3", "out\n", "err\n", 3},
		{"true", "", "", 0},
		{"printf x; printf y >&2", "x", "y", 0},
		{"exit 200", "", "", 200},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct heard heard = {.cancel = NULL};
		struct exec_request r = request(cases[i].script, &heard);
		g_autoptr(ExecResult) result = NULL;
		assert_true(exec_run(f->session, &r, &result, NULL));
		assert_int_equal(result->status, cases[i].status);
		assert_string_equal(heard.text[0]->str, cases[i].out);
		assert_string_equal(heard.text[1]->str, cases[i].err);
		assert_int_equal(result->out_length, 0);
		assert_int_equal(result->err_length, 0);
		heard_clear(&heard);
	}
}

/* More than a request without a callback may print. */
static void test_output_20_mb_has_no_limit(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.cancel = NULL};
	struct exec_request r = request(
		"yes muster | head -c 20000000; echo end >&2", &heard);
	assert_true(exec_run(f->session, &r, NULL, NULL));
	assert_int_equal(heard.text[0]->len, 20000000);
	assert_memory_equal(heard.text[0]->str, "muster\nmuster\n", 14);
	assert_string_equal(heard.text[1]->str, "end\n");
	heard_clear(&heard);
}

static void test_output_input_comes_back(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.cancel = NULL};
	struct exec_request r = request("cat", &heard);
	r.input = "a\0b\n";
	r.input_length = 4;
	assert_true(exec_run(f->session, &r, NULL, NULL));
	assert_int_equal(heard.text[0]->len, 4);
	assert_memory_equal(heard.text[0]->str, "a\0b\n", 4);
	heard_clear(&heard);
}

/* What an rc file prints is not the command's. */
static void test_output_of_rc_files_is_left_out(void **state)
{
	struct fixture *f = *state;
	g_autofree char *shell = sshd_write(
		f->sshd, "noisy",
		"#!/bin/sh\necho rc; echo rc >&2; printf no-end\n"
		"shift; exec /bin/sh -c \"$1\"\n", 0755);
	const char *user = sshd_add_user(f->sshd, shell, NULL);
	if (!user)
		skip();
	struct host host = sshd_host(f->sshd, user);
	struct session *session = session_new(f->rig.transport, &host);
	struct heard heard = {.cancel = NULL};
	struct exec_request r = request("echo mine; echo mine >&2", &heard);
	r.as_login_user = true;
	assert_true(exec_run(session, &r, NULL, NULL));
	assert_string_equal(heard.text[0]->str, "mine\n");
	assert_string_equal(heard.text[1]->str, "mine\n");
	heard_clear(&heard);
	session_free(session);
}

static void test_output_comes_while_the_command_runs(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.cancel = f->rig.cancel};
	struct exec_request r = request("echo first; exec sleep 300", &heard);
	g_autoptr(GError) error = NULL;
	assert_false(exec_run(f->session, &r, NULL, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_CANCELLED));
	assert_string_equal(heard.text[0]->str, "first\n");
	heard_clear(&heard);
}

static void test_output_before_the_deadline_is_not_lost(void **state)
{
	struct fixture *f = *state;
	struct heard heard = {.cancel = NULL};
	struct exec_request r = request("echo first; exec sleep 300", &heard);
	g_autoptr(GError) error = NULL;
	r.deadline_us = in_seconds(3);
	assert_false(exec_run(f->session, &r, NULL, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_DEADLINE));
	assert_string_equal(heard.text[0]->str, "first\n");
	heard_clear(&heard);
}

/* Without a start there is no output, only the reason. */
static void test_output_of_a_refusing_sudo_is_the_error(void **state)
{
	struct fixture *f = *state;
	const char *user = sshd_add_user(f->sshd, NULL, NULL);
	if (!user)
		skip();
	struct host host = sshd_host(f->sshd, user);
	struct session *session = session_new(f->rig.transport, &host);
	struct heard heard = {.cancel = NULL};
	struct exec_request r = request("echo never", &heard);
	g_autoptr(GError) error = NULL;
	assert_false(exec_run(session, &r, NULL, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_SUDO));
	assert_string_equal(heard.text[0]->str, "");
	assert_string_equal(heard.text[1]->str, "");
	heard_clear(&heard);
	session_free(session);
}

#define SSH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SSH_TEST(test_output_both_streams_go_to_the_callback),
		SSH_TEST(test_output_20_mb_has_no_limit),
		SSH_TEST(test_output_input_comes_back),
		SSH_TEST(test_output_of_rc_files_is_left_out),
		SSH_TEST(test_output_comes_while_the_command_runs),
		SSH_TEST(test_output_before_the_deadline_is_not_lost),
		SSH_TEST(test_output_of_a_refusing_sudo_is_the_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
