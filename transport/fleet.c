/* SPDX-License-Identifier: Apache-2.0
 *
 * `forks` threads that each take the next index until none is left: a sliding
 * window without a scheduler. Stacks are small because a run has hundreds of
 * threads and libssh needs little.
 */
#include "fleet.h"

#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>

#define STACK_SIZE ((size_t)256 * 1024)

struct fleet {
	atomic_size_t next;
	size_t n;
	fleet_fn fn;
	void *data;
};

static void *work(void *data)
{
	struct fleet *fleet = data;

	for (;;) {
		size_t index = atomic_fetch_add(&fleet->next, 1);
		if (index >= fleet->n)
			return NULL;
		fleet->fn(index, fleet->data);
	}
}

void fleet_run(size_t n, size_t forks, fleet_fn fn, void *data)
{
	if (n == 0)
		return;
	if (forks == 0 || forks > n)
		forks = n;

	struct fleet fleet = {.n = n, .fn = fn, .data = data};
	g_autofree pthread_t *threads = g_new0(pthread_t, forks);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);

	size_t started = 0;
	while (started < forks &&
	       pthread_create(&threads[started], &attr, work, &fleet) == 0)
		started++;
	pthread_attr_destroy(&attr);

	/* Fewer threads than asked for only makes the window narrower. */
	if (started == 0)
		work(&fleet);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
}
