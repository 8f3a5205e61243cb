/* SPDX-License-Identifier: Apache-2.0
 *
 * The playbook reader: what a text means, where exactly each mistake is, and
 * that it has limits.
 */
#include "playbooks/embedded.h"
#include "playbooks/playbook.h"
#include "transport/error.h"
#include "transport/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#define MIB ((size_t)1024 * 1024)
#define DO "  do: [run: x]\n"
#define ALL "- on: all\n  do:\n"	/* steps begin on line 3 */

static GPtrArray *problems_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)problem_free);
}

/* Checks what always holds, whatever the text. */
static struct playbook *parse_bytes(const char *text, size_t length,
				    GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	struct playbook *playbook = playbook_parse(text, length, "p", problems,
						   &error);

	assert_int_equal(playbook == NULL, problems->len > 0);
	assert_int_equal(playbook == NULL, error != NULL);
	if (error) {
		assert_int_equal(error->code, MUSTER_ERROR_DATA);
		assert_string_equal(error->message, "p: not a playbook that "
				    "can be run");
	}
	return playbook;
}

static struct playbook *parse(const char *text, GPtrArray *problems)
{
	return parse_bytes(text, strlen(text), problems);
}

#define NO_LIST ": a playbook is a list of plays (muster playbook show up is " \
	"an example)"
#define NO_ON ": 'on' takes a pattern of hosts (such as masters, workers, all)"
#define NO_DO ": 'do' takes a list of steps (each on a line of its own " \
	"behind `-`)"
#define NO_SERIAL ": 'serial' takes how many hosts at once, 1 or more, not "
#define SEVERAL ": a step is one action, not several (begin each step with " \
	"its own `-`)"
#define NO_VALUE ": 'command' has no value (leave it out, or write \"\")"
#define NO_MAP ": 'set' takes a mapping of names to values (such as " \
	"{--node-ip: \"${node_ip}\"})"
#define NO_PLAIN ": 'set' takes plain values, no lists and no mappings"
#define NEEDS_COMMAND ": 'run' needs 'command' (string) (POSIX shell text, " \
	"run as root.)"

