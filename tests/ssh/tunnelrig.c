/* SPDX-License-Identifier: Apache-2.0
 *
 * The far end serves each of its connections on a thread.
 */
#include "tunnelrig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct tunnelrig tunnelrig;

struct connection {
	int fd;
	void (*serve)(int fd);
};

int tunnelrig_set_up(void **state)
{
	(void)state;
	told_init(&tunnelrig.told);
	tunnelrig.sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(tunnelrig.sshd);
	told_listen(&tunnelrig.told, &options);
	rig_init(&tunnelrig.rig, &options);
	tunnelrig.host = sshd_host(tunnelrig.sshd, "root");
	return 0;
}

int tunnelrig_tear_down(void **state)
{
	(void)state;
	rig_clear(&tunnelrig.rig);
	sshd_stop(tunnelrig.sshd);
	told_clear(&tunnelrig.told);
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
	struct far_end *server = data;
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

void tunnelrig_start(struct far_end *server, void (*serve)(int fd))
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

void tunnelrig_stop(struct far_end *server)
{
	shutdown(server->fd, SHUT_RDWR);
	g_thread_join(server->thread);
	close(server->fd);
}

void tunnelrig_write(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		bytes += n;
		length -= (size_t)n;
	}
}

void tunnelrig_echo(int fd)
{
	char bytes[65536];
	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n <= 0)
			return;
		tunnelrig_write(fd, bytes, (size_t)n);
	}
}

void tunnelrig_big(int fd)
{
	g_autofree char *bytes = g_malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 31 >> 3);
	tunnelrig_write(fd, bytes, BIG);
}

struct tunnel *tunnelrig_open(unsigned port)
{
	g_autoptr(GError) error = NULL;
	struct tunnel *tunnel = tunnel_open(tunnelrig.rig.transport,
					    &tunnelrig.host, "127.0.0.1", port,
					    in_seconds(30), &error);
	if (error)
		print_message("%s\n", error->message);
	assert_non_null(tunnel);
	return tunnel;
}

int tunnelrig_dial(const struct tunnel *tunnel)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	g_strlcpy(address.sun_path, tunnel_socket_path(tunnel),
		  sizeof(address.sun_path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)), 0);
	return fd;
}

GString *tunnelrig_read(int fd)
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

void tunnelrig_expect_echo(const struct tunnel *tunnel, const char *text)
{
	int fd = tunnelrig_dial(tunnel);
	tunnelrig_write(fd, text, strlen(text));
	shutdown(fd, SHUT_WR);
	GString *back = tunnelrig_read(fd);
	assert_string_equal(back->str, text);
	g_string_free(back, TRUE);
	close(fd);
}
