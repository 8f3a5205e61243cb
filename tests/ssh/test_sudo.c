/* SPDX-License-Identifier: Apache-2.0
 *
 * sudo that asks for a password: who gets to see it, that a wrong one neither
 * hangs nor eats what was meant for the command, and that whatever sudo says
 * besides does no harm. Every test looks for the password in logs and errors.
 */
#include "sshd.h"
#include "told.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/file.h"
#include "transport/job.h"
#include "transport/remote_lock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PASSWORD "canary-pass-42"
#define WRONG "canary-wrong-7"

struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	struct session *session;
	struct told told;	/* by the lock's own thread, too */
};

static struct fixture *fixture_new(void)
{
	struct fixture *f = g_new0(struct fixture, 1);

	told_init(&f->told);
	f->sshd = sshd_start(NULL);
	return f;
}

/* A user with these sudoers lines, for whom `password` is given; false: there
 * are no users to be had here. */
static bool begin(struct fixture *f, const char *rule, const char *defaults,
		  const char *password)
{
	struct transport_options options = sshd_options(f->sshd);
	const char *user = access("/usr/bin/sudo", X_OK) == 0
		? sshd_add_user(f->sshd, NULL, rule) : NULL;

	if (!user)
		return false;
	assert_true(sshd_set_password(user, PASSWORD));
	if (defaults) {
		g_autofree char *path = g_build_filename("/etc/sudoers.d",
							 user, NULL);
		g_autofree char *text = NULL;

		assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_autofree char *more = g_strdup_printf(
			"%sDefaults:%s %s\n", text, user, defaults);
		g_autofree char *check = g_strdup_printf(
			"cat >'%s' <<'E'\n%sE\nvisudo -cf '%s'", path, more,
			path);
		const char *const argv[] = {"sh", "-c", check, NULL};

		assert_true(run_local(argv));
	}
	options.become_password = password;
	told_listen(&f->told, &options);
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, user);
	f->session = session_new(f->rig.transport, &f->host);
	return true;
}

static void end(struct fixture *f)
{
	session_free(f->session);
	rig_clear(&f->rig);
	assert_false(told_has(&f->told, PASSWORD));
	assert_false(told_has(&f->told, WRONG));
	told_forget(&f->told);
}

static void fixture_free(struct fixture *f)
{
	sshd_stop(f->sshd);
	told_clear(&f->told);
	g_free(f);
}

/* Runs `cat` and the like on "payload\n", as root. */
static bool run(struct fixture *f, const char *script,
		struct exec_result **result, GError **error)
{
	struct exec_request request = {
		.title = "step", .script = script, .input = "payload\n",
		.input_length = 8, .deadline_us = in_seconds(30)};

	return exec_run(f->session, &request, result, error);
}

static void test_sudo_password_lets_in_and_payload_is_whole(void **state)
{
	static const struct {
		const char *rule, *defaults, *password;
	} cases[] = {
		{"ALL=(ALL) ALL", NULL, PASSWORD},
		{"ALL=(ALL) ALL", "lecture=always", PASSWORD},
		{"ALL=(ALL) ALL", "passprompt=\"Mot de passe : \"", PASSWORD},
		{"ALL=(ALL) ALL", "passprompt_override, "
		 "passprompt=\"Passwort von %p: \"", PASSWORD},
		{"ALL=(ALL) ALL", "!use_pty", PASSWORD},
		/* asked or not, a ticket may be there or not */
		{"ALL=(ALL) ALL", "timestamp_type=global, "
		 "timestamp_timeout=15", PASSWORD},
		{"ALL=(ALL) NOPASSWD: ALL", NULL, PASSWORD},
		{"ALL=(ALL) NOPASSWD: ALL", "lecture=always", WRONG},
		{"ALL=(ALL) NOPASSWD: ALL", NULL, NULL},
	};
	struct fixture *f = fixture_new();
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (!begin(f, cases[i].rule, cases[i].defaults,
			   cases[i].password))
			skip();
		/* the second may find a ticket, and the command's input has
		 * nothing of the password either time */
		for (int time = 0; time < 2; time++) {
			g_autoptr(ExecResult) result = NULL;
			g_autoptr(GError) error = NULL;

			if (!run(f, "id -u; cat; cat /proc/$PPID/cmdline "
				 "/proc/$$/environ | tr '\\0' ' '", &result,
				 &error))
				fail_msg("case %zu: %s", i, error->message);
			if (!g_str_has_prefix(result->out, "0\npayload\n"))
				fail_msg("case %zu: %s", i, result->out);
			assert_null(strstr(result->out, PASSWORD));
			assert_null(strstr(result->out, WRONG));
			assert_string_equal(result->err, "");
		}
		end(f);
	}
	fixture_free(f);
}

