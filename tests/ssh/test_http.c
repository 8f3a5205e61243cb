/* SPDX-License-Identifier: Apache-2.0
 *
 * http_request() against real TLS servers on UNIX sockets, and once through a
 * tunnel: what is an answer, and every way of getting none.
 */
#include "httprig.h"
#include "transport/error.h"
#include "transport/tunnel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define CAP ((size_t)32 * 1024 * 1024)

static void test_http_any_status_is_an_answer(void **state)
{
	static const struct {
		const char *method, *path, *body;
		long status;
		const char *wanted;
	} cases[] = {
		{"GET", "/status/200", NULL, 200, "as asked"},
		{"GET", "/status/404", NULL, 404, "as asked"},
		{"GET", "/status/503", NULL, 503, "as asked"},
		{"GET", "/zeros/0", NULL, 200, ""},
		{"GET", "/echo", NULL, 200, "GET none "},
		{"POST", "/echo", "{\"a\": 1}", 200,
		 "POST application/json {\"a\": 1}"},
		{"HEAD", "/status/200", NULL, 200, ""},
		{"PUT", "/echo", "", 200, "PUT application/json "},
		{"DELETE", "/echo", NULL, 200, "DELETE none "},
		{"PATCH", "/echo", "x", 200, "PATCH application/json x"},
		{"GET", "/echo", NULL, 200, "GET none "},
	};
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		httprig_expect(client, cases[i].method, cases[i].path,
			       cases[i].body, cases[i].status, cases[i].wanted);
	/* All of it went over one connection. */
	httprig_expect(client, "GET", "/connection", NULL, 200, "1");
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_content_type_is_the_callers(void **state)
{
	struct https_server server;
	g_autoptr(HttpResponse) response = NULL;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	assert_true(http_request(client, "PATCH", "/echo", "{}",
				 "application/merge-patch+json",
				 in_seconds(30), &response, NULL));
	assert_string_equal(response->body,
			    "PATCH application/merge-patch+json {}");
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_some_are_asked_side_by_side(void **state)
{
	const char *paths[HTTP_AT_ONCE];
	struct http_response *responses[HTTP_AT_ONCE] = { NULL };
	GError *errors[HTTP_AT_ONCE] = { NULL };
	struct https_server server;
	(void)state;

	httprig_start(&server, NULL, "server", NULL);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	gint64 begun_us = g_get_monotonic_time();

	for (size_t i = 0; i < HTTP_AT_ONCE; i++)
		paths[i] = i == 3 ? "/hangup/" : i == 5 ? "/hang/"
			: i % 2 ? "/status/404" : "/late/0.5";
	http_get_some(client, paths, HTTP_AT_ONCE, in_seconds(4), responses,
		      errors);
	/* the last one ended the wait, and the slow ones did not add up */
	assert_true(g_get_monotonic_time() - begun_us < 6 * G_USEC_PER_SEC);
	for (size_t i = 0; i < HTTP_AT_ONCE; i++) {
		if (i == 3 || i == 5) {
			assert_null(responses[i]);
			print_message("%s\n", errors[i]->message);
			assert_int_equal(errors[i]->code, i == 3 ?
					 MUSTER_ERROR_HTTP :
					 MUSTER_ERROR_DEADLINE);
			g_clear_error(&errors[i]);
			continue;
		}
		assert_null(errors[i]);
		assert_int_equal(responses[i]->status, i % 2 ? 404 : 200);
		assert_string_equal(responses[i]->body, i % 2 ? "as asked" :
				    "late");
		http_response_free(responses[i]);
	}
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_get_some(client, paths, 0, in_seconds(4), responses, errors);
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_no_answer_is_told_apart(void **state)
{
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	httprig_expect_error(client, "/hangup", in_seconds(30),
			     MUSTER_ERROR_HTTP, "hung up without an answer");
	httprig_expect_error(client, "/half", in_seconds(30), MUSTER_ERROR_HTTP,
			     "connection broke");
	httprig_expect_error(client, "/hang", g_get_monotonic_time() + 300000,
			     MUSTER_ERROR_DEADLINE,
			     "the server has not answered");
	/* Also on a connection that was used before. */
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	httprig_expect_error(client, "/hang", g_get_monotonic_time() + 300000,
			     MUSTER_ERROR_DEADLINE,
			     "the server has not answered");
	httprig_expect_error(client, "/status/200", 1, MUSTER_ERROR_DEADLINE,
			     "out of time");
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_nothing_there_is_told(void **state)
{
	(void)state;
	g_autofree char *path = httprig_path("nothing");
	struct http_client *client = httprig_client(path, "ca.pem", NULL, NULL);
	httprig_expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
			     "/: connect: ");
	http_client_free(client);
}

/* A listening UNIX socket that says `text` to whoever comes, then hangs up;
 * or says nothing, if that is NULL. */
static void *say_something(void *data)
{
	int *fds = data;
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n";
	int fd = accept(fds[0], NULL, NULL);
	char sink[4096];
	if (fds[1]) {
		ssize_t n = write(fd, text, strlen(text));
		(void)n;
		shutdown(fd, SHUT_WR);
	}
	while (read(fd, sink, sizeof(sink)) > 0)
		;
	close(fd);
	return NULL;
}

static void test_http_server_without_tls_is_told(void **state)
{
	static const struct {
		int talks, code;
		const char *words;
	} cases[] = {
		{1, MUSTER_ERROR_HTTP, "TLS"},
		{0, MUSTER_ERROR_DEADLINE, "TLS handshake has not finished"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct sockaddr_un address = {.sun_family = AF_UNIX};
		g_autofree char *path = httprig_path(cases[i].talks ? "plain"
								    : "mute");
		int fds[] = {socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			     cases[i].talks};
		g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
		assert_int_equal(bind(fds[0], (struct sockaddr *)&address,
				      sizeof(address)), 0);
		assert_int_equal(listen(fds[0], 1), 0);
		GThread *thread = g_thread_new("plain", say_something, fds);
		struct http_client *client = httprig_client(path, "ca.pem",
							    NULL, NULL);
		httprig_expect_error(client, "/",
				     g_get_monotonic_time() + 500000,
				     cases[i].code, cases[i].words);
		http_client_free(client);
		g_thread_join(thread);
		close(fds[0]);
	}
}

static void test_http_answer_has_a_limit(void **state)
{
	struct https_server server;
	g_autoptr(HttpResponse) response = NULL;
	g_autofree char *most = g_strdup_printf("/zeros/%zu", CAP);
	g_autofree char *more = g_strdup_printf("/zeros/%zu", CAP + 1);
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	assert_true(http_request(client, "GET", most, NULL, NULL,
				 in_seconds(60), &response, NULL));
	assert_int_equal(response->length, CAP);
	assert_int_equal(response->body[CAP], '\0');
	httprig_expect_error(client, more, in_seconds(60), MUSTER_ERROR_HTTP,
			     "larger than 32 MiB");
	httprig_expect_error(client, "/endless", in_seconds(60),
			     MUSTER_ERROR_HTTP, "larger than 32 MiB");
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	httprig_stop(&server);
}

static void *abort_soon(void *data)
{
	g_usleep(200000);
	cancel_abort(data);
	return NULL;
}

static void test_http_abort_returns_at_once(void **state)
{
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct cancel *cancel = cancel_new();
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    cancel);
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	gint64 begun_us = g_get_monotonic_time();
	GThread *thread = g_thread_new("abort", abort_soon, cancel);
	httprig_expect_error(client, "/hang", in_seconds(60),
			     MUSTER_ERROR_CANCELLED, "interrupted");
	g_thread_join(thread);
	assert_true(g_get_monotonic_time() - begun_us < 5 * G_USEC_PER_SEC);
	http_client_free(client);
	cancel_free(cancel);
	httprig_stop(&server);
}

static void test_http_soft_stop_gives_its_grace(void **state)
{
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	struct cancel *cancel = cancel_new();
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    cancel);
	gint64 stop_us = g_get_monotonic_time();
	cancel_stop(cancel);
	httprig_expect(client, "GET", "/late/0.5", NULL, 200, "late");
	gint64 begun_us = g_get_monotonic_time();
	httprig_expect_error(client, "/hang", in_seconds(120),
			     MUSTER_ERROR_CANCELLED, "stopped");
	assert_true(g_get_monotonic_time() >= stop_us + CANCEL_GRACE_US);
	assert_true(g_get_monotonic_time() <
		    begun_us + CANCEL_GRACE_US + 2 * G_TIME_SPAN_SECOND);
	http_client_free(client);
	cancel_free(cancel);
	httprig_stop(&server);
}

static void test_http_environment_is_ignored(void **state)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
					    "all_proxy", "ALL_PROXY"};
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_setenv(names[i], "http://127.0.0.1:1", TRUE);
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_unsetenv(names[i]);
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_through_a_tunnel(void **state)
{
	(void)state;
	struct sshd *sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	struct https_server server;
	struct rig rig;
	unsigned port = sshd_free_port();
	g_autofree char *where = g_strdup_printf("tcp:%u", port);
	rig_init(&rig, &options);
	httprig_start(&server, where, "server", "ca.pem");
	struct tunnel *tunnel = tunnel_open(rig.transport, &host, "127.0.0.1",
					    port, in_seconds(30), NULL);
	struct http_client *client = httprig_client(tunnel_socket_path(tunnel),
						    "ca.pem", "client",
						    rig.cancel);
	g_autofree char *body = g_strnfill(2000000, 'x');
	g_autofree char *wanted = g_strconcat("POST application/json ", body,
					      NULL);
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	httprig_expect(client, "POST", "/echo", body, 200, wanted);
	httprig_expect(client, "GET", "/connection", NULL, 200, "1");
	/* The API restarts: gone for a while, then back. */
	httprig_stop(&server);
	httprig_expect_error(client, "/status/200", in_seconds(30),
			     MUSTER_ERROR_HTTP, "TLS");
	httprig_start(&server, where, "server", "ca.pem");
	httprig_expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	tunnel_free(tunnel);
	httprig_stop(&server);
	rig_clear(&rig);
	sshd_stop(sshd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_any_status_is_an_answer),
		cmocka_unit_test(test_http_content_type_is_the_callers),
		cmocka_unit_test(test_http_some_are_asked_side_by_side),
		cmocka_unit_test(test_http_no_answer_is_told_apart),
		cmocka_unit_test(test_http_nothing_there_is_told),
		cmocka_unit_test(test_http_server_without_tls_is_told),
		cmocka_unit_test(test_http_answer_has_a_limit),
		cmocka_unit_test(test_http_abort_returns_at_once),
		cmocka_unit_test(test_http_soft_stop_gives_its_grace),
		cmocka_unit_test(test_http_environment_is_ignored),
		cmocka_unit_test(test_http_through_a_tunnel),
	};
	return cmocka_run_group_tests(tests, httprig_set_up, httprig_tear_down);
}
