/* SPDX-License-Identifier: Apache-2.0
 *
 * exec_run() against a real sshd: what comes back, and every way it can fail.
 */
#include "sshd.h"
#include "told.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	struct session *session;
	struct told told;
	bool stays;	/* all commands in one shell that stays */
};

static int set_up(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);
	told_init(&f->told);
	f->sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(f->sshd);
	told_listen(&f->told, &options);
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, "root");
	f->session = session_new(f->rig.transport, &f->host);
	*state = f;
	return 0;
}

static int set_up_stays(void **state)
{
	set_up(state);
	struct fixture *f = *state;
	f->stays = true;
	session_expect_more(f->session);
	return 0;
}

static struct session *new_session(struct fixture *f, const struct host *host)
{
	struct session *session = session_new(f->rig.transport, host);

	if (f->stays)
		session_expect_more(session);
	return session;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	session_free(f->session);
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
	told_clear(&f->told);
	g_free(f);
	return 0;
}

static struct exec_request request(const char *script)
{
	return (struct exec_request){.title = "step", .script = script,
				     .deadline_us = in_seconds(30)};
}

static void test_exec_scripts_end_as_they_should(void **state)
{
	static const struct {
		const char *script;
		int code;		/* -1: success */
		int status;
		const char *out, *words;
	} cases[] = {
		{"echo hello", -1, 0, "hello\n", NULL},
		{"exit 0", -1, 0, "", NULL},
		{"cat; echo done", -1, 0, "done\n", NULL},
		{"printf '%s|' \"$@\"", -1, 0, "a b|it's|$HOME|\n|", NULL},
		{"cat <<'E'\nx $y\nE", -1, 0, "x $y\n", NULL},
		{"printf 'a\\000b'; true # comment", -1, 0, "a", NULL},
		{"pwd", -1, 0, "/\n", NULL},
		{"sleep 30 & echo left", -1, 0, "left\n", NULL},
		{"echo one >&2; echo two >&2; exit 7", MUSTER_ERROR_COMMAND, 7,
		 "", "step: exit status 7: one | two"},
		{"echo only out; false", MUSTER_ERROR_COMMAND, 1,
		 "only out\n", "exit status 1: only out"},
		{"printf 'no end'; printf more >&2", -1, 0, "no end", NULL},
		{"cd /tmp; umask 0; export LC_ALL=x; exec 1>&2", -1, 0, "",
		 NULL},
		{"pwd; umask; echo $LC_ALL; readlink /proc/self/fd/0", -1, 0,
		 "/\n0022\nC.UTF-8\n/dev/null\n", NULL},
		{"if", MUSTER_ERROR_COMMAND, 2, "", "exit status 2"},
	};
	static const char *const args[] = {"a b", "it's", "$HOME", "\n", NULL};
	struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct exec_request r = request(cases[i].script);
		g_autoptr(ExecResult) result = NULL;
		g_autoptr(GError) error = NULL;
		r.args = args;
		bool good = exec_run(f->session, &r, &result, &error);
		if (error)
			print_message("%s\n", error->message);
		assert_int_equal(good, cases[i].code < 0);
		if (!good)
			assert_true(g_error_matches(error, MUSTER_ERROR,
						    cases[i].code));
		if (cases[i].words)
			assert_non_null(strstr(error->message,
					       cases[i].words));
		if (cases[i].out) {
			assert_int_equal(result->status, cases[i].status);
			assert_string_equal(result->out, cases[i].out);
		}
	}
}

