/* SPDX-License-Identifier: Apache-2.0
 *
 * job_run() against a real sshd: how jobs end, what they leave behind, and what
 * ends the wait for them.
 */
#include "jobrig.h"
#include "told.h"
#include "transport/error.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static void test_job_ends_as_it_should(void **state)
{
	static const struct {
		const char *script;
		bool accept_failure;
		int code;		/* -1: success */
		int status;
		const char *out, *words;
	} cases[] = {
		{"echo hello", false, -1, 0, "hello\n", NULL},
		{"exit 0", false, -1, 0, "", NULL},
		{"printf '%s|' \"$@\"", false, -1, 0, "a b|it's|$HOME|\n||",
		 NULL},
		{"cat; echo done", false, -1, 0, "done\n", NULL},
		{"pwd; umask", false, -1, 0, "/\n0022\n", NULL},
		{"echo one >&2; exit 7", false, MUSTER_ERROR_COMMAND, 7, "",
		 "step: exit status 7: one"},
		{"echo only out; false", false, MUSTER_ERROR_COMMAND, 1,
		 "only out\n", "exit status 1: only out"},
		{"echo o; exit 9", true, -1, 9, "o\n", NULL},
		{"echo dying; kill -KILL $$", false, MUSTER_ERROR_SIGNALLED, 0,
		 NULL, "step: killed by signal KILL: dying"},
		{"kill -KILL $$", true, -1, 137, "", NULL},
		{"if", false, MUSTER_ERROR_COMMAND, 2, "", "exit status 2"},
		{"sleep 30 & echo left", false, -1, 0, "left\n", NULL},
		{"head -c 5000 /dev/zero", false, MUSTER_ERROR_OUTPUT_LIMIT,
		 0, NULL, "more than 1000 bytes"},
		{"head -c 1050 /dev/zero", false, MUSTER_ERROR_OUTPUT_LIMIT,
		 0, NULL, "more than 1000 bytes"},
		{"head -c 5000 /dev/zero >&2", false,
		 MUSTER_ERROR_OUTPUT_LIMIT, 0, NULL, "more than"},
	};
	static const char *const args[] = {"a b", "it's", "$HOME", "\n", "",
					   NULL};
	struct jobrig *f = *state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(ExecResult) result = NULL;
		g_autoptr(GError) error = NULL;
		struct job_request r = jobrig_request(f, cases[i].script);
		r.args = args;
		r.accept_failure = cases[i].accept_failure;
		r.output_max = 1000;
		bool good = job_run(f->session, &r, &result, &error);
		assert_int_equal(good, cases[i].code < 0);
		if (!good)
			assert_error(error, cases[i].code, cases[i].words);
		if (cases[i].out) {
			assert_int_equal(result->status, cases[i].status);
			assert_string_equal(result->out, cases[i].out);
		}
		/* It left nothing behind, so each case ran anew. */
		assert_int_equal(access(f->dir, F_OK), -1);
	}
}

static void test_job_run_time_is_the_hosts(void **state)
{
	struct jobrig *f = *state;
	g_autoptr(ExecResult) result = NULL;
	struct job_request r = jobrig_request(f, "sleep 0.5");
	assert_true(job_run(f->session, &r, &result, NULL));
	assert_in_range(result->elapsed_us, 450000, 5000000);
}

static void test_job_end_is_noticed_at_once(void **state)
{
	struct jobrig *f = *state;
	g_autoptr(ExecResult) result = NULL;
	struct job_request r = jobrig_request(f, "sleep 2; date +%s%6N");
	assert_true(job_run(f->session, &r, &result, NULL));
	gint64 ago_us = g_get_real_time() -
			g_ascii_strtoll(result->out, NULL, 10);
	gint64 late_us = ago_us - (g_get_monotonic_time() - f->told_us);
	print_message("%d ms\n", (int)(late_us / 1000));
	/* Some 40 ms where nothing else runs; asking again would be after
	 * 20 s. */
	assert_in_range(late_us, 0, 5 * G_TIME_SPAN_SECOND);
}

static void test_job_is_detached_and_private(void **state)
{
	struct jobrig *f = *state;
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) error = NULL;
	/* Looks for $1 in the arguments of every process there is. */
	struct job_request r = jobrig_request(f,
		"cd \"$2\" && stat -c '%a %U %n' . job.sh out err lock\n"
		"readlink /proc/self/fd/0\n"
		"[ $(ps -o sid= -p $$) -eq $(cat pid | cut -d ' ' -f 1) ] &&\n"
		"	echo own session\n"
		"for p in /proc/[0-9]*; do\n"
		"	case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in\n"
		"	*\"$1\"*) echo \"seen in $p\";;\n"
		"	esac\n"
		"done");
	const char *const args[] = {"s3cret-t0ken", f->dir, NULL};
	r.args = args;
	assert_true(job_run(f->session, &r, &result, &error));
	assert_string_equal(result->out,
		"700 root .\n600 root job.sh\n600 root out\n600 root err\n"
		"600 root lock\n/dev/null\nown session\n");
}