static void test_sudo_script_on_standard_input_is_whole(void **state)
{
	struct fixture *f = fixture_new();
	struct exec_request request = {
		.title = "step", .deadline_us = in_seconds(30),
		.script = "id -u; sed -n '1p' </dev/stdin; echo end"};
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) error = NULL;
	(void)state;
	if (!begin(f, "ALL=(ALL) ALL", NULL, PASSWORD))
		skip();
	if (!exec_run(f->session, &request, &result, &error))
		fail_msg("%s", error->message);
	assert_string_equal(result->out, "0\nend\n");
	end(f);
	fixture_free(f);
}

static void test_sudo_that_says_no_ends_at_once(void **state)
{
	static const struct {
		const char *rule, *defaults, *password, *words;
	} cases[] = {
		{"ALL=(ALL) ALL", NULL, WRONG, "the password is wrong"},
		{"ALL=(ALL) ALL", "passwd_tries=1", WRONG,
		 "the password is wrong"},
		{"ALL=(ALL) ALL", "badpass_message=\"Non.\"", WRONG,
		 "the password is wrong"},
		{"ALL=(ALL) ALL", NULL, NULL, "give it with -K"},
		{"ALL=(ALL) ALL", "requiretty", PASSWORD, "requiretty"},
		{"ALL=(ALL) NOPASSWD: ALL", "requiretty", NULL, "requiretty"},
		{NULL, NULL, PASSWORD, "not in the sudoers file"},
		{"ALL=(ALL) /bin/true", NULL, PASSWORD, "may not run /bin/sh"},
	};
	struct fixture *f = fixture_new();
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		gint64 begun_us = g_get_monotonic_time();

		if (!begin(f, cases[i].rule, cases[i].defaults,
			   cases[i].password))
			skip();
		if (run(f, "cat", NULL, &error))
			fail_msg("case %zu went through", i);
		print_message("%s\n", error->message);
		assert_int_equal(error->code, MUSTER_ERROR_SUDO);
		assert_non_null(strstr(error->message, cases[i].words));
		assert_null(strstr(error->message, PASSWORD));
		assert_null(strstr(error->message, WRONG));
		/* sudo itself waits some seconds after a wrong one */
		assert_true(g_get_monotonic_time() - begun_us < 15 *
			    G_TIME_SPAN_SECOND);
		/* the session lives */
		struct exec_request request = {
			.title = "step", .script = "true",
			.as_login_user = true, .deadline_us = in_seconds(30)};

		assert_true(exec_run(f->session, &request, NULL, NULL));
		end(f);
	}
	fixture_free(f);
}

