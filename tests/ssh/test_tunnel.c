/* SPDX-License-Identifier: Apache-2.0
 *
 * A tunnel through a real sshd to servers of the test's own: bytes arrive
 * whole both ways, each direction ends by itself, and nothing is left behind.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/tunnel.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG ((size_t)12 * 1024 * 1024)

/* One server, each of whose connections is served on a thread. */
struct server {
	unsigned port;
	int fd;
	GThread *thread;
	void (*serve)(int fd);
};

struct connection {
	int fd;
	void (*serve)(int fd);
};

static struct sshd *sshd;
static struct rig rig;
static struct host host;
/* Not a GMutex, which the thread sanitizer does not know. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static GString *log_text;

static void on_log(const struct host *which, const char *title,
		   const char *out, const char *err, int status,
		   gint64 elapsed_us, void *data)
{
	(void)which, (void)out, (void)status, (void)elapsed_us, (void)data;
	pthread_mutex_lock(&log_lock);
	g_string_append_printf(log_text, "%s: %s\n", title, err ? err : "-");
	pthread_mutex_unlock(&log_lock);
}

static bool log_has(const char *words)
{
	pthread_mutex_lock(&log_lock);
	bool found = strstr(log_text->str, words) != NULL;
	pthread_mutex_unlock(&log_lock);
	return found;
}

static int start_server(void **state)
{
	(void)state;
	log_text = g_string_new(NULL);
	sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(sshd);
	options.log = on_log;
	rig_init(&rig, &options);
	host = sshd_host(sshd, "root");
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	rig_clear(&rig);
	sshd_stop(sshd);
	g_string_free(log_text, TRUE);
	return 0;
}

static void *serve_one(void *data)
{
	struct connection *connection = data;
	connection->serve(connection->fd);
	close(connection->fd);
	g_free(connection);
	return NULL;
}

static void *serve_all(void *data)
{
	struct server *server = data;
	g_autoptr(GPtrArray) threads = g_ptr_array_new();
	for (;;) {
		int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			break;
		struct connection *connection = g_new(struct connection, 1);
		*connection = (struct connection){fd, server->serve};
		g_ptr_array_add(threads, g_thread_new("serve", serve_one,
						      connection));
	}
	for (guint i = 0; i < threads->len; i++)
		g_thread_join(threads->pdata[i]);
	return NULL;
}

static void server_start(struct server *server, void (*serve)(int fd))
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	server->serve = serve;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&address, size),
			 0);
	assert_int_equal(listen(server->fd, 64), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address,
				     &size), 0);
	server->port = ntohs(address.sin_port);
	server->thread = g_thread_new("server", serve_all, server);
}

static void server_stop(struct server *server)
{
	shutdown(server->fd, SHUT_RDWR);
	g_thread_join(server->thread);
	close(server->fd);
}

static void write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		length -= (size_t)n;
	}
}

static void serve_echo(int fd)
{
	char bytes[65536];
	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return;
		write_all(fd, bytes, (size_t)n);
	}
}

/* Answers only after the client has said all it has to say. */
static void serve_count(int fd)
{
	char bytes[65536];
	size_t total = 0;
	ssize_t n = read(fd, bytes, sizeof(bytes));
	for (; n > 0; n = read(fd, bytes, sizeof(bytes)))
		total += (size_t)n;
	g_autofree char *text = g_strdup_printf("%zu bytes", total);
	write_all(fd, text, strlen(text));
}

/* Talks first, ends first, and never reads. */
static void serve_big(int fd)
{
	g_autofree char *bytes = g_malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 31 >> 3);
	write_all(fd, bytes, BIG);
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

static struct tunnel *open_to(unsigned port)
{
	g_autoptr(GError) error = NULL;
	struct tunnel *tunnel = tunnel_open(rig.transport, &host, "127.0.0.1",
					    port, in_seconds(30), &error);
	if (error)
		print_message("%s\n", error->message);
	assert_non_null(tunnel);
	return tunnel;
}

static int dial(const struct tunnel *tunnel)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, tunnel_socket_path(tunnel),
		  sizeof(address.sun_path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	return fd;
}

