/* SPDX-License-Identifier: Apache-2.0
 *
 * `muster exec`: which hosts it asks, as whom, and how it tells their answers.
 */
#include "muster.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_exec_same_answer_is_told_once(void **state)
{
	g_auto(Muster) m = muster_run(muster_hosts, WORDS("--", "echo",
							"hello"));
	(void)state;

	assert_ended(&m, 0);
	assert_string_equal(m.out, RULE "w[01-06] (6)\n" RULE "hello\n");
	assert_says(m.err, "muster exec: 6 hosts in ");
	assert_says(m.err, ": ok=6 failed=0 unreachable=0 unfinished=0\n");
}

static void test_exec_answers_are_grouped_by_text_and_status(void **state)
{
	g_auto(Muster) m = muster_run(muster_hosts, WORDS("-q", "--", WHO
		"case $n in 2) echo b;; 3) echo a; exit 3;; "
		"4) echo a; echo warned >&2;; 5) exit 0;; *) echo a;; esac"));
	(void)state;

	assert_ended(&m, 2);
	assert_string_equal(m.out,
		RULE "w[01,06] (2)\n" RULE "a\n"
		RULE "w02 (1)\n" RULE "b\n"
		RULE "w03 (1): exit status 3\n" RULE "a\n"
		RULE "w04 (1)\n" RULE "a\n! warned\n"
		RULE "w05 (1): no output\n" RULE);
	assert_string_equal(m.err, "");
}

static void test_exec_dead_host_is_told_of_and_others_go_on(void **state)
{
	g_auto(Muster) m = muster_run(muster_dead, WORDS("--", "echo hello"));
	g_auto(Muster) both = muster_run(muster_dead, WORDS("--", WHO
						   "exit $((n == 3))"));
	(void)state;

	assert_ended(&m, 4);
	assert_string_equal(m.out, RULE "w[01-06] (6)\n" RULE "hello\n");
	assert_says(m.err, "muster exec: dead (1): unreachable: ");
	assert_says(m.err, "127.0.0.99");
	assert_says(m.err, ": ok=6 failed=0 unreachable=1 unfinished=0\n");
	assert_ended(&both, 6);
}

static void test_exec_diff_is_against_the_largest_group(void **state)
{
	g_auto(Muster) m = muster_run(muster_hosts, WORDS("--diff", "--", WHO
		"echo one; [ $n = 2 ] || echo two; echo three; "
		"[ $n != 5 ] || exit 1"));
	(void)state;

	assert_ended(&m, 2);
	assert_string_equal(m.out,
		RULE "w[01,03-04,06] (4)\n" RULE "one\ntwo\nthree\n"
		RULE "w02 (1)\n" RULE
		"--- w[01,03-04,06]\n+++ w02\n@@ -1,3 +1,2 @@\n one\n"
		"-two\n three\n"
		RULE "w05 (1): exit status 1\n" RULE
		"(the same output as w[01,03-04,06])\n");
}

/* As ssh does: the words are joined, a shell reads them, in the home. */
static void test_exec_words_are_read_by_a_shell(void **state)
{
	const struct {
		const char *const *words;
		const char *out;
	} cases[] = {
		{WORDS("--", "echo", "a  b", "it's", "don't"),
		 "a b its dont\n"},
		{WORDS("--", "echo", "'a  b'"), "a  b\n"},
		{WORDS("--", "echo x | tr x y; echo z"), "y\nz\n"},
		{WORDS("--", "echo", "--", "-l", "--json"),
		 "-- -l --json\n"},
		{WORDS("--", "cd; pwd; cd - >/dev/null; pwd"), NULL},
		{WORDS("--", "cat; echo end"), "end\n"},
		{WORDS("--", "echo \"$0 $#\""), "/bin/sh 0\n"},
		{WORDS("-b", "--", "# nothing\necho second line"),
		 "second line\n"},
	};
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Muster) m = muster_run(muster_hosts, cases[i].words);
		g_autofree char *head = g_strconcat(
			RULE "w[01-06] (6)\n" RULE, cases[i].out, NULL);

		assert_ended(&m, 0);
		if (cases[i].out)
			assert_string_equal(m.out, head);
		else
			assert_string_equal(m.out, RULE "w[01-06] (6)\n" RULE
					    "/root\n/root\n");
	}
}

