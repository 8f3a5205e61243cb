/* SPDX-License-Identifier: Apache-2.0
 *
 * An agent that is not what it should be: its answers are made by hand, and
 * none of them may be believed, or waited for without end.
 */
#include "transport/agent.h"
#include "transport/cancel.h"
#include "transport/error.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char *dir, *path;
static struct cancel *cancel;

/* Answers each request with the same bytes; hangs up when they are empty. */
struct fake {
	int listen_fd;
	const char *answer;
	size_t length;
	bool stalls;		/* says its bytes and no more, holds the line */
	GByteArray *heard;	/* all requests */
	GThread *thread;
};

static void *serve(void *data)
{
	struct fake *fake = data;
	int fd = accept(fake->listen_fd, NULL, NULL);
	guint8 bytes[4096];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
		g_byte_array_append(fake->heard, bytes, (guint)n);
		if (fake->length == 0 && !fake->stalls)
			break;
		(void)send(fd, fake->answer, fake->length, MSG_NOSIGNAL);
		if (!fake->stalls && fake->length < 5)
			break;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

static struct fake *fake_start(const char *answer, size_t length, bool stalls)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fake *fake = g_new0(struct fake, 1);

	g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
	g_unlink(path);
	fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake->listen_fd, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	assert_int_equal(listen(fake->listen_fd, 4), 0);
	fake->answer = answer;
	fake->length = length;
	fake->stalls = stalls;
	fake->heard = g_byte_array_new();
	fake->thread = g_thread_new("fake", serve, fake);
	return fake;
}

static void fake_stop(struct fake *fake)
{
	shutdown(fake->listen_fd, SHUT_RDWR);
	g_thread_join(fake->thread);
	close(fake->listen_fd);
	g_byte_array_unref(fake->heard);
	g_free(fake);
}

static gint64 after_ms(int ms)
{
	return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

#define BYTES(text) text, sizeof(text) - 1

static void test_agent_answers_are_judged(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		int n;			/* keys; -1: error */
	} cases[] = {
		{BYTES("\0\0\0\5\x0c\0\0\0\0"), 0},
		{BYTES("\0\0\0\x0e\x0c\0\0\0\1\0\0\0\1k\0\0\0\0"), 1},
		{BYTES("\0\0\0\x17\x0c\0\0\0\2\0\0\0\1k\0\0\0\1c\0\0\0\0"
		       "\0\0\0\0"), 2},
		/* failure, another kind, nothing, half a number */
		{BYTES("\0\0\0\1\5"), -1},
		{BYTES("\0\0\0\5\x0e\0\0\0\0"), -1},
		{BYTES("\0\0\0\0\x0c"), -1},
		{BYTES("\0\0\0\3\x0c\0\0"), -1},
		{BYTES(""), -1},
		/* more promised than comes */
		{BYTES("\0\0\0\5\x0c\xff\xff\xff\xff"), -1},
		{BYTES("\0\0\0\x0e\x0c\0\0\0\2\0\0\0\1k\0\0\0\0"), -1},
		{BYTES("\0\0\0\x0e\x0c\0\0\0\1\xff\xff\xff\xffk\0\0\0\0"),
		 -1},
		{BYTES("\0\0\0\x0e\x0c\0\0\0\1\0\0\0\1k\0\0\0\1"), -1},
		{BYTES("\xff\xff\xff\xff\x0c\0\0\0\0"), -1},
		{BYTES("\0\4\0\1\x0c\0\0\0\0"), -1},
		{BYTES("HTTP/1.0 200 OK\r\n"), -1},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct fake *fake = fake_start(cases[i].bytes, cases[i].length,
					       false);
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) keys = agent_list(
			path, cancel, after_ms(10000), &error);

		if ((keys ? (int)keys->len : -1) != cases[i].n)
			fail_msg("case %zu: %d keys", i,
				 keys ? (int)keys->len : -1);
		if (!keys) {
			assert_true(g_error_matches(error, MUSTER_ERROR,
						    MUSTER_ERROR_AUTH));
			assert_non_null(strstr(error->message, path));
		}
		fake_stop(fake);
	}
}

static void test_agent_that_stalls_is_left_in_time(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{BYTES("")},
		{BYTES("\0\0")},
		{BYTES("\0\0\0\x0e\x0c\0\0\0\1")},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct fake *fake = fake_start(cases[i].bytes, cases[i].length,
					       true);
		gint64 deadline_us = after_ms(200);

		assert_null(agent_list(path, cancel, deadline_us, NULL));
		assert_true(g_get_monotonic_time() >= deadline_us);
		assert_true(g_get_monotonic_time() < deadline_us +
			    5 * G_TIME_SPAN_SECOND);
		fake_stop(fake);
	}
}

static void test_agent_that_is_not_there_is_told(void **state)
{
	g_autofree char *long_path = g_strnfill(200, 'x');
	const char *const paths[] = {"/nonexistent/agent", long_path, dir};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(agent_list(paths[i], cancel, after_ms(1000),
				       &error));
		assert_int_equal(error->code, MUSTER_ERROR_AUTH);
	}
}

