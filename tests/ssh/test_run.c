/* SPDX-License-Identifier: Apache-2.0
 *
 * run_execute() against real servers: in which order things happen, who drops
 * out when, and what a stop, a broken connection and check mode do.
 */
#include "playrig.h"
#include "transport/error.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Shell text that waits until FILE exists; the step's timeout is its end. */
#define AWAIT(file) "until [ -e " file " ]; do sleep 0.02; done"
#define LOG(word) "echo " word " >>${log}"

/* Where `word` stands in `log`, or fails. */
static const char *find(const char *log, const char *word)
{
	const char *at = strstr(log, word);

	if (!at)
		print_error("no %s in: %s\n", word, log);
	assert_non_null(at);
	return at;
}

static void test_run_plays_are_barriers(void **state)
{
	struct playrig *p = *state;
	/* The master is the last of the first play to end. */
	struct run_result *result = playrig_run(p,
		"- name: a\n"
		"  on: masters:workers\n"
		"  do:\n"
		"    - run: \"" LOG("a-${inventory_hostname}") "; "
		"touch ${dir}/done\"\n"
		"    - run: \"[ ${role} = worker ] || { "
		AWAIT("${dir}/../w1/second") "; " AWAIT("${dir}/../w2/second")
		"; }; " LOG("end-${inventory_hostname}") "; touch "
		"${dir}/second\"\n"
		"- name: b\n"
		"  on: workers\n"
		"  do:\n"
		"    - run: \"" LOG("b") "\"\n");
	g_autofree char *log = playrig_log(p);
	guint i = 0, k = 0;

	assert_int_equal(result->exit_status, 0);
	assert_true(find(log, "end-m") < find(log, " b"));
	assert_true(find(log, "end-w1") < find(log, "end-m"));
	/* ... and no event of the second play is before its start */
	while (playrig_event(p, EVENT_STEP_END, NULL, NULL, &i) &&
	       strcmp(((struct event *)p->events->pdata[i])->play, "a") == 0)
		i++;
	playrig_event(p, EVENT_PLAY_START, NULL, NULL, &k);
	k++;
	assert_non_null(playrig_event(p, EVENT_PLAY_START, NULL, NULL, &k));
	assert_true(k < i);
	run_result_free(result);
}

/* A host in its second step lets another out of its first. */
static void test_run_hosts_are_free_within_a_play(void **state)
{
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: workers\n"
		"  do:\n"
		"    - run:\n"
		"        command: \"[ ${inventory_hostname} = w2 ] || "
		AWAIT("${dir}/../w2/second") "\"\n"
		"        timeout: 60s\n"
		"    - run: touch ${dir}/second\n");

	assert_int_equal(result->exit_status, 0);
	assert_int_equal(playrig_host(result, "w1")->counts[TASK_CHANGED], 2);
	run_result_free(result);
}

/* Most "s" without their "e" at any time. */
static int most_at_once(const char *log)
{
	int now = 0, most = 0;

	for (; *log; log++) {
		now += *log == 's' ? 1 : *log == 'e' ? -1 : 0;
		most = MAX(most, now);
	}
	return most;
}

static void test_run_windows_hold_so_many_and_no_more(void **state)
{
	static const struct { unsigned serial, forks; int most; } cases[] = {
		{ 0, 0, 4 }, { 1, 0, 1 }, { 2, 0, 2 }, { 0, 1, 1 },
		{ 0, 3, 3 }, { 3, 2, 2 },
	};
	struct playrig *p = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *serial = cases[i].serial
			? g_strdup_printf("  serial: %u\n", cases[i].serial)
			: g_strdup("");
		/* Nobody leaves before the window is full once. */
		g_autofree char *yaml = g_strdup_printf(
			"- on: all\n%s"
			"  do:\n"
			"    - run:\n"
			"        command: \"" LOG("s") "; until [ $(grep -c s "
			"${log}) -ge %d ]; do sleep 0.02; done; sleep 0.1; "
			LOG("e") "\"\n"
			"        timeout: 60s\n", serial, cases[i].most);

		g_unlink(p->log);
		p->forks = cases[i].forks;
		struct run_result *result = playrig_run(p, yaml);
		g_autofree char *log = playrig_log(p);

		if (most_at_once(log) != cases[i].most)
			print_error("case %zu: %s\n", i, log);
		assert_int_equal(result->exit_status, 0);
		assert_int_equal(most_at_once(log), cases[i].most);
		run_result_free(result);
	}
}