static void test_job_deadline_leaves_it_and_the_id_finds_it(void **state)
{
	struct jobrig *f = *state;
	g_autoptr(GError) error = NULL;
	struct job_request r = jobrig_request(f, jobrig_patient);
	r.deadline_us = in_seconds(3);
	assert_false(job_run(f->session, &r, NULL, &error));
	assert_error(error, MUSTER_ERROR_DEADLINE, f->dir);
	assert_true(g_get_monotonic_time() <
		    r.deadline_us + G_TIME_SPAN_SECOND);
	assert_int_equal(access(f->dir, F_OK), 0);

	jobrig_touch(f->go);
	r.deadline_us = in_seconds(30);
	assert_true(job_run(f->session, &r, &f->result, &f->error));
	jobrig_expect_done(f);
}

static void test_job_killed_whole_is_signalled(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	g_autofree char *command = g_strdup_printf(
		"kill -9 -$(cut -d ' ' -f 1 %s/pid)", f->dir);
	const char *const argv[] = {"sh", "-c", command, NULL};
	assert_true(run_local(argv));
	gint64 killed_us = g_get_monotonic_time();
	g_thread_join(thread);
	assert_error(f->error, MUSTER_ERROR_SIGNALLED, "killed on the host");
	assert_true(f->ended_us - killed_us < 3 * G_TIME_SPAN_SECOND);
	assert_int_equal(access(f->dir, F_OK), -1);
}

static void test_job_whose_traces_vanish_is_told(void **state)
{
	struct jobrig *f = *state;
	const char *const rm[] = {"rm", "-rf", f->dir, NULL};
	GThread *thread = jobrig_start(f, 60);
	assert_true(run_local(rm));
	jobrig_touch(f->go);
	g_thread_join(thread);
	assert_error(f->error, MUSTER_ERROR_FAILED, "no trace");
	jobrig_expect_starts(f, 1);
}

/* As if it had been asked for longer ago than the host is up. */
static void test_job_is_not_started_again_after_a_reboot(void **state)
{
	struct jobrig *f = *state;
	struct job_request r = jobrig_request(f, jobrig_patient);
	struct job_question question = {
		.request = &r,
		.start = true,
		.age_us = (gint64)1000 * 365 * G_TIME_SPAN_DAY,
		.deadline_us = in_seconds(30),
	};
	struct job_answer answer = {0};
	assert_true(session_connect(f->session, in_seconds(30), NULL));
	assert_true(job_ask(f->session, &question, &answer, NULL));
	assert_int_equal(answer.state, JOB_REBOOTED);
	exec_result_free(answer.result);
	assert_int_equal(access(f->count, F_OK), -1);
	assert_int_equal(access(f->dir, F_OK), -1);
}

static void test_job_soft_stop_lets_it_finish(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	cancel_stop(f->rig.cancel);
	g_usleep(500000);
	jobrig_touch(f->go);
	g_thread_join(thread);
	jobrig_expect_done(f);
}

static void test_job_soft_stop_ends_with_its_grace(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	gint64 stop_us = g_get_monotonic_time();
	cancel_stop(f->rig.cancel);
	g_thread_join(thread);
	assert_error(f->error, MUSTER_ERROR_CANCELLED, "stopped");
	assert_in_range(f->ended_us - stop_us,
			CANCEL_GRACE_US - G_TIME_SPAN_SECOND,
			CANCEL_GRACE_US + G_TIME_SPAN_SECOND);
	assert_int_equal(access(f->dir, F_OK), 0);
	jobrig_touch(f->go);
}

static void test_job_abort_returns_at_once(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	gint64 abort_us = g_get_monotonic_time();
	cancel_abort(f->rig.cancel);
	g_thread_join(thread);
	assert_error(f->error, MUSTER_ERROR_CANCELLED, "interrupted");
	assert_true(f->ended_us - abort_us < G_TIME_SPAN_SECOND);
	jobrig_touch(f->go);
}

