/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges what goes wrong later: clocks, versions, refreshes, and what earlier
 * runs left behind.
 */
#include "proof.h"

#include <string.h>

#define CLOCK_FAILS_US (5 * G_USEC_PER_SEC)
#define CLOCK_WARNS_US (1 * G_USEC_PER_SEC)

static gint by_value(gconstpointer a, gconstpointer b)
{
	const gint64 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* What most clocks say, ours among them: one that is off does not make the
 * others look so. */
static gint64 usual_offset(const struct proof *proof)
{
	g_autoptr(GArray) offsets = g_array_new(FALSE, TRUE, sizeof(gint64));

	g_array_set_size(offsets, 1);
	for (guint i = 0; i < proof->probes->len; i++) {
		const struct probe *probe =
			g_ptr_array_index(proof->probes, i);

		if (probe && probe->has_clock)
			g_array_append_val(offsets, probe->offset_us);
	}
	g_array_sort(offsets, by_value);
	return g_array_index(offsets, gint64, offsets->len / 2);
}

static void judge_clocks(struct proof *proof, const struct cluster *cluster)
{
	gint64 usual_us = usual_offset(proof), most_us = 0;
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct probe *probe = proof_probe(proof, cluster, node);

		if (!probe || !probe->has_clock)
			continue;
		gint64 off_us = probe->offset_us - usual_us;
		gint64 least_us = ABS(off_us) - probe->slack_us;

		n++;
		most_us = MAX(most_us, ABS(off_us));
		if (least_us <= CLOCK_WARNS_US)
			continue;
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_CLOCKS,
			.state = least_us > CLOCK_FAILS_US ? VERDICT_FAILS
				: VERDICT_WARNS,
			.node = node, .cause = "clock-skew",
		}, "its clock is %.1f s %s the others'",
		   (double)ABS(off_us) / G_USEC_PER_SEC,
		   off_us > 0 ? "ahead of" : "behind");
	}
	if (n == 0)
		proof_skip(proof, CONDITION_CLOCKS, "no host told its time");
	proof_hold(proof, CONDITION_CLOCKS, "within %.1f s",
		   (double)most_us / G_USEC_PER_SEC);
}

/* False if they differ. */
static bool judge_equal(struct proof *proof, const struct node *node,
			const char *own, const char *masters,
			const char *what, const char *cause)
{
	if (!own || !masters || strcmp(own, masters) == 0)
		return true;
	proof_say(proof, (struct judgement) {
		.condition = CONDITION_REVISIONS, .state = VERDICT_FAILS,
		.node = node, .cause = cause,
	}, "%s %s, and the master %s", what, own, masters);
	return false;
}

static void judge_snaps(struct proof *proof, const struct cluster *cluster)
{
	const struct facts *master = cluster->master->facts;
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct facts *own = node->facts;

		if (!proof_expects(node) || !own->installed)
			continue;
		n++;
		if (!own->held)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_HELD,
				.state = VERDICT_WARNS, .node = node,
				.cause = "refresh-not-held",
			}, "snapd may refresh it at any time");
		if (!master)
			continue;
		/* Another channel has another revision of course. */
		if (judge_equal(proof, node, own->channel, master->channel,
				"channel", "channels-differ"))
			judge_equal(proof, node, own->revision,
				    master->revision, "revision",
				    "revisions-differ");
	}
	if (n == 0) {
		proof_skip(proof, CONDITION_REVISIONS, "no host has the snap");
		proof_skip(proof, CONDITION_HELD, "no host has the snap");
	}
	proof_hold(proof, CONDITION_REVISIONS, "%s, revision %s",
		   master && master->channel ? master->channel : "no channel",
		   master && master->revision ? master->revision : "unknown");
	proof_hold(proof, CONDITION_HELD, "%u %s", n,
		   n == 1 ? "host" : "hosts");
}

static void judge_tokens(struct proof *proof, const struct cluster *cluster)
{
	const struct probe *probe = proof_probe(proof, cluster,
						cluster->master);

	if (!probe || !probe->has_tokens)
		proof_skip(proof, CONDITION_TOKENS, "no tokens' file was read");
	else if (probe->tokens > 0)
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_TOKENS,
			.state = VERDICT_WARNS, .node = cluster->master,
			.cause = "token-left",
		}, "%u live on, the longest for %" G_GINT64_FORMAT " min",
		   probe->tokens, (probe->tokens_left_s + 59) / 60);
	else
		proof_hold(proof, CONDITION_TOKENS, "none with a lifetime");
}

static void judge_joins(struct proof *proof, const struct cluster *cluster)
{
	unsigned n = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (!proof_expects(node))
			continue;
		n++;
		if (node->facts->locks & LOCK_JOIN_IN_PROGRESS)
			proof_say(proof, (struct judgement) {
				.condition = CONDITION_JOINS,
				.state = VERDICT_FAILS, .node = node,
				.cause = "join-broke-off",
			}, "var/lock/join-in-progress is there");
	}
	if (n == 0)
		proof_skip(proof, CONDITION_JOINS, "no host to look at");
	proof_hold(proof, CONDITION_JOINS, "%u %s", n,
		   n == 1 ? "host" : "hosts");
}

void judge_upkeep(struct proof *proof, const struct cluster *cluster)
{
	judge_clocks(proof, cluster);
	judge_snaps(proof, cluster);
	judge_tokens(proof, cluster);
	judge_joins(proof, cluster);
}