/* What PAM asks for a second factor is not our prompt, and is told. */
static void test_sudo_that_asks_for_something_else_is_quoted(void **state)
{
	struct fixture *f = fixture_new();
	struct exec_request request = {
		.title = "step", .script = "true",
		.deadline_us = in_seconds(3)};
	g_autofree char *bin = g_build_filename(f->sshd->dir, "bin", NULL);
	g_autofree char *profile = g_strdup_printf(
		"#!/bin/sh\nPATH=%s:$PATH exec /bin/sh \"$@\"\n", bin);
	g_autofree char *shell = sshd_write(f->sshd, "shell", profile, 0755);
	g_autoptr(GError) error = NULL;
	const char *const make[] = {"mkdir", bin, NULL};
	(void)state;
	assert_true(run_local(make));
	g_free(sshd_write(f->sshd, "bin/sudo", "#!/bin/sh\n"
			  "printf 'Verification code: ' >&2\n"
			  "read x && echo \"got $x\" >&2\n", 0755));
	const char *user = sshd_add_user(f->sshd, shell, NULL);

	if (!user)
		skip();
	struct transport_options options = sshd_options(f->sshd);

	options.become_password = PASSWORD;
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, user);
	f->session = session_new(f->rig.transport, &f->host);
	assert_false(exec_run(f->session, &request, NULL, &error));
	print_message("%s\n", error->message);
	assert_int_equal(error->code, MUSTER_ERROR_SUDO);
	assert_non_null(strstr(error->message, "Verification code:"));
	assert_null(strstr(error->message, PASSWORD));
	end(f);
	fixture_free(f);
}

/* Job, file and lock go the same way in. */
static void test_sudo_password_serves_job_file_and_lock(void **state)
{
	struct fixture *f = fixture_new();
	g_autofree char *path = g_build_filename(f->sshd->dir, "written",
						 NULL);
	g_autofree char *lock_path = g_build_filename(f->sshd->dir, "locks",
						      "lock", NULL);
	struct job_request job = {.id = "job-1", .title = "job",
		.script = "id -u", .deadline_us = in_seconds(60)};
	struct file_replacement file = {.path = path, .text = "text\n",
		.expected_sha256 = "", .mode = "0600"};
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	(void)state;
	if (!begin(f, "ALL=(ALL) ALL", "timestamp_timeout=0, lecture=always",
		   PASSWORD))
		skip();
	if (!job_run(f->session, &job, &result, &error))
		fail_msg("%s", error->message);
	assert_string_equal(result->out, "0\n");
	if (!file_replace(f->session, &file, in_seconds(30), &error) ||
	    !file_read(f->session, path, &text, in_seconds(30), &error))
		fail_msg("%s", error->message);
	assert_string_equal(text, "text\n");
	struct remote_lock *lock = remote_lock_acquire(
		f->rig.transport, &f->host, lock_path, "me", in_seconds(30),
		&error);

	if (!lock)
		fail_msg("%s", error->message);
	assert_null(remote_lock_acquire(f->rig.transport, &f->host, lock_path,
					"another", in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_LOCKED);
	remote_lock_free(lock);
	end(f);
	fixture_free(f);
}

static void test_sudo_wrong_password_ends_lock_at_once(void **state)
{
	struct fixture *f = fixture_new();
	g_autoptr(GError) error = NULL;
	(void)state;
	if (!begin(f, "ALL=(ALL) ALL", NULL, WRONG))
		skip();
	assert_null(remote_lock_acquire(f->rig.transport, &f->host,
					"/run/muster-test/lock", "me",
					in_seconds(30), &error));
	print_message("%s\n", error->message);
	assert_int_equal(error->code, MUSTER_ERROR_SUDO);
	assert_non_null(strstr(error->message, "the password is wrong"));
	assert_null(strstr(error->message, WRONG));
	end(f);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_sudo_password_lets_in_and_payload_is_whole),
		cmocka_unit_test(test_sudo_script_on_standard_input_is_whole),
		cmocka_unit_test(test_sudo_that_says_no_ends_at_once),
		cmocka_unit_test(
			test_sudo_that_asks_for_something_else_is_quoted),
		cmocka_unit_test(test_sudo_password_serves_job_file_and_lock),
		cmocka_unit_test(test_sudo_wrong_password_ends_lock_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
