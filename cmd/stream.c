/* SPDX-License-Identifier: Apache-2.0
 *
 * Each host keeps its unfinished line; all its finished ones go out in one
 * write under the lock.
 */
#include "stream.h"

#include "harmless.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES ((size_t)64 * 1024) /* longer ones are broken there */

struct stream {
	int fd[2];
	bool is_terminal[2], has_color;
	struct cancel *cancel;
	GMutex lock;		/* writing, and failed */
	int failed;		/* errno */
};

struct stream_host {
	struct stream *stream;
	char *prefix;
	GString *line[2];
};

struct stream *stream_new(int out_fd, int err_fd, bool has_color,
			  struct cancel *cancel)
{
	struct stream *stream = g_new0(struct stream, 1);

	stream->fd[0] = out_fd;
	stream->fd[1] = err_fd;
	for (int i = 0; i < 2; i++)
		stream->is_terminal[i] = isatty(stream->fd[i]);
	stream->has_color = has_color;
	stream->cancel = cancel;
	g_mutex_init(&stream->lock);
	return stream;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	g_mutex_clear(&stream->lock);
	g_free(stream);
}

int stream_errno(struct stream *stream)
{
	g_mutex_lock(&stream->lock);
	int failed = stream->failed;

	g_mutex_unlock(&stream->lock);
	return failed;
}

/* False: nobody takes it, and the run is aborted. */
static bool wait_for_room(const struct stream *stream, int fd)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = cancel_fd(stream->cancel), .events = POLLIN },
	};

	while (poll(fds, G_N_ELEMENTS(fds), -1) < 0 && errno == EINTR)
		;
	return fds[0].revents != 0;
}

/* Returns errno, or 0. Where there is room a pipe takes PIPE_BUF bytes without
 * blocking (pipe(7)), so a reader that stands still cannot hold an abort up. */
static int write_all(const struct stream *stream, int fd, const char *bytes,
		     size_t n)
{
	while (n > 0 && wait_for_room(stream, fd)) {
		ssize_t written = write(fd, bytes, MIN(n, PIPE_BUF));

		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return errno;
		if (written > 0) {
			bytes += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

static void emit(struct stream *stream, const GString *lines, bool is_stderr)
{
	if (lines->len == 0)
		return;
	g_mutex_lock(&stream->lock);
	if (stream->failed == 0)
		stream->failed = write_all(stream, stream->fd[is_stderr],
					   lines->str, lines->len);
	if (stream->failed != 0)
		cancel_abort(stream->cancel);
	g_mutex_unlock(&stream->lock);
}

/* A line with or without its end; with it afterwards. */
static void append_line(const struct stream_host *host, GString *lines,
			const char *line, size_t n, bool is_stderr)
{
	const struct stream *stream = host->stream;

	n -= n > 0 && line[n - 1] == '\n';
	g_string_append(lines, host->prefix);
	if (stream->is_terminal[is_stderr]) {
		size_t shown = n - (n > 0 && line[n - 1] == '\r');
		g_autofree char *text = harmless(line, shown,
						 stream->has_color);

		g_string_append(lines, text);
	} else {
		g_string_append_len(lines, line, (gssize)n);
	}
	g_string_append_c(lines, '\n');
}

struct stream_host *stream_host_new(struct stream *stream, const char *host)
{
	struct stream_host *h = g_new0(struct stream_host, 1);

	h->stream = stream;
	h->prefix = g_strconcat(host, ": ", NULL);
	h->line[0] = g_string_new(NULL);
	h->line[1] = g_string_new(NULL);
	return h;
}

void stream_host_add(struct stream_host *host, const char *bytes, size_t n,
		     bool is_stderr)
{
	GString *rest = host->line[is_stderr];
	g_autoptr(GString) lines = g_string_new(NULL);
	const char *end = bytes + n;

	while (bytes < end) {
		const char *feed = memchr(bytes, '\n', (size_t)(end - bytes));
		const char *to = feed ? feed + 1 : end;

		g_string_append_len(rest, bytes, to - bytes);
		bytes = to;
		if (!feed && rest->len < LINE_MAX_BYTES)
			break;
		append_line(host, lines, rest->str, rest->len, is_stderr);
		g_string_truncate(rest, 0);
	}
	emit(host->stream, lines, is_stderr);
}

void stream_host_free(struct stream_host *host)
{
	if (!host)
		return;
	for (int i = 0; i < 2; i++) {
		g_autoptr(GString) lines = g_string_new(NULL);

		if (host->line[i]->len > 0)
			append_line(host, lines, host->line[i]->str,
				    host->line[i]->len, i == 1);
		emit(host->stream, lines, i == 1);
		g_string_free(host->line[i], TRUE);
	}
	g_free(host->prefix);
	g_free(host);
}