/* A shell tells of signals by a status. */
static void test_exec_signals_are_told(void **state)
{
	static const struct {
		const char *script, *words, *by_shell;
	} cases[] = {
		{"kill -TERM $$", "killed by signal TERM", "exit status 143"},
		{"kill -KILL $$", "killed by signal KILL", "exit status 137"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct exec_request r = request(cases[i].script);
		g_autoptr(GError) error = NULL;
		assert_false(exec_run(f->session, &r, NULL, &error));
		print_message("%s\n", error->message);
		assert_true(g_error_matches(error, MUSTER_ERROR, f->stays ?
					    MUSTER_ERROR_COMMAND :
					    MUSTER_ERROR_SIGNALLED));
		assert_non_null(strstr(error->message, f->stays ?
				       cases[i].by_shell : cases[i].words));
	}
}

static void test_exec_accept_failure_gives_status(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request("exit 9");
	g_autoptr(ExecResult) result = NULL;
	r.accept_failure = true;
	assert_true(exec_run(f->session, &r, &result, NULL));
	assert_int_equal(result->status, 9);
}

static void test_exec_both_streams_6_mb_complete(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request(
		"head -c 6000000 /dev/zero >&2 & "
		"head -c 6000000 /dev/zero; wait");
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) error = NULL;
	r.output_max = 7000000;
	assert_true(exec_run(f->session, &r, &result, &error));
	assert_int_equal(result->out_length, 6000000);
	assert_int_equal(result->err_length, 6000000);
}

static void test_exec_input_4_mb_binary_comes_back(void **state)
{
	struct fixture *f = *state;
	size_t length = 4 * 1024 * 1024;
	g_autofree char *input = g_malloc(length);
	for (size_t i = 0; i < length; i++)
		input[i] = (char)(i * 31 >> 3);
	struct exec_request r = request("cat");
	g_autoptr(ExecResult) result = NULL;
	r.input = input;
	r.input_length = length;
	r.output_max = length;
	assert_true(exec_run(f->session, &r, &result, NULL));
	assert_int_equal(result->out_length, length);
	assert_memory_equal(result->out, input, length);
}

static void test_exec_input_ignored_by_script_is_dropped(void **state)
{
	struct fixture *f = *state;
	g_autofree char *input = g_malloc0(3000000);
	struct exec_request r = request("echo \"$1\"");
	static const char *const args[] = {"x", NULL};
	g_autoptr(ExecResult) result = NULL;
	r.args = args;
	r.input = input;
	r.input_length = 3000000;
	assert_true(exec_run(f->session, &r, &result, NULL));
	assert_string_equal(result->out, "x\n");
}

static void test_exec_output_over_limit_is_ended(void **state)
{
	static const char *const scripts[] = {"yes", "yes >&2",
					      "head -c 2000 /dev/zero"};
	struct fixture *f = *state;
	for (size_t i = 0; i < G_N_ELEMENTS(scripts); i++) {
		struct exec_request r = request(scripts[i]);
		g_autoptr(GError) error = NULL;
		r.output_max = 1000;
		assert_false(exec_run(f->session, &r, NULL, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_OUTPUT_LIMIT));
	}
	struct exec_request r = request("true");
	assert_true(exec_run(f->session, &r, NULL, NULL));
}

static void test_exec_deadline_passes_ends_command(void **state)
{
	struct fixture *f = *state;
	g_autofree char *mark = g_build_filename(f->sshd->dir, "ended", NULL);
	const char *const args[] = {mark, NULL};
	struct exec_request r = request(
		"trap 'echo x >\"$1\"; exit 1' TERM; sleep 60 & wait");
	g_autoptr(GError) error = NULL;
	r.args = args;
	r.deadline_us = g_get_monotonic_time() + G_TIME_SPAN_SECOND;
	assert_false(exec_run(f->session, &r, NULL, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_DEADLINE));
	assert_true(g_get_monotonic_time() <
		    r.deadline_us + G_TIME_SPAN_SECOND);

	r = request("until [ -e \"$1\" ]; do sleep 0.1; done");
	r.args = args;
	assert_true(exec_run(f->session, &r, NULL, NULL));
}

static gpointer abort_soon(gpointer data)
{
	g_usleep(200000);
	cancel_abort(data);
	return NULL;
}

static void test_exec_abort_returns_at_once(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request("sleep 60");
	g_autoptr(GError) error = NULL;
	assert_true(session_connect(f->session, in_seconds(20), NULL));
	GThread *thread = g_thread_new("abort", abort_soon, f->rig.cancel);
	gint64 begun_us = g_get_monotonic_time();
	assert_false(exec_run(f->session, &r, NULL, &error));
	g_thread_join(thread);
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_CANCELLED));
	assert_true(g_get_monotonic_time() - begun_us < 5 * G_USEC_PER_SEC);
}

