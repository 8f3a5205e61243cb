/* SPDX-License-Identifier: Apache-2.0
 *
 * Tunnels in trouble: servers that are not there, connections that break, and
 * ends in the middle of work.
 */
#include "transport/error.h"
#include "tunnelrig.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void test_tunnel_nobody_listens_there_hangs_up(void **state)
{
	(void)state;
	struct tunnel *tunnel = tunnelrig_open(sshd_free_port());
	int fd = tunnelrig_dial(tunnel);
	GString *back = tunnelrig_read(fd);
	assert_int_equal(back->len, 0);
	assert_true(told_has(&tunnelrig.told, "onnection refused"));
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
	told_listen(&tunnelrig.told, &options);
	rig_init(&own, &options);
	struct tunnel *tunnel = tunnel_open(own.transport, &other, "127.0.0.1",
					    9, in_seconds(30), NULL);
	int fd = tunnelrig_dial(tunnel);
	GString *back = tunnelrig_read(fd);
	assert_int_equal(back->len, 0);
	assert_true(told_has(&tunnelrig.told, "tunnel to 127.0.0.1:9/"));
	assert_true(told_has(&tunnelrig.told, "forbids forwarding"));
	g_string_free(back, TRUE);
	close(fd);
	tunnel_free(tunnel);
	rig_clear(&own);
	sshd_stop(strict);
}

static void test_tunnel_dropped_connection_is_made_again(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, tunnelrig_echo);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	int fd = tunnelrig_dial(tunnel);
	char byte = 'x';
	tunnelrig_write(fd, &byte, 1);
	assert_int_equal(read(fd, &byte, 1), 1);
	sshd_drop(tunnelrig.sshd);
	/* The accepted one is closed, the next one works. */
	GString *back = tunnelrig_read(fd);
	assert_int_equal(back->len, 0);
	assert_true(told_has(&tunnelrig.told, "lost"));
	g_string_free(back, TRUE);
	close(fd);
	tunnelrig_expect_echo(tunnel, "back");

	/* Dropped while nobody used it. */
	sshd_drop(tunnelrig.sshd);
	tunnelrig_expect_echo(tunnel, "back again");
	tunnel_free(tunnel);
	tunnelrig_stop(&server);
}

static void test_tunnel_free_ends_a_reconnect(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, tunnelrig_echo);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	int fd = tunnelrig_dial(tunnel);
	kill(tunnelrig.sshd->pid, SIGSTOP);
	sshd_drop(tunnelrig.sshd);
	GString *back = tunnelrig_read(fd);
	int next = tunnelrig_dial(tunnel);
	gint64 begun_us = g_get_monotonic_time();
	tunnel_free(tunnel);
	kill(tunnelrig.sshd->pid, SIGCONT);
	assert_true(g_get_monotonic_time() - begun_us < 2 * G_USEC_PER_SEC);
	g_string_free(back, TRUE);
	close(fd);
	close(next);
	tunnelrig_stop(&server);
}

static void test_tunnel_free_with_open_connections(void **state)
{
	(void)state;
	struct far_end server;
	tunnelrig_start(&server, tunnelrig_big);
	struct tunnel *tunnel = tunnelrig_open(server.port);
	int fd = tunnelrig_dial(tunnel);
	char byte;
	assert_int_equal(read(fd, &byte, 1), 1);
	tunnel_free(tunnel);
	close(fd);
	tunnelrig_stop(&server);
}

static void test_tunnel_run_aborted_still_ends(void **state)
{
	(void)state;
	struct rig own;
	struct far_end server;
	struct transport_options options = sshd_options(tunnelrig.sshd);
	rig_init(&own, &options);
	tunnelrig_start(&server, tunnelrig_echo);
	struct tunnel *tunnel = tunnel_open(own.transport, &tunnelrig.host,
					    "127.0.0.1", server.port,
					    in_seconds(30), NULL);
	cancel_abort(own.cancel);
	tunnelrig_expect_echo(tunnel,
			      "tokens are taken back after an interrupt too");
	tunnel_free(tunnel);
	g_autoptr(GError) error = NULL;
	assert_null(tunnel_open(own.transport, &tunnelrig.host, "127.0.0.1",
				server.port, in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_CANCELLED);
	rig_clear(&own);
	tunnelrig_stop(&server);
}

static void test_tunnel_host_not_there_is_told(void **state)
{
	(void)state;
	struct host nobody = tunnelrig.host;
	nobody.port = sshd_free_port();
	g_autoptr(GError) error = NULL;
	assert_null(tunnel_open(tunnelrig.rig.transport, &nobody, "127.0.0.1",
				1, in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tunnel_nobody_listens_there_hangs_up),
		cmocka_unit_test(test_tunnel_forwarding_forbidden_is_logged),
		cmocka_unit_test(test_tunnel_dropped_connection_is_made_again),
		cmocka_unit_test(test_tunnel_free_ends_a_reconnect),
		cmocka_unit_test(test_tunnel_free_with_open_connections),
		cmocka_unit_test(test_tunnel_run_aborted_still_ends),
		cmocka_unit_test(test_tunnel_host_not_there_is_told),
	};
	return cmocka_run_group_tests(tests, tunnelrig_set_up,
				      tunnelrig_tear_down);
}
