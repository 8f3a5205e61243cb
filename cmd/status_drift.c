/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of a proof's conditions hold the cluster against its inventory: those
 * that `muster up` would mend, and nodes that nobody asked for. Pods, packets
 * and clocks are none of them.
 */
#include "report_status.h"

#include "playbooks/microk8s/snap_text.h"

static const enum condition of_drift[] = {
	CONDITION_API, CONDITION_REDUNDANT, CONDITION_PRESENT,
	CONDITION_READY, CONDITION_ADDRESS, CONDITION_CALICO_ADDRESS,
	CONDITION_VERSION, CONDITION_STRANGERS, CONDITION_ENDPOINTS,
	CONDITION_PROXY, CONDITION_ARGS, CONDITION_CERTIFICATES,
	CONDITION_CERTIFICATES_LAST, CONDITION_REVISIONS, CONDITION_JOINS
};

static void drift_free(void *data)
{
	struct drift *drift = data;

	g_ptr_array_unref(drift->hosts);
	g_free(drift->evidence);
	g_free(drift);
}

static struct drift *drift_new(const char *name, const char *evidence)
{
	struct drift *drift = g_new0(struct drift, 1);

	drift->name = name;
	drift->evidence = g_strdup(evidence);
	drift->hosts = g_ptr_array_new_with_free_func(g_free);
	return drift;
}

static void add_condition(GPtrArray *all, const struct proof *proof,
			  enum condition condition)
{
	const GPtrArray *verdicts = proof->verdicts[condition];

	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict *v = g_ptr_array_index(verdicts, i);
		struct drift *drift;

		if (v->state < VERDICT_WARNS)
			continue;
		drift = drift_new(condition_texts[condition].name,
				  v->evidence);
		drift->cause = v->cause;
		for (guint k = 0; k < v->hosts->len; k++)
			g_ptr_array_add(drift->hosts, g_strdup(
				g_ptr_array_index(v->hosts, k)));
		g_ptr_array_add(all, drift);
	}
}

/* Nobody asks for one: then any will do. */
static void add_channel(GPtrArray *all, const struct node *node)
{
	const char *wanted = host_var(node->host, "microk8s_channel");
	const char *own = node->facts ? node->facts->channel : NULL;
	g_autofree char *text = NULL;
	struct drift *drift;

	if (!wanted || !own || snap_channel_equal(wanted, own))
		return;
	text = g_strdup_printf("it follows %s, and the inventory says %s",
			       own, wanted);
	drift = drift_new("channel", text);
	g_ptr_array_add(drift->hosts, g_strdup(node->host->name));
	g_ptr_array_add(all, drift);
}

GPtrArray *status_drift(const struct cluster *cluster,
			const struct proof *proof)
{
	GPtrArray *all = g_ptr_array_new_with_free_func(drift_free);

	for (size_t c = 0; c < G_N_ELEMENTS(of_drift); c++)
		add_condition(all, proof, of_drift[c]);
	for (guint i = 0; i < cluster->nodes->len; i++)
		add_channel(all, g_ptr_array_index(cluster->nodes, i));
	return all;
}
