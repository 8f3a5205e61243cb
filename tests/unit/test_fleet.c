/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet_run(): each index once, never more at a time than asked for, and no
 * index waiting for a slow neighbour.
 */
#include "transport/fleet.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ITEMS 200

struct count {
	gint seen[ITEMS];
	gint running, most;
};

static void count_one(size_t index, void *data)
{
	struct count *count = data;
	gint now = g_atomic_int_add(&count->running, 1) + 1;
	gint most = g_atomic_int_get(&count->most);

	while (now > most && !g_atomic_int_compare_and_exchange(
		       &count->most, most, now))
		most = g_atomic_int_get(&count->most);
	g_atomic_int_inc(&count->seen[index]);
	g_thread_yield();
	g_atomic_int_add(&count->running, -1);
}

static void test_fleet_each_index_runs_once(void **state)
{
	static const struct {
		size_t n, forks;
		gint most;
	} cases[] = {
		{0, 4, 0}, {1, 0, 1}, {ITEMS, 1, 1}, {ITEMS, 7, 7},
		{ITEMS, 0, ITEMS}, {3, 500, 3},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct count count = {.running = 0};
		fleet_run(cases[i].n, cases[i].forks, count_one, &count);
		for (size_t k = 0; k < ITEMS; k++)
			assert_int_equal(count.seen[k], k < cases[i].n);
		assert_true(count.most <= cases[i].most);
	}
}

struct meeting {
	GMutex lock;
	GCond changed;
	int done;
	bool alone;
};

/* Item 0 waits for all others, which works only if the window slides. */
static void meet(size_t index, void *data)
{
	struct meeting *meeting = data;
	gint64 deadline_us = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

	g_mutex_lock(&meeting->lock);
	if (index > 0)
		meeting->done++;
	g_cond_broadcast(&meeting->changed);
	while (index == 0 && meeting->done < 9 && !meeting->alone)
		meeting->alone = !g_cond_wait_until(
			&meeting->changed, &meeting->lock, deadline_us);
	g_mutex_unlock(&meeting->lock);
}

static void test_fleet_slow_item_delays_nobody(void **state)
{
	struct meeting meeting = {.done = 0};
	(void)state;
	g_mutex_init(&meeting.lock);
	g_cond_init(&meeting.changed);
	fleet_run(10, 2, meet, &meeting);
	assert_false(meeting.alone);
	g_cond_clear(&meeting.changed);
	g_mutex_clear(&meeting.lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fleet_each_index_runs_once),
		cmocka_unit_test(test_fleet_slow_item_delays_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
