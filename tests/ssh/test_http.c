/* SPDX-License-Identifier: Apache-2.0
 *
 * http_request() against real TLS servers on UNIX sockets, and once through a
 * tunnel: who is trusted and who is not, and every way of getting no answer.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/http.h"
#include "transport/tunnel.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CAP ((size_t)32 * 1024 * 1024)

static char *dir;
static bool own_mounts;		/* /etc/ssl/certs can be stood in for */

struct server {
	char *path;		/* or tcp:PORT */
	GPid pid;
	int in, out;
};

static char *in_dir(const char *name)
{
	return g_build_filename(dir, name, NULL);
}

static char *read_file(const char *name)
{
	g_autofree char *path = in_dir(name);
	char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		g_error("cannot read %s", path);
	return text;
}

/* ca.pem signs server, elsewhere (for another address) and client;
 * other-ca.pem signs other-server and other-client. */
static const char make_certificates[] =
	"set -e; cd \"$1\"\n"
	"new() { openssl req -newkey ec -pkeyopt "
	"ec_paramgen_curve:prime256v1 -nodes -keyout $1.key -subj /CN=$1 "
	"\"$2\" -out $1.$3; }\n"
	"sign() {\n"
	"	new $2 -new csr\n"
	"	printf '%s\\n' \"$3\" >ext\n"
	"	openssl x509 -req -in $2.csr -CA $1.pem -CAkey $1.key \\\n"
	"		-CAcreateserial -days 30 -extfile ext -out $2.pem\n"
	"}\n"
	"new ca -x509 pem; new other-ca -x509 pem\n"
	"sign ca server subjectAltName=IP:127.0.0.1,DNS:localhost\n"
	"sign ca elsewhere subjectAltName=IP:10.1.2.3\n"
	"sign ca client extendedKeyUsage=clientAuth\n"
	"sign other-ca other-server subjectAltName=IP:127.0.0.1\n"
	"sign other-ca other-client extendedKeyUsage=clientAuth\n"
	"mkdir public\n"
	"cp other-ca.pem public/$(openssl x509 -hash -noout -in "
	"other-ca.pem).0\n";

/* Makes other-ca a public one, for this process and its children only. */
static bool stand_in_for_public_cas(void)
{
	g_autofree char *public = in_dir("public");
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(public, "/etc/ssl/certs", NULL, MS_BIND, NULL) == 0;
}

static int make_dir(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	dir = g_dir_make_tmp("muster-http-XXXXXX", NULL);
	const char *const argv[] = {"sh", "-c", make_certificates, "sh", dir,
				    NULL};
	if (!run_local(argv))
		g_error("openssl failed in %s", dir);
	own_mounts = stand_in_for_public_cas();
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	const char *const argv[] = {"rm", "-rf", dir, NULL};
	if (own_mounts)
		umount("/etc/ssl/certs");
	run_local(argv);
	g_clear_pointer(&dir, g_free);
	return 0;
}