#define THREE_PLAYS(broken)						\
	"- on: masters:workers\n"					\
	"  do:\n"							\
	"    - run: \"echo why >&2; "					\
	"[ ${inventory_hostname} != " broken " ] || exit 3\"\n"		\
	"    - run: \"" LOG("a-${inventory_hostname}") "\"\n"		\
	"- on: masters:workers\n"					\
	"  do:\n"							\
	"    - run: \"" LOG("b-${inventory_hostname}") "\"\n"		\
	"- on: masters:workers\n"					\
	"  always: yes\n"						\
	"  do:\n"							\
	"    - run: \"" LOG("c-${inventory_hostname}") "\"\n"

static void expect_words(const char *log, const char *const *words)
{
	g_auto(GStrv) got = g_strsplit(log, " ", -1);

	for (const char *const *word = words; *word; word++)
		find(log, *word);
	assert_int_equal(g_strv_length(got), g_strv_length(
		(char **)(guintptr)words));
}

static void test_run_failed_host_drops_out_but_for_always(void **state)
{
	static const char *const words[] = { "a-m", "a-w2", "b-m", "b-w2",
					     "c-m", "c-w1", "c-w2", NULL };
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p, THREE_PLAYS("w1"));
	const struct host_result *w1 = playrig_host(result, "w1");
	g_autofree char *log = playrig_log(p);

	expect_words(log, words);
	assert_int_equal(result->exit_status, 2);
	assert_false(result->stopped);
	assert_int_equal(w1->error->code, MUSTER_ERROR_COMMAND);
	assert_non_null(strstr(w1->error->message, "exit status 3: why"));
	assert_string_equal(w1->failed_step, "run");
	assert_int_equal(w1->counts[TASK_FAILED], 1);
	assert_int_equal(w1->counts[TASK_CHANGED], 1);
	assert_null(playrig_host(result, "w2")->error);
	run_result_free(result);
}

static void test_run_failed_master_ends_the_run_but_for_always(void **state)
{
	static const char *const words[] = { "a-w1", "a-w2", "c-m", "c-w1",
					     "c-w2", NULL };
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p, THREE_PLAYS("m"));
	g_autofree char *log = playrig_log(p);

	expect_words(log, words);
	assert_int_equal(result->exit_status, 2);
	assert_false(result->stopped);
	assert_null(playrig_host(result, "w1")->error);
	run_result_free(result);
}

/* The master that speaks, if the play is for it: no other stands in for it
 * when it has dropped out. Of other hosts it is the first that is left. */
static void test_run_once_is_for_one_host(void **state)
{
	static const char *const words[] = {
		"all-m", "others-w1", "workers-w1", "after-w1", "always-m",
		NULL
	};
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: workers:masters\n"
		"  run_once: yes\n"
		"  do: [run: \"" LOG("all-${inventory_hostname}") "\"]\n"
		"- on: masters:w1\n"
		"  others: yes\n"
		"  do: [run: \"" LOG("others-${inventory_hostname}") "\"]\n"
		"- on: workers\n"
		"  do: [run: \"[ ${inventory_hostname} = w1 ]\"]\n"
		"- on: workers\n"
		"  run_once: yes\n"
		"  do: [run: \"" LOG("workers-${inventory_hostname}") "\"]\n"
		"- on: masters\n"
		"  do: [run: \"false\"]\n"
		"- on: all\n"
		"  run_once: yes\n"
		"  without_master: yes\n"
		"  do: [run: \"" LOG("never-${inventory_hostname}") "\"]\n"
		"- on: workers\n"
		"  run_once: yes\n"
		"  without_master: yes\n"
		"  do: [run: \"" LOG("after-${inventory_hostname}") "\"]\n"
		"- on: all\n"
		"  run_once: yes\n"
		"  always: yes\n"
		"  do: [run: \"" LOG("always-${inventory_hostname}") "\"]\n");
	g_autofree char *log = playrig_log(p);

	expect_words(log, words);
	assert_int_equal(result->exit_status, 2);
	run_result_free(result);
}

