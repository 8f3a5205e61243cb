/* SPDX-License-Identifier: Apache-2.0
 *
 * A shell that stays: it serves all commands of a session that it can, and
 * what it cannot, or does not survive, goes on without it. What a command
 * brings back is test_exec.c's, which goes both ways.
 */
#include "sshd.h"
#include "transport/error.h"
#include "transport/exec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BEGUN "Starting session: command"
#define PASSWORD "open-sesame-7"

/* A server with this configuration, and a session that expects more. */
struct fixture {
	struct sshd *sshd;
	struct rig rig;
	struct host host;
	struct session *session;
};

static void begin(struct fixture *f, const char *user,
		  const char *become_password)
{
	struct transport_options options = sshd_options(f->sshd);

	options.become_password = become_password;
	rig_init(&f->rig, &options);
	f->host = sshd_host(f->sshd, user);
	f->session = session_new(f->rig.transport, &f->host);
	session_expect_more(f->session);
}

static void set_up(struct fixture *f, const char *config)
{
	f->sshd = sshd_start(config);
	begin(f, "root", NULL);
}

static void tear_down(struct fixture *f)
{
	session_free(f->session);
	rig_clear(&f->rig);
	sshd_stop(f->sshd);
}

/* What the script prints; NULL with error if it fails. */
static char *ask_with(struct fixture *f, const char *script,
		      const char *const *args, const char *input,
		      GError **error)
{
	struct exec_request request = { .title = "step", .script = script,
		.args = args, .input = input,
		.input_length = input ? strlen(input) : 0,
		.deadline_us = in_seconds(30) };
	g_autoptr(ExecResult) result = NULL;
	g_autoptr(GError) why = NULL;

	if (exec_run(f->session, &request, &result, &why))
		return g_strdup(result->out);
	print_message("%s\n", why->message);
	g_propagate_error(error, g_steal_pointer(&why));
	return NULL;
}

static char *ask(struct fixture *f, const char *script, GError **error)
{
	return ask_with(f, script, NULL, NULL, error);
}

static void assert_says(struct fixture *f, const char *script,
			const char *wanted)
{
	g_autofree char *out = ask(f, script, NULL);

	assert_non_null(out);
	assert_string_equal(out, wanted);
}

static void test_shell_serves_all_commands_of_a_session(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, "LogLevel VERBOSE\n");
	for (unsigned i = 0; i < 200; i++) {
		g_autofree char *script = g_strdup_printf(
			"echo %u; printf %%s %u >&2", i, i);
		g_autofree char *wanted = g_strdup_printf("%u\n", i);

		assert_says(&f, script, wanted);
	}
	assert_int_equal(sshd_count(f.sshd, BEGUN), 1);
	tear_down(&f);
}

/* All bytes but NUL; a shell may have uses of its own for some of them. */
static void test_shell_takes_input(void **state)
{
	char bytes[256 * 3 + 1] = "";
	struct fixture f;
	(void)state;

	for (unsigned i = 0; i < 255 * 3; i++)
		bytes[i] = (char)(1 + (i * 7) % 255);
	set_up(&f, "LogLevel VERBOSE\n");
	assert_says(&f, "cat; echo here", "here\n");
	for (unsigned i = 0; i < 3; i++) {
		g_autofree char *out = ask_with(&f, "cat; echo \"$0\"", NULL,
						bytes, NULL);
		g_autofree char *wanted = g_strconcat(bytes, "muster\n", NULL);

		assert_string_equal(out, wanted);
		/* what nobody reads is dropped */
		g_autofree char *deaf = ask_with(&f, "echo here", NULL, bytes,
						 NULL);
		assert_string_equal(deaf, "here\n");
		assert_says(&f, "cat; echo here", "here\n");
	}
	assert_int_equal(sshd_count(f.sshd, BEGUN), 1);
	tear_down(&f);
}

static void test_shell_has_input_in_no_process_list(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, NULL);
	assert_says(&f, "echo here", "here\n");
	g_autofree char *out = ask_with(
		&f, "cat >/dev/null; cat /proc/[0-9]*/cmdline "
		"/proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | "
		"grep -c open[-]sesame; true", NULL, PASSWORD, NULL);
	assert_string_equal(out, "0\n");
	tear_down(&f);
}

