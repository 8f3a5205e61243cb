/* SPDX-License-Identifier: Apache-2.0
 *
 * What run_execute() tells while it goes on and at the end: events in order
 * and without secrets, times that add up, and results.
 */
#include "playrig.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* How exactly a host measures a job. */
#define TICK_US (10 * G_TIME_SPAN_MILLISECOND)
#define SECRET "hunter22hunter22"

static const struct event *nth(const struct playrig *p, guint i)
{
	assert_true(i < p->events->len);
	return g_ptr_array_index(p->events, i);
}

/* --- order --- */

/* Where the events have got to. */
struct progress {
	const char *play;		/* that runs, or NULL */
	GHashTable *steps;		/* host -> step that runs there */
	unsigned plays, steps_ended;
};

static void follow(struct progress *at, const struct event *e)
{
	switch (e->kind) {
	case EVENT_PLAY_START:
		assert_null(at->play);
		assert_null(e->host);
		at->play = e->play;
		at->plays++;
		break;
	case EVENT_PLAY_END:
		assert_string_equal(at->play, e->play);
		assert_int_equal(g_hash_table_size(at->steps), 0);
		assert_true(e->elapsed_us > 0);
		at->play = NULL;
		break;
	case EVENT_STEP_START:
		assert_string_equal(at->play, e->play);
		assert_true(g_hash_table_insert(at->steps, e->host, e->step));
		break;
	case EVENT_STEP_END:
		assert_string_equal(at->play, e->play);
		assert_string_equal(g_hash_table_lookup(at->steps, e->host),
				    e->step);
		g_hash_table_remove(at->steps, e->host);
		assert_true(e->elapsed_us >= e->remote_us);
		at->steps_ended++;
		break;
	default:
		fail_msg("event %d in between", e->kind);
	}
}

static void test_run_events_come_in_order(void **state)
{
	struct playrig *p = *state;
	struct progress at = { .steps = g_hash_table_new(g_str_hash,
							 g_str_equal) };
	gint64 before_us = g_get_real_time();
	struct run_result *result = playrig_run(p,
		"- name: first\n"
		"  on: all\n"
		"  do:\n"
		"    - run: \"true\"\n"
		"    - copy: {dest: \"${dir}/x\", content: x}\n"
		"- name: for nobody\n"
		"  on: \"zz*\"\n"
		"  do: [run: x]\n"
		"- name: last\n"
		"  on: workers\n"
		"  do:\n"
		"    - run: {command: x, creates: /}\n");
	guint last = p->events->len - 1;

	assert_int_equal(nth(p, 0)->kind, EVENT_RUN_START);
	assert_string_equal(nth(p, 0)->message, "p");
	assert_int_equal(nth(p, 0)->hosts, 4);
	for (guint i = 1; i < last; i++)
		follow(&at, nth(p, i));
	assert_int_equal(nth(p, last)->kind, EVENT_RUN_END);
	assert_int_equal(nth(p, last)->status, TASK_CHANGED);
	assert_true(nth(p, last)->elapsed_us > 0);
	assert_int_equal(at.plays, 3);
	assert_int_equal(at.steps_ended, 4 * 2 + 2);
	assert_null(at.play);
	for (guint i = 0; i <= last; i++) {
		assert_true(nth(p, i)->time_us >= before_us);
		assert_true(nth(p, i)->since_start_us <= result->wall_us);
	}
	g_hash_table_unref(at.steps);
	run_result_free(result);
}

static void test_run_step_end_has_status_message_and_code(void **state)
{
	static const struct {
		const char *host;
		enum task_status status;
		const char *message, *code;
	} ends[] = {
		{ "m", TASK_CHANGED, "last line", NULL },
		{ "w1", TASK_OK, "not needed", NULL },
		{ "w2", TASK_FAILED, "exit status 5: one | two", "command" },
	};
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: masters\n"
		"  do: [run: \"echo first; echo last line\"]\n"
		"- on: w1\n"
		"  do: [run: {command: x, unless: \"true\"}]\n"
		"- on: w2\n"
		"  do: [run: \"(echo one; echo two) >&2; exit 5\"]\n");
	guint last = p->events->len - 1;

	for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
		guint k = 0;
		const struct event *e = playrig_event(
			p, EVENT_STEP_END, ends[i].host, NULL, &k);

		assert_non_null(e);
		assert_int_equal(e->status, ends[i].status);
		assert_non_null(strstr(e->message, ends[i].message));
		if (ends[i].code)
			assert_string_equal(e->code, ends[i].code);
		else
			assert_null(e->code);
	}
	assert_int_equal(nth(p, last)->status, TASK_FAILED);
	run_result_free(result);
}