/* Reads to the end; fails the test if that takes longer than 30 s. */
static GString *read_all(int fd)
{
	GString *text = g_string_new(NULL);
	char bytes[65536];
	for (;;) {
		struct pollfd wanted = {.fd = fd, .events = POLLIN};
		assert_int_equal(poll(&wanted, 1, 30000), 1);
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return text;
		g_string_append_len(text, bytes, n);
	}
}

static void expect_echo(const struct tunnel *tunnel, const char *text)
{
	int fd = dial(tunnel);
	write_all(fd, text, strlen(text));
	shutdown(fd, SHUT_WR);
	GString *back = read_all(fd);
	assert_string_equal(back->str, text);
	g_string_free(back, TRUE);
	close(fd);
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
	struct server server;
	server_start(&server, serve_echo);
	size_t before = count_fds();
	struct tunnel *tunnel = open_to(server.port);
	g_autofree char *path = g_strdup(tunnel_socket_path(tunnel));
	g_autofree char *dir = g_path_get_dirname(path);
	struct stat info;
	assert_int_equal(stat(dir, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0700);
	expect_echo(tunnel, "hello");
	expect_echo(tunnel, "again");
	tunnel_free(tunnel);
	assert_int_equal(access(dir, F_OK), -1);
	server_stop(&server);
	assert_int_equal(count_fds(), before - 1);
}

static void test_tunnel_half_close_reaches_the_far_end(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_count);
	struct tunnel *tunnel = open_to(server.port);
	g_autofree char *bytes = g_malloc0(BIG);
	int fd = dial(tunnel);
	write_all(fd, bytes, BIG);
	shutdown(fd, SHUT_WR);
	GString *back = read_all(fd);
	g_autofree char *wanted = g_strdup_printf("%zu bytes", BIG);
	assert_string_equal(back->str, wanted);
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	server_stop(&server);
}

static void test_tunnel_far_end_ends_first_is_read_whole(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_big);
	struct tunnel *tunnel = open_to(server.port);
	int fd = dial(tunnel);
	/* A reader that lets the windows fill up before it begins. */
	g_usleep(500000);
	GString *back = read_all(fd);
	assert_int_equal(back->len, BIG);
	for (size_t i = 0; i < BIG; i += 4099)
		assert_int_equal(back->str[i], (char)(i * 31 >> 3));
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	server_stop(&server);
}

static void test_tunnel_far_end_shuts_its_half_only(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_listener);
	struct tunnel *tunnel = open_to(server.port);
	g_autofree char *bytes = g_malloc0(BIG);
	int fd = dial(tunnel);
	GString *back = read_all(fd);
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
	server_stop(&server);
}

static void *echo_big(void *data)
{
	const struct tunnel *tunnel = data;
	size_t sent = 0, received = 0;
	char bytes[16384], back[16384];
	int fd = dial(tunnel);
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
	struct server server;
	GThread *threads[12];
	server_start(&server, serve_echo);
	struct tunnel *tunnel = open_to(server.port);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("client", echo_big, tunnel);
	for (size_t i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_true(g_thread_join(threads[i]));
	tunnel_free(tunnel);
	server_stop(&server);
}

static void test_tunnel_more_than_it_takes_wait_their_turn(void **state)
{
	(void)state;
	struct server server;
	int fds[70];
	server_start(&server, serve_echo);
	struct tunnel *tunnel = open_to(server.port);
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		fds[i] = dial(tunnel);
		write_all(fds[i], "x", 1);
		shutdown(fds[i], SHUT_WR);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(fds); i++) {
		GString *back = read_all(fds[i]);
		assert_string_equal(back->str, "x");
		g_string_free(back, TRUE);
		close(fds[i]);
	}
	tunnel_free(tunnel);
	server_stop(&server);
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
	struct server server;
	g_autofree char *bytes = g_malloc0(BIG);
	pthread_mutex_lock(&deaf);
	server_start(&server, serve_deaf);
	struct tunnel *tunnel = open_to(server.port);
	int idle = dial(tunnel);
	int full = dial(tunnel);
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
	server_stop(&server);
}

static void test_tunnel_nobody_listens_there_hangs_up(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_echo);
	server_stop(&server);
	struct tunnel *tunnel = open_to(server.port);
	int fd = dial(tunnel);
	GString *back = read_all(fd);
	assert_int_equal(back->len, 0);
	assert_true(log_has("onnection refused"));
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
}