/* The one problem that `text` has, as it is printed. */
static const struct { const char *text, *line; } mistakes[] = {
	/* the whole */
	{ "", "p:1:1" NO_LIST },
	{ "# nothing\n", "p:1:1" NO_LIST },
	{ "[]\n", "p:1:1" NO_LIST },
	{ "on: all\n", "p:1:1" NO_LIST },
	{ "\n# c\n  on: all\n", "p:3:3" NO_LIST },
	{ "- on: all\n" DO "---\n- on: all\n" DO,
	  "p:3:1: too many documents" },
	{ "- &a {on: all, do: [run: x]}\n- *a\n",
	  "p:2:3: aliases are not understood" },
	{ "- &a x\n- &a y\n",
	  "p:2:3: an anchor of this name was given before" },
	{ "- on: [all\n", "p:2:1: did not find expected ',' or ']'" },
	{ "- on: all\n\tdo: x\n",
	  "p:2:1: found a tab character that violates indentation" },
	{ "- on: \"all\n", "p:2:1: found unexpected end of stream" },
	{ "- on: \xc3\xa9\xff\n", "p:1:8: not UTF-8 text" },
	{ "- on: all\n  # \x01\n", "p:2:5: holds a control character" },
	{ "- on: all\n  name: \"a\\0b\"\n" DO,
	  "p:2:9: holds a NUL character" },
	{ ALL "    - run: \"rm -rf /tmp/x\\0y\"\n",
	  "p:3:12: holds a NUL character" },
	/* a play */
	{ "- x\n", "p:1:3: a play is a mapping (such as `- on: workers` and "
	  "`do:` below)" },
	{ "- on: all\n" DO "-\n", "p:3:2: a play is a mapping (such as `- on: "
	  "workers` and `do:` below)" },
	{ "- on: all\n", "p:1:3: a play needs 'do'" },
	{ "-\n  do: [run: x]\n", "p:2:3: a play needs 'on'" },
	{ "- on: all\n  serail: 1\n" DO,
	  "p:2:3: unknown key of a play 'serail' (did you mean serial?)" },
	{ "- on: all\n  vars: {}\n" DO, "p:2:3: unknown key of a play 'vars' "
	  "(a play has name, on, serial, always, without_master, run_once, "
	  "others and do)" },
	{ "- on: all\n  ? [x]\n  : y\n" DO, "p:2:5: unknown key of a play "
	  "'[...]' (a play has name, on, serial, always, without_master, "
	  "run_once, others and do)" },
	{ "- on: all\n  on: x\n" DO, "p:2:3: 'on' is given twice" },
	{ "- on: all\n" DO DO, "p:3:3: 'do' is given twice" },
	{ "- name:\n  on: all\n" DO, "p:1:8: 'name' takes a text" },
	{ "- name: ~\n  on: all\n" DO, "p:1:9: 'name' takes a text" },
	{ "- name: [x]\n  on: all\n" DO, "p:1:9: 'name' takes a text" },
	{ "- on:\n" DO, "p:1:6" NO_ON },
	{ "- on: null\n" DO, "p:1:7" NO_ON },
	{ "- on: \"\"\n" DO, "p:1:7" NO_ON },
	{ "- on: [a, b]\n" DO, "p:1:7" NO_ON },
	{ "- on: all\n  serial: 0\n" DO, "p:2:11" NO_SERIAL "'0'" },
	{ "- on: all\n  serial: -1\n" DO, "p:2:11" NO_SERIAL "'-1'" },
	{ "- on: all\n  serial: 50%\n" DO, "p:2:11" NO_SERIAL "'50%'" },
	{ "- on: all\n  serial: 10001\n" DO, "p:2:11" NO_SERIAL "'10001'" },
	{ "- on: all\n  serial: [1]\n" DO, "p:2:11" NO_SERIAL "'[...]'" },
	{ "- on: all\n  always: maybe\n" DO,
	  "p:2:11: 'always' takes yes or no, not 'maybe'" },
	{ "- on: all\n  always: {}\n" DO,
	  "p:2:11: 'always' takes yes or no, not '[...]'" },
	{ "- on: all\n  without_master: 2\n" DO,
	  "p:2:19: 'without_master' takes yes or no, not '2'" },
	{ "- on: all\n  run_once: 2\n" DO,
	  "p:2:13: 'run_once' takes yes or no, not '2'" },
	{ "- on: all\n  others: 2\n" DO,
	  "p:2:11: 'others' takes yes or no, not '2'" },
	{ "- on: all\n  do: run\n", "p:2:7" NO_DO },
	{ "- on: all\n  do: []\n", "p:2:7" NO_DO },
	{ "- on: all\n  do: {run: x}\n", "p:2:7" NO_DO },
	{ "- on: all\n  do:\n", "p:2:6" NO_DO },
	/* a step */
	{ ALL "    - coppy: x\n",
	  "p:3:7: unknown action 'coppy' (did you mean copy?)" },
	{ ALL "    - frobnicate\n", "p:3:7: unknown action 'frobnicate' "
	  "(muster explain lists them)" },
	{ ALL "    - run: x\n      copy: y\n", "p:3:7" SEVERAL },
	{ ALL "    - {}\n", "p:3:7" SEVERAL },
	{ ALL "    - [x]\n",
	  "p:3:7: a step is the name of an action" },
	{ ALL "    - ? {a: b}\n      : y\n",
	  "p:3:9: a step is the name of an action" },
	{ ALL "    - run\n", "p:3:7" NEEDS_COMMAND },
	{ ALL "    - run: {timeout: 5}\n", "p:3:7" NEEDS_COMMAND },
	{ ALL "    - run: {command: x, comand: y}\n", "p:3:25: unknown "
	  "parameter of 'run' 'comand' (did you mean command?)" },
	{ ALL "    - run: {command: x, zzz: y}\n", "p:3:25: unknown parameter "
	  "of 'run' 'zzz' (see muster explain run)" },
	{ ALL "    - run: {command: x, command: y}\n",
	  "p:3:25: 'command' is given twice" },
	{ ALL "    - run: [x]\n",
	  "p:3:12: 'command' takes a single value (string)" },
	{ ALL "    - run: {command: {a: b}}\n",
	  "p:3:22: 'command' takes a single value (string)" },
	{ ALL "    - run: {command: ~}\n", "p:3:22" NO_VALUE },
	{ ALL "    - run: {command: }\n", "p:3:22" NO_VALUE },
	{ ALL "    - run: {command: x, timeout: soon}\n", "p:3:34: 'timeout' "
	  "takes a time such as 35, 35s, 2m or 500ms, not 'soon'" },
	{ ALL "    - copy: {dest: /x, backup: perhaps}\n",
	  "p:3:32: 'backup' takes yes or no, not 'perhaps'" },
	{ ALL "    - lock: x\n", "p:3:13: 'lock' takes no value here" },
	{ ALL "    - args: {service: kubelet, set: x}\n", "p:3:37" NO_MAP },
	{ ALL "    - args: {service: kubelet, set: }\n", "p:3:37" NO_MAP },
	{ ALL "    - args: {service: kubelet, set: {--a: [1]}}\n",
	  "p:3:43" NO_PLAIN },
	{ ALL "    - args: {service: kubelet, set: {[a]: 1}}\n",
	  "p:3:38" NO_PLAIN },
	{ ALL "    - args:\n        service: kubelet\n        set:\n"
	  "          --a: 1\n          --b: 2\n          --a: 3\n",
	  "p:8:11: '--a' is given twice" },
};

