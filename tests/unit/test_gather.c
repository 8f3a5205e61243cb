/* SPDX-License-Identifier: Apache-2.0
 *
 * Grouping of hosts by what they said and how they ended.
 */
#include "cmd/gather.h"
#include "transport/error.h"
#include "transport/fleet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct said {
	const char *name, *out, *err;
	int status;		/* -1: `code` and `message` */
	int code;
	const char *message;
};

static struct host *host_new(const char *name)
{
	struct host *host = g_new0(struct host, 1);

	host->name = g_strdup(name);
	host->address = g_strdup_printf("%s.lan", name);
	return host;
}

static void host_free(void *data)
{
	struct host *host = data;

	g_free(host->name);
	g_free(host->address);
	g_free(host);
}

static GPtrArray *hosts_new(const struct said *said, size_t n)
{
	GPtrArray *hosts = g_ptr_array_new_with_free_func(host_free);

	for (size_t i = 0; i < n; i++)
		g_ptr_array_add(hosts, host_new(said[i].name));
	return hosts;
}

static void add(struct gather *gather, const GPtrArray *hosts, size_t index,
		const struct said *said)
{
	struct member member = {
		.index = index, .host = g_ptr_array_index(hosts, index),
	};
	struct capture *capture = capture_new(true);
	GError *error = NULL;

	if (said->out)
		capture_add(capture, said->out, strlen(said->out), false);
	if (said->err)
		capture_add(capture, said->err, strlen(said->err), true);
	if (said->status < 0)
		error = g_error_new_literal(MUSTER_ERROR, said->code,
					    said->message);
	gather_add(gather, &member, capture, said->status, error);
}

/* "names|status or error|out|err;" of each group; "$" is a line's end. */
static char *groups_text(const GPtrArray *groups)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < groups->len; i++) {
		const struct group *group = g_ptr_array_index(groups, i);

		g_string_append_printf(text, "%s|", group->names);
		if (group->error)
			g_string_append(text, group->error->message);
		else
			g_string_append_printf(text, "%d", group->status);
		g_string_append_printf(text, "|%s|%s;", group->out->str,
				       group->err->str);
	}
	return g_strdelimit(g_string_free(text, FALSE), "\n", '$');
}

static const struct said all_said[] = {
	{ "w1", "a\n", NULL, 0, 0, NULL },
	{ "w2", "b\n", NULL, 0, 0, NULL },
	{ "w3", "b\n", NULL, 0, 0, NULL },
	{ "w4", "b\n", NULL, 1, 0, NULL },
	{ "w5", NULL, "b\n", 0, 0, NULL },
	{ "w6", "b\n", NULL, 0, 0, NULL },
	{ "w7", NULL, NULL, -1, MUSTER_ERROR_REFUSED,
	  "connect to w7.lan port 22: refused" },
	{ "w8", NULL, NULL, -1, MUSTER_ERROR_REFUSED,
	  "connect to w8.lan port 22: refused" },
	{ "w9", NULL, NULL, -1, MUSTER_ERROR_REFUSED,
	  "connect to w9.lan port 2222: refused" },
	{ "w10", NULL, NULL, -1, MUSTER_ERROR_NO_ROUTE,
	  "connect to w10.lan port 22: refused" },
	{ "w11", "b", NULL, 0, 0, NULL },
};

static const char all_grouped[] =
	"w[2-3,6]|0|b$|;"
	"w[7-8]|connect to %h port 22: refused||;"
	"w1|0|a$|;"
	"w4|1|b$|;"
	"w5|0||b$;"
	"w9|connect to w9.lan port 2222: refused||;"
	"w10|connect to w10.lan port 22: refused||;"
	"w11|0|b|;";

/* In whatever order they come to their ends. */
static void test_gather_groups_by_content_and_end(void **state)
{
	const size_t n = G_N_ELEMENTS(all_said);
	g_autoptr(GPtrArray) hosts = hosts_new(all_said, n);
	(void)state;

	for (size_t turn = 0; turn < n; turn++) {
		struct gather *gather = gather_new(GATHER_MAX);

		for (size_t i = 0; i < n; i++) {
			size_t at = (i * 7 + turn) % n;

			add(gather, hosts, at, &all_said[at]);
		}
		g_autofree char *text = groups_text(gather_groups(gather));

		assert_string_equal(text, all_grouped);
		gather_free(gather);
	}
}

/* A name inside another word of the message is not the host's. */
static void test_gather_error_texts_differ_by_whole_names_only(void **state)
{
	static const char *const messages[] = {
		"command: w1 said w10 of w1.lan.example",
		"command: w2 said w10 of w1.lan.example",
		"command: w3 said w30 of w1.lan.example",
	};
	static const struct said said[] = {
		{ "w1", NULL, NULL, -1, MUSTER_ERROR_AUTH, NULL },
		{ "w2", NULL, NULL, -1, MUSTER_ERROR_AUTH, NULL },
		{ "w3", NULL, NULL, -1, MUSTER_ERROR_AUTH, NULL },
	};
	g_autoptr(GPtrArray) hosts = hosts_new(said, 3);
	struct gather *gather = gather_new(GATHER_MAX);
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct said one = said[i];

		one.message = messages[i];
		add(gather, hosts, i, &one);
	}
	g_autofree char *text = groups_text(gather_groups(gather));

	assert_string_equal(text, "w[1-2]|command: %h said w10 of "
			    "w1.lan.example||;"
			    "w3|command: w3 said w30 of w1.lan.example||;");
	gather_free(gather);
}