static void test_exec_soft_stop_lets_command_finish(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request("sleep 0.3; echo done");
	g_autoptr(ExecResult) result = NULL;
	cancel_stop(f->rig.cancel);
	assert_true(exec_run(f->session, &r, &result, NULL));
	assert_string_equal(result->out, "done\n");
}

static void test_exec_connection_dies_is_lost_then_heals(void **state)
{
	struct fixture *f = *state;
	/* timeout(1) is our parent, sshd's process for us is its parent. */
	struct exec_request r = request("kill -9 $(ps -o ppid= -p $PPID)");
	g_autoptr(GError) error = NULL;
	assert_false(exec_run(f->session, &r, NULL, &error));
	print_message("%s\n", error->message);
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_LOST));
	assert_false(session_is_connected(f->session));
	r = request("true");
	assert_true(exec_run(f->session, &r, NULL, NULL));
}

static void test_exec_log_gets_all_but_secrets(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request("echo o; echo e >&2; exit 3");
	g_autoptr(GError) error = NULL;
	assert_false(exec_run(f->session, &r, NULL, NULL));
	assert_true(told_has(&f->told, "connect/-/-/0\n"));
	assert_true(told_has(&f->told, "step/o\n/e\n/3\n"));
	r = request("echo hush; echo hush >&2; exit 3");
	r.private_output = true;
	assert_false(exec_run(f->session, &r, NULL, &error));
	assert_false(told_has(&f->told, "hush"));
	assert_null(strstr(error->message, "hush"));
}

static void test_exec_error_text_is_redacted(void **state)
{
	struct fixture *f = *state;
	struct exec_request r = request("echo pass-w0rd >&2; exit 1");
	g_autoptr(GError) error = NULL;
	redactor_add(f->rig.redactor, "pass-w0rd");
	assert_false(exec_run(f->session, &r, NULL, &error));
	assert_null(strstr(error->message, "pass-w0rd"));
}

static void test_exec_noisy_shell_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	g_autofree char *shell = sshd_write(
		f->sshd, "noisy", "#!/bin/sh\necho Welcome; echo news >&2\n"
		"exec /bin/sh \"$@\"\n", 0755);
	const char *user = sshd_add_user(f->sshd, shell, NULL);
	if (!user)
		skip();
	struct host host = sshd_host(f->sshd, user);
	struct session *session = new_session(f, &host);
	struct exec_request r = request("id -un");
	g_autoptr(ExecResult) result = NULL;
	r.as_login_user = true;
	assert_true(exec_run(session, &r, &result, NULL));
	g_autofree char *want = g_strdup_printf("%s\n", user);
	assert_string_equal(result->out, want);
	assert_string_equal(result->err, "");
	session_free(session);
}

static void test_exec_nologin_shell_is_told(void **state)
{
	struct fixture *f = *state;
	const char *user = sshd_add_user(f->sshd, "/usr/sbin/nologin", NULL);
	if (!user)
		skip();
	struct host host = sshd_host(f->sshd, user);
	struct session *session = new_session(f, &host);
	struct exec_request r = request("true");
	g_autoptr(GError) error = NULL;
	r.as_login_user = true;
	assert_false(exec_run(session, &r, NULL, &error));
	print_message("%s\n", error->message);
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_PROTOCOL));
	session_free(session);
}