static void test_exec_usage_mistakes_exit_64(void **state)
{
	const char *const *const cases[] = {
		WORDS("uname"), WORDS("--"), WORDS("-q"),
		WORDS("-C", "--", "true"), WORDS("-e", "a=b", "--", "true"),
		WORDS("--become", "--no-become", "--", "true"),
		WORDS("--no-fold", "--diff", "--", "true"),
		WORDS("--no-fold", "--json", "--", "true"),
		WORDS("--no-fold", "-b", "--", "true"),
		WORDS("--diff", "--json", "--", "true"),
		WORDS("-t", "soon", "--", "true"),
		WORDS("-t", "0", "--", "true"),
	};
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Muster) m = muster_run(muster_hosts, cases[i]);

		assert_ended(&m, 64);
		assert_string_equal(m.out, "");
		assert_says(m.err, "muster exec: ");
	}
}

/* Per host all lines in order, and never one within another. */
static void test_exec_no_fold_lines_never_mix(void **state)
{
	g_auto(Muster) m = muster_run(muster_dead, WORDS("--no-fold", "--", WHO
		"i=0; while [ $i -lt 1000 ]; do echo \"line $i of $n, some "
		"bytes more\"; i=$((i + 1)); done; echo oops >&2; "
		"printf 'no end'; exit $((n == 2))"));
	g_auto(GStrv) lines = NULL;
	int at[MUSTER_HOSTS + 1] = {0}, n_ends = 0;
	(void)state;

	assert_ended(&m, 6);
	lines = g_strsplit(m.out, "\n", -1);
	assert_int_equal(g_strv_length(lines), MUSTER_HOSTS * 1001 + 1);
	for (char **line = lines; line[1]; line++) {
		int host = atoi(*line + 1);

		assert_in_range(host, 1, MUSTER_HOSTS);
		g_autofree char *expected = at[host] < 1000
			? g_strdup_printf("w%02d: line %d of %d, some bytes "
					  "more", host, at[host], host)
			: g_strdup_printf("w%02d: no end", host);
		assert_string_equal(*line, expected);
		n_ends += at[host]++ == 1000;
	}
	assert_int_equal(n_ends, MUSTER_HOSTS);
	for (int i = 1; i <= MUSTER_HOSTS; i++) {
		g_autofree char *line = g_strdup_printf("w%02d: oops\n", i);

		assert_says(m.err, line);
	}
	assert_says(m.err, "muster exec: w02 (1): failed: exit status 1\n");
	assert_says(m.err, "muster exec: dead (1): unreachable: ");
}

static void test_exec_no_fold_ends_when_nobody_reads(void **state)
{
	int pipe_fds[2];
	char bytes[4096];
	(void)state;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	g_auto(Muster) m = muster_start(-1, pipe_fds[1], muster_hosts,
				 WORDS("--no-fold", "--", "yes"));
	close(pipe_fds[1]);
	assert_true(read(pipe_fds[0], bytes, sizeof(bytes)) > 0);
	close(pipe_fds[0]);
	muster_finish(&m);
	assert_ended(&m, 141);
	assert_string_equal(m.err, "");
}

static void test_exec_become_by_option_and_inventory(void **state)
{
	const char *user = sshd_add_user(muster_sshd, NULL,
					 "ALL=(ALL) NOPASSWD: ALL");
	(void)state;

	if (!user)
		skip();
	g_autofree char *plain = muster_write_inventory("plain", user, "");
	g_autofree char *root = muster_write_inventory(
		"as_root", user, "[all:vars]\nansible_become=yes\n");
	g_autofree char *never = muster_write_inventory(
		"never", user, "[all:vars]\nansible_become=no\n");
	const struct {
		const char *file, *option, *out;
	} cases[] = {
		{plain, "-q", user}, {plain, "--become", "root"},
		{plain, "--no-become", user}, {root, "-q", "root"},
		{root, "--no-become", user}, {never, "--become", "root"},
		{never, "-q", user},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Muster) m = muster_run(cases[i].file, WORDS(
			cases[i].option, "--", "id", "-un"));
		g_autofree char *expected = g_strdup_printf(
			RULE "w[01-06] (6)\n" RULE "%s\n", cases[i].out);

		assert_ended(&m, 0);
		assert_string_equal(m.out, expected);
	}
}

