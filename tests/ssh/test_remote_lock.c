/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock on a host: one holder at a time, who says who it is, and that
 * nothing but the holder's life keeps it.
 */
#include "sshd.h"
#include "told.h"
#include "transport/error.h"
#include "transport/remote_lock.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	char *path;
	struct told told;	/* by the lock's own thread, too */
};

static int set_up_with(void **state, const char *config)
{
	struct fixture *f = g_new0(struct fixture, 1);
	told_init(&f->told);
	f->sshd = sshd_start(config);
	struct transport_options options = sshd_options(f->sshd);
	told_listen(&f->told, &options);
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, "root");
	f->path = g_build_filename(f->sshd->dir, "locks", "it's.lock", NULL);
	*state = f;
	return 0;
}

static int set_up(void **state)
{
	return set_up_with(state, NULL);
}

/* A server that hangs up on clients who do not answer it. */
static int set_up_asking(void **state)
{
	return set_up_with(state, "ClientAliveInterval 1\n"
			   "ClientAliveCountMax 3");
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
	told_clear(&f->told);
	g_free(f->path);
	g_free(f);
	return 0;
}

static struct remote_lock *acquire(const struct fixture *f,
				   const char *holder, GError **error)
{
	return remote_lock_acquire(f->rig.transport, &f->host, f->path, holder,
				   in_seconds(30), error);
}

static void expect_taken(const struct fixture *f, const char *holder)
{
	g_autoptr(GError) error = NULL;
	assert_null(acquire(f, "second", &error));
	assert_error(error, MUSTER_ERROR_LOCKED, holder);
}

/* Until it is to be had, for at most ten seconds. */
static void expect_free_soon(const struct fixture *f)
{
	gint64 deadline_us = in_seconds(10);
	for (;;) {
		struct remote_lock *lock = acquire(f, "next", NULL);
		if (lock) {
			remote_lock_free(lock);
			return;
		}
		assert_true(g_get_monotonic_time() < deadline_us);
	}
}

