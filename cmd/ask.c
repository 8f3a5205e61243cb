/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal is opened anew for each question, so that it works whatever
 * standard input and output are; its echo is put back on every way out.
 */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool ask_is_possible(void)
{
	int fd = open_terminal();

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void print(int fd, const char *text)
{
	ssize_t n = write(fd, text, strlen(text));

	(void)n;
}

/* One character, or -1. */
static int read_char(int fd, const struct cancel *cancel)
{
	for (;;) {
		struct pollfd fds[] = {
			{.fd = fd, .events = POLLIN},
			{.fd = cancel_stop_fd(cancel), .events = POLLIN},
		};
		unsigned char c;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -1;
		if (cancel_is_stopped(cancel))
			return -1;
		if (!fds[0].revents)
			continue;
		ssize_t n = read(fd, &c, 1);

		if (n == 1)
			return c;
		if (n == 0 || errno != EINTR)
			return -1;
	}
}

static char *read_line(int fd, const struct cancel *cancel)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;
	int c;
	char *copy = NULL;

	while ((c = read_char(fd, cancel)) >= 0 && c != '\n')
		if (n + 1 < sizeof(line))
			line[n++] = (char)c;
	line[n] = '\0';
	if (c >= 0)
		copy = g_strdup(line);
	explicit_bzero(line, sizeof(line));
	return copy;
}

static char *ask(const char *prompt, const struct cancel *cancel, bool echo)
{
	int fd = open_terminal();
	struct termios before, quiet;
	char *answer;

	if (fd < 0)
		return NULL;
	bool is_set = !echo && tcgetattr(fd, &before) == 0;

	if (is_set) {
		quiet = before;
		quiet.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fd, TCSAFLUSH, &quiet);
	}
	print(fd, prompt);
	answer = read_line(fd, cancel);
	if (is_set) {
		tcsetattr(fd, TCSAFLUSH, &before);
		print(fd, "\n");
	}
	close(fd);
	return answer;
}

char *ask_secret(const char *prompt, void *data)
{
	return ask(prompt, data, false);
}

char *ask_text(const char *prompt, struct cancel *cancel)
{
	char *answer = ask(prompt, cancel, true);

	return answer ? g_strstrip(answer) : NULL;
}

bool ask_yes(const char *prompt, struct cancel *cancel)
{
	g_autofree char *answer = ask_text(prompt, cancel);

	if (!answer)
		return false;
	return g_ascii_strcasecmp(answer, "y") == 0 ||
		g_ascii_strcasecmp(answer, "yes") == 0;
}