static void test_tunnel_forwarding_forbidden_is_logged(void **state)
{
	(void)state;
	struct sshd *strict = sshd_start("AllowTcpForwarding no");
	struct transport_options options = sshd_options(strict);
	struct host other = sshd_host(strict, "root");
	struct rig own;
	options.log = on_log;
	rig_init(&own, &options);
	struct tunnel *tunnel = tunnel_open(own.transport, &other, "127.0.0.1",
					    9, in_seconds(30), NULL);
	int fd = dial(tunnel);
	GString *back = read_all(fd);
	assert_int_equal(back->len, 0);
	assert_true(log_has("tunnel to 127.0.0.1:9: "));
	assert_true(log_has("forbids forwarding"));
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	rig_clear(&own);
	sshd_stop(strict);
}

static void test_tunnel_dropped_connection_is_made_again(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_echo);
	struct tunnel *tunnel = open_to(server.port);
	int fd = dial(tunnel);
	char byte = 'x';
	write_all(fd, &byte, 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	sshd_drop(sshd);
	/* The accepted one is closed, the next one works. */
	GString *back = read_all(fd);
	assert_int_equal(back->len, 0);
	assert_true(log_has("lost"));
	g_string_free(back, TRUE);
	close(fd);
	expect_echo(tunnel, "back");

	/* Dropped while nobody used it. */
	sshd_drop(sshd);
	expect_echo(tunnel, "back again");
	tunnel_free(tunnel);
	server_stop(&server);
}

static void test_tunnel_free_ends_a_reconnect(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_echo);
	struct tunnel *tunnel = open_to(server.port);
	int fd = dial(tunnel);
	kill(sshd->pid, SIGSTOP);
	sshd_drop(sshd);
	GString *back = read_all(fd);
	int next = dial(tunnel);
	gint64 begun_us = g_get_monotonic_time();
	tunnel_free(tunnel);
	kill(sshd->pid, SIGCONT);
	assert_true(g_get_monotonic_time() - begun_us < 2 * G_USEC_PER_SEC);
	g_string_free(back, TRUE);
	close(fd);
	close(next);
	server_stop(&server);
}

static void test_tunnel_free_with_open_connections(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_big);
	struct tunnel *tunnel = open_to(server.port);
	int fd = dial(tunnel);
	char byte;
	assert_int_equal(read(fd, &byte, 1), 1);
	tunnel_free(tunnel);
	close(fd);
	server_stop(&server);
}

static void test_tunnel_run_aborted_still_ends(void **state)
{
	(void)state;
	struct rig own;
	struct server server;
	struct transport_options options = sshd_options(sshd);
	rig_init(&own, &options);
	server_start(&server, serve_echo);
	struct tunnel *tunnel = tunnel_open(own.transport, &host, "127.0.0.1",
					    server.port, in_seconds(30), NULL);
	cancel_abort(own.cancel);
	expect_echo(tunnel, "tokens are taken back after an interrupt too");
	tunnel_free(tunnel);
	g_autoptr(GError) error = NULL;
	assert_null(tunnel_open(own.transport, &host, "127.0.0.1", server.port,
				in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_CANCELLED);
	rig_clear(&own);
	server_stop(&server);
}

static void test_tunnel_host_not_there_is_told(void **state)
{
	(void)state;
	struct server server;
	server_start(&server, serve_echo);
	server_stop(&server);
	struct host nobody = host;
	nobody.port = server.port;
	g_autoptr(GError) error = NULL;
	assert_null(tunnel_open(rig.transport, &nobody, "127.0.0.1", 1,
				in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_REFUSED);
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
		cmocka_unit_test(test_tunnel_nobody_listens_there_hangs_up),
		cmocka_unit_test(test_tunnel_forwarding_forbidden_is_logged),
		cmocka_unit_test(test_tunnel_dropped_connection_is_made_again),
		cmocka_unit_test(test_tunnel_free_ends_a_reconnect),
		cmocka_unit_test(test_tunnel_free_with_open_connections),
		cmocka_unit_test(test_tunnel_run_aborted_still_ends),
		cmocka_unit_test(test_tunnel_host_not_there_is_told),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