/* The first command has it on its way, a long one or one that is no text has
 * a channel of its own. */
static void test_shell_takes_not_all_input(void **state)
{
	g_autofree char *word = g_strnfill(40000, 'x');
	struct fixture f;
	(void)state;

	set_up(&f, "LogLevel VERBOSE\n");
	g_autofree char *first = ask_with(&f, "cat", NULL, "in\n", NULL);
	assert_string_equal(first, "in\n");
	assert_says(&f, "echo here", "here\n");
	assert_int_equal(sshd_count(f.sshd, BEGUN), 2);
	g_autofree char *second = ask_with(&f, "cat", NULL, word, NULL);
	assert_string_equal(second, word);
	assert_int_equal(sshd_count(f.sshd, BEGUN), 3);
	tear_down(&f);
}

static void test_shell_quotes_what_is_in_words(void **state)
{
	static const char *const args[] = { "it's", "$(id) `id` \\", "a\nb", "",
					    "'\"'", NULL };
	struct fixture f;
	(void)state;

	set_up(&f, NULL);
	for (unsigned i = 0; i < 2; i++) {	/* the first goes another way */
		g_autofree char *out = ask_with(
			&f, "printf '%s|' \"$@\"; echo 'it'\\''s' \"$#\"", args,
			NULL, NULL);

		assert_string_equal(out, "it's|$(id) `id` \\|a\nb||'\"'|"
				    "it's 5\n");
	}
	tear_down(&f);
}

/* A script and arguments as large as they may be. */
static void test_shell_takes_long_words(void **state)
{
	g_autofree char *word = g_strnfill(100000, 'x');
	g_autofree char *quotes = g_strnfill(60000, '\'');
	const char *const words[] = { word, NULL };
	const char *const costly[] = { quotes, NULL };
	struct fixture f;
	g_autoptr(GError) error = NULL;
	(void)state;

	set_up(&f, NULL);
	for (unsigned i = 0; i < 2; i++) {
		g_autofree char *out = ask_with(&f, "echo ${#1}", words, NULL,
						NULL);

		assert_string_equal(out, "100000\n");
	}
	assert_null(ask_with(&f, "echo ${#1}", costly, NULL, &error));
	assert_non_null(strstr(error->message, "longer than a command line"));
	assert_says(&f, "echo here", "here\n");
	tear_down(&f);
}

/* Something that a command left behind writes when it likes. */
static void test_shell_is_not_taken_in_by_what_was_left(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, NULL);
	assert_says(&f, "(sleep 0.2; echo late; echo late >&2) & echo now",
		    "now\n");
	assert_says(&f, "echo two", "two\n");
	usleep(400000);
	assert_says(&f, "echo three", "three\n");
	tear_down(&f);
}

static void test_shell_that_dies_is_followed_by_another(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, NULL);
	for (unsigned i = 0; i < 2; i++) {
		g_autoptr(GError) error = NULL;

		/* timeout(1) is the parent */
		assert_null(ask(&f, "kill -KILL $(ps -o ppid= -p $PPID); "
				"sleep 5", &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_LOST));
		assert_says(&f, "echo here", "here\n");
	}
	tear_down(&f);
}

static void test_shell_that_died_between_is_found_lost(void **state)
{
	struct fixture f;
	g_autoptr(GError) error = NULL;
	(void)state;

	set_up(&f, NULL);
	g_autofree char *pid = ask(&f, "ps -o ppid= -p $PPID", NULL);
	g_autofree char *kill = g_strdup_printf("kill -KILL %s", pid);
	const char *const argv[] = { "sh", "-c", kill, NULL };

	assert_true(run_local(argv));
	g_autofree char *out = ask(&f, "echo here", &error);
	if (!out)
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_LOST));
	assert_says(&f, "echo here", "here\n");
	tear_down(&f);
}