static void test_run_check_mode_changes_nothing(void **state)
{
	struct playrig *p = *state;
	g_autofree char *there = playrig_path(p, "m", "there");
	g_autofree char *text = NULL;
	guint i = 0;

	assert_true(g_file_set_contents(there, "old\n", -1, NULL));
	p->check = true;
	struct run_result *result = playrig_run(p,
		"- on: masters\n"
		"  do:\n"
		"    - copy: {dest: \"${dir}/there\", content: \"new\\n\"}\n"
		"    - copy: {dest: \"${dir}/new\", content: \"new\\n\"}\n"
		"    - copy: {dest: \"${dir}/there\", content: \"old\\n\"}\n"
		"    - run: touch ${dir}/touched\n"
		"    - run: {command: \"touch ${dir}/touched\", creates: "
		"\"${dir}/there\"}\n"
		"    - run: {command: \"touch ${dir}/touched\", unless: "
		"\"false\"}\n");
	const struct host_result *m = playrig_host(result, "m");

	assert_int_equal(result->exit_status, 0);
	assert_int_equal(m->counts[TASK_CHANGED], 4);
	assert_int_equal(m->counts[TASK_OK], 2);
	assert_true(g_file_get_contents(there, &text, NULL, NULL));
	assert_string_equal(text, "old\n");
	assert_false(playrig_has(p, "m", "new"));
	assert_false(playrig_has(p, "m", "touched"));
	const struct event *event = playrig_event(p, EVENT_STEP_END, "m",
						  NULL, &i);

	assert_non_null(strstr(event->diff, "@@ -1 +1 @@\n-old\n+new\n"));
	run_result_free(result);
	/* the gate open, the same is done */
	p->check = false;
	result = playrig_run(p, "- on: masters\n"
		"  do:\n"
		"    - copy: {dest: \"${dir}/there\", content: \"new\\n\"}\n"
		"    - run: touch ${dir}/touched\n");
	assert_int_equal(result->exit_status, 0);
	assert_true(playrig_has(p, "m", "touched"));
	run_result_free(result);
}

/* --- broken connections --- */

static void test_run_lost_connection_is_retried_if_safe(void **state)
{
	static const struct {
		const char *before;
		unsigned changed;
	} cases[] = {
		{ "", 1 },	/* lost by the first command of all */
		{ "    - run: \"true\"\n", 2 },
	};
	struct playrig *p = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *yaml = g_strdup_printf(
			"- on: w1\n  do:\n%s"
			"    - copy: {dest: \"${dir}/cut-me\", content: "
			"\"%zu\"}\n", cases[i].before, i);
		guint k = 0;

		playrig_reopen(p, NULL);
		playrig_cut(p, "w1");
		struct run_result *result = playrig_run(p, yaml);
		const struct host_result *w1 = playrig_host(result, "w1");

		if (w1->error)
			print_error("%s\n", w1->error->message);
		assert_false(playrig_has(p, "w1", "cut"));
		assert_true(playrig_has(p, "w1", "cut-me"));
		assert_int_equal(result->exit_status, 0);
		assert_int_equal(w1->counts[TASK_CHANGED], cases[i].changed);
		assert_int_equal(w1->counts[TASK_UNREACHABLE], 0);
		assert_null(w1->error);
		const struct event *note = playrig_event(p, EVENT_NOTE, "w1",
							 "copy", &k);

		assert_non_null(note);
		assert_true(g_str_has_suffix(note->message,
					     "; connecting again"));
		run_result_free(result);
	}
}

static void test_run_lost_connection_is_not_retried_if_unsafe(void **state)
{
	struct playrig *p = *state;
	guint i = 0;

	playrig_cut(p, "w1");
	struct run_result *result = playrig_run(p,
		"- on: w1\n"
		"  do:\n"
		"    - run: {command: \"" LOG("ran") "\", unless: \"test -e "
		"cut-me\"}\n");
	const struct host_result *w1 = playrig_host(result, "w1");
	g_autofree char *log = playrig_log(p);

	assert_int_equal(result->exit_status, 4);
	assert_int_equal(w1->error->code, MUSTER_ERROR_LOST);
	assert_int_equal(w1->counts[TASK_UNREACHABLE], 1);
	assert_string_equal(log, "");
	assert_null(playrig_event(p, EVENT_NOTE, NULL, NULL, &i));
	run_result_free(result);
}

