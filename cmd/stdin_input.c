/* SPDX-License-Identifier: Apache-2.0
 *
 * A pipe that somebody forgot to close would wait for ever, and silently: the
 * wait can be interrupted, and tells of itself.
 */
#include "stdin_input.h"

#include "transport/error.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024)
#define SILENCE_MS 2000

static bool is_there(void)
{
	struct stat info;

	if (fstat(STDIN_FILENO, &info) != 0 || isatty(STDIN_FILENO))
		return false;
	return !S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3);
}

static bool wait_for_bytes(struct cancel *cancel, bool *is_told,
			   GError **error)
{
	struct pollfd fds[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = cancel_stop_fd(cancel), .events = POLLIN },
	};

	while (!cancel_is_stopped(cancel)) {
		int ready = poll(fds, G_N_ELEMENTS(fds),
				 *is_told ? -1 : SILENCE_MS);

		if (ready > 0 && fds[0].revents)
			return true;
		if (ready != 0)
			continue;
		*is_told = true;
		fputs("muster: reading standard input for the hosts "
		      "(--no-stdin if there is none)\n", stderr);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
		    "interrupted while reading standard input");
	return false;
}

/* False at the end of the input or on an error. */
static bool read_chunk(GString *text, GError **error)
{
	size_t length = text->len;
	ssize_t n;

	g_string_set_size(text, length + CHUNK);
	do
		n = read(STDIN_FILENO, text->str + length, CHUNK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "cannot read standard input: %s (--no-stdin does "
			    "without)", g_strerror(errno));
	g_string_set_size(text, length + (n > 0 ? (size_t)n : 0));
	return n > 0;
}

bool stdin_input_read(struct cancel *cancel, GString **input, GError **error)
{
	g_autoptr(GError) why = NULL;
	GString *text;
	bool is_told = false;

	*input = NULL;
	if (!is_there())
		return true;
	text = g_string_new(NULL);
	while (wait_for_bytes(cancel, &is_told, &why) &&
	       read_chunk(text, &why)) {
		if (text->len <= STDIN_INPUT_MAX)
			continue;
		g_set_error(&why, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT,
			    "standard input is longer than %zu MiB",
			    STDIN_INPUT_MAX / 1024 / 1024);
		break;
	}
	if (!why && text->len > 0)
		*input = g_steal_pointer(&text);
	if (text)
		g_string_free(text, TRUE);
	bool good = !why;

	if (why)
		g_propagate_error(error, g_steal_pointer(&why));
	return good;
}
