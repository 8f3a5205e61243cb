/* SPDX-License-Identifier: Apache-2.0
 *
 * Children are spawned by GLib; what happens between fork and exec is only
 * what a program with threads may do there.
 */
#include "child.h"
#include "error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAM_MAX ((gsize)1024 * 1024)
#define STDERR_KEPT ((gsize)4096)
#define KILL_WAIT_MS 20
#define KILL_TRIES 25	/* half a second between TERM and KILL */

static void set_start_error(const char *what, const GError *why,
			    GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
		    "cannot start '%s': %s", what, why->message);
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status)
					: WEXITSTATUS(wait_status);
}

/* Reaps `pid`, with force if it does not go by itself. */
static int end_child(pid_t pid, bool is_gone)
{
	int status = 0;

	if (!is_gone)
		kill(pid, SIGTERM);
	for (int i = 0; !is_gone && i < KILL_TRIES; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status_of(status);
		(void)poll(NULL, 0, KILL_WAIT_MS);
	}
	if (!is_gone)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status_of(status);
}

struct stream {
	int fd;
	GString *text;
};

/* Takes in what is there; closes the stream at its end. False: too much. */
static bool take_in(struct stream *stream)
{
	char buffer[8192];
	ssize_t n = read(stream->fd, buffer, sizeof(buffer));

	if (n > 0)
		g_string_append_len(stream->text, buffer, n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(stream->fd);
		stream->fd = -1;
	}
	return stream->text->len <= STREAM_MAX;
}

static bool set_end_error(struct cancel *cancel, const char *name,
			  GError **error)
{
	bool cancelled = cancel_is_aborted(cancel);

	g_set_error(error, MUSTER_ERROR, cancelled ? MUSTER_ERROR_CANCELLED
		    : MUSTER_ERROR_DEADLINE, "%s: %s", name,
		    cancelled ? "interrupted" : "does not come to an end");
	return false;
}

static bool collect(struct stream streams[2], struct cancel *cancel,
		    gint64 deadline_us, const char *name, GError **error)
{
	while (streams[0].fd >= 0 || streams[1].fd >= 0) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd fds[] = {
			{.fd = streams[0].fd, .events = POLLIN},
			{.fd = streams[1].fd, .events = POLLIN},
			{.fd = cancel_fd(cancel), .events = POLLIN},
		};

		if (left_us <= 0 || cancel_is_aborted(cancel))
			return set_end_error(cancel, name, error);
		if (poll(fds, G_N_ELEMENTS(fds),
			 (int)MIN(left_us / 1000 + 1, 60000)) <= 0)
			continue;
		for (int i = 0; i < 2; i++) {
			if (streams[i].fd < 0 || !fds[i].revents)
				continue;
			if (take_in(&streams[i]))
				continue;
			g_set_error(error, MUSTER_ERROR,
				    MUSTER_ERROR_OUTPUT_LIMIT,
				    "%s: printed more than 1 MiB", name);
			return false;
		}
	}
	return true;
}

/* Threads of ours leave signals to one of them, and children inherit that:
 * they would not hear SIGTERM. A session of its own keeps a Ctrl-C that lets
 * steps finish from cutting the connections they need, and a program that
 * would ask at the terminal fails with a word instead of waiting there. */
static void be_on_its_own(gpointer ignored)
{
	sigset_t none;

	(void)ignored;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
}

bool child_run(const char *const *argv, struct cancel *cancel,
	       gint64 deadline_us, char **out, char **err, int *status,
	       GError **error)
{
	struct stream streams[2] = {
		{-1, g_string_new(NULL)}, {-1, g_string_new(NULL)}};
	g_autoptr(GError) why = NULL;
	GPid pid;
	bool ok = false;

	if (!g_spawn_async_with_pipes(
		    NULL, (char **)(guintptr)argv, NULL,
		    G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
		    G_SPAWN_CLOEXEC_PIPES, be_on_its_own, NULL, &pid, NULL,
		    &streams[0].fd, &streams[1].fd, &why)) {
		set_start_error(argv[0], why, error);
	} else {
		ok = collect(streams, cancel, deadline_us, argv[0], error);
		*status = end_child(pid, ok);
	}
	for (int i = 0; i < 2; i++) {
		if (streams[i].fd >= 0)
			close(streams[i].fd);
		char *text = g_string_free(streams[i].text, FALSE);

		*(i == 0 ? out : err) = ok ? text : NULL;
		if (!ok)
			g_free(text);
	}
	return ok;
}

static bool make_sockets(int ours_and_its[2], int err_pipe[2], GError **error)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
		       ours_and_its) == 0) {
		if (pipe2(err_pipe, O_CLOEXEC | O_NONBLOCK) == 0)
			return true;
		close(ours_and_its[0]);
		close(ours_and_its[1]);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_FAILED,
		    "ProxyCommand: no sockets to be had: %s",
		    g_strerror(errno));
	return false;
}

bool child_proxy_start(const char *command, struct child_proxy *proxy,
		       GError **error)
{
	/* exec, as ssh(1) does it, so that the pid is the program's */
	g_autofree char *line = g_strconcat("exec ", command, NULL);
	const char *argv[] = {"/bin/sh", "-c", line, NULL};
	int sockets[2], err_pipe[2];
	g_autoptr(GError) why = NULL;

	if (!make_sockets(sockets, err_pipe, error))
		return false;
	bool ok = g_spawn_async_with_fds(
		NULL, (char **)(guintptr)argv, NULL,
		G_SPAWN_DO_NOT_REAP_CHILD, be_on_its_own, NULL, &proxy->pid,
		sockets[1], sockets[1], err_pipe[1], &why);

	close(sockets[1]);
	close(err_pipe[1]);
	if (ok) {
		proxy->fd = sockets[0];
		proxy->err_fd = err_pipe[0];
		(void)fcntl(proxy->fd, F_SETFL, O_NONBLOCK);
		return true;
	}
	close(sockets[0]);
	close(err_pipe[0]);
	set_start_error(command, why, error);
	return false;
}

char *child_proxy_end(struct child_proxy *proxy)
{
	GString *text = g_string_new(NULL);
	char buffer[1024];
	ssize_t n;

	end_child(proxy->pid, false);
	while ((n = read(proxy->err_fd, buffer, sizeof(buffer))) > 0)
		g_string_append_len(text, buffer, n);
	close(proxy->err_fd);
	if (text->len > STDERR_KEPT)
		g_string_erase(text, 0, (gssize)(text->len - STDERR_KEPT));
	g_autofree char *valid = g_utf8_make_valid(text->str, -1);

	g_string_free(text, TRUE);
	g_strstrip(valid);
	for (char *c = valid; *c; c++)
		if (g_ascii_iscntrl(*c))
			*c = ' ';
	return g_steal_pointer(&valid);
}
