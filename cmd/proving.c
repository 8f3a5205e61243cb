/* SPDX-License-Identifier: Apache-2.0
 *
 * Rounds of a proof. Whatever a round found is forgotten before the next: a
 * condition holds because it was asked now.
 */
#include "proving.h"

#include "playbooks/verify/deep_objects.h"

#include <poll.h>

#define EXIT_NOT_PROVED 3

void proving_begin(struct proving *proving, struct cluster *cluster)
{
	proving->cluster = cluster;
	proving->proof = proof_new(cluster);
	proving->proof->deep = proving->deep;
	proving->proof->image = g_strdup(proving->image ? proving->image
					 : DEEP_IMAGE);
	proving->telling.proof = proving->proof;
	cluster->proof = proving->proof;
}

/* Why hosts dropped out is known to the run alone. */
static void note_unreached(struct proving *proving,
			   const struct run_result *result)
{
	const GPtrArray *nodes = proving->cluster->nodes;

	for (guint i = 0; i < nodes->len; i++) {
		const struct node *node = g_ptr_array_index(nodes, i);

		for (guint k = 0; k < result->hosts->len; k++) {
			const struct host_result *h =
				g_ptr_array_index(result->hosts, k);

			if (h->host == node->host && h->error)
				g_ptr_array_index(proving->proof->unreached,
						  i) =
					g_strdup(h->error->message);
		}
	}
}

/* Until that moment or the first Ctrl-C. */
static void pause_until(struct cancel *cancel, gint64 until_us)
{
	struct pollfd fd = { .fd = cancel_stop_fd(cancel), .events = POLLIN };
	gint64 left_us = until_us - g_get_monotonic_time();

	while (left_us > 0 && !cancel_is_stopped(cancel)) {
		poll(&fd, 1, (int)MIN(left_us / 1000 + 1, 60 * 1000));
		left_us = until_us - g_get_monotonic_time();
	}
}

static void forget_round(struct proving *proving)
{
	proof_reset(proving->proof, proving->cluster);
	for (guint i = 0; i < proving->cluster->nodes->len; i++) {
		struct node *node =
			g_ptr_array_index(proving->cluster->nodes, i);

		node->failed = false;
		node->unreachable = false;
	}
	g_clear_pointer(&proving->cluster->seen, g_ptr_array_unref);
}

/* What still fails is told when it changes. */
static void tell_round(struct proving *proving)
{
	g_autofree char *failing = proof_failing(proving->proof);
	g_autofree char *text = NULL;

	if (proving->telling.in_a_row)
		text = g_strdup_printf("all well, %u of %d in a row",
				       proving->telling.in_a_row,
				       proving->count);
	else
		text = g_strdup_printf("waiting for %s", *failing ? failing
				       : "hosts to be reached");
	if (proving->options->verbosity >= 0 &&
	    g_strcmp0(text, proving->told) != 0)
		fprintf(stderr, "%7.1fs  %s\n",
			(double)(g_get_monotonic_time() -
				 proving->story_us) / G_USEC_PER_SEC, text);
	g_free(proving->told);
	proving->told = g_steal_pointer(&text);
}

/* Whether there is to be another round, after the pause before it. */
static bool goes_on(struct proving *proving, struct cancel *cancel,
		    gint64 next_us)
{
	if (next_us >= proving->telling.began_us + proving->wait_us)
		return false;
	tell_round(proving);
	pause_until(cancel, next_us);
	if (cancel_is_stopped(cancel))
		return false;
	forget_round(proving);
	return true;
}

bool proving_after(struct proving *proving, const struct run_result *result,
		   struct cancel *cancel, int *status)
{
	struct proof_telling *telling = &proving->telling;
	gint64 next_us = g_get_monotonic_time() + proving->interval_us;

	note_unreached(proving, result);
	proof_judge(proving->proof, proving->cluster);
	if (*status == 0 && proof_count(proving->proof, VERDICT_FAILS) > 0)
		*status = EXIT_NOT_PROVED;
	telling->rounds++;
	telling->in_a_row = *status == 0 ? telling->in_a_row + 1 : 0;
	if (proving->wait_us > 0 && !result->stopped &&
	    telling->in_a_row < (unsigned)proving->count) {
		if (goes_on(proving, cancel, next_us))
			return true;
		if (*status == 0)
			*status = EXIT_NOT_PROVED;
	}
	telling->exit_status = *status;
	return false;
}

void proving_clear(struct proving *proving)
{
	proof_free(proving->proof);
	g_free(proving->told);
}