/* --- secrets, and bytes that would disturb a terminal --- */

static void expect_clean(const char *text)
{
	if (!text)
		return;
	assert_null(strstr(text, SECRET));
	for (; *text; text++)
		assert_false(g_ascii_iscntrl(*text) && *text != '\n');
}

static void test_run_events_and_results_hold_no_secret(void **state)
{
	struct playrig *p = *state;
	unsigned redacted = 0;

	redactor_add(p->rig.redactor, SECRET);
	struct run_result *result = playrig_run(p,
		"- on: m\n"
		"  do:\n"
		"    - run: \"echo " SECRET "\"\n"
		"    - run: \"printf 'a\\\\033[2Jb'\"\n"
		"    - copy: {dest: \"${dir}/x\", content: \"p: " SECRET
		"\\n\"}\n"
		"    - run: \"echo " SECRET " >&2; exit 1\"\n");
	const struct host_result *m = playrig_host(result, "m");

	for (guint i = 0; i < p->events->len; i++) {
		const struct event *e = nth(p, i);

		expect_clean(e->play);
		expect_clean(e->step);
		expect_clean(e->message);
		expect_clean(e->hint);
		expect_clean(e->diff);
		redacted += e->message &&
			strstr(e->message, "[redacted]") != NULL;
		redacted += e->diff && strstr(e->diff, "+p: [redacted]\n");
	}
	assert_true(redacted >= 3);
	expect_clean(m->error->message);
	expect_clean(m->failed_step);
	assert_non_null(strstr(m->error->message, "[redacted]"));
	assert_non_null(strstr(m->failed_step, "[redacted]"));
	run_result_free(result);
}

/* Progress is told by other ways than ends of steps. */
static void test_run_notes_hold_no_secret(void **state)
{
	struct playrig *p = *state;
	guint i = 0;

	redactor_add(p->rig.redactor, "connecting");
	playrig_cut(p, "w1");
	struct run_result *result = playrig_run(p,
		"- on: w1\n"
		"  do:\n"
		"    - copy: {dest: \"${dir}/cut-me\", content: x}\n");
	const struct event *note = playrig_event(p, EVENT_NOTE, "w1", NULL,
						 &i);

	assert_non_null(note);
	assert_true(g_str_has_suffix(note->message, "; [redacted] again"));
	run_result_free(result);
}

/* --- times --- */

/* Remote work of `play` by the events: the longest of any host, and all. */
static void remote_work(const struct playrig *p, const char *play,
			gint64 *longest_us, gint64 *total_us)
{
	g_autoptr(GHashTable) hosts = g_hash_table_new_full(
		g_str_hash, g_str_equal, NULL, g_free);

	*longest_us = *total_us = 0;
	for (guint i = 0; i < p->events->len; i++) {
		const struct event *e = nth(p, i);
		gint64 *sum;

		if (e->kind != EVENT_STEP_END || strcmp(e->play, play) != 0)
			continue;
		sum = g_hash_table_lookup(hosts, e->host);
		if (!sum) {
			sum = g_new0(gint64, 1);
			g_hash_table_insert(hosts, e->host, sum);
		}
		*sum += e->remote_us;
		*total_us += e->remote_us;
		*longest_us = MAX(*longest_us, *sum);
	}
}

