/* SPDX-License-Identifier: Apache-2.0
 *
 * ProxyCommand: a child whose streams are the connection. It works, it fails
 * with a word, it hangs; and it always ends when we do.
 */
#include "sshd.h"
#include "transport/child.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct sshd *sshd;
static char *relay;

/* What nc(1) does, for a machine that has none; notes its pid. */
static const char relay_script[] =
	"import os, select, socket, sys\n"
	"open(sys.argv[3], 'w').write(str(os.getpid()))\n"
	"s = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
	"ends = {0: s.fileno(), s.fileno(): 1}\n"
	"while True:\n"
	"    for fd in select.select(list(ends), [], [])[0]:\n"
	"        data = os.read(fd, 65536)\n"
	"        if not data:\n"
	"            ends.pop(fd)\n"
	"            if not ends or fd:\n"
	"                sys.exit(0)\n"
	"            continue\n"
	"        while data:\n"
	"            data = data[os.write(ends[fd], data):]\n";

static int start_server(void **state)
{
	(void)state;
	sshd = sshd_start(NULL);
	relay = sshd_write(sshd, "relay.py", relay_script, 0644);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	sshd_stop(sshd);
	g_free(relay);
	return 0;
}

static pid_t noted_pid(void)
{
	g_autofree char *path = g_build_filename(sshd->dir, "pid", NULL);
	gint64 deadline_us = in_seconds(20);

	while (g_get_monotonic_time() < deadline_us) {
		g_autofree char *text = NULL;

		if (g_file_get_contents(path, &text, NULL, NULL) && *text)
			return (pid_t)g_ascii_strtoll(text, NULL, 10);
		g_usleep(10000);
	}
	fail_msg("the child never began");
	return -1;
}

struct proxied {
	struct rig rig;
	struct host host;
	struct session *session;
};

static void begin(struct proxied *p, const char *command, gint64 timeout_us)
{
	g_autofree char *text = g_strdup_printf("Host *\n ProxyCommand %s\n",
						command);
	g_autofree char *config = sshd_write(sshd, "config-proxy", text, 0600);
	g_autofree char *pid = g_build_filename(sshd->dir, "pid", NULL);
	struct transport_options options = sshd_options(sshd);

	unlink(pid);
	options.ssh_config = config;
	options.connect_timeout_us = timeout_us;
	rig_init(&p->rig, &options);
	p->host = sshd_host(sshd, "root");
	p->session = session_new(p->rig.transport, &p->host);
}

static void end(struct proxied *p)
{
	session_free(p->session);
	rig_clear(&p->rig);
}

static void test_proxy_command_carries_a_session(void **state)
{
	g_autofree char *command = g_strdup_printf(
		"python3 %s %%h %%p %s/pid", relay, sshd->dir);
	g_autofree char *input = g_malloc0(3000000);
	struct exec_request request = {
		.title = "step", .script = "wc -c", .input = input,
		.input_length = 3000000, .deadline_us = in_seconds(60)};
	struct proxied p;
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) error = NULL;
	(void)state;
	begin(&p, command, 20 * G_TIME_SPAN_SECOND);
	if (!exec_run(p.session, &request, &result, &error))
		fail_msg("%s", error->message);
	assert_string_equal(g_strstrip(result->out), "3000000");
	pid_t pid = noted_pid();

	assert_int_equal(kill(pid, 0), 0);
	end(&p);
	assert_int_equal(kill(pid, 0), -1);
}

static void test_proxy_command_that_fails_is_quoted(void **state)
{
	static const struct {
		const char *command, *words;
	} cases[] = {
		{"sh -c 'echo no way there >&2; exit 1'", "no way there"},
		{"sh -c 'printf \"two\\nlines\\n\" >&2'", "two lines"},
		{"false", "ended without a word"},
		{"/nonexistent/program %h", "not found"},
		{"sh -c 'printf \"bytes: \\377\" >&2'", "bytes: "},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct proxied p;
		g_autoptr(GError) error = NULL;

		begin(&p, cases[i].command, 20 * G_TIME_SPAN_SECOND);
		assert_false(session_connect(p.session, in_seconds(30),
					     &error));
		print_message("%s\n", error->message);
		assert_int_equal(error->code, MUSTER_ERROR_HANDSHAKE);
		assert_non_null(strstr(error->message, "ProxyCommand"));
		assert_non_null(strstr(error->message, cases[i].words));
		assert_true(g_utf8_validate(error->message, -1, NULL));
		end(&p);
	}
}

static void test_proxy_command_that_hangs_is_left_in_time(void **state)
{
	g_autofree char *command = g_strdup_printf(
		"sh -c 'echo waiting for you >&2; echo $$ >%s/pid; "
		"exec sleep 300'", sshd->dir);
	struct proxied p;
	g_autoptr(GError) error = NULL;
	gint64 begun_us = g_get_monotonic_time();
	(void)state;
	begin(&p, command, G_TIME_SPAN_SECOND);
	assert_false(session_connect(p.session, in_seconds(30), &error));
	print_message("%s\n", error->message);
	assert_int_equal(error->code, MUSTER_ERROR_CONNECT_TIMEOUT);
	assert_non_null(strstr(error->message, "waiting for you"));
	assert_true(g_get_monotonic_time() - begun_us < 10 *
		    G_TIME_SPAN_SECOND);
	assert_int_equal(kill(noted_pid(), 0), -1);
	end(&p);
}

/* As in muster, whose threads leave signals to one of them. */
static void test_proxy_command_hears_sigterm(void **state)
{
	struct child_proxy proxy;
	sigset_t term, before;
	(void)state;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigaddset(&term, SIGINT);
	pthread_sigmask(SIG_BLOCK, &term, &before);
	bool good = child_proxy_start("sleep 300", &proxy, NULL);

	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_true(good);
	/* another group than ours, which a Ctrl-C goes to */
	gint64 deadline_us = in_seconds(10);

	while (getpgid(proxy.pid) == getpgid(0) &&
	       g_get_monotonic_time() < deadline_us)
		g_usleep(1000);
	assert_int_equal(getpgid(proxy.pid), proxy.pid);
	gint64 begun_us = g_get_monotonic_time();
	g_autofree char *said = child_proxy_end(&proxy);

	assert_string_equal(said, "");
	/* SIGKILL would have come after half a second */
	assert_true(g_get_monotonic_time() - begun_us <
		    400 * G_TIME_SPAN_MILLISECOND);
	close(proxy.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_proxy_command_carries_a_session),
		cmocka_unit_test(test_proxy_command_that_fails_is_quoted),
		cmocka_unit_test(
			test_proxy_command_that_hangs_is_left_in_time),
		cmocka_unit_test(test_proxy_command_hears_sigterm),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
