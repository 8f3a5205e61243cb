/* SPDX-License-Identifier: Apache-2.0
 *
 * Every way a host can fail to be reached, told apart; and that many sessions
 * at once, an agent and a new host work.
 */
#include "login.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/fleet.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct sshd *sshd;

static int start_server(void **state)
{
	(void)state;
	sshd = sshd_start(NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	sshd_stop(sshd);
	return 0;
}

/* A listening socket of our own; the caller closes it. */
static int listen_on(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	*port = ntohs(address.sin_port);
	return fd;
}

static void test_session_right_key_connects(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	login_try(&options, &host, -1, NULL);
}

static void test_session_closed_port_is_refused(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	close(listen_on(&host.port));
	login_try(&options, &host, MUSTER_ERROR_REFUSED, "refused");
}

static void test_session_unknown_name_is_told(void **state)
{
	static char name[] = "no-such-host.invalid";
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	host.address = name;
	login_try(&options, &host, MUSTER_ERROR_NAME_NOT_FOUND, name);
}

static void test_session_name_with_two_addresses_connects(void **state)
{
	static char name[] = "localhost";
	(void)state;
	g_autofree char *line = g_strdup_printf("[localhost]:%u %s\n",
						sshd->port, sshd->host_key);
	g_autofree char *known = sshd_write(sshd, "known-name", line, 0600);
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	options.known_hosts = known;
	host.address = name;
	login_try(&options, &host, -1, NULL);
}

static void test_session_silent_server_times_out(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	int fd = listen_on(&host.port);
	options.connect_timeout_us = G_TIME_SPAN_SECOND / 2;
	login_try(&options, &host, MUSTER_ERROR_CONNECT_TIMEOUT,
		  "no SSH banner");
	close(fd);
}

static gpointer answer_in_http(gpointer data)
{
	static const char text[] = "HTTP/1.0 400 Bad Request\r\n\r\n";
	int fd = accept(*(int *)data, NULL, NULL);
	ssize_t n = write(fd, text, strlen(text));
	(void)n;
	shutdown(fd, SHUT_WR);
	char sink[256];
	while (read(fd, sink, sizeof(sink)) > 0)
		;
	close(fd);
	return NULL;
}

static void test_session_not_ssh_is_handshake_error(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	int fd = listen_on(&host.port);
	GThread *thread = g_thread_new("http", answer_in_http, &fd);
	login_try(&options, &host, MUSTER_ERROR_HANDSHAKE, "handshake");
	g_thread_join(thread);
	close(fd);
}

static void test_session_host_keys_are_judged(void **state)
{
	static const char other[] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA"
		"ABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
	const struct {
		const char *format;	/* port, then the server's key */
		int code;
		const char *words;
	} cases[] = {
		{"", MUSTER_ERROR_HOST_KEY_UNKNOWN, "SHA256:"},
		{"[127.0.0.1]:%1$u %2$s", -1, NULL},
		{"127.0.0.1 %2$s\r\n", -1, NULL},
		{"*.0.0.2 %2$s\n", MUSTER_ERROR_HOST_KEY_UNKNOWN, NULL},
		{"[*.0.0.1]:%1$u %2$s\n", -1, NULL},
		{"[127.0.0.1]:%1$u %3$s\n", MUSTER_ERROR_HOST_KEY_CHANGED,
		 "ssh-keygen -f"},
		{"@revoked * %2$s\n[127.0.0.1]:%1$u %2$s\n",
		 MUSTER_ERROR_HOST_KEY_REVOKED, "@revoked"},
		{"[127.0.0.1]:%1$u ssh-ed25519 garbage\n",
		 MUSTER_ERROR_HOST_KEY_UNREADABLE, ":1 "},
		{"@cert-authority [127.0.0.1]:%1$u %2$s\n",
		 MUSTER_ERROR_HOST_KEY_UNREADABLE, "@cert-authority"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *port = g_strdup_printf("%u", sshd->port);
		GString *text = g_string_new(cases[i].format);
		g_string_replace(text, "%1$u", port, 0);
		g_string_replace(text, "%2$s", sshd->host_key, 0);
		g_string_replace(text, "%3$s", other, 0);
		g_autofree char *known = sshd_write(sshd, "known-judged",
						    text->str, 0600);
		struct transport_options options = sshd_options(sshd);
		struct host host = sshd_host(sshd, "root");
		options.known_hosts = known;
		login_try(&options, &host, cases[i].code, cases[i].words);
		/* Trusting new hosts must not trust known ones more. */
		options.host_key_policy = HOST_KEY_ACCEPT_NEW;
		bool unknown = cases[i].code == MUSTER_ERROR_HOST_KEY_UNKNOWN &&
			       !strstr(text->str, "@cert");
		login_try(&options, &host, unknown ? -1 : cases[i].code, NULL);
		g_string_free(text, TRUE);
	}
}

static void test_session_hashed_line_is_found(void **state)
{
	(void)state;
	g_autofree char *line = g_strdup_printf("[127.0.0.1]:%u %s\n",
						sshd->port, sshd->host_key);
	g_autofree char *known = sshd_write(sshd, "known-hashed", line, 0600);
	const char *const argv[] = {"ssh-keygen", "-H", "-f", known, NULL};
	g_autofree char *text = NULL;
	assert_true(run_local(argv));
	assert_true(g_file_get_contents(known, &text, NULL, NULL));
	assert_non_null(strstr(text, "|1|"));
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	options.known_hosts = known;
	login_try(&options, &host, -1, NULL);
}

static void test_session_new_host_is_written_once(void **state)
{
	(void)state;
	g_autofree char *known = g_build_filename(sshd->dir, "fresh", "ssh",
						  "known_hosts", NULL);
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	options.known_hosts = known;
	options.host_key_policy = HOST_KEY_ACCEPT_NEW;
	login_try(&options, &host, -1, NULL);
	login_try(&options, &host, -1, NULL);
	g_autofree char *want = g_strdup_printf("[127.0.0.1]:%u %s\n",
						sshd->port, sshd->host_key);
	g_autofree char *text = NULL;
	struct stat st;
	assert_true(g_file_get_contents(known, &text, NULL, NULL));
	assert_string_equal(text, want);
	assert_int_equal(stat(known, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	options.host_key_policy = HOST_KEY_STRICT;
	login_try(&options, &host, -1, NULL);
}

/* The server's best key is of a type that is not on file for it, which shows
 * only when the hashed names have been tried. */
static void test_session_hashed_key_of_second_type_connects(void **state)
{
	(void)state;
	g_autofree char *key = g_build_filename(sshd->dir, "ecdsa", NULL);
	g_autofree char *pub = g_strconcat(key, ".pub", NULL);
	g_autofree char *config = g_strdup_printf("HostKey %s\n", key);
	g_autofree char *text = NULL;
	const char *const make[] = {"ssh-keygen", "-q", "-t", "ecdsa", "-N",
				    "", "-f", key, NULL};
	assert_true(run_local(make));
	assert_true(g_file_get_contents(pub, &text, NULL, NULL));
	struct sshd *two = sshd_start(config);
	g_autofree char *line = g_strdup_printf("[127.0.0.1]:%u %s",
						two->port, text);
	g_autofree char *known = sshd_write(sshd, "known-second", line, 0600);
	const char *const hash[] = {"ssh-keygen", "-H", "-f", known, NULL};
	assert_true(run_local(hash));
	struct transport_options options = sshd_options(two);
	struct host host = sshd_host(two, "root");
	options.known_hosts = known;
	login_try(&options, &host, -1, NULL);
	sshd_stop(two);
}

static void test_session_new_host_after_unended_line(void **state)
{
	(void)state;
	g_autofree char *known = sshd_write(sshd, "known-unended",
					    "# no newline", 0600);
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	options.known_hosts = known;
	options.host_key_policy = HOST_KEY_ACCEPT_NEW;
	login_try(&options, &host, -1, NULL);
	g_autofree char *text = NULL;
	assert_true(g_file_get_contents(known, &text, NULL, NULL));
	assert_true(g_str_has_prefix(text, "# no newline\n["));
}

static void test_session_bad_key_files_are_told(void **state)
{
	(void)state;
	g_autofree char *junk = sshd_write(sshd, "junk", "not a key\n", 0600);
	g_autofree char *locked = g_build_filename(sshd->dir, "locked", NULL);
	const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N",
				    "secret", "-f", locked, NULL};
	assert_true(run_local(argv));
	const struct {
		const char *path;
		int code;
		const char *words;
	} cases[] = {
		{"/no/such/key", MUSTER_ERROR_KEY_FILE, "No such file"},
		{junk, MUSTER_ERROR_KEY_FILE, "not a private key"},
		{locked, MUSTER_ERROR_KEY_FILE, "encrypted"},
		{sshd->other_key, MUSTER_ERROR_AUTH, "accepts publickey"},
	};
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct transport_options options = sshd_options(sshd);
		struct host host = sshd_host(sshd, "root");
		options.private_key_file = cases[i].path;
		login_try(&options, &host, cases[i].code, cases[i].words);
	}
}

/* An agent that holds `n` wrong keys and then the right one. */
static GPid start_agent(unsigned n)
{
	g_autofree char *socket_path = g_build_filename(sshd->dir, "agent",
							NULL);
	char *argv[] = {(char[]){"ssh-agent"}, (char[]){"-D"}, (char[]){"-a"},
			socket_path, NULL};
	GPid pid = 0;

	unlink(socket_path);
	assert_true(g_spawn_async(NULL, argv, NULL, G_SPAWN_SEARCH_PATH |
				  G_SPAWN_DO_NOT_REAP_CHILD |
				  G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
				  &pid, NULL));
	gint64 deadline_us = in_seconds(10);
	while (access(socket_path, F_OK) < 0 &&
	       g_get_monotonic_time() < deadline_us)
		g_usleep(10000);
	g_setenv("SSH_AUTH_SOCK", socket_path, TRUE);
	for (unsigned i = 0; i <= n; i++) {
		g_autofree char *name = g_strdup_printf("%s/agent-%u",
							sshd->dir, i);
		const char *const make[] = {"ssh-keygen", "-q", "-t",
			"ed25519", "-N", "", "-f", name, NULL};
		const char *const add[] = {"ssh-add", "-q",
			i == n ? sshd->key : name, NULL};
		assert_true(i == n || access(name, F_OK) == 0 ||
			    run_local(make));
		assert_true(run_local(add));
	}
	return pid;
}

static void stop_agent(GPid pid)
{
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	g_unsetenv("SSH_AUTH_SOCK");
}

static void test_session_agent_right_key_third_connects(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	GPid pid = start_agent(2);
	options.use_agent = true;
	host.private_key_file = NULL;
	login_try(&options, &host, -1, NULL);
	stop_agent(pid);
}

static void test_session_agent_of_nine_keys_offers_four(void **state)
{
	(void)state;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	GPid pid = start_agent(8);
	options.use_agent = true;
	host.private_key_file = NULL;
	login_try(&options, &host, MUSTER_ERROR_AUTH,
		  "4 of the agent's 9 keys");
	/* named, the ninth is found, and the agent signs for it */
	host.private_key_file = sshd->key;
	login_try(&options, &host, -1, NULL);
	stop_agent(pid);
}

static void test_session_abort_before_connect_is_cancelled(void **state)
{
	(void)state;
	struct rig rig;
	struct transport_options options = sshd_options(sshd);
	struct host host = sshd_host(sshd, "root");
	g_autoptr(GError) error = NULL;
	int fd = listen_on(&host.port);
	rig_init(&rig, &options);
	struct session *session = session_new(rig.transport, &host);
	cancel_abort(rig.cancel);
	assert_false(session_connect(session, in_seconds(30), &error));
	assert_int_equal(error->code, MUSTER_ERROR_CANCELLED);
	session_free(session);
	rig_clear(&rig);
	close(fd);
}

struct many {
	struct rig rig;
	struct host host;
	gint good;
};

static void one_of_many(size_t index, void *data)
{
	struct many *many = data;
	g_autofree char *number = g_strdup_printf("%zu", index);
	const char *const args[] = {number, NULL};
	struct session *session = session_new(many->rig.transport,
					      &many->host);
	for (int round = 0; round < 3; round++) {
		struct exec_request request = {
			.title = "many", .script = "echo $1; echo $1 >&2",
			.args = args, .deadline_us = in_seconds(120)};
		g_autoptr(ExecResult) result = NULL;
		g_autoptr(GError) error = NULL;
		g_autofree char *want = g_strdup_printf("%s\n", number);
		if (!exec_run(session, &request, &result, &error))
			print_message("%s\n", error->message);
		else if (strcmp(result->out, want) == 0 &&
			 strcmp(result->err, want) == 0)
			g_atomic_int_inc(&many->good);
	}
	session_free(session);
}

static void test_session_twenty_at_once_share_all(void **state)
{
	(void)state;
	struct many many = {.host = sshd_host(sshd, "root")};
	struct transport_options options = sshd_options(sshd);
	g_autofree char *known = g_build_filename(sshd->dir, "known-many",
						  NULL);
	options.known_hosts = known;
	options.host_key_policy = HOST_KEY_ACCEPT_NEW;
	options.connect_timeout_us = 60 * G_TIME_SPAN_SECOND;
	rig_init(&many.rig, &options);
	fleet_run(20, 0, one_of_many, &many);
	rig_clear(&many.rig);
	assert_int_equal(many.good, 60);
	g_autofree char *text = NULL;
	assert_true(g_file_get_contents(known, &text, NULL, NULL));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_session_right_key_connects),
		cmocka_unit_test(test_session_closed_port_is_refused),
		cmocka_unit_test(test_session_unknown_name_is_told),
		cmocka_unit_test(test_session_name_with_two_addresses_connects),
		cmocka_unit_test(test_session_silent_server_times_out),
		cmocka_unit_test(test_session_not_ssh_is_handshake_error),
		cmocka_unit_test(test_session_host_keys_are_judged),
		cmocka_unit_test(test_session_hashed_line_is_found),
		cmocka_unit_test(test_session_new_host_is_written_once),
		cmocka_unit_test(
			test_session_hashed_key_of_second_type_connects),
		cmocka_unit_test(test_session_new_host_after_unended_line),
		cmocka_unit_test(test_session_bad_key_files_are_told),
		cmocka_unit_test(test_session_agent_right_key_third_connects),
		cmocka_unit_test(test_session_agent_of_nine_keys_offers_four),
		cmocka_unit_test(
			test_session_abort_before_connect_is_cancelled),
		cmocka_unit_test(test_session_twenty_at_once_share_all),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
