/* SPDX-License-Identifier: Apache-2.0
 *
 * Jump hosts: how few connections they see, what is said when they fail, and
 * that hosts behind one that dropped are found again.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/fleet.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define CROWD 50

static struct sshd *gate, *second, *target;
static char *known, *config;

static int start_servers(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL);
	const struct {
		const char *name;
		struct sshd **sshd;
		const char *more;
	} gates[] = {
		{"gate", &gate, ""},
		{"second", &second, ""},
		{"behind", &second, " ProxyJump gate\n"},
		{"loop1", &gate, " ProxyJump loop2\n"},
		{"loop2", &gate, " ProxyJump loop1\n"},
	};
	(void)state;
	gate = sshd_start("MaxStartups 3:100:3");
	second = sshd_start(NULL);
	target = sshd_start("MaxStartups 12:100:12");
	for (size_t i = 0; i < G_N_ELEMENTS(gates); i++)
		g_string_append_printf(
			text, "Host %s\n HostName 127.0.0.1\n Port %u\n"
			" User root\n IdentityFile %s\n%s", gates[i].name,
			(*gates[i].sshd)->port, (*gates[i].sshd)->key,
			gates[i].more);
	config = sshd_write(target, "ssh_config", text->str, 0600);
	g_autofree char *lines = g_strdup_printf(
		"[127.0.0.1]:%u %s\n[127.0.0.1]:%u %s\n[127.0.0.1]:%u %s\n",
		gate->port, gate->host_key, second->port, second->host_key,
		target->port, target->host_key);

	known = sshd_write(target, "known-all", lines, 0600);
	return 0;
}

static int stop_servers(void **state)
{
	(void)state;
	sshd_stop(gate);
	sshd_stop(second);
	sshd_stop(target);
	g_free(known);
	g_free(config);
	return 0;
}

static struct transport_options options_for(const char *jump)
{
	struct transport_options options = sshd_options(target);

	options.known_hosts = known;
	options.ssh_config = config;
	options.jump = jump;
	return options;
}

/* As many hosts at once as there are threads for. */
struct crowd {
	struct rig rig;
	struct host host;
	unsigned port;		/* 0: the target's */
	gint good;
	GMutex lock;
	GHashTable *texts;	/* error texts, a set */
	int code;
};

static void one_of_crowd(size_t index, void *data)
{
	struct crowd *crowd = data;
	struct session *session = session_new(crowd->rig.transport,
					      &crowd->host);
	struct exec_request request = {.title = "step", .script = "true",
				       .deadline_us = in_seconds(120)};
	g_autoptr(GError) error = NULL;
	(void)index;

	if (exec_run(session, &request, NULL, &error)) {
		g_atomic_int_inc(&crowd->good);
	} else {
		g_mutex_lock(&crowd->lock);
		g_hash_table_add(crowd->texts, g_strdup(error->message));
		crowd->code = error->code;
		g_mutex_unlock(&crowd->lock);
	}
	session_free(session);
}

static void crowd_run(struct crowd *crowd, size_t n,
		      const struct transport_options *options)
{
	GHashTableIter iter;
	gpointer text;

	crowd->host = sshd_host(target, "root");
	if (crowd->port)
		crowd->host.port = crowd->port;
	crowd->texts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					     NULL);
	crowd->code = -1;
	rig_init(&crowd->rig, options);
	fleet_run(n, 0, one_of_crowd, crowd);
	g_hash_table_iter_init(&iter, crowd->texts);
	while (g_hash_table_iter_next(&iter, &text, NULL))
		print_message("%s\n", (const char *)text);
}

static void crowd_clear(struct crowd *crowd)
{
	rig_clear(&crowd->rig);
	g_hash_table_unref(crowd->texts);
}

/* Without turns of eight the target would hang up on some, and with a
 * connection each the gate on nearly all. */
static void test_jump_is_shared_by_fifty_hosts(void **state)
{
	guint before = sshd_count(gate, "Accepted publickey");
	struct transport_options options = options_for("gate");
	struct crowd crowd = {0};
	(void)state;
	crowd_run(&crowd, CROWD, &options);
	assert_int_equal(crowd.good, CROWD);
	crowd_clear(&crowd);
	assert_int_equal(sshd_count(gate, "Accepted publickey"), before + 1);
	assert_int_equal(sshd_count(target, "drop connection"), 0);
}


/* Connects by way of `jump`; says on which server `gates` logins were made. */
static void expect_way(const char *jump, guint at_gate, guint at_second)
{
	struct transport_options options = options_for(jump);
	guint before[] = {sshd_count(gate, "Accepted publickey"),
			  sshd_count(second, "Accepted publickey")};
	struct crowd crowd = {0};

	crowd_run(&crowd, 4, &options);
	assert_int_equal(crowd.good, 4);
	crowd_clear(&crowd);
	assert_int_equal(sshd_count(gate, "Accepted publickey"),
			 before[0] + at_gate);
	assert_int_equal(sshd_count(second, "Accepted publickey"),
			 before[1] + at_second);
}