static char *make_old_dir(const char *name)
{
	g_autofree char *leaf = g_strdup_printf("old-%d-%s", (int)getpid(),
						name);
	char *path = g_build_filename(JOB_DIR, leaf, NULL);
	g_autofree char *lock = g_build_filename(path, "lock", NULL);
	const char *const age[] = {"touch", "-d", "2 days ago", path, NULL};
	assert_int_equal(g_mkdir_with_parents(path, 0700), 0);
	jobrig_touch(lock);
	assert_true(run_local(age));
	return path;
}

static void test_job_removes_what_others_left_behind(void **state)
{
	struct jobrig *f = *state;
	g_autofree char *stale = make_old_dir("stale");
	g_autofree char *held = make_old_dir("held");
	g_autofree char *fresh = make_old_dir("fresh");
	g_autofree char *lock = g_build_filename(held, "lock", NULL);
	const char *const age[] = {"touch", fresh, NULL};
	const char *const rm[] = {"rm", "-rf", held, fresh, NULL};
	int fd = g_open(lock, O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(run_local(age));

	struct job_request r = jobrig_request(f, "true");
	assert_true(job_run(f->session, &r, NULL, NULL));
	assert_int_equal(access(stale, F_OK), -1);
	assert_int_equal(access(held, F_OK), 0);
	assert_int_equal(access(fresh, F_OK), 0);
	close(fd);
	run_local(rm);
}

static void test_job_bad_names_are_refused(void **state)
{
	static const char *const names[] = {
		"", ".", "..", ".lock", "a/b", "a b", "$(x)", "a\n",
		"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb"
		"aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbx",
	};
	struct jobrig *f = *state;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autoptr(GError) error = NULL;
		struct job_request r = jobrig_request(f, "true");
		r.id = names[i];
		assert_false(job_run(f->session, &r, NULL, &error));
		assert_error(error, MUSTER_ERROR_FAILED, "no name for a job");
	}
}

static void test_job_host_without_flock_is_told(void **state)
{
	struct jobrig *f = *state;
	g_autofree char *bin = g_build_filename(f->sshd->dir, "bin", NULL);
	g_autofree char *text = g_strdup_printf(
		"#!/bin/sh\nPATH=%s\nexec /bin/sh \"$@\"\n", bin);
	g_autofree char *shell = sshd_write(f->sshd, "bare", text, 0755);
	g_autofree char *sh = g_build_filename(bin, "sh", NULL);
	const char *user = sshd_add_user(f->sshd, shell, NULL);
	if (!user)
		skip();
	assert_int_equal(g_mkdir(bin, 0755), 0);
	assert_int_equal(symlink("/bin/sh", sh), 0);
	struct host host = sshd_host(f->sshd, user);
	host.become = HOST_BECOME_NO;
	struct session *session = session_new(f->rig.transport, &host);
	g_autoptr(GError) error = NULL;
	struct job_request r = jobrig_request(f, "true");
	assert_false(job_run(session, &r, NULL, &error));
	assert_error(error, MUSTER_ERROR_PREFLIGHT, "flock is not installed");
	session_free(session);
}

static void test_job_works_through_sudo(void **state)
{
	struct jobrig *f = *state;
	const char *user = sshd_add_user(f->sshd, NULL, "ALL=(ALL) NOPASSWD: "
					 "ALL");
	if (!user || access("/usr/bin/sudo", X_OK) < 0)
		skip();
	struct host host = sshd_host(f->sshd, user);
	struct session *session = session_new(f->rig.transport, &host);
	g_autoptr(ExecResult) result = NULL;
	struct job_request r = jobrig_request(f, "id -u");
	assert_true(job_run(session, &r, &result, NULL));
	assert_string_equal(result->out, "0\n");
	session_free(session);
}

#define TEST(f)								\
	cmocka_unit_test_setup_teardown(f, jobrig_set_up, jobrig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_job_ends_as_it_should),
		TEST(test_job_run_time_is_the_hosts),
		TEST(test_job_end_is_noticed_at_once),
		TEST(test_job_is_detached_and_private),
		TEST(test_job_deadline_leaves_it_and_the_id_finds_it),
		TEST(test_job_killed_whole_is_signalled),
		TEST(test_job_whose_traces_vanish_is_told),
		TEST(test_job_is_not_started_again_after_a_reboot),
		TEST(test_job_soft_stop_lets_it_finish),
		TEST(test_job_soft_stop_ends_with_its_grace),
		TEST(test_job_abort_returns_at_once),
		TEST(test_job_removes_what_others_left_behind),
		TEST(test_job_bad_names_are_refused),
		TEST(test_job_host_without_flock_is_told),
		TEST(test_job_works_through_sudo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