static void test_run_host_that_never_answered_is_not_retried(void **state)
{
	static const char inventory[] =
		"[masters]\n127.0.0.1 ansible_port=1\n"
		"[workers]\n127.0.0.[2:11] ansible_port=1\n";
	static const char yaml[] =
		"- on: all\n  do:\n    - copy: {dest: /x, content: x}\n"
		"- on: all\n  do:\n    - copy: {dest: /x, content: x}\n";
	struct playrig *p = *state;
	guint i = 0;

	playrig_reopen(p, inventory);
	struct run_result *result = playrig_run(p, yaml);

	assert_int_equal(result->exit_status, 4);
	assert_int_equal(result->hosts->len, 11);
	assert_null(playrig_event(p, EVENT_NOTE, NULL, NULL, &i));
	/* hosts in the order of the inventory, not of the alphabet */
	for (guint k = 0; k < result->hosts->len; k++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, k);

		assert_ptr_equal(h->host, p->inventory->hosts->pdata[k]);
		assert_int_equal(h->error->code, MUSTER_ERROR_REFUSED);
		assert_int_equal(h->counts[TASK_UNREACHABLE], 1);
	}
	run_result_free(result);
}

/* --- Ctrl-C --- */

static void stop_at_first_step(struct playrig *p, const struct event *event)
{
	if (event->kind != EVENT_STEP_START ||
	    cancel_is_stopped(p->rig.cancel))
		return;
	cancel_stop(p->rig.cancel);
	playrig_touch(p, "m", "go");
}

static void test_run_stop_lets_steps_end_and_always_plays_run(void **state)
{
	struct playrig *p = *state;

	p->hook = stop_at_first_step;
	struct run_result *result = playrig_run(p,
		"- on: masters\n"
		"  do:\n"
		"    - run: \"" AWAIT("${dir}/go") "; " LOG("first") "\"\n"
		"    - run: \"" LOG("second") "\"\n"
		"- on: masters\n"
		"  do:\n"
		"    - run: \"" LOG("third") "\"\n"
		"- on: masters\n"
		"  always: yes\n"
		"  do:\n"
		"    - run: \"" LOG("fourth") "\"\n"
		"    - run: \"" LOG("fifth") "\"\n");
	g_autofree char *log = playrig_log(p);

	assert_string_equal(log, "first fourth fifth");
	assert_true(result->stopped);
	assert_int_equal(result->exit_status, 130);
	assert_null(playrig_host(result, "m")->error);
	run_result_free(result);
}

/* The pause before a retry must not hold up a stop. */
static void stop_at_note(struct playrig *p, const struct event *event)
{
	if (event->kind == EVENT_NOTE)
		cancel_stop(p->rig.cancel);
}

static void test_run_stop_ends_the_wait_for_a_lost_host(void **state)
{
	struct playrig *p = *state;

	p->hook = stop_at_note;
	playrig_cut(p, "w1");
	struct run_result *result = playrig_run(p,
		"- on: w1\n"
		"  do:\n"
		"    - copy: {dest: \"${dir}/cut-me\", content: x}\n");

	assert_true(result->stopped);
	assert_false(playrig_has(p, "w1", "cut-me"));
	assert_int_equal(playrig_host(result, "w1")->error->code,
			 MUSTER_ERROR_LOST);
	run_result_free(result);
}

#define TEST(f)								\
	cmocka_unit_test_setup_teardown(f, playrig_open, playrig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_run_plays_are_barriers),
		TEST(test_run_hosts_are_free_within_a_play),
		TEST(test_run_windows_hold_so_many_and_no_more),
		TEST(test_run_failed_host_drops_out_but_for_always),
		TEST(test_run_failed_master_ends_the_run_but_for_always),
		TEST(test_run_once_is_for_one_host),
		TEST(test_run_check_mode_changes_nothing),
		TEST(test_run_lost_connection_is_retried_if_safe),
		TEST(test_run_lost_connection_is_not_retried_if_unsafe),
		TEST(test_run_host_that_never_answered_is_not_retried),
		TEST(test_run_stop_lets_steps_end_and_always_plays_run),
		TEST(test_run_stop_ends_the_wait_for_a_lost_host),
	};

	return cmocka_run_group_tests(tests, playrig_set_up,
				      playrig_tear_down);
}
