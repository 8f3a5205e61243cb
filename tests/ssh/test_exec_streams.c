/* SPDX-License-Identifier: Apache-2.0
 *
 * `muster exec`: its files, its standard input, a terminal behind it, and runs
 * that are cut short.
 */
#include "muster.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int mode_of(const char *name)
{
	g_autofree char *path = muster_path(name);
	struct stat info;

	return g_stat(path, &info) == 0 ? (int)(info.st_mode & 07777) : -1;
}

static void test_exec_out_dir_has_a_file_for_each_stream(void **state)
{
	g_autofree char *dir = muster_path("outs/new");
	g_autofree char *big = NULL, *err = NULL, *other = NULL;
	size_t length = 0;
	(void)state;

	g_auto(Muster) m = muster_run(muster_hosts, WORDS(
		"--out-dir", dir, "--", WHO
		"[ $n != 1 ] || head -c 9000000 /dev/zero; echo e$n >&2; "
		"[ $n != 3 ] || exec true"));
	assert_ended(&m, 0);
	assert_says(m.out, "w01 (1), output cut: too long\n");
	big = muster_read("outs/new/w01.out", &length);
	err = muster_read("outs/new/w01.err", NULL);
	other = muster_read("outs/new/w03.out", NULL);
	assert_int_equal(length, 9000000);
	assert_string_equal(err, "e1\n");
	assert_string_equal(other, "");
	assert_int_equal(mode_of("outs/new"), 0700);
	assert_int_equal(mode_of("outs/new/w01.out"), 0600);
	assert_int_equal(mode_of("outs/new/w01.err"), 0600);
}

/* What lies there after a run is of that run, and is where it was asked
 * for. */
static void test_exec_out_dir_old_files_and_links_go(void **state)
{
	g_autofree char *dir = muster_path("old");
	g_autofree char *link = muster_path("old/w01.out");
	g_autofree char *dead = muster_path("old/dead.out");
	g_autofree char *victim = sshd_write(muster_sshd, "victim", "keep",
					       0600);
	g_autofree char *kept = NULL, *mine = NULL;
	(void)state;

	assert_int_equal(g_mkdir(dir, 0755), 0);
	assert_int_equal(symlink(victim, link), 0);
	g_free(sshd_write(muster_sshd, "old/dead.out", "of yesterday", 0600));
	g_auto(Muster) m = muster_run(muster_dead, WORDS("--out-dir", dir, "--",
						"echo new"));
	assert_ended(&m, 4);
	kept = muster_read("victim", NULL);
	mine = muster_read("old/w01.out", NULL);
	assert_string_equal(kept, "keep");
	assert_string_equal(mine, "new\n");
	assert_false(g_file_test(dead, G_FILE_TEST_EXISTS));
}

static void test_exec_out_dir_that_cannot_be_exits_73(void **state)
{
	g_autofree char *file = sshd_write(muster_sshd, "a-file", "", 0600);
	g_autofree char *below = g_build_filename(file, "dir", NULL);
	g_auto(Muster) m = muster_run(muster_hosts, WORDS(
		"--out-dir", below, "--", "echo x"));
	(void)state;

	assert_ended(&m, 73);
	assert_string_equal(m.out, "");
	assert_says(m.err, below);
}

static int open_input(const char *text, size_t length)
{
	g_autofree char *path = muster_path("input");

	assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void test_exec_input_goes_to_every_host(void **state)
{
	size_t length = 3000000;
	g_autofree char *bytes = g_malloc(length);
	(void)state;

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 37 >> 3);
	g_autofree char *sum = g_compute_checksum_for_data(
		G_CHECKSUM_SHA256, (const guchar *)bytes, length);
	g_autofree char *expected = g_strdup_printf(
		RULE "w[01-06] (6)\n" RULE "%s  -\n", sum);
	int in = open_input(bytes, length);
	g_auto(Muster) m = muster_start(in, -1, muster_hosts,
					WORDS("--", "sha256sum"));

	close(in);
	muster_finish(&m);
	assert_ended(&m, 0);
	assert_string_equal(m.out, expected);
}

static void test_exec_input_can_be_left_alone(void **state)
{
	int in = open_input("x\n", 2);
	g_auto(Muster) m = muster_start(in, -1, muster_hosts,
				 WORDS("--no-stdin", "--", "cat; echo end"));
	(void)state;

	muster_finish(&m);
	assert_ended(&m, 0);
	assert_string_equal(m.out, RULE "w[01-06] (6)\n" RULE "end\n");
	/* not even read: who called muster may still want it */
	assert_int_equal(lseek(in, 0, SEEK_CUR), 0);
	close(in);
}

static void test_exec_input_over_32_mib_is_refused(void **state)
{
	g_autofree char *path = muster_path("much");
	int in = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	(void)state;

	assert_int_equal(ftruncate(in, 32 * 1024 * 1024 + 1), 0);
	g_auto(Muster) m = muster_start(in, -1, muster_hosts,
					WORDS("--", "cat"));

	close(in);
	muster_finish(&m);
	assert_ended(&m, 66);
	assert_says(m.err, "longer than 32 MiB");
}

