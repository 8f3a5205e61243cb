/* SPDX-License-Identifier: Apache-2.0
 *
 * Each run is a process of its own, since it takes over signals and standard
 * streams.
 */
#include "muster.h"

#include "cmd/cmd.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct sshd *muster_sshd;
char *muster_hosts;
char *muster_dead;

char *muster_write_inventory(const char *name, const char *user,
			     const char *more)
{
	g_autoptr(GString) text = g_string_new(NULL);

	for (int i = 1; i <= MUSTER_HOSTS; i++)
		g_string_append_printf(text, "w%02d ansible_host=127.0.0.%d "
				       "ansible_port=%u ansible_user=%s\n", i,
				       i, muster_sshd->port, user);
	g_string_append(text, more);
	return sshd_write(muster_sshd, name, text->str, 0600);
}

int muster_set_up(void **state)
{
	g_autoptr(GString) config = g_string_new(NULL);
	g_autoptr(GString) known = g_string_new(NULL);
	(void)state;

	for (int i = 2; i <= MUSTER_HOSTS; i++)
		g_string_append_printf(config, "ListenAddress 127.0.0.%d\n",
				       i);
	muster_sshd = sshd_start(config->str);
	for (int i = 1; i <= MUSTER_HOSTS; i++)
		g_string_append_printf(known, "[127.0.0.%d]:%u %s\n", i,
				       muster_sshd->port,
				       muster_sshd->host_key);
	g_free(sshd_write(muster_sshd, "known_hosts", known->str, 0600));
	muster_hosts = muster_write_inventory("inventory", "root", "");
	muster_dead = muster_write_inventory("with_dead", "root",
				    "dead ansible_host=127.0.0.99 "
				    "ansible_port=9 ansible_user=root\n");
	return 0;
}

int muster_tear_down(void **state)
{
	(void)state;
	g_free(muster_hosts);
	g_free(muster_dead);
	sshd_stop(muster_sshd);
	return 0;
}

char *muster_path(const char *name)
{
	return g_build_filename(muster_sshd->dir, name, NULL);
}

char *muster_read(const char *name, size_t *length)
{
	g_autofree char *path = muster_path(name);
	char *text = NULL;

	g_file_get_contents(path, &text, length, NULL);
	return text;
}

/* In the child; -1 for a stream: /dev/null or a file. */
static void become_muster(int in, int out, const char *file,
			  const char *const *words)
{
	g_autofree char *out_path = muster_path("stdout");
	g_autofree char *err_path = muster_path("stderr");
	g_autoptr(GPtrArray) argv = g_ptr_array_new();
	const char *const first[] = {"exec", "-i", file, "--known-hosts",
		muster_sshd->known_hosts, "--private-key", muster_sshd->key};
	int fds[] = {
		in >= 0 ? in : open("/dev/null", O_RDONLY | O_CLOEXEC),
		out >= 0 ? out : open(out_path, O_WRONLY | O_CLOEXEC),
		open(err_path, O_WRONLY | O_CLOEXEC),
	};
	int status;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	/* the other end of its own pipe, above all */
	close_range(3, ~0U, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(first); i++)
		g_ptr_array_add(argv, (gpointer)(guintptr)first[i]);
	for (; *words; words++)
		g_ptr_array_add(argv, (gpointer)(guintptr)*words);
	g_ptr_array_add(argv, NULL);
	status = cmd_exec((int)argv->len - 1, (char **)argv->pdata);
	fflush(NULL);
	_exit(status);
}

struct muster muster_start(int in, int out, const char *file,
			   const char *const *words)
{
	struct muster muster = {.status = -1};

	g_free(sshd_write(muster_sshd, "stdout", "", 0600));
	g_free(sshd_write(muster_sshd, "stderr", "", 0600));
	fflush(NULL);
	muster.pid = fork();
	assert_true(muster.pid >= 0);
	if (muster.pid == 0)
		become_muster(in, out, file, words);
	return muster;
}

void muster_finish(struct muster *muster)
{
	int status;

	assert_int_equal(waitpid(muster->pid, &status, 0), muster->pid);
	muster->out = muster_read("stdout", NULL);
	muster->err = muster_read("stderr", NULL);
	if (!WIFEXITED(status))
		print_message("%s\n", muster->err);
	assert_true(WIFEXITED(status));
	muster->status = WEXITSTATUS(status);
}

struct muster muster_run(const char *file, const char *const *words)
{
	struct muster muster = muster_start(-1, -1, file, words);

	muster_finish(&muster);
	return muster;
}

void muster_clear(struct muster *muster)
{
	g_free(muster->out);
	g_free(muster->err);
}

void assert_ended(const struct muster *muster, int status)
{
	if (muster->status != status)
		print_message("%s%s", muster->out, muster->err);
	assert_int_equal(muster->status, status);
}

void assert_says(const char *text, const char *words)
{
	if (!strstr(text, words))
		print_message("'%s' is not in:\n%s", words, text);
	assert_non_null(strstr(text, words));
}

void muster_until(const char *name, const char *words)
{
	gint64 deadline_us = in_seconds(60);

	for (;;) {
		g_autofree char *text = muster_read(name, NULL);

		if (text && strstr(text, words))
			return;
		if (g_get_monotonic_time() > deadline_us)
			fail_msg("%s never said '%s'", name, words);
		poll(NULL, 0, 20);
	}
}