/* Pieces end anywhere: it is the stream that counts. */
static void test_gather_pieces_do_not_matter(void **state)
{
	static const struct said said[] = { { .name = "w1" },
					    { .name = "w2" } };
	g_autoptr(GPtrArray) hosts = hosts_new(said, 2);
	struct gather *gather = gather_new(GATHER_MAX);
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		struct capture *capture = capture_new(true);
		struct member member = { .index = i,
			.host = g_ptr_array_index(hosts, i) };

		if (i == 0)
			capture_add(capture, "one\ntwo\n", 8, false);
		for (int at = 0; i == 1 && at < 8; at++)
			capture_add(capture, &"one\ntwo\n"[at], 1, false);
		gather_add(gather, &member, capture, 0, NULL);
	}
	assert_int_equal(gather_groups(gather)->len, 1);
	gather_free(gather);
}

/* Those who said the same for longer than is kept are told apart still. */
static void test_gather_beyond_the_limit_is_compared_not_kept(void **state)
{
	static const struct said said[] = { { .name = "w1" }, { .name = "w2" },
					    { .name = "w3" } };
	static const char *const ends[] = { "x", "y", "x" };
	g_autoptr(GPtrArray) hosts = hosts_new(said, 3);
	g_autofree char *much = g_malloc0(CAPTURE_MAX);
	struct gather *gather = gather_new(GATHER_MAX);
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct capture *capture = capture_new(true);
		struct member member = { .index = i,
			.host = g_ptr_array_index(hosts, i) };

		capture_add(capture, much, CAPTURE_MAX, false);
		capture_add(capture, ends[i], 1, true);
		gather_add(gather, &member, capture, 0, NULL);
	}
	const GPtrArray *groups = gather_groups(gather);

	assert_int_equal(groups->len, 2);
	for (guint i = 0; i < groups->len; i++) {
		const struct group *group = g_ptr_array_index(groups, i);

		assert_true(group->is_cut);
		assert_int_equal(group->out->len, CAPTURE_MAX);
		assert_int_equal(group->err->len, 0);
	}
	gather_free(gather);
}

static void test_gather_all_together_has_a_limit(void **state)
{
	static const struct said said[] = {
		{ "w1", "12345", "67", 0, 0, NULL },
		{ "w2", "abcde", "fg", 0, 0, NULL },
		{ "w3", "ABCDE", "FG", 0, 0, NULL },
		{ "w4", "12345", "67", 0, 0, NULL },
	};
	g_autoptr(GPtrArray) hosts = hosts_new(said, 4);
	struct gather *gather = gather_new(13);
	(void)state;

	for (size_t i = 0; i < 4; i++)
		add(gather, hosts, i, &said[i]);
	const GPtrArray *groups = gather_groups(gather);
	g_autofree char *text = groups_text(groups);
	const bool cut[] = { false, true, true };

	assert_string_equal(text, "w[1,4]|0|12345|67;w2|0|abcde|f;w3|0||;");
	for (guint i = 0; i < 3; i++)
		assert_int_equal(((const struct group *)
				  g_ptr_array_index(groups, i))->is_cut,
				 cut[i]);
	gather_free(gather);
}

static void test_gather_without_content_groups_ends_only(void **state)
{
	static const struct said said[] = { { .name = "w1" }, { .name = "w2" },
					    { .name = "w3" } };
	g_autoptr(GPtrArray) hosts = hosts_new(said, 3);
	struct gather *gather = gather_new(GATHER_MAX);
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct capture *capture = capture_new(false);
		struct member member = { .index = i,
			.host = g_ptr_array_index(hosts, i) };

		capture_add(capture, &"abc"[i], 1, false);
		gather_add(gather, &member, capture, i == 2 ? 5 : 0, NULL);
	}
	g_autofree char *text = groups_text(gather_groups(gather));

	assert_string_equal(text, "w[1-2]|0||;w3|5||;");
	gather_free(gather);
}

struct crowd {
	struct gather *gather;
	const GPtrArray *hosts;
};

static void one_of_crowd(size_t index, void *data)
{
	static const struct said answers[] = {
		{ .out = "even\n" }, { .out = "odd\n" },
	};
	const struct crowd *crowd = data;

	add(crowd->gather, crowd->hosts, index, &answers[index % 2]);
}

static void test_gather_1000_hosts_at_once(void **state)
{
	g_autoptr(GPtrArray) hosts = g_ptr_array_new_with_free_func(host_free);
	struct crowd crowd = { gather_new(GATHER_MAX), hosts };
	(void)state;

	for (int i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("w%03d", i);

		g_ptr_array_add(hosts, host_new(name));
	}
	fleet_run(1000, 32, one_of_crowd, &crowd);
	const GPtrArray *groups = gather_groups(crowd.gather);

	assert_int_equal(groups->len, 2);
	for (guint g = 0; g < 2; g++) {
		const struct group *group = g_ptr_array_index(groups, g);

		assert_int_equal(group->members->len, 500);
		for (guint i = 0; i < 500; i++)
			assert_int_equal(g_array_index(group->members,
						       struct member, i).index,
					 2 * i + g);
	}
	gather_free(crowd.gather);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gather_groups_by_content_and_end),
		cmocka_unit_test(
			test_gather_error_texts_differ_by_whole_names_only),
		cmocka_unit_test(test_gather_pieces_do_not_matter),
		cmocka_unit_test(
			test_gather_beyond_the_limit_is_compared_not_kept),
		cmocka_unit_test(test_gather_all_together_has_a_limit),
		cmocka_unit_test(test_gather_without_content_groups_ends_only),
		cmocka_unit_test(test_gather_1000_hosts_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
