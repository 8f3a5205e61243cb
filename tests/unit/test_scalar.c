/* SPDX-License-Identifier: Apache-2.0
 *
 * Durations and truth values as people write them, and the name that a
 * mistyped one is nearest to.
 */
#include "transport/nearest.h"
#include "transport/scalar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define UNTOUCHED (-7)

static const struct { const char *text; gint64 us; } durations[] = {
	{ "35", 35 * G_TIME_SPAN_SECOND },
	{ "35s", 35 * G_TIME_SPAN_SECOND },
	{ "2m", 2 * G_TIME_SPAN_MINUTE },
	{ "1h", G_TIME_SPAN_HOUR },
	{ "500ms", 500 * G_TIME_SPAN_MILLISECOND },
	{ "0", 0 },
	{ "007s", 7 * G_TIME_SPAN_SECOND },
	{ "999999999h", 999999999 * G_TIME_SPAN_HOUR },
	{ "", UNTOUCHED },
	{ "s", UNTOUCHED },
	{ "-1", UNTOUCHED },
	{ "+1", UNTOUCHED },
	{ " 1", UNTOUCHED },
	{ "1 ", UNTOUCHED },
	{ "1 s", UNTOUCHED },
	{ "1.5s", UNTOUCHED },
	{ "1d", UNTOUCHED },
	{ "1S", UNTOUCHED },
	{ "1m30s", UNTOUCHED },
	{ "1000000000", UNTOUCHED },
	{ "0x10", UNTOUCHED },
};

static void test_scalar_duration_text_gives_microseconds(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(durations); i++) {
		gint64 us = UNTOUCHED;
		bool good = scalar_duration(durations[i].text, &us);

		if (us != durations[i].us)
			print_error("'%s'\n", durations[i].text);
		assert_int_equal(good, durations[i].us != UNTOUCHED);
		assert_int_equal(us, durations[i].us);
	}
}

static void test_scalar_server_is_a_host_and_a_port(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port;
	} cases[] = {
		{ "lb.example.com:16443", "lb.example.com", 16443 },
		{ "10.8.0.100:6443", "10.8.0.100", 6443 },
		{ "lb:1", "lb", 1 },
		{ "lb", NULL, 0 }, { "lb:", NULL, 0 }, { ":16443", NULL, 0 },
		{ "lb:0", NULL, 0 }, { "lb:65536", NULL, 0 },
		{ "lb:16443/", NULL, 0 }, { "https://lb:16443", NULL, 0 },
		{ "10.8.0.300:16443", NULL, 0 }, { "10.8.0:16443", NULL, 0 },
		{ "[2001:db8::1]:16443", NULL, 0 },
		{ "2001:db8::1:16443", NULL, 0 }, { "l b:16443", NULL, 0 },
		{ "-lb:16443", NULL, 0 }, { "lb.:16443", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *host = NULL;
		unsigned port = 0;
		bool good = scalar_server(cases[i].text, &host, &port);

		if (good != (cases[i].host != NULL) ||
		    g_strcmp0(host, cases[i].host) != 0 ||
		    port != cases[i].port)
			fail_msg("'%s': %s %u", cases[i].text, host, port);
	}
}

static void test_scalar_bool_takes_ansibles_words_only(void **state)
{
	static const char *const yes[] = { "true", "True", "YES", "on", "1",
					   "y", "T" };
	static const char *const no[] = { "false", "No", "OFF", "0", "n",
					  "F" };
	static const char *const neither[] = { "", " yes", "yess", "2", "ja",
					       "null", "10" };
	bool value;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
		value = false;
		assert_true(scalar_bool(yes[i], &value));
		assert_true(value);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(no); i++) {
		value = true;
		assert_true(scalar_bool(no[i], &value));
		assert_false(value);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(neither); i++) {
		value = true;
		assert_false(scalar_bool(neither[i], &value));
		assert_true(value);
	}
}

static void test_nearest_name_finds_slips_and_no_more(void **state)
{
	static const struct { const char *typed, *means; } cases[] = {
		{ "workrs", "workers" },
		{ "wrokers", "workers" },
		{ "master", "masters" },
		{ "masters", "masters" },
		{ "channl", "channel" },
		{ "xyz", NULL },
		{ "", NULL },
		{ "ru", NULL },		/* a third of two letters is none */
		{ "rnn", "run" },
		{ "completely-else", NULL },
	};
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	g_autofree char *endless = g_strnfill(100000, 'w');

	(void)state;
	g_ptr_array_add(names, (char[]){ "workers" });
	g_ptr_array_add(names, (char[]){ "masters" });
	g_ptr_array_add(names, (char[]){ "channel" });
	g_ptr_array_add(names, (char[]){ "run" });
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const char *found = nearest_name(cases[i].typed, names);

		if (g_strcmp0(found, cases[i].means) != 0)
			print_error("%s -> %s\n", cases[i].typed, found);
		assert_true(g_strcmp0(found, cases[i].means) == 0);
	}
	assert_null(nearest_name(endless, names));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scalar_duration_text_gives_microseconds),
		cmocka_unit_test(test_scalar_server_is_a_host_and_a_port),
		cmocka_unit_test(test_scalar_bool_takes_ansibles_words_only),
		cmocka_unit_test(test_nearest_name_finds_slips_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