static void die_with_parent(gpointer data)
{
	(void)data;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* `where` NULL: a UNIX socket; `client_ca` NULL: asks for no certificate. */
static void server_start(struct server *server, const char *where,
			 const char *name, const char *client_ca)
{
	static unsigned n;
	const char *tests = g_getenv("MUSTER_TESTS_DIR");
	g_autofree char *script = g_build_filename(
		tests ? tests : "tests", "ssh", "https_server.py", NULL);
	g_autofree char *unique = g_strdup_printf("socket%u", n++);
	g_autofree char *pem = g_strconcat(dir, "/", name, ".pem", NULL);
	g_autofree char *key = g_strconcat(dir, "/", name, ".key", NULL);
	g_autofree char *ca = client_ca ? in_dir(client_ca) : NULL;
	g_autoptr(GError) error = NULL;
	server->path = where ? g_strdup(where) : in_dir(unique);
	char *argv[] = {(char[]){"python3"}, script, server->path, pem, key,
			ca, NULL};
	if (!g_spawn_async_with_pipes(NULL, argv, NULL,
				      G_SPAWN_SEARCH_PATH |
				      G_SPAWN_DO_NOT_REAP_CHILD,
				      die_with_parent, NULL, &server->pid,
				      &server->in, &server->out, NULL, &error))
		g_error("%s", error->message);
	char ready;
	if (read(server->out, &ready, 1) != 1)
		g_error("the HTTPS server did not start");
}

static void server_stop(struct server *server)
{
	close(server->in);
	close(server->out);
	waitpid(server->pid, NULL, 0);
	g_free(server->path);
}

/* `ca` and `client` are names of files above, `client` without ".pem". */
static struct http_client *new_client(const char *socket_path, const char *ca,
				      const char *client,
				      struct cancel *cancel)
{
	g_autofree char *ca_pem = read_file(ca);
	g_autofree char *pem = client ? g_strconcat(client, ".pem", NULL)
				      : NULL;
	g_autofree char *key = client ? g_strconcat(client, ".key", NULL)
				      : NULL;
	g_autofree char *cert_pem = pem ? read_file(pem) : NULL;
	g_autofree char *key_pem = key ? read_file(key) : NULL;
	const struct http_options options = {
		.unix_socket = socket_path,
		.base_url = "https://127.0.0.1:16443",
		.ca_pem = ca_pem,
		.cert_pem = cert_pem,
		.key_pem = key_pem,
		.cancel = cancel,
	};
	g_autoptr(GError) error = NULL;
	struct http_client *made = http_client_new(&options, &error);
	if (error)
		print_message("%s\n", error->message);
	assert_non_null(made);
	return made;
}

static void expect(struct http_client *client, const char *method,
		   const char *path, const char *body, long status,
		   const char *wanted)
{
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) error = NULL;
	bool good = http_request(client, method, path, body, NULL,
				 in_seconds(30), &response, &error);
	if (error)
		print_message("%s\n", error->message);
	assert_true(good);
	assert_int_equal(response->status, status);
	assert_string_equal(response->body, wanted);
	assert_int_equal(response->length, strlen(wanted));
}

static void expect_error(struct http_client *client, const char *path,
			 gint64 deadline_us, int code, const char *words)
{
	struct http_response *response = NULL;
	g_autoptr(GError) error = NULL;
	bool good = http_request(client, "GET", path, NULL, NULL, deadline_us,
				 &response, &error);
	if (error)
		print_message("%s\n", error->message);
	assert_false(good);
	assert_null(response);
	assert_int_equal(error->domain, MUSTER_ERROR);
	assert_int_equal(error->code, code);
	assert_non_null(strstr(error->message, words));
}

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
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		expect(client, cases[i].method, cases[i].path, cases[i].body,
		       cases[i].status, cases[i].wanted);
	/* All of it went over one connection. */
	expect(client, "GET", "/connection", NULL, 200, "1");
	http_client_free(client);
	server_stop(&server);
}

static void test_http_content_type_is_the_callers(void **state)
{
	struct server server;
	g_autoptr(HttpResponse) response = NULL;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	assert_true(http_request(client, "PATCH", "/echo", "{}",
				 "application/merge-patch+json",
				 in_seconds(30), &response, NULL));
	assert_string_equal(response->body,
			    "PATCH application/merge-patch+json {}");
	http_client_free(client);
	server_stop(&server);
}

static void test_http_client_certificate_is_shown(void **state)
{
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", "ca.pem");
	struct http_client *known = new_client(server.path, "ca.pem",
					       "client", NULL);
	struct http_client *nobody = new_client(server.path, "ca.pem", NULL,
						NULL);
	struct http_client *stranger = new_client(server.path, "ca.pem",
						  "other-client", NULL);
	expect(known, "GET", "/status/200", NULL, 200, "as asked");
	expect_error(nobody, "/status/200", in_seconds(30), MUSTER_ERROR_HTTP,
		     "refused");
	expect_error(stranger, "/status/200", in_seconds(30),
		     MUSTER_ERROR_HTTP, "refused");
	http_client_free(known);
	http_client_free(nobody);
	http_client_free(stranger);
	server_stop(&server);
}