static void test_exec_sudo_becomes_root_or_says_why(void **state)
{
	struct fixture *f = *state;
	const struct {
		const char *sudoers;
		const char *script;
		int code;
		const char *words;
	} cases[] = {
		{"ALL=(ALL) NOPASSWD: ALL", "id -u; exit 0", -1, "0\n"},
		{"ALL=(ALL) NOPASSWD: ALL", "echo no >&2; exit 1",
		 MUSTER_ERROR_COMMAND, "exit status 1: no"},
		{"ALL=(ALL) NOPASSWD: ALL", "kill -TERM $$; exit 7",
		 f->stays ? MUSTER_ERROR_COMMAND : MUSTER_ERROR_SIGNALLED,
		 f->stays ? "exit status 143" : "TERM"},
		{"ALL=(ALL) ALL", "true", MUSTER_ERROR_SUDO,
		 "asks for a password"},
		{NULL, "true", MUSTER_ERROR_SUDO, "sudo refused"},
		{"ALL=(ALL) NOPASSWD: /bin/true", "true", MUSTER_ERROR_SUDO,
		 "sudo refused"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *user = sshd_add_user(f->sshd, NULL,
						 cases[i].sudoers);
		if (!user || access("/usr/bin/sudo", X_OK) < 0)
			skip();
		struct host host = sshd_host(f->sshd, user);
		struct session *session = new_session(f, &host);
		struct exec_request r = request(cases[i].script);
		g_autoptr(ExecResult) result = NULL;
		g_autoptr(GError) error = NULL;
		bool good = exec_run(session, &r, &result, &error);
		if (error)
			print_message("%s\n", error->message);
		assert_int_equal(good, cases[i].code < 0);
		if (good) {
			assert_string_equal(result->out, cases[i].words);
		} else {
			assert_int_equal(error->code, cases[i].code);
			assert_non_null(strstr(error->message,
					       cases[i].words));
		}
		session_free(session);
	}
}

static void test_exec_become_follows_host(void **state)
{
	static char nobody[] = "nobody";
	struct fixture *f = *state;
	struct exec_request r = request("id -un");
	g_autoptr(ExecResult) as_nobody = NULL;
	g_autoptr(ExecResult) as_root = NULL;
	if (access("/usr/bin/sudo", X_OK) < 0)
		skip();
	f->host.become_user = nobody;
	assert_true(exec_run(f->session, &r, &as_nobody, NULL));
	assert_string_equal(as_nobody->out, "nobody\n");
	f->host.become = HOST_BECOME_NO;
	assert_true(exec_run(f->session, &r, &as_root, NULL));
	assert_string_equal(as_root->out, "root\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define STAYS(f) { #f "_in_a_shell_that_stays", f, set_up_stays, tear_down, \
		   NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exec_scripts_end_as_they_should),
		TEST(test_exec_signals_are_told),
		TEST(test_exec_accept_failure_gives_status),
		TEST(test_exec_both_streams_6_mb_complete),
		TEST(test_exec_input_4_mb_binary_comes_back),
		TEST(test_exec_input_ignored_by_script_is_dropped),
		TEST(test_exec_output_over_limit_is_ended),
		TEST(test_exec_deadline_passes_ends_command),
		TEST(test_exec_abort_returns_at_once),
		TEST(test_exec_soft_stop_lets_command_finish),
		TEST(test_exec_connection_dies_is_lost_then_heals),
		TEST(test_exec_log_gets_all_but_secrets),
		TEST(test_exec_error_text_is_redacted),
		TEST(test_exec_noisy_shell_leaves_no_trace),
		TEST(test_exec_nologin_shell_is_told),
		TEST(test_exec_sudo_becomes_root_or_says_why),
		TEST(test_exec_become_follows_host),
		STAYS(test_exec_scripts_end_as_they_should),
		STAYS(test_exec_signals_are_told),
		STAYS(test_exec_accept_failure_gives_status),
		STAYS(test_exec_both_streams_6_mb_complete),
		STAYS(test_exec_output_over_limit_is_ended),
		STAYS(test_exec_deadline_passes_ends_command),
		STAYS(test_exec_abort_returns_at_once),
		STAYS(test_exec_soft_stop_lets_command_finish),
		STAYS(test_exec_connection_dies_is_lost_then_heals),
		STAYS(test_exec_log_gets_all_but_secrets),
		STAYS(test_exec_error_text_is_redacted),
		STAYS(test_exec_noisy_shell_leaves_no_trace),
		STAYS(test_exec_nologin_shell_is_told),
		STAYS(test_exec_sudo_becomes_root_or_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