static void test_playbook_mistake_has_place_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(GPtrArray) problems = problems_new();
		g_autofree char *line = NULL;

		if (parse(mistakes[i].text, problems))
			print_error("accepted: %s\n", mistakes[i].text);
		assert_int_not_equal(problems->len, 0);
		line = problem_format(g_ptr_array_index(problems, 0));
		if (strcmp(line, mistakes[i].line) != 0 || problems->len > 1)
			print_error("%s-> %u\n", mistakes[i].text,
				    problems->len);
		assert_string_equal(line, mistakes[i].line);
		assert_int_equal(problems->len, 1);
	}
}

static void test_playbook_all_mistakes_are_told_at_once(void **state)
{
	static const char *const lines[] = { "p:2:11:", "p:3:3:", "p:5:7:",
					     "p:6:25:", "p:7:3:" };
	g_autoptr(GPtrArray) problems = problems_new();

	(void)state;
	assert_null(parse("- on: all\n"
			  "  serial: few\n"
			  "  what: 1\n"
			  "  do:\n"
			  "    - frobnicate\n"
			  "    - run: {command: x, zzz: y}\n"
			  "- do: [run: x]\n", problems));
	assert_int_equal(problems->len, G_N_ELEMENTS(lines));
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line =
			problem_format(g_ptr_array_index(problems, i));

		if (!g_str_has_prefix(line, lines[i]))
			print_error("%s\n", line);
		assert_true(g_str_has_prefix(line, lines[i]));
	}
}

/* --- what a text means --- */

static const struct play *play_of(const struct playbook *playbook, guint i)
{
	assert_true(i < playbook->plays->len);
	return g_ptr_array_index(playbook->plays, i);
}

static const struct step *step_of(const struct play *play, guint i)
{
	assert_true(i < play->steps->len);
	return g_ptr_array_index(play->steps, i);
}

static const struct argument *argument_of(const struct step *step, guint i)
{
	assert_true(i < step->arguments->len);
	return g_ptr_array_index(step->arguments, i);
}