static void test_lock_is_one_holders_until_it_is_given_up(void **state)
{
	struct fixture *f = *state;
	g_autofree char *text = NULL;
	struct stat info;
	for (int i = 0; i < 3; i++) {
		struct remote_lock *lock = acquire(
			f, "ann@laptop pid 7 it's $HERS", NULL);
		assert_non_null(lock);
		expect_taken(f, ": ann@laptop pid 7 it's $HERS");
		remote_lock_free(lock);
	}
	/* Not a moment later: the next run may start at once. */
	struct remote_lock *lock = acquire(f, "bob\nand more", NULL);
	assert_non_null(lock);
	assert_true(g_file_get_contents(f->path, &text, NULL, NULL));
	assert_string_equal(text, "bob and more\n");
	assert_int_equal(stat(f->path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	remote_lock_free(lock);
	remote_lock_free(NULL);
}

static void test_lock_of_a_run_that_died_is_free(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct rig rig;
		struct transport_options options = sshd_options(f->sshd);
		rig_init(&rig, &options);
		if (!remote_lock_acquire(rig.transport, &f->host, f->path,
					 "the dead", in_seconds(30), NULL))
			_exit(1);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	expect_taken(f, "the dead");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	expect_free_soon(f);
}

static void test_lock_of_a_dead_connection_is_free(void **state)
{
	struct fixture *f = *state;
	struct remote_lock *lock = acquire(f, "first", NULL);
	assert_non_null(lock);
	sshd_drop(f->sshd);
	expect_free_soon(f);
	gint64 deadline_us = in_seconds(10);
	while (!told_has(&f->told, "lock is lost"))
		assert_true(g_get_monotonic_time() < deadline_us);
	remote_lock_free(lock);
}

/* Reads nothing from anybody, as the thread of a run that is busy. */
static void test_lock_answers_a_server_that_asks(void **state)
{
	struct fixture *f = *state;
	struct remote_lock *lock = acquire(f, "first", NULL);
	assert_non_null(lock);
	/* sshd would have hung up after four seconds. */
	(void)poll(NULL, 0, 6000);
	expect_taken(f, "first");
	assert_false(told_has(&f->told, "lock is lost"));
	remote_lock_free(lock);
}

static void test_lock_survives_an_abort_until_it_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct rig other;
	struct transport_options options = sshd_options(f->sshd);
	g_autoptr(GError) error = NULL;
	rig_init(&other, &options);
	struct remote_lock *lock = remote_lock_acquire(
		other.transport, &f->host, f->path, "first", in_seconds(30),
		NULL);
	assert_non_null(lock);
	cancel_abort(other.cancel);
	expect_taken(f, "first");
	gint64 begun_us = g_get_monotonic_time();
	remote_lock_free(lock);
	assert_true(g_get_monotonic_time() - begun_us < G_TIME_SPAN_SECOND);
	expect_free_soon(f);
	assert_null(remote_lock_acquire(other.transport, &f->host, f->path,
					"again", in_seconds(30), &error));
	assert_error(error, MUSTER_ERROR_CANCELLED, "interrupted");
	rig_clear(&other);
}

/* Somebody who locked it by hand, without a word. */
static void test_lock_held_by_a_silent_one_is_told(void **state)
{
	struct fixture *f = *state;
	remote_lock_free(acquire(f, "first", NULL));
	int fd = g_open(f->path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	expect_taken(f, "not said who");
	close(fd);
	expect_free_soon(f);
}

static void test_lock_file_of_somebody_else_is_refused(void **state)
{
	struct fixture *f = *state;
	g_autofree char *dir = g_path_get_dirname(f->path);
	g_autofree char *precious = g_build_filename(dir, "precious", NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) link_error = NULL, owner_error = NULL;
	g_autoptr(GError) dir_error = NULL;
	assert_int_equal(g_mkdir(dir, 0755), 0);
	assert_true(g_file_set_contents(precious, "text", -1, NULL));
	assert_int_equal(symlink("precious", f->path), 0);
	assert_null(acquire(f, "first", &link_error));
	assert_error(link_error, MUSTER_ERROR_FAILED, "somebody else");
	assert_true(g_file_get_contents(precious, &text, NULL, NULL));
	assert_string_equal(text, "text");

	g_unlink(f->path);
	assert_true(g_file_set_contents(f->path, "", 0, NULL));
	assert_int_equal(chown(f->path, 1, 1), 0);
	assert_null(acquire(f, "first", &owner_error));
	assert_error(owner_error, MUSTER_ERROR_FAILED, "somebody else");

	/* Its directory is a file. */
	g_free(f->path);
	f->path = g_build_filename(precious, "lock", NULL);
	assert_null(acquire(f, "first", &dir_error));
	assert_error(dir_error, MUSTER_ERROR_FAILED, "mkdir");
}

static void test_lock_host_not_there_is_told(void **state)
{
	struct fixture *f = *state;
	g_autoptr(GError) error = NULL;
	f->host.port = sshd_free_port();
	assert_null(acquire(f, "first", &error));
	assert_error(error, MUSTER_ERROR_REFUSED, "refused");
}

static void test_lock_deadline_is_kept(void **state)
{
	struct fixture *f = *state;
	g_autofree char *shell = sshd_write(f->sshd, "slow", "#!/bin/sh\n"
					    "exec sleep 60\n", 0755);
	const char *user = sshd_add_user(f->sshd, shell, NULL);
	g_autoptr(GError) error = NULL;
	if (!user)
		skip();
	f->host = sshd_host(f->sshd, user);
	gint64 deadline_us = in_seconds(3);
	assert_null(remote_lock_acquire(f->rig.transport, &f->host, f->path,
					"first", deadline_us, &error));
	assert_error(error, MUSTER_ERROR_DEADLINE, "out of time");
	assert_true(g_get_monotonic_time() <
		    deadline_us + G_TIME_SPAN_SECOND);
}

static void test_lock_host_without_flock_is_told(void **state)
{
	struct fixture *f = *state;
	g_autofree char *bin = g_build_filename(f->sshd->dir, "bin", NULL);
	g_autofree char *text = g_strdup_printf(
		"#!/bin/sh\nPATH=%s\necho Welcome; echo news >&2\n"
		"exec /bin/sh \"$@\"\n", bin);
	g_autofree char *shell = sshd_write(f->sshd, "bare", text, 0755);
	const char *user = sshd_add_user(f->sshd, shell, NULL);
	g_autoptr(GError) error = NULL;
	if (!user)
		skip();
	f->host = sshd_host(f->sshd, user);
	f->host.become = HOST_BECOME_NO;
	assert_int_equal(g_mkdir(bin, 0755), 0);
	assert_null(acquire(f, "first", &error));
	assert_error(error, MUSTER_ERROR_PREFLIGHT, "flock is not installed");
}

static void test_lock_shell_that_runs_nothing_is_told(void **state)
{
	struct fixture *f = *state;
	const char *user = sshd_add_user(f->sshd, "/usr/sbin/nologin", NULL);
	g_autoptr(GError) error = NULL;
	if (!user)
		skip();
	f->host = sshd_host(f->sshd, user);
	f->host.become = HOST_BECOME_NO;
	assert_null(acquire(f, "first", &error));
	assert_error(error, MUSTER_ERROR_PROTOCOL, "not available");
}

static void test_lock_sudo_works_or_says_why(void **state)
{
	struct fixture *f = *state;
	const char *yes = sshd_add_user(f->sshd, NULL,
					"ALL=(ALL) NOPASSWD: ALL");
	const char *no = sshd_add_user(f->sshd, NULL, NULL);
	g_autoptr(GError) error = NULL;
	if (!yes || !no || access("/usr/bin/sudo", X_OK) < 0)
		skip();
	f->host = sshd_host(f->sshd, yes);
	struct remote_lock *lock = acquire(f, "first", NULL);
	assert_non_null(lock);
	expect_taken(f, "first");
	/* Not even somebody who may not have it leaves it loose. */
	f->host = sshd_host(f->sshd, no);
	assert_null(acquire(f, "second", &error));
	assert_error(error, MUSTER_ERROR_SUDO, "sudo refused");
	remote_lock_free(lock);
	f->host = sshd_host(f->sshd, yes);
	lock = acquire(f, "third", NULL);
	assert_non_null(lock);
	remote_lock_free(lock);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lock_is_one_holders_until_it_is_given_up),
		TEST(test_lock_of_a_run_that_died_is_free),
		TEST(test_lock_of_a_dead_connection_is_free),
		cmocka_unit_test_setup_teardown(
			test_lock_answers_a_server_that_asks, set_up_asking,
			tear_down),
		TEST(test_lock_survives_an_abort_until_it_is_given_up),
		TEST(test_lock_held_by_a_silent_one_is_told),
		TEST(test_lock_file_of_somebody_else_is_refused),
		TEST(test_lock_host_not_there_is_told),
		TEST(test_lock_deadline_is_kept),
		TEST(test_lock_host_without_flock_is_told),
		TEST(test_lock_shell_that_runs_nothing_is_told),
		TEST(test_lock_sudo_works_or_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