static void test_jump_chains_have_one_session_a_hop(void **state)
{
	(void)state;
	expect_way("gate,second", 1, 1);
	/* ssh_config sends the second through the first */
	expect_way("behind", 1, 1);
	expect_way("second", 0, 1);
	expect_way(NULL, 0, 0);
}

static void test_jump_through_itself_is_told(void **state)
{
	struct transport_options options = options_for("loop1");
	struct crowd crowd = {0};
	(void)state;
	crowd_run(&crowd, 8, &options);
	assert_int_equal(crowd.good, 0);
	assert_int_equal(crowd.code, MUSTER_ERROR_DATA);
	assert_int_equal(g_hash_table_size(crowd.texts), 1);
	crowd_clear(&crowd);
}

static int listen_on(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(fd, 16), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size),
			 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* How long twelve hosts take that never answer, with a second for each. */
static gint64 twelve_silent_hosts(unsigned forks)
{
	struct transport_options options = options_for("gate");
	struct crowd crowd = {0};
	unsigned port;
	int fd = listen_on(&port);
	gint64 begun_us = g_get_monotonic_time();

	options.connect_forks = forks;
	options.connect_timeout_us = G_TIME_SPAN_SECOND;
	crowd.port = port;
	crowd_run(&crowd, 12, &options);
	assert_int_equal(crowd.code, MUSTER_ERROR_CONNECT_TIMEOUT);
	crowd_clear(&crowd);
	close(fd);
	return g_get_monotonic_time() - begun_us;
}

static void test_jump_connect_forks_is_obeyed(void **state)
{
	(void)state;
	assert_true(twelve_silent_hosts(4) >= 3 * G_TIME_SPAN_SECOND);
	assert_true(twelve_silent_hosts(12) < 3 * G_TIME_SPAN_SECOND);
}

/* All of a crowd fail alike, with `words` and the gate's name in the text. */
static void expect_failure(const struct transport_options *options, int code,
			   const char *words)
{
	struct crowd crowd = {0};
	GHashTableIter iter;
	gpointer text;

	crowd_run(&crowd, 12, options);
	assert_int_equal(crowd.good, 0);
	assert_int_equal(crowd.code, code);
	assert_int_equal(g_hash_table_size(crowd.texts), 1);
	g_hash_table_iter_init(&iter, crowd.texts);
	g_hash_table_iter_next(&iter, &text, NULL);
	assert_non_null(strstr(text, words));
	assert_non_null(strstr(text, "jump host"));
	crowd_clear(&crowd);
}

static void test_jump_that_is_not_known_is_one_error(void **state)
{
	struct transport_options options = options_for("gate");
	g_autofree char *line = g_strdup_printf("[127.0.0.1]:%u %s\n",
						target->port,
						target->host_key);
	g_autofree char *wrong = g_strdup_printf(
		"%s[127.0.0.1]:%u %s\n", line, gate->port, second->host_key);
	g_autofree char *without = sshd_write(target, "known-not", line,
					      0600);
	g_autofree char *changed = sshd_write(target, "known-bad", wrong,
					      0600);
	guint logins = sshd_count(gate, "Accepted publickey");
	guint calls = sshd_count(gate, "Connection closed by");
	(void)state;
	options.known_hosts = without;
	expect_failure(&options, MUSTER_ERROR_HOST_KEY_UNKNOWN,
		       "no known_hosts line for [127.0.0.1]");
	options.known_hosts = changed;
	expect_failure(&options, MUSTER_ERROR_HOST_KEY_CHANGED,
		       "nothing was sent");
	assert_int_equal(sshd_count(gate, "Accepted publickey"), logins);
	assert_true(sshd_count(gate, "Connection closed by") <= calls + 2);
}

