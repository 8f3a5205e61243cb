/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges what the pods of the deep proof said: a line for each pod, service
 * and name they asked for ("pod NODE ok", "service NAME lost"), end the last.
 */
#include "proof.h"

#include <string.h>

static const struct {
	const char *word;
	enum condition condition;
	const char *cause;
	const char *what;
} asked[] = {
	{ "pod", CONDITION_DEEP_PODS, "pod-unreachable", "the pod on" },
	{ "service", CONDITION_DEEP_SERVICE, "service-unreachable",
	  "the service" },
	{ "dns", CONDITION_DEEP_DNS, "dns-fails", "the name" },
};

static const struct node *node_named(const struct cluster *cluster,
				     const char *name)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->facts && strcmp(node->facts->node_name, name) == 0)
			return node;
	}
	return NULL;
}

static bool is_broken(const struct proof *proof,
		      const struct cluster *cluster, const struct node *from,
		      const struct node *to)
{
	const char *cell = proof_cell(proof, cluster, from, to);

	return strcmp(cell, "ok") != 0 && strcmp(cell, "-") != 0;
}

/* Whether the mesh between the nodes themselves tells already why `from` does
 * not get through to `to`, or, NULL, to something that may be anywhere. */
static bool is_explained(const struct proof *proof,
			 const struct cluster *cluster,
			 const struct node *from, const struct node *to)
{
	if (!from || to)
		return from && is_broken(proof, cluster, from, to);
	for (guint i = 0; i < cluster->nodes->len; i++)
		if (is_broken(proof, cluster, from,
			      g_ptr_array_index(cluster->nodes, i)))
			return true;
	return false;
}

/* Counts a line's answer; says so if it is a failure. */
static void judge_line(struct proof *proof, const struct cluster *cluster,
		       const struct node *node, const char *line,
		       unsigned counts[static G_N_ELEMENTS(asked)])
{
	g_auto(GStrv) words = g_strsplit(line, " ", 3);

	if (g_strv_length(words) != 3)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
		if (strcmp(words[0], asked[i].word) != 0)
			continue;
		counts[i]++;
		if (strcmp(words[2], "ok") == 0)
			continue;
		if (is_explained(proof, cluster, node,
				 node_named(cluster, words[1])))
			proof_say(proof, (struct judgement) {
				.condition = asked[i].condition,
				.state = VERDICT_SKIPPED, .node = node,
			}, "a way between the nodes is broken already");
		else
			proof_say(proof, (struct judgement) {
				.condition = asked[i].condition,
				.state = VERDICT_FAILS, .node = node,
				.cause = asked[i].cause,
			}, "from a pod on it, %s %s does not answer",
			   asked[i].what, words[1]);
	}
}

static bool is_finished(char **lines)
{
	for (; *lines; lines++)
		if (strcmp(*lines, "end") == 0)
			return true;
	return false;
}

static void judge_report(struct proof *proof, const struct cluster *cluster,
			 const struct deep_report *report,
			 unsigned counts[static G_N_ELEMENTS(asked)])
{
	g_auto(GStrv) lines = g_strsplit(report->text, "\n", -1);
	const struct node *node = node_named(cluster, report->node);

	for (char **line = lines; *line; line++)
		judge_line(proof, cluster, node, *line, counts);
	if (!is_finished(lines))
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_DEEP_PODS,
			.state = VERDICT_FAILS, .node = node,
			.cause = "pod-unreachable",
		}, "the pod on %s did not come to an end", report->node);
}

void judge_deep(struct proof *proof, const struct cluster *cluster)
{
	unsigned counts[G_N_ELEMENTS(asked)] = { 0 };

	if (!proof->deep)
		return;
	if (proof->deep_problem)
		proof_say(proof, (struct judgement) {
			.condition = CONDITION_DEEP_PODS,
			.state = VERDICT_FAILS, .cause = proof->deep_cause,
		}, "%s", proof->deep_problem);
	for (guint i = 0; proof->deep_reports &&
	     i < proof->deep_reports->len; i++)
		judge_report(proof, cluster,
			     g_ptr_array_index(proof->deep_reports, i),
			     counts);
	for (size_t i = 0; i < G_N_ELEMENTS(asked); i++) {
		if (counts[i] == 0)
			proof_skip(proof, asked[i].condition,
				   "no pod came to ask");
		proof_hold(proof, asked[i].condition, "%u answers",
			   counts[i]);
	}
}