static void test_run_critical_path_is_the_longest_of_each_play(void **state)
{
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- name: free\n"
		"  on: workers\n"
		"  do:\n"
		"    - run: \"[ ${inventory_hostname} = w2 ] || sleep 0.4\"\n"
		"    - run: \"[ ${inventory_hostname} = w1 ] || sleep 0.2\"\n"
		"- name: serial\n"
		"  on: workers\n"
		"  serial: 1\n"
		"  do:\n"
		"    - run: sleep 0.2\n");
	gint64 free_us, serial_us, ignored_us, sum_us = 0;

	remote_work(p, "free", &free_us, &ignored_us);
	remote_work(p, "serial", &ignored_us, &serial_us);
	assert_int_equal(result->critical_us, free_us + serial_us);
	assert_true(free_us >= 400 * G_TIME_SPAN_MILLISECOND - TICK_US);
	assert_true(serial_us >= 2 * (200 * G_TIME_SPAN_MILLISECOND - TICK_US));
	assert_true(result->critical_us <= result->wall_us);
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		assert_true(h->remote_us <= h->elapsed_us);
		sum_us += h->remote_us;
	}
	assert_true(sum_us >= result->critical_us);
	run_result_free(result);
}

static void test_run_step_past_its_timeout_fails(void **state)
{
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: m\n"
		"  do:\n"
		"    - run: \"true\"\n"
		"    - run: {command: \"sleep 30\", timeout: 1s}\n");
	const struct host_result *m = playrig_host(result, "m");

	assert_int_equal(m->error->code, MUSTER_ERROR_DEADLINE);
	assert_int_equal(m->counts[TASK_FAILED], 1);
	assert_int_equal(result->exit_status, 2);
	assert_true(result->wall_us < 30 * G_TIME_SPAN_SECOND);
	run_result_free(result);
}

/* --- arguments --- */

/* Facts are known only after a look, which this playbook forgot. */
static void test_run_fact_that_is_not_known_fails_with_its_place(void **state)
{
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: m\n"
		"  do:\n"
		"    - run: \"echo ${snap_version}\"\n");
	const struct host_result *m = playrig_host(result, "m");

	assert_int_equal(m->error->code, MUSTER_ERROR_DATA);
	assert_true(g_str_has_prefix(m->error->message,
				     "p:3:12: no variable 'snap_version'"));
	assert_int_equal(result->exit_status, 2);
	run_result_free(result);
}

static void test_run_host_without_a_role_is_played_on_too(void **state)
{
	struct playrig *p = *state;
	struct run_result *result = playrig_run(p,
		"- on: others\n"
		"  do:\n"
		"    - run: \"echo ${role} >${dir}/role\"\n"
		"    - run: \"false\"\n"
		"- on: others\n"
		"  do:\n"
		"    - run: touch ${dir}/again\n");

	assert_int_equal(result->hosts->len, 1);
	assert_true(playrig_has(p, "o", "role"));
	assert_false(playrig_has(p, "o", "again"));
	assert_int_equal(result->exit_status, 2);
	run_result_free(result);
	run_result_free(NULL);
}

/* A value that looks like shell text is one word to it all the same. */
static void test_run_copy_twice_changes_once(void **state)
{
	static const char yaml[] =
		"- on: all\n"
		"  do:\n"
		"    - copy:\n"
		"        dest: \"${dir}/it's $(x)\"\n"
		"        content: \"a\\nb\"\n";
	struct playrig *p = *state;
	struct run_result *first = playrig_run(p, yaml);
	struct run_result *second = playrig_run(p, yaml);

	for (guint i = 0; i < first->hosts->len; i++) {
		const struct host_result *a =
			g_ptr_array_index(first->hosts, i);
		const struct host_result *b =
			g_ptr_array_index(second->hosts, i);

		assert_int_equal(a->counts[TASK_CHANGED], 1);
		assert_int_equal(b->counts[TASK_OK], 1);
		assert_true(playrig_has(p, a->host->name, "it's $(x)"));
	}
	run_result_free(first);
	run_result_free(second);
}

#define TEST(f)								\
	cmocka_unit_test_setup_teardown(f, playrig_open, playrig_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_run_events_come_in_order),
		TEST(test_run_step_end_has_status_message_and_code),
		TEST(test_run_events_and_results_hold_no_secret),
		TEST(test_run_notes_hold_no_secret),
		TEST(test_run_critical_path_is_the_longest_of_each_play),
		TEST(test_run_step_past_its_timeout_fails),
		TEST(test_run_fact_that_is_not_known_fails_with_its_place),
		TEST(test_run_host_without_a_role_is_played_on_too),
		TEST(test_run_copy_twice_changes_once),
	};

	return cmocka_run_group_tests(tests, playrig_set_up,
				      playrig_tear_down);
}