static void test_jump_that_is_down_is_one_error(void **state)
{
	unsigned port;
	int fd = listen_on(&port), accepted = 0, one;
	g_autofree char *spec = g_strdup_printf("root@127.0.0.1:%u", port);
	struct transport_options options = options_for(spec);
	gint64 begun_us = g_get_monotonic_time();
	(void)state;
	options.connect_timeout_us = G_TIME_SPAN_SECOND;
	expect_failure(&options, MUSTER_ERROR_CONNECT_TIMEOUT,
		       "no SSH banner");
	/* one call for twelve hosts, and one second for all of them */
	while ((one = accept4(fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		close(one);
		accepted++;
	}
	assert_int_equal(accepted, 1);
	assert_true(g_get_monotonic_time() - begun_us < 8 *
		    G_TIME_SPAN_SECOND);
	close(fd);
	expect_failure(&options, MUSTER_ERROR_REFUSED, "refused");
}

static void test_jump_that_refuses_our_key_is_one_error(void **state)
{
	g_autofree char *text = g_strdup_printf(
		"Host gate\n HostName 127.0.0.1\n Port %u\n User root\n"
		" IdentityFile %s\n", gate->port, gate->other_key);
	g_autofree char *file = sshd_write(target, "wrong-key", text, 0600);
	struct transport_options options = options_for("gate");
	(void)state;
	options.ssh_config = file;
	expect_failure(&options, MUSTER_ERROR_AUTH, "refused; tried");
}

static void test_jump_target_behind_it_is_refused(void **state)
{
	struct transport_options options = options_for("gate");
	struct host host = sshd_host(target, "root");
	g_autoptr(GError) error = NULL;
	struct rig rig;
	(void)state;
	close(listen_on(&host.port));
	rig_init(&rig, &options);
	struct session *session = session_new(rig.transport, &host);

	assert_false(session_connect(session, in_seconds(30), &error));
	print_message("%s\n", error->message);
	assert_int_equal(error->code, MUSTER_ERROR_REFUSED);
	assert_non_null(strstr(error->message, "through jump host 'gate'"));
	session_free(session);
	rig_clear(&rig);
}

static void test_jump_that_forbids_forwarding_says_so(void **state)
{
	struct sshd *strict = sshd_start("AllowTcpForwarding no");
	g_autofree char *text = g_strdup_printf(
		"Host strict\n HostName 127.0.0.1\n Port %u\n User root\n"
		" IdentityFile %s\n UserKnownHostsFile %s\n", strict->port,
		strict->key, strict->known_hosts);
	g_autofree char *file = sshd_write(target, "strict-config", text,
					   0600);
	struct transport_options options = options_for("strict");
	(void)state;
	options.ssh_config = file;
	options.known_hosts = NULL;
	expect_failure(&options, MUSTER_ERROR_REFUSED, "AllowTcpForwarding");
	sshd_stop(strict);
}

static bool exec_true(struct session *session, GError **error)
{
	struct exec_request request = {.title = "step", .script = "true",
				       .deadline_us = in_seconds(30)};

	return exec_run(session, &request, NULL, error);
}

static void test_jump_that_drops_is_connected_again(void **state)
{
	struct transport_options options = options_for("gate");
	struct host host = sshd_host(target, "root");
	guint before = sshd_count(gate, "Accepted publickey");
	struct session *sessions[3];
	struct rig rig;
	(void)state;
	rig_init(&rig, &options);
	for (size_t i = 0; i < G_N_ELEMENTS(sessions); i++) {
		sessions[i] = session_new(rig.transport, &host);
		assert_true(exec_true(sessions[i], NULL));
	}
	sshd_drop(gate);
	for (size_t i = 0; i < G_N_ELEMENTS(sessions); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(exec_true(sessions[i], &error));
		assert_int_equal(error->code, MUSTER_ERROR_LOST);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(sessions); i++) {
		g_autoptr(GError) error = NULL;

		if (!exec_true(sessions[i], &error))
			fail_msg("%s", error->message);
		session_free(sessions[i]);
	}
	rig_clear(&rig);
	assert_int_equal(sshd_count(gate, "Accepted publickey"), before + 2);
}

static char *slow_person(const char *prompt, void *data)
{
	(void)prompt;
	g_atomic_int_inc((gint *)data);
	g_usleep(3 * G_TIME_SPAN_SECOND / 2);
	return g_strdup("letmein");
}

static void test_jump_passphrase_costs_hosts_no_time(void **state)
{
	g_autofree char *key = g_build_filename(gate->dir, "locked", NULL);
	const char *const copy[] = {"cp", gate->key, key, NULL};
	const char *const lock[] = {"ssh-keygen", "-q", "-p", "-N", "letmein",
				    "-f", key, NULL};
	g_autofree char *text = g_strdup_printf(
		"Host gate\n HostName 127.0.0.1\n Port %u\n User root\n"
		" IdentityFile %s\n", gate->port, key);
	g_autofree char *file = sshd_write(target, "locked-config", text,
					   0600);
	struct transport_options options = options_for("gate");
	struct crowd crowd = {0};
	gint asked = 0;
	(void)state;
	assert_true(run_local(copy) && run_local(lock));
	options.ssh_config = file;
	options.ask = slow_person;
	options.ask_data = &asked;
	options.connect_timeout_us = G_TIME_SPAN_SECOND;
	crowd_run(&crowd, 4, &options);
	assert_int_equal(crowd.good, 4);
	assert_int_equal(asked, 1);
	crowd_clear(&crowd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jump_is_shared_by_fifty_hosts),
		cmocka_unit_test(test_jump_connect_forks_is_obeyed),
		cmocka_unit_test(test_jump_chains_have_one_session_a_hop),
		cmocka_unit_test(test_jump_through_itself_is_told),
		cmocka_unit_test(test_jump_that_is_not_known_is_one_error),
		cmocka_unit_test(test_jump_that_is_down_is_one_error),
		cmocka_unit_test(test_jump_that_refuses_our_key_is_one_error),
		cmocka_unit_test(test_jump_target_behind_it_is_refused),
		cmocka_unit_test(test_jump_that_forbids_forwarding_says_so),
		cmocka_unit_test(test_jump_that_drops_is_connected_again),
		cmocka_unit_test(test_jump_passphrase_costs_hosts_no_time),
	};
	return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
