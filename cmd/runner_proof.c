/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs verify.yaml after another playbook. To those who listen it is one run:
 * times go on, and there is no second start or end.
 */
#include "runner_proof.h"

#include "playbooks/embedded.h"
#include "transport/scalar.h"

#include <string.h>

#define WAIT_VARIABLE "microk8s_verify_timeout"
/* Pods, their network and names come up after the nodes. */
#define WAIT_US (3 * G_TIME_SPAN_MINUTE)
/* Between rounds at first and at last: a mesh of many hosts is no small thing
 * to ask of a cluster that is still coming up. */
#define INTERVAL_US G_TIME_SPAN_SECOND
#define INTERVAL_MAX_US (10 * G_TIME_SPAN_SECOND)

static gint64 wait_of(const struct options *options,
		      const struct cluster *cluster)
{
	const char *text = options->extra_vars
		? g_hash_table_lookup(options->extra_vars, WAIT_VARIABLE)
		: NULL;
	gint64 wait_us;

	if (!text)
		text = host_var(cluster->master->host, WAIT_VARIABLE);
	return text && scalar_duration(text, &wait_us) ? wait_us : WAIT_US;
}

void runner_proof_begin(struct proving *proving, const struct options *options,
			struct cluster *cluster)
{
	proving->options = options;
	proving->count = 1;
	proving->wait_us = wait_of(options, cluster);
	proving->interval_us = INTERVAL_US;
	proving->story_us = g_get_monotonic_time();
	proving->telling.is_brief = true;
	proving_begin(proving, cluster);
}

/* --- who hears of it --- */

void proof_relay_event(const struct event *event, void *data)
{
	struct proof_relay *relay = data;
	struct event moved = *event;

	if (event->kind == EVENT_RUN_END && relay->round == 0)
		relay->end = moved;
	if (event->kind == EVENT_RUN_END ||
	    (event->kind == EVENT_RUN_START && relay->round > 0))
		return;
	moved.since_start_us += relay->offset_us;
	if (relay->round > 1) {
		if (relay->events)
			relay->events->event(&moved, relay->events->data);
		return;
	}
	for (size_t i = 0; i < relay->n_sinks; i++)
		relay->sinks[i].event(&moved, relay->sinks[i].data);
}

void proof_relay_end(struct proof_relay *relay,
		     const struct run_result *result)
{
	gint64 later_us = result->wall_us - relay->end.elapsed_us;

	relay->end.time_us += later_us;
	relay->end.since_start_us += later_us;
	relay->end.elapsed_us = result->wall_us;
	for (size_t i = 0; i < relay->n_sinks; i++)
		relay->sinks[i].event(&relay->end, relay->sinks[i].data);
}

/* --- the rounds --- */

static struct playbook *read_playbook(void)
{
	static const char name[] = "verify.yaml";
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	const char *text = embedded_text(name);
	struct playbook *playbook = playbook_parse(text, strlen(text), name,
						   problems, NULL);

	g_assert(playbook);	/* it is our own */
	return playbook;
}

/* The recap counts what was told. */
static void add_counts(struct run_result *result,
		       const struct run_result *round)
{
	for (guint i = 0; i < result->hosts->len; i++) {
		struct host_result *to = g_ptr_array_index(result->hosts, i);
		const struct host_result *from =
			g_ptr_array_index(round->hosts, i);

		for (int s = 0; s < TASK_N; s++)
			to->counts[s] += from->counts[s];
		to->elapsed_us += from->elapsed_us;
		to->remote_us += from->remote_us;
	}
}

void runner_proof_run(struct proving *proving, struct run_options options,
		      struct proof_relay *relay, struct cancel *cancel,
		      struct run_result *result)
{
	g_autoptr(Playbook) playbook = read_playbook();
	gint64 begun_us = g_get_monotonic_time();
	bool again = true;

	options.playbook = playbook;
	options.cluster->is_looked_at = !run_result_has_changes(result);
	proving->telling.began_us = begun_us;
	while (again) {
		relay->round++;
		relay->offset_us = g_get_monotonic_time() - proving->story_us;
		struct run_result *round = run_execute(&options);

		options.cluster->is_looked_at = false;
		if (relay->round == 1)
			add_counts(result, round);
		result->exit_status = round->exit_status;
		result->stopped = round->stopped;
		result->critical_us += round->critical_us;
		again = proving_after(proving, round, cancel,
				      &result->exit_status);
		run_result_free(round);
		proving->interval_us = MIN(2 * proving->interval_us,
					   INTERVAL_MAX_US);
	}
	result->wall_us += g_get_monotonic_time() - begun_us;
}