static void test_playbook_keys_fill_the_play(void **state)
{
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Playbook) playbook = parse(
		"\xef\xbb\xbf# c\n"
		"- name: first\n"
		"  on: \"workers:!w1\"\n"
		"  serial: 2\n"
		"  always: yes\n"
		"  do:\n"
		"    - lock\n"
		"    - run: uptime\n"
		"- on: all\n"
		"  without_master: yes\n"
		"  run_once: yes\n"
		"  others: yes\n"
		"  do: [lock: ]\n", problems);
	const struct play *play;

	(void)state;
	assert_non_null(playbook);
	assert_string_equal(playbook->file, "p");
	assert_int_equal(playbook->plays->len, 2);
	play = play_of(playbook, 0);
	assert_string_equal(play->name, "first");
	assert_string_equal(play->on, "workers:!w1");
	assert_int_equal(play->serial, 2);
	assert_true(play->always);
	assert_false(play->without_master);
	assert_false(play->run_once);
	assert_false(play->others);
	assert_int_equal(play->mark.line, 2);
	assert_int_equal(play->mark.column, 3);
	assert_int_equal(play->on_mark.line, 3);
	assert_int_equal(play->on_mark.column, 7);
	assert_int_equal(play->steps->len, 2);
	assert_int_equal(step_of(play, 1)->mark.line, 8);
	assert_int_equal(step_of(play, 1)->mark.column, 7);
	play = play_of(playbook, 1);
	assert_string_equal(play->name, "play 2");
	assert_int_equal(play->serial, 0);
	assert_false(play->always);
	assert_true(play->without_master);
	assert_true(play->run_once);
	assert_true(play->others);
}

static void test_playbook_step_arguments_are_kept_as_written(void **state)
{
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Playbook) playbook = parse(
		ALL "    - run: \"${x}\"\n"
		"    - run:\n"
		"        timeout: ${patience}\n"
		"        command: |\n"
		"          a\n"
		"          b\n"
		"    - args: {service: kubelet, set: {--a: ~, --b: \"~\", "
		"--c: , --d: \"\", --e: 1}}\n"
		"    - copy: {content: \"\", dest: /x}\n", problems);
	static const char *const set[] = { NULL, "~", NULL, "", "1" };
	const struct play *play;
	const struct argument *a;

	(void)state;
	assert_non_null(playbook);
	play = play_of(playbook, 0);
	a = argument_of(step_of(play, 0), 0);
	assert_string_equal(a->param->name, "command");
	assert_string_equal(a->text, "${x}");
	assert_int_equal(a->mark.line, 3);
	assert_int_equal(a->mark.column, 12);
	assert_string_equal(argument_of(step_of(play, 1), 0)->text,
			    "${patience}");
	assert_string_equal(argument_of(step_of(play, 1), 1)->text, "a\nb\n");
	a = argument_of(step_of(play, 2), 1);
	assert_null(a->text);
	assert_int_equal(a->keys->len, G_N_ELEMENTS(set));
	assert_string_equal(g_ptr_array_index(a->keys, 0), "--a");
	for (guint i = 0; i < a->values->len; i++)
		assert_true(g_strcmp0(g_ptr_array_index(a->values, i),
				      set[i]) == 0);
	assert_string_equal(argument_of(step_of(play, 3), 0)->text, "");
}

static void test_playbook_step_title_tells_steps_apart(void **state)
{
	static const char *const titles[] = { "lock", "run uptime", "run",
					      "args kubelet", "copy /x",
					      "run", "run", "copy" };
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Playbook) playbook = parse(
		ALL "    - lock\n"
		"    - run: uptime\n"
		"    - run: \"echo ${x}\"\n"
		"    - args: {set: {--a: b}, service: kubelet}\n"
		"    - copy: {content: \"\", dest: /x}\n"
		"    - run: \"a\\nb\"\n"
		"    - run: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"
		"    - copy: {content: secret, dest: \"${x}\"}\n",
		problems);

	(void)state;
	assert_non_null(playbook);
	for (guint i = 0; i < G_N_ELEMENTS(titles); i++)
		assert_string_equal(step_of(play_of(playbook, 0), i)->title,
				    titles[i]);
}

static void test_playbook_shipped_ones_have_no_mistake(void **state)
{
	unsigned n = 0;

	(void)state;
	for (const struct embedded_file *f = embedded_files; f->name; f++) {
		g_autoptr(GPtrArray) problems = problems_new();
		g_autoptr(Playbook) playbook = NULL;

		if (!g_str_has_suffix(f->name, ".yaml"))
			continue;
		playbook = parse(embedded_text(f->name), problems);
		assert_non_null(playbook);
		assert_true(playbook->plays->len > 0);
		n += strcmp(f->name, "up.yaml") == 0;
	}
	assert_int_equal(n, 1);
}

