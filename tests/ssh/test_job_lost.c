/* SPDX-License-Identifier: Apache-2.0
 *
 * job_run() against a real sshd that goes away: neither a connection that drops
 * nor one that vanishes ends a job.
 */
#include "jobrig.h"
#include "netcut.h"
#include "told.h"
#include "transport/error.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool can_cut;

static void test_job_connection_killed_is_picked_up_again(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	sshd_drop(f->sshd);
	g_usleep(300000);
	sshd_drop(f->sshd);
	jobrig_touch(f->go);
	g_thread_join(thread);
	jobrig_expect_done(f);
}

static void test_job_ended_while_away_has_its_result(void **state)
{
	struct jobrig *f = *state;
	g_autofree char *rc = g_build_filename(f->dir, "rc", NULL);
	if (!can_cut)
		skip();
	GThread *thread = jobrig_start(f, 60);
	netcut_all(f->sshd->port);
	jobrig_touch(f->go);
	jobrig_await(rc);
	sshd_drop(f->sshd);
	netcut_mend();
	g_thread_join(thread);
	jobrig_expect_done(f);
}

static void test_job_cut_of_10_s_ends_soon_after_the_mend(void **state)
{
	struct jobrig *f = *state;
	if (!can_cut)
		skip();
	GThread *thread = jobrig_start(f, 60);
	netcut_all(f->sshd->port);
	jobrig_touch(f->go);
	g_usleep(10 * G_USEC_PER_SEC);
	netcut_mend();
	gint64 mended_us = g_get_monotonic_time();
	g_thread_join(thread);
	print_message("%d ms after the mend\n",
		      (int)((f->told_us - mended_us) / 1000));
	jobrig_expect_done(f);
	assert_true(f->told_us - mended_us < 10 * G_TIME_SPAN_SECOND);
}

/* A router that forgot the connection: it is silent for ever, but a new one
 * works. */
static void test_job_vanished_connection_is_noticed(void **state)
{
	struct jobrig *f = *state;
	if (!can_cut)
		skip();
	GThread *thread = jobrig_start(f, 60);
	netcut_established(f->sshd->port);
	gint64 cut_us = g_get_monotonic_time();
	jobrig_touch(f->go);
	g_thread_join(thread);
	netcut_mend();
	print_message("%d ms after the cut\n",
		      (int)((f->told_us - cut_us) / 1000));
	jobrig_expect_done(f);
	assert_true(f->told_us - cut_us < 28 * G_TIME_SPAN_SECOND);
}

static void test_job_host_stays_away_is_lost(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 5);
	kill(f->sshd->pid, SIGSTOP);
	sshd_drop(f->sshd);
	g_thread_join(thread);
	kill(f->sshd->pid, SIGCONT);
	jobrig_touch(f->go);
	assert_error(f->error, MUSTER_ERROR_LOST, f->dir);
	assert_true(f->ended_us < f->request.deadline_us + G_USEC_PER_SEC);
}

static void test_job_host_not_there_is_told_at_once(void **state)
{
	struct jobrig *f = *state;
	g_autoptr(GError) error = NULL;
	struct job_request r = jobrig_request(f, "true");
	struct host host = f->host;
	host.port = sshd_free_port();
	struct session *session = session_new(f->rig.transport, &host);
	gint64 begun_us = g_get_monotonic_time();
	assert_false(job_run(session, &r, NULL, &error));
	assert_error(error, MUSTER_ERROR_REFUSED, "refused");
	assert_true(g_get_monotonic_time() - begun_us < 2 * G_USEC_PER_SEC);
	session_free(session);
}

static void test_job_abort_while_the_host_is_away(void **state)
{
	struct jobrig *f = *state;
	GThread *thread = jobrig_start(f, 60);
	kill(f->sshd->pid, SIGSTOP);
	sshd_drop(f->sshd);
	while (!g_atomic_int_get(&f->lost))
		g_usleep(10000);
	cancel_abort(f->rig.cancel);
	gint64 abort_us = g_get_monotonic_time();
	g_thread_join(thread);
	kill(f->sshd->pid, SIGCONT);
	assert_error(f->error, MUSTER_ERROR_CANCELLED, "interrupted");
	assert_true(f->ended_us - abort_us < G_TIME_SPAN_SECOND);
	jobrig_touch(f->go);
}

#define TEST(f)								\
	cmocka_unit_test_setup_teardown(f, jobrig_set_up, jobrig_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_job_connection_killed_is_picked_up_again),
		TEST(test_job_ended_while_away_has_its_result),
		TEST(test_job_cut_of_10_s_ends_soon_after_the_mend),
		TEST(test_job_vanished_connection_is_noticed),
		TEST(test_job_host_stays_away_is_lost),
		TEST(test_job_host_not_there_is_told_at_once),
		TEST(test_job_abort_while_the_host_is_away),
	};
	can_cut = netcut_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