static void test_exec_user_of_the_command_line_wins(void **state)
{
	const char *user = sshd_add_user(muster_sshd, NULL, NULL);
	(void)state;

	if (!user)
		skip();
	g_auto(Muster) m = muster_run(muster_hosts, WORDS("-u", user, "--",
							"id -un"));
	g_auto(Muster) refused = muster_run(muster_hosts, WORDS(
		"-u", user, "--become", "--", "id -un"));

	assert_ended(&m, 0);
	assert_says(m.out, user);
	assert_ended(&refused, 77);
	assert_says(refused.err, "w[01-06] (6): failed: command: sudo refused");
	assert_string_equal(refused.out, "");
}

static void test_exec_json_is_one_document(void **state)
{
	g_auto(Muster) m = muster_run(muster_dead, WORDS("--json", "--", WHO
		"printf 'a\\377b\\000'; [ $n != 4 ] || exit 9"));
	json_error_t why;
	json_t *document = json_loads(m.out, JSON_ALLOW_NUL, &why);
	const char *schema, *names, *out, *code;
	int status, ok, unreachable, failed_status;
	(void)state;

	assert_ended(&m, 6);
	assert_non_null(document);
	assert_int_equal(json_unpack_ex(
		document, &why, 0,
		"{s:s, s:i, s:{s:i, s:i}, s:[{s:s, s:s, s:n},"
		" {s:i}, {s:{s:s}}]}", "schema", &schema, "exit_status",
		&status, "totals", "ok", &ok, "unreachable", &unreachable,
		"groups", "names", &names, "stdout", &out, "error",
		"exit_status", &failed_status, "error", "code", &code), 0);
	assert_string_equal(schema, "muster.exec/1");
	assert_int_equal(status, 6);
	assert_int_equal(ok, 5);
	assert_int_equal(unreachable, 1);
	assert_string_equal(names, "w[01-03,05-06]");
	assert_string_equal(out, "a\xef\xbf\xbd" "b\xef\xbf\xbd");
	assert_int_equal(failed_status, 9);
	assert_string_equal(code, "refused");
	json_decref(document);
}

static void test_exec_patterns_choose_the_hosts(void **state)
{
	static const struct {
		const char *option, *pattern, *names;
	} cases[] = {
		{"-l", "w02:w03:w04", "w[02-04] (3)"},
		{"-l", "all:!w01", "w[02-06] (5)"},
		{"-l", "w05,w06", "w[05-06] (2)"},
		{"-x", "w0[!6]", "w06 (1)"},
	};
	(void)state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(Muster) m = muster_run(muster_hosts, WORDS(
			cases[i].option, cases[i].pattern, "--", "true"));

		assert_ended(&m, 0);
		assert_says(m.out, cases[i].names);
	}
	g_auto(Muster) none = muster_run(muster_hosts, WORDS(
		"-l", "nobody", "--", "true"));

	assert_ended(&none, 64);
	assert_says(none.err, "nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_same_answer_is_told_once),
		cmocka_unit_test(
			test_exec_answers_are_grouped_by_text_and_status),
		cmocka_unit_test(
			test_exec_dead_host_is_told_of_and_others_go_on),
		cmocka_unit_test(test_exec_diff_is_against_the_largest_group),
		cmocka_unit_test(test_exec_words_are_read_by_a_shell),
		cmocka_unit_test(test_exec_usage_mistakes_exit_64),
		cmocka_unit_test(test_exec_no_fold_lines_never_mix),
		cmocka_unit_test(test_exec_no_fold_ends_when_nobody_reads),
		cmocka_unit_test(test_exec_become_by_option_and_inventory),
		cmocka_unit_test(test_exec_user_of_the_command_line_wins),
		cmocka_unit_test(test_exec_json_is_one_document),
		cmocka_unit_test(test_exec_patterns_choose_the_hosts),
	};
	return cmocka_run_group_tests(tests, muster_set_up, muster_tear_down);
}