/* --- limits --- */

static void test_playbook_size_up_to_1_mib_is_read(void **state)
{
	static const char start[] = "- on: all\n" DO "#";
	g_autofree char *comment = g_strnfill(MIB + 1 - strlen(start), 'x');
	g_autofree char *text = g_strconcat(start, comment, NULL);
	g_autoptr(GPtrArray) none = problems_new(), one = problems_new();
	g_autoptr(Playbook) playbook = NULL;
	g_autofree char *line = NULL;

	(void)state;
	playbook = parse_bytes(text, MIB, none);
	assert_non_null(playbook);
	assert_null(parse_bytes(text, MIB + 1, one));
	line = problem_format(g_ptr_array_index(one, 0));
	assert_string_equal(line, "p: larger than 1 MiB");
}

static void test_playbook_depth_past_64_is_refused(void **state)
{
	g_autoptr(GPtrArray) first = problems_new(), second = problems_new();
	g_autofree char *open = g_strnfill(64, '[');
	g_autofree char *close = g_strnfill(64, ']');
	g_autofree char *fits = g_strconcat(open, close, NULL);
	g_autofree char *deep = g_strconcat("[", fits, "]", NULL);
	g_autofree char *a = NULL, *b = NULL;

	(void)state;
	assert_null(parse(fits, first));
	a = problem_format(g_ptr_array_index(first, 0));
	assert_true(g_str_has_prefix(a, "p:1:2: a play is a mapping"));
	assert_null(parse(deep, second));
	b = problem_format(g_ptr_array_index(second, 0));
	assert_string_equal(b, "p:1:65: nested too deeply");
}

/* What libyaml would need minutes for without a limit. */
static void test_playbook_hundred_thousand_brackets_are_refused(void **state)
{
	g_autofree char *text = g_strnfill(100000, '[');
	g_autoptr(GPtrArray) problems = problems_new();

	(void)state;
	assert_null(parse(text, problems));
}

/* Names are told apart by a table, not each against all. */
static void test_playbook_map_of_forty_thousand_names_is_read(void **state)
{
	g_autoptr(GString) text = g_string_new(ALL
		"    - args:\n        service: kubelet\n        set:\n");
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Playbook) playbook = NULL;

	(void)state;
	for (int i = 0; i < 40000; i++)
		g_string_append_printf(text, "          --f%d: x\n", i);
	playbook = parse(text->str, problems);
	assert_non_null(playbook);
	assert_int_equal(argument_of(step_of(play_of(playbook, 0), 0), 1)
			 ->keys->len, 40000);
}

static void test_playbook_nul_byte_is_refused(void **state)
{
	static const char text[] = "- on: all\n  do: [run: x]\n\0- on: b\n";
	g_autoptr(GPtrArray) problems = problems_new();
	g_autofree char *line = NULL;

	(void)state;
	assert_null(parse_bytes(text, sizeof(text) - 1, problems));
	line = problem_format(g_ptr_array_index(problems, 0));
	assert_string_equal(line, "p:3:1: not UTF-8 text");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_playbook_mistake_has_place_and_words),
		cmocka_unit_test(test_playbook_all_mistakes_are_told_at_once),
		cmocka_unit_test(test_playbook_keys_fill_the_play),
		cmocka_unit_test(
			test_playbook_step_arguments_are_kept_as_written),
		cmocka_unit_test(test_playbook_step_title_tells_steps_apart),
		cmocka_unit_test(test_playbook_shipped_ones_have_no_mistake),
		cmocka_unit_test(test_playbook_size_up_to_1_mib_is_read),
		cmocka_unit_test(test_playbook_depth_past_64_is_refused),
		cmocka_unit_test(
			test_playbook_hundred_thousand_brackets_are_refused),
		cmocka_unit_test(
			test_playbook_map_of_forty_thousand_names_is_read),
		cmocka_unit_test(test_playbook_nul_byte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