static void test_http_wrong_server_is_refused(void **state)
{
	static const struct {
		const char *server, *ca, *words;
	} cases[] = {
		{"other-server", "ca.pem", "TLS: not the server it should be"},
		{"server", "other-ca.pem", "TLS: not the server it should be"},
		{"elsewhere", "ca.pem", "TLS: not the server it should be"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct server server;
		server_start(&server, NULL, cases[i].server, NULL);
		struct http_client *client = new_client(
			server.path, cases[i].ca, NULL, NULL);
		expect_error(client, "/status/200", in_seconds(30),
			     MUSTER_ERROR_HTTP, cases[i].words);
		http_client_free(client);
		server_stop(&server);
	}
}

static void test_http_public_cas_are_not_trusted(void **state)
{
	struct server server;
	(void)state;
	if (!own_mounts)
		skip();
	server_start(&server, NULL, "other-server", NULL);
	/* Anybody else would trust this server now. */
	const char *const argv[] = {
		"openssl", "s_client", "-unix", server.path, "-CApath",
		"/etc/ssl/certs", "-verify_ip", "127.0.0.1",
		"-verify_return_error", NULL
	};
	assert_true(run_local(argv));
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	expect_error(client, "/status/200", in_seconds(30), MUSTER_ERROR_HTTP,
		     "TLS: not the server it should be");
	http_client_free(client);
	server_stop(&server);
}

static void test_http_no_answer_is_told_apart(void **state)
{
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	expect_error(client, "/hangup", in_seconds(30), MUSTER_ERROR_HTTP,
		     "hung up without an answer");
	expect_error(client, "/half", in_seconds(30), MUSTER_ERROR_HTTP,
		     "connection broke");
	expect_error(client, "/hang", g_get_monotonic_time() + 300000,
		     MUSTER_ERROR_DEADLINE, "the server has not answered");
	/* Also on a connection that was used before. */
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	expect_error(client, "/hang", g_get_monotonic_time() + 300000,
		     MUSTER_ERROR_DEADLINE, "the server has not answered");
	expect_error(client, "/status/200", 1, MUSTER_ERROR_DEADLINE,
		     "out of time");
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	server_stop(&server);
}

static void test_http_nothing_there_is_told(void **state)
{
	(void)state;
	g_autofree char *path = in_dir("nothing");
	struct http_client *client = new_client(path, "ca.pem", NULL, NULL);
	expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
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
		g_autofree char *path = in_dir(cases[i].talks ? "plain"
							      : "mute");
		int fds[] = {socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			     cases[i].talks};
		g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
		assert_int_equal(bind(fds[0], (struct sockaddr *)&address,
				      sizeof(address)), 0);
		assert_int_equal(listen(fds[0], 1), 0);
		GThread *thread = g_thread_new("plain", say_something, fds);
		struct http_client *client = new_client(path, "ca.pem", NULL,
							NULL);
		expect_error(client, "/", g_get_monotonic_time() + 500000,
			     cases[i].code, cases[i].words);
		http_client_free(client);
		g_thread_join(thread);
		close(fds[0]);
	}
}

static void test_http_answer_has_a_limit(void **state)
{
	struct server server;
	g_autoptr(HttpResponse) response = NULL;
	g_autofree char *most = g_strdup_printf("/zeros/%zu", CAP);
	g_autofree char *more = g_strdup_printf("/zeros/%zu", CAP + 1);
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	assert_true(http_request(client, "GET", most, NULL, NULL,
				 in_seconds(60), &response, NULL));
	assert_int_equal(response->length, CAP);
	assert_int_equal(response->body[CAP], '\0');
	expect_error(client, more, in_seconds(60), MUSTER_ERROR_HTTP,
		     "larger than 32 MiB");
	expect_error(client, "/endless", in_seconds(60), MUSTER_ERROR_HTTP,
		     "larger than 32 MiB");
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	server_stop(&server);
}

static void *abort_soon(void *data)
{
	g_usleep(200000);
	cancel_abort(data);
	return NULL;
}

static void test_http_abort_returns_at_once(void **state)
{
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct cancel *cancel = cancel_new();
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						cancel);
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	gint64 begun_us = g_get_monotonic_time();
	GThread *thread = g_thread_new("abort", abort_soon, cancel);
	expect_error(client, "/hang", in_seconds(60), MUSTER_ERROR_CANCELLED,
		     "interrupted");
	g_thread_join(thread);
	assert_true(g_get_monotonic_time() - begun_us < 5 * G_USEC_PER_SEC);
	http_client_free(client);
	cancel_free(cancel);
	server_stop(&server);
}

static void test_http_soft_stop_gives_its_grace(void **state)
{
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	struct cancel *cancel = cancel_new();
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						cancel);
	gint64 stop_us = g_get_monotonic_time();
	cancel_stop(cancel);
	expect(client, "GET", "/late/0.5", NULL, 200, "late");
	gint64 begun_us = g_get_monotonic_time();
	expect_error(client, "/hang", in_seconds(120), MUSTER_ERROR_CANCELLED,
		     "stopped");
	assert_true(g_get_monotonic_time() >= stop_us + CANCEL_GRACE_US);
	assert_true(g_get_monotonic_time() <
		    begun_us + CANCEL_GRACE_US + 2 * G_TIME_SPAN_SECOND);
	http_client_free(client);
	cancel_free(cancel);
	server_stop(&server);
}

