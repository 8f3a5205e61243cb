/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof for people: a line for each condition in their order, equal
 * verdicts of several hosts in one, and for each cause once what to do.
 */
#include "report_conditions.h"

#include "fold.h"
#include "term.h"

#include "playbooks/microk8s/cause.h"

#include <string.h>

struct table {
	const struct run_info *info;
	const struct proof_telling *telling;
	bool has_color;
	int width;			/* of the conditions' names */
	GHashTable *told;		/* causes whose cure was printed */
};

static const struct {
	const char *word;
	enum task_status color;
} states[] = {
	[VERDICT_HOLDS] = { "holds", TASK_OK },
	[VERDICT_SKIPPED] = { "not asked", TASK_SKIPPED },
	[VERDICT_WARNS] = { "warning", TASK_CHANGED },
	[VERDICT_FAILS] = { "FAILS", TASK_FAILED },
};

#define STATE_WIDTH 9

static void print_cure(struct table *t, const struct verdict *v)
{
	const struct cause *cause = v->cause ? cause_find(v->cause) : NULL;
	const char *cure = v->cure ? v->cure : cause ? cause->fix : "";

	if (!v->cause || !g_hash_table_add(t->told, g_strdup(v->cause)))
		return;
	if (*cure)
		printf("%*s  %*s  fix: %s\n", STATE_WIDTH, "", t->width, "",
		       cure);
	if (cause && *cause->upstream)
		printf("%*s  %*s  see: %s; muster explain %s\n", STATE_WIDTH,
		       "", t->width, "", cause->upstream, cause->code);
}

static void print_verdict(struct table *t, const char *name,
			  const struct verdict *v)
{
	g_autofree char *hosts = v->hosts->len
		? fold_names((const char *const *)v->hosts->pdata,
			     v->hosts->len) : NULL;
	bool is_bad = v->state >= VERDICT_WARNS;

	printf("%s%-*s%s  %-*s  %s%s%s%s%s%s\n",
	       term_status_color(states[v->state].color, t->has_color),
	       STATE_WIDTH, states[v->state].word, term_reset(t->has_color),
	       t->width, name, hosts ? hosts : "", hosts ? ": " : "",
	       v->evidence, is_bad && v->cause ? " [" : "",
	       is_bad && v->cause ? v->cause : "",
	       is_bad && v->cause ? "]" : "");
	if (is_bad)
		print_cure(t, v);
}

static void print_conditions(struct table *t)
{
	const struct proof *proof = t->telling->proof;

	for (int c = 0; c < CONDITION_N; c++) {
		const GPtrArray *verdicts = proof->verdicts[c];
		enum verdict_state state = proof_state(proof,
						       (enum condition)c);
		bool is_quiet = t->telling->is_brief
			? state != VERDICT_FAILS
			: t->info->options->verbosity < 0 &&
			  state < VERDICT_WARNS;

		for (guint i = 0; !is_quiet && i < verdicts->len; i++)
			print_verdict(t, condition_texts[c].name,
				      g_ptr_array_index(verdicts, i));
	}
}

/* Conditions that nobody asked for have no verdict at all. */
static unsigned count_asked(const struct proof *proof)
{
	unsigned n = 0;

	for (int c = 0; c < CONDITION_N; c++)
		n += proof->verdicts[c]->len > 0;
	return n;
}

static void print_summary(const struct table *t)
{
	const struct proof_telling *telling = t->telling;
	const struct proof *proof = telling->proof;
	unsigned asked = count_asked(proof);
	unsigned fails = proof_count(proof, VERDICT_FAILS);
	unsigned skipped = asked - fails - proof_count(proof, VERDICT_HOLDS) -
		proof_count(proof, VERDICT_WARNS);
	guint hosts = t->info->cluster->nodes->len;

	printf("\n%u conditions: %u hold, %u fail, %u warn, %u not asked; "
	       "%u %s in %.1f s", asked, proof_count(proof, VERDICT_HOLDS),
	       fails, proof_count(proof, VERDICT_WARNS), skipped, hosts,
	       hosts == 1 ? "host" : "hosts",
	       (double)(g_get_monotonic_time() - telling->began_us) /
	       G_USEC_PER_SEC);
	if (telling->rounds > 1)
		printf(", %u rounds, the last %u all well", telling->rounds,
		       telling->in_a_row);
	putchar('\n');
}

static void conditions_finish(void *data, const struct run_result *result)
{
	struct table *t = data;

	if (!t->telling->proof || !t->telling->proof->is_judged)
		return;
	fflush(stderr);
	print_conditions(t);
	if (t->telling->has_matrix) {
		g_autofree char *matrix = proof_matrix(t->telling->proof,
						       t->info->cluster);

		printf("\n%s", matrix);
	}
	print_summary(t);
	if (result->stopped)
		fputs("Stopped before the end.\n", stderr);
}

static void tell_event(const struct event *event, void *data)
{
	const struct table *t = data;
	int verbosity = t->info->options->verbosity;

	/* With -v, or beside a recap, the whole story is told by another. */
	if (verbosity > 0 || t->telling->is_brief)
		return;
	if (event->kind == EVENT_WARNING ||
	    (event->kind == EVENT_NOTE && verbosity == 0))
		fprintf(stderr, "muster: %s%s%s\n",
			event->host ? event->host : "",
			event->host ? ": " : "", event->message);
}

static void table_free(void *data)
{
	struct table *t = data;

	g_hash_table_unref(t->told);
	g_free(t);
}

struct reporter *report_conditions_new(const struct run_info *info,
				       const struct proof_telling *telling)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct table *t = g_new0(struct table, 1);

	t->info = info;
	t->telling = telling;
	t->has_color = term_has_color(stdout, info->options->color);
	t->told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					NULL);
	for (int c = 0; c < CONDITION_N; c++)
		t->width = MAX(t->width,
			       (int)strlen(condition_texts[c].name));
	reporter->sink.event = tell_event;
	reporter->sink.data = t;
	reporter->finish = conditions_finish;
	reporter->free = table_free;
	return reporter;
}

/* --- the matrix --- */

static void append_cell(GString *text, const char *cell, int width, bool last)
{
	if (last)
		g_string_append_printf(text, "%s\n", cell);
	else
		g_string_append_printf(text, "%-*s  ", width, cell);
}

char *proof_matrix(const struct proof *proof, const struct cluster *cluster)
{
	GString *text = g_string_new(NULL);
	guint n = cluster->nodes->len;
	int width = (int)strlen("unreached");

	for (guint i = 0; i < n; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		width = MAX(width, (int)strlen(node->host->name));
	}
	append_cell(text, "from \\ to", width, false);
	for (guint i = 0; i < n; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		append_cell(text, node->host->name, width, i + 1 == n);
	}
	for (guint i = 0; i < n; i++) {
		const struct node *from = g_ptr_array_index(cluster->nodes, i);

		append_cell(text, from->host->name, width, false);
		for (guint k = 0; k < n; k++)
			append_cell(text, proof_cell(
				proof, cluster, from,
				g_ptr_array_index(cluster->nodes, k)),
				width, k + 1 == n);
	}
	return g_string_free(text, FALSE);
}

char *proof_failing(const struct proof *proof)
{
	GString *text = g_string_new(NULL);

	for (int c = 0; c < CONDITION_N; c++)
		if (proof_state(proof, (enum condition)c) == VERDICT_FAILS)
			g_string_append_printf(text, "%s%s",
					       text->len ? ", " : "",
					       condition_texts[c].name);
	return g_string_free(text, FALSE);
}
