/* SPDX-License-Identifier: Apache-2.0
 *
 * The spare channel: opened while a command runs, used by the next one that
 * needs a channel, and done without where the server allows one at a time.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define OPENED "server_input_channel_open: ctype session"

/* A server with this configuration, and a session that expects more. */
struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	struct session *session;
};

static void set_up(struct fixture *f, const char *config)
{
	f->sshd = sshd_start(config);
	struct transport_options options = sshd_options(f->sshd);

	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, "root");
	f->session = session_new(f->rig.transport, &f->host);
}

static void tear_down(struct fixture *f)
{
	session_free(f->session);
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
}

/* With input that is no text, which no shell that stays takes. */
static bool say(struct fixture *f, const char *script, GError **error)
{
	struct exec_request request = { .title = "step", .script = script,
		.input = "", .input_length = 1, .deadline_us = in_seconds(30) };
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) why = NULL;
	bool good = exec_run(f->session, &request, &result, &why);

	if (!good) {
		print_message("%s\n", why->message);
		g_propagate_error(error, g_steal_pointer(&why));
	}
	return good && strcmp(result->out, "here\n") == 0;
}

static void test_spare_is_one_more_channel_than_commands(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, "LogLevel DEBUG1\n");
	assert_true(say(&f, "echo here", NULL));
	assert_int_equal(sshd_count(f.sshd, OPENED), 1);
	session_expect_more(f.session);
	for (unsigned i = 0; i < 5; i++)
		assert_true(say(&f, "echo here", NULL));
	assert_int_equal(sshd_count(f.sshd, OPENED), 7);
	tear_down(&f);
}

static void test_spare_refused_is_done_without(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, "MaxSessions 1\n");
	session_expect_more(f.session);
	for (unsigned i = 0; i < 5; i++)
		assert_true(say(&f, "echo here", NULL));
	tear_down(&f);
}

static void test_spare_of_a_dead_connection_is_forgotten(void **state)
{
	struct fixture f;
	g_autoptr(GError) error = NULL;
	(void)state;

	set_up(&f, NULL);
	session_expect_more(f.session);
	assert_true(say(&f, "echo here", NULL));
	/* sshd's child, the grandparent of the shell with its prelude */
	assert_false(say(&f, "p=$PPID; while [ \"$(cat /proc/$p/comm)\" != "
			 "sshd ]; do p=$(cut -d' ' -f4 /proc/$p/stat); done; "
			 "kill -KILL $p; sleep 5; echo here", &error));
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_LOST));
	assert_true(say(&f, "echo here", NULL));
	assert_true(say(&f, "echo here", NULL));
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spare_is_one_more_channel_than_commands),
		cmocka_unit_test(test_spare_refused_is_done_without),
		cmocka_unit_test(test_spare_of_a_dead_connection_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