/* As libssh would, on the relay's far end. */
static ssize_t ask(int fd, const char *bytes, size_t length, guint8 *answer,
		   size_t max)
{
	struct timeval limit = {.tv_sec = 10};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
	return recv(fd, answer, max, 0);
}

static GPtrArray *blobs(const char *one, const char *two)
{
	GPtrArray *array = g_ptr_array_new_with_free_func(
		(GDestroyNotify)g_bytes_unref);

	g_ptr_array_add(array, g_bytes_new(one, strlen(one)));
	g_ptr_array_add(array, g_bytes_new(two, strlen(two)));
	return array;
}

static void test_agent_relay_shows_and_signs_what_is_allowed(void **state)
{
	static const char signature[] = "\0\0\0\6\x0e\0\0\0\1S";
	struct fake *fake = fake_start(signature, sizeof(signature) - 1,
				       false);
	g_autoptr(GPtrArray) shown = blobs("A-cert", "B");
	g_autoptr(GPtrArray) held = blobs("A", "B");
	guint8 answer[256];
	(void)state;
	struct agent_relay *relay = agent_relay_start(
		path, shown, held, cancel, after_ms(20000), NULL);
	int fd = agent_relay_fd(relay);

	assert_int_equal(ask(fd, BYTES("\0\0\0\1\x0b"), answer,
			     sizeof(answer)), 4 + 5 + 4 + 6 + 4 + 4 + 1 + 4);
	assert_memory_equal(answer + 4, "\x0c\0\0\0\2\0\0\0\6A-cert\0\0\0\0"
			    "\0\0\0\1B\0\0\0\0", 28);
	/* one that is not shown, junk, another request: the agent is not told */
	assert_int_equal(ask(fd, BYTES("\0\0\0\x0f\x0d\0\0\0\1C\0\0\0\1d"
				       "\0\0\0\0"), answer, sizeof(answer)),
			 5);
	assert_int_equal(answer[4], 5);
	assert_int_equal(ask(fd, BYTES("\0\0\0\5\x0d\xff\xff\xff\xff"),
			     answer, sizeof(answer)), 5);
	assert_int_equal(ask(fd, BYTES("\0\0\0\2\x0d\0"), answer,
			     sizeof(answer)), 5);
	assert_int_equal(ask(fd, BYTES("\0\0\0\1\x13"), answer,
			     sizeof(answer)), 5);
	assert_int_equal(fake->heard->len, 0);
	/* the certificate is signed for by the key the agent has */
	assert_int_equal(ask(fd, BYTES("\0\0\0\x14\x0d\0\0\0\6A-cert"
				       "\0\0\0\1d\0\0\0\0"), answer,
			     sizeof(answer)), 10);
	assert_memory_equal(answer, signature, 10);
	assert_int_equal(fake->heard->len, 19);
	assert_memory_equal(fake->heard->data, "\0\0\0\x0f\x0d\0\0\0\1A"
			    "\0\0\0\1d\0\0\0\0", 19);
	agent_relay_stop(relay);
	assert_int_equal(recv(fd, answer, sizeof(answer), 0), 0);
	close(fd);
	fake_stop(fake);
}

static void test_agent_relay_refuses_when_the_agent_is_gone(void **state)
{
	static const char *const answers[] = {"", "\xff\xff\xff\xff."};
	static const size_t lengths[] = {0, 5};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
		struct fake *fake = fake_start(answers[i], lengths[i], false);
		g_autoptr(GPtrArray) keys = blobs("A", "B");
		guint8 answer[64];
		struct agent_relay *relay = agent_relay_start(
			path, keys, keys, cancel, after_ms(20000), NULL);
		int fd = agent_relay_fd(relay);

		assert_int_equal(ask(fd, BYTES("\0\0\0\x0f\x0d\0\0\0\1A"
					       "\0\0\0\1d\0\0\0\0"), answer,
				     sizeof(answer)), 5);
		assert_int_equal(answer[4], 5);
		agent_relay_stop(relay);
		close(fd);
		fake_stop(fake);
	}
}

static int set_up(void **state)
{
	(void)state;
	dir = g_dir_make_tmp("muster-agent-XXXXXX", NULL);
	path = g_build_filename(dir, "s", NULL);
	cancel = cancel_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	g_unlink(path);
	g_rmdir(dir);
	g_free(path);
	g_free(dir);
	cancel_free(cancel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agent_answers_are_judged),
		cmocka_unit_test(test_agent_that_stalls_is_left_in_time),
		cmocka_unit_test(test_agent_that_is_not_there_is_told),
		cmocka_unit_test(
			test_agent_relay_shows_and_signs_what_is_allowed),
		cmocka_unit_test(
			test_agent_relay_refuses_when_the_agent_is_gone),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