static void test_http_environment_is_ignored(void **state)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
					    "all_proxy", "ALL_PROXY"};
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_setenv(names[i], "http://127.0.0.1:1", TRUE);
	struct http_client *client = new_client(server.path, "ca.pem", NULL,
						NULL);
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		g_unsetenv(names[i]);
	http_client_free(client);
	server_stop(&server);
}

static void test_http_new_without_trust_is_refused(void **state)
{
	static const struct {
		const char *url, *ca;
	} cases[] = {
		{"https://127.0.0.1:16443", NULL},
		{"https://127.0.0.1:16443", ""},
		{"http://127.0.0.1:16443", "a CA"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct http_options options = {
			.unix_socket = "/nowhere",
			.base_url = cases[i].url,
			.ca_pem = cases[i].ca,
		};
		g_autoptr(GError) error = NULL;
		assert_null(http_client_new(&options, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_HTTP));
	}
}

static void test_http_unreadable_pem_is_told(void **state)
{
	struct server server;
	(void)state;
	server_start(&server, NULL, "server", "ca.pem");
	g_autofree char *ca = read_file("ca.pem");
	struct http_options options = {
		.unix_socket = server.path,
		.base_url = "https://127.0.0.1:16443",
		.ca_pem = "not a certificate",
	};
	struct http_client *client = http_client_new(&options, NULL);
	expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
		     "TLS: CA certificate");
	http_client_free(client);
	options.ca_pem = ca;
	options.cert_pem = "not a certificate";
	options.key_pem = "not a key";
	client = http_client_new(&options, NULL);
	expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
		     "TLS: client certificate");
	http_client_free(client);
	server_stop(&server);
}

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	close(fd);
	return ntohs(address.sin_port);
}

static void test_http_through_a_tunnel(void **state)
{
	(void)state;
	struct sshd *sshd = sshd_start(NULL);
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	struct server server;
	struct rig rig;
	unsigned port = free_port();
	g_autofree char *where = g_strdup_printf("tcp:%u", port);
	rig_init(&rig, &options);
	server_start(&server, where, "server", "ca.pem");
	struct tunnel *tunnel = tunnel_open(rig.transport, &host, "127.0.0.1",
					    port, in_seconds(30), NULL);
	struct http_client *client = new_client(tunnel_socket_path(tunnel),
						"ca.pem", "client",
						rig.cancel);
	g_autofree char *body = g_strnfill(2000000, 'x');
	g_autofree char *wanted = g_strconcat("POST application/json ", body,
					      NULL);
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	expect(client, "POST", "/echo", body, 200, wanted);
	expect(client, "GET", "/connection", NULL, 200, "1");
	/* The API restarts: gone for a while, then back. */
	server_stop(&server);
	expect_error(client, "/status/200", in_seconds(30), MUSTER_ERROR_HTTP,
		     "TLS");
	server_start(&server, where, "server", "ca.pem");
	expect(client, "GET", "/status/200", NULL, 200, "as asked");
	http_client_free(client);
	tunnel_free(tunnel);
	server_stop(&server);
	rig_clear(&rig);
	sshd_stop(sshd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_any_status_is_an_answer),
		cmocka_unit_test(test_http_content_type_is_the_callers),
		cmocka_unit_test(test_http_client_certificate_is_shown),
		cmocka_unit_test(test_http_wrong_server_is_refused),
		cmocka_unit_test(test_http_public_cas_are_not_trusted),
		cmocka_unit_test(test_http_no_answer_is_told_apart),
		cmocka_unit_test(test_http_nothing_there_is_told),
		cmocka_unit_test(test_http_server_without_tls_is_told),
		cmocka_unit_test(test_http_answer_has_a_limit),
		cmocka_unit_test(test_http_abort_returns_at_once),
		cmocka_unit_test(test_http_soft_stop_gives_its_grace),
		cmocka_unit_test(test_http_environment_is_ignored),
		cmocka_unit_test(test_http_new_without_trust_is_refused),
		cmocka_unit_test(test_http_unreadable_pem_is_told),
		cmocka_unit_test(test_http_through_a_tunnel),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
