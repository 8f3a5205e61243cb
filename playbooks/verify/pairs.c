/* SPDX-License-Identifier: Apache-2.0
 *
 * Folds ways that do not work. Greedy: the host that most of them touch is
 * named with its peers, and what is left is folded again.
 */
#include "pairs.h"

static bool touches(const struct pair *pair, const struct node *node)
{
	return pair->from == node || pair->to == node;
}

static unsigned count(const GArray *pairs, const struct node *node)
{
	unsigned n = 0;

	for (guint i = 0; i < pairs->len; i++)
		n += touches(&g_array_index(pairs, struct pair, i), node);
	return n;
}

/* The host of most pairs. `*is_alone` unless another one has as many. */
static const struct node *most_touched(const GArray *pairs,
				       const struct cluster *cluster,
				       bool *is_alone)
{
	const struct node *best = NULL;
	unsigned most = 0;

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		unsigned n = count(pairs, node);

		if (n == 0 || n < most)
			continue;
		*is_alone = n > most;
		if (n > most)
			best = node;
		most = n;
	}
	return best;
}

/* The names of those whom pairs join with `node`, in the inventory's order. */
static char *peers_of(const GArray *pairs, const struct node *node,
		      const struct cluster *cluster)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *peer = g_ptr_array_index(cluster->nodes, i);

		for (guint k = 0; peer != node && k < pairs->len; k++) {
			const struct pair *pair =
				&g_array_index(pairs, struct pair, k);

			if (!touches(pair, node) || !touches(pair, peer))
				continue;
			g_string_append_printf(text, "%s%s",
					       text->len ? ", " : "",
					       peer->host->name);
			break;
		}
	}
	return g_string_free(text, FALSE);
}

static void drop(GArray *pairs, const struct node *node)
{
	for (guint i = pairs->len; i > 0; i--)
		if (touches(&g_array_index(pairs, struct pair, i - 1), node))
			g_array_remove_index(pairs, i - 1);
}

void pairs_say(struct proof *proof, struct judgement judgement, GArray *pairs,
	       const struct cluster *cluster, unsigned all, const char *what)
{
	bool is_alone = false;

	judgement.node = NULL;
	if (pairs->len == all && all > 2) {
		proof_say(proof, judgement, "%s between all nodes", what);
		return;
	}
	while (pairs->len > 0) {
		const struct pair first = g_array_index(pairs, struct pair, 0);
		const struct node *node = most_touched(pairs, cluster,
						       &is_alone);
		g_autofree char *peers = peers_of(pairs, node, cluster);

		if (is_alone) {
			judgement.node = node;
			proof_say(proof, judgement, "%s between it and %s",
				  what, peers);
			drop(pairs, node);
			continue;
		}
		judgement.node = NULL;
		proof_say(proof, judgement, "%s from %s to %s", what,
			  first.from->host->name, first.to->host->name);
		g_array_remove_index(pairs, 0);
	}
}
