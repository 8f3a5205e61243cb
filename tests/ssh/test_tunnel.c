/* SPDX-License-Identifier: Apache-2.0
 *
 * A tunnel through a real sshd to servers of the test's own: bytes arrive
 * whole both ways, each direction ends by itself, and nothing is left behind.
 */
#include "tunnelrig.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Answers only after the client has said all it has to say. */
static void serve_count(int fd)
{
	char bytes[65536];
	size_t total = 0;
	ssize_t n = read(fd, bytes, sizeof(bytes));
	for (; n > 0; n = read(fd, bytes, sizeof(bytes)))
		total += (size_t)n;
	g_autofree char *text = g_strdup_printf("%zu bytes", total);
	tunnelrig_write(fd, text, strlen(text));
}

/* Ends its own half at once and goes on reading. */
static void serve_listener(int fd)
{
	char bytes[4096];
	shutdown(fd, SHUT_WR);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Reads nothing for as long as the test holds this. */
static pthread_mutex_t deaf = PTHREAD_MUTEX_INITIALIZER;

static void serve_deaf(int fd)
{
	(void)fd;
	pthread_mutex_lock(&deaf);
	pthread_mutex_unlock(&deaf);
}

static size_t count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void test_tunnel_echo_comes_back_and_nothing_is_left(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, tunnelrig_echo);
	size_t before = count_fds();
	struct tunnel *tunnel = tunnelrig_open(server.port);
	g_autofree char *path = g_strdup(tunnel_socket_path(tunnel));
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat info;
	assert_int_equal(stat(dir, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	tunnelrig_expect_echo(tunnel, "hello");
	tunnelrig_expect_echo(tunnel, "again");
	tunnel_free(tunnel);
	assert_int_equal(access(dir, F_OK), -1);
	tunnelrig_stop(&server);
	assert_int_equal(count_fds(), before - 1);
}

static void test_tunnel_half_close_reaches_the_far_end(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, serve_count);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	g_autofree char *bytes = g_malloc0(BIG);
	int fd = tunnelrig_dial(tunnel);
	tunnelrig_write(fd, bytes, BIG);
	shutdown(fd, SHUT_WR);
	GString *back = tunnelrig_read(fd);
	g_autofree char *wanted = g_strdup_printf("%zu bytes", BIG);
	assert_string_equal(back->str, wanted);
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static void test_tunnel_far_end_ends_first_is_read_whole(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, tunnelrig_big);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	int fd = tunnelrig_dial(tunnel);
	/* A reader that lets the windows fill up before it begins. */
	g_usleep(500000);
	GString *back = tunnelrig_read(fd);
	assert_int_equal(back->len, BIG);
	for (size_t i = 0; i < BIG; i += 4099)
		assert_int_equal(back->str[i], (char)(i * 31 >> 3));
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static void test_tunnel_far_end_shuts_its_half_only(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, serve_listener);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	g_autofree char *bytes = g_malloc0(BIG);
	int fd = tunnelrig_dial(tunnel);
	GString *back = tunnelrig_read(fd);
	assert_int_equal(back->len, 0);
	/* Our half is open still: all of it is taken. */
	size_t sent = 0;
	while (sent < BIG) {
		ssize_t n = send(fd, bytes + sent, BIG - sent, MSG_NOSIGNAL);
		assert_true(n > 0);
		sent += (size_t)n;
	}
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static void *echo_big(void *data)
{
	const struct tunnel *tunnel = data;
	size_t sent = 0, received = 0;
	char bytes[16384], back[16384];
	int fd = tunnelrig_dial(tunnel);
	bool good = true;
	while (good && received < BIG / 4) {
		struct pollfd wanted = {.fd = fd, .events = POLLIN};
		if (sent < BIG / 4)
			wanted.events |= POLLOUT;
		good = poll(&wanted, 1, 30000) == 1;
		if (wanted.revents & POLLOUT) {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = (char)((sent + i) * 7 >> 2);
			ssize_t n = send(fd, bytes, MIN(sizeof(bytes),
							BIG / 4 - sent),
					 MSG_NOSIGNAL | MSG_DONTWAIT);
			sent += n > 0 ? (size_t)n : 0;
		}
		if (wanted.revents & (POLLIN | POLLHUP)) {
			ssize_t n = read(fd, back, sizeof(back));
			good = n > 0;
			for (ssize_t i = 0; i < n && good; i++)
				good = back[i] ==
				       (char)((received + (size_t)i) * 7 >> 2);
			received += n > 0 ? (size_t)n : 0;
		}
	}
	close(fd);
	return GINT_TO_POINTER(good);
}

static void test_tunnel_many_at_once_do_not_mix(void **state)
{
	(void)state;
	struct far_end server;
	GThread *threads[12];
	tunnelrig_start(&server, tunnelrig_echo);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("client", echo_big, tunnel);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_true(g_thread_join(threads[i]));
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static void test_tunnel_more_than_it_takes_wait_their_turn(void **state)
{
	(void)state;
	struct far_end server;
	int fds[70];
	tunnelrig_start(&server, tunnelrig_echo);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = tunnelrig_dial(tunnel);
		tunnelrig_write(fds[i], "x", 1);
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		GString *back = tunnelrig_read(fds[i]);
		assert_string_equal(back->str, "x");
		g_string_free(back, TRUE);
		close(fds[i]);
	}
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static gint64 cpu_us(void)
{
	struct timespec spent;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
	return spent.tv_sec * G_TIME_SPAN_SECOND + spent.tv_nsec / 1000;
}

static void expect_idle(void)
{
	gint64 before = cpu_us();
	g_usleep(G_USEC_PER_SEC);
	assert_in_range(cpu_us() - before, 0, G_TIME_SPAN_SECOND / 4);
}

/* A client that is gone while its bytes still wait for the far end's window
 * is reported by poll(2) for ever. */
static void test_tunnel_with_nothing_to_do_does_nothing(void **state)
{
	(void)state;
	struct far_end server;
	g_autofree char *bytes = g_malloc0(BIG);
	pthread_mutex_lock(&deaf);
	tunnelrig_start(&server, serve_deaf);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	int idle = tunnelrig_dial(tunnel);
	int full = tunnelrig_dial(tunnel);
	size_t sent = 0;
	struct pollfd wanted = {.fd = full, .events = POLLOUT};
	while (sent < BIG && poll(&wanted, 1, 500) == 1) {
		ssize_t n = send(full, bytes, BIG - sent,
				 MSG_NOSIGNAL | MSG_DONTWAIT);
		sent += n > 0 ? (size_t)n : 0;
	}
	assert_true(sent < BIG);
	expect_idle();
	close(full);
	expect_idle();
	close(idle);
	tunnel_free(tunnel);
	pthread_mutex_unlock(&deaf);
	tunnelrig_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_tunnel_echo_comes_back_and_nothing_is_left),
		cmocka_unit_test(test_tunnel_half_close_reaches_the_far_end),
		cmocka_unit_test(test_tunnel_far_end_ends_first_is_read_whole),
		cmocka_unit_test(test_tunnel_far_end_shuts_its_half_only),
		cmocka_unit_test(test_tunnel_many_at_once_do_not_mix),
		cmocka_unit_test(
			test_tunnel_more_than_it_takes_wait_their_turn),
		cmocka_unit_test(test_tunnel_with_nothing_to_do_does_nothing),
	};
	return cmocka_run_group_tests(tests, tunnelrig_set_up,
				      tunnelrig_tear_down);
}