static void test_shell_deadline_ends_command_and_what_it_runs(void **state)
{
	struct fixture f;
	(void)state;

	set_up(&f, NULL);
	g_autofree char *mark = g_build_filename(f.sshd->dir, "pid", NULL);
	const char *const args[] = { mark, NULL };
	struct exec_request request = { .title = "step", .args = args,
		.script = "echo $$ >\"$1\"; sleep 60; echo on",
		.deadline_us = g_get_monotonic_time() + G_TIME_SPAN_SECOND };
	g_autoptr(GError) error = NULL;

	assert_says(&f, "echo here", "here\n");
	assert_false(exec_run(f.session, &request, NULL, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR,
				    MUSTER_ERROR_DEADLINE));
	g_autofree char *out = ask_with(
		&f, "read pid <\"$1\"; while kill -0 $pid 2>/dev/null; do "
		"sleep 0.1; done; echo ended", args, NULL, NULL);
	assert_string_equal(out, "ended\n");
	tear_down(&f);
}

static void test_shell_gives_way_where_one_session_is_allowed(void **state)
{
	struct fixture f;
	(void)state;

	g_autofree char *word = g_strnfill(40000, 'x');

	set_up(&f, "MaxSessions 1\n");
	for (unsigned i = 0; i < 3; i++) {
		assert_says(&f, "echo here", "here\n");
		g_autofree char *out = ask_with(&f, "cat", NULL, word, NULL);

		assert_string_equal(out, word);
	}
	tear_down(&f);
}

static void test_shell_sudo_is_asked_once(void **state)
{
	struct fixture f = { .sshd = sshd_start("LogLevel VERBOSE\n") };
	const char *user = sshd_add_user(f.sshd, NULL, "ALL=(ALL) ALL");
	(void)state;

	if (!user || access("/usr/bin/sudo", X_OK) < 0 ||
	    !sshd_set_password(user, PASSWORD))
		skip();
	begin(&f, user, PASSWORD);
	for (unsigned i = 0; i < 3; i++)
		assert_says(&f, "id -u; cat", "0\n");
	assert_int_equal(sshd_count(f.sshd, BEGUN), 1);
	/* nothing of the password is left where a command could read it */
	g_autofree char *seen = ask(&f, "cat; tr '\\0' ' ' </proc/$PPID/environ"
				    " </proc/$$/cmdline; env; set", NULL);
	assert_null(strstr(seen, PASSWORD));
	tear_down(&f);
}

static void test_shell_of_a_wrong_password_is_none(void **state)
{
	struct fixture f = { .sshd = sshd_start(NULL) };
	const char *user = sshd_add_user(f.sshd, NULL, "ALL=(ALL) ALL");
	g_autoptr(GError) error = NULL;
	(void)state;

	if (!user || access("/usr/bin/sudo", X_OK) < 0 ||
	    !sshd_set_password(user, PASSWORD))
		skip();
	begin(&f, user, "not-" PASSWORD);
	for (unsigned i = 0; i < 2; i++) {
		g_clear_error(&error);
		assert_null(ask(&f, "id -u", &error));
		assert_int_equal(error->code, MUSTER_ERROR_SUDO);
		assert_non_null(strstr(error->message,
				       "the password is wrong"));
	}
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shell_serves_all_commands_of_a_session),
		cmocka_unit_test(test_shell_takes_input),
		cmocka_unit_test(test_shell_has_input_in_no_process_list),
		cmocka_unit_test(test_shell_takes_not_all_input),
		cmocka_unit_test(test_shell_quotes_what_is_in_words),
		cmocka_unit_test(test_shell_takes_long_words),
		cmocka_unit_test(test_shell_is_not_taken_in_by_what_was_left),
		cmocka_unit_test(test_shell_that_dies_is_followed_by_another),
		cmocka_unit_test(test_shell_that_died_between_is_found_lost),
		cmocka_unit_test(
			test_shell_deadline_ends_command_and_what_it_runs),
		cmocka_unit_test(
			test_shell_gives_way_where_one_session_is_allowed),
		cmocka_unit_test(test_shell_sudo_is_asked_once),
		cmocka_unit_test(test_shell_of_a_wrong_password_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