/* Who waits tells what for, and a Ctrl-C ends it. */
static void test_exec_input_that_never_comes_is_told_of(void **state)
{
	int pipe_fds[2];
	g_autofree char *said = NULL;
	gint64 deadline_us = in_seconds(30);
	(void)state;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	g_auto(Muster) m = muster_start(pipe_fds[0], -1, muster_hosts,
				 WORDS("--", "cat"));
	while (!said || !strstr(said, "--no-stdin")) {
		assert_true(g_get_monotonic_time() < deadline_us);
		poll(NULL, 0, 20);
		g_free(said);
		said = muster_read("stderr", NULL);
	}
	kill(m.pid, SIGINT);
	muster_finish(&m);
	assert_ended(&m, 130);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_exec_timeout_keeps_what_was_said(void **state)
{
	g_auto(Muster) m = muster_run(muster_hosts, WORDS("-t", "8", "--", WHO
		"echo begun; [ $n != 2 ] || exec sleep 300"));
	(void)state;

	assert_ended(&m, 2);
	assert_says(m.out, RULE "w[01,03-06] (5)\n" RULE "begun\n");
	assert_says(m.out, RULE "w02 (1): command: out of time");
	assert_says(m.err, "w02 (1): failed: command: out of time");
}

static void test_exec_two_interrupts_keep_what_was_said(void **state)
{
	g_autofree char *dir = muster_path("broken-off");
	g_auto(Muster) m = muster_start(-1, -1, muster_hosts, WORDS(
		"--out-dir", dir, "--", WHO
		"echo begun; [ $n != 2 ] || exec sleep 300"));
	(void)state;

	for (int i = 1; i <= MUSTER_HOSTS; i++) {
		g_autofree char *name = g_strdup_printf(
			"broken-off/w%02d.out", i);

		muster_until(name, "begun\n");
	}
	kill(m.pid, SIGINT);
	muster_until("stderr", "stopping");
	kill(m.pid, SIGINT);
	muster_finish(&m);
	assert_ended(&m, 130);
	/* each of the others said the same, done or cut short just now */
	assert_says(m.out, "begun\n");
	assert_says(m.out, "command: interrupted\n");
	assert_says(m.err, ": unfinished: command: interrupted");
	assert_says(m.err, "w02");
}

/* One at a time; the first may end, the others do not begin. */
static void test_exec_one_interrupt_lets_hosts_finish(void **state)
{
	g_autofree char *go = muster_path("go");
	g_autofree char *dir = muster_path("stopped");
	g_autofree char *command = g_strdup_printf(
		"echo begun; until [ -e %s ]; do sleep 0.05; done; echo done",
		go);
	g_auto(Muster) m = muster_start(-1, -1, muster_hosts, WORDS(
		"-f", "1", "--out-dir", dir, "--", command));
	(void)state;

	muster_until("stopped/w01.out", "begun\n");
	kill(m.pid, SIGINT);
	muster_until("stderr", "stopping");
	g_free(sshd_write(muster_sshd, "go", "", 0600));
	muster_finish(&m);
	assert_ended(&m, 130);
	assert_string_equal(m.out, RULE "w01 (1)\n" RULE "begun\ndone\n");
	assert_says(m.err, "w[02-06] (5): unfinished: not begun\n");
	assert_says(m.err, ": ok=1 failed=0 unreachable=0 unfinished=5\n");
}

/* All that can be read of a terminal until its other side is closed. */
static char *read_terminal(int fd)
{
	GString *text = g_string_new(NULL);
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		g_string_append_len(text, bytes, n);
	close(fd);
	return g_string_free(text, FALSE);
}

static void test_exec_terminal_gets_nothing_harmful(void **state)
{
	static const char *const modes[] = {"--fold", "--no-fold"};
	const char *command = "printf '\\033]0;t\\007\\033[2J\\033[31mred"
		"\\033[0m\\rw02: lie\\r\\n'";
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
		int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

		assert_int_equal(grantpt(terminal), 0);
		assert_int_equal(unlockpt(terminal), 0);
		int far_side = open(ptsname(terminal), O_RDWR | O_NOCTTY |
				    O_CLOEXEC);
		g_auto(Muster) m = muster_start(-1, far_side, muster_hosts,
						WORDS(
			modes[i], "--color=always", "--", command));

		close(far_side);
		g_autofree char *seen = read_terminal(terminal);

		muster_finish(&m);
		assert_ended(&m, 0);
		assert_says(seen, "^[]0;t^G^[[2J\033[31mred\033[0m^Mw02: lie");
		assert_null(strstr(seen, "\033]"));
		assert_null(strstr(seen, "\033[2J"));
		assert_null(strchr(seen, '\a'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_out_dir_has_a_file_for_each_stream),
		cmocka_unit_test(test_exec_out_dir_old_files_and_links_go),
		cmocka_unit_test(test_exec_out_dir_that_cannot_be_exits_73),
		cmocka_unit_test(test_exec_input_goes_to_every_host),
		cmocka_unit_test(test_exec_input_can_be_left_alone),
		cmocka_unit_test(test_exec_input_over_32_mib_is_refused),
		cmocka_unit_test(test_exec_input_that_never_comes_is_told_of),
		cmocka_unit_test(test_exec_timeout_keeps_what_was_said),
		cmocka_unit_test(test_exec_two_interrupts_keep_what_was_said),
		cmocka_unit_test(test_exec_one_interrupt_lets_hosts_finish),
		cmocka_unit_test(test_exec_terminal_gets_nothing_harmful),
	};
	return cmocka_run_group_tests(tests, muster_set_up, muster_tear_down);
}
