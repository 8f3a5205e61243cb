/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof for machines: one JSON document, and the JUnit file in which a CI
 * job finds a failed condition as a failed test.
 */
#include "report_conditions.h"

#include "json_text.h"

#include "playbooks/microk8s/cause.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct document {
	const struct run_info *info;
	const struct proof_telling *telling;
	json_t *warnings;
};

/* --- JSON --- */

static json_t *verdict_json(const struct verdict *v)
{
	const struct cause *cause = v->cause ? cause_find(v->cause) : NULL;
	json_t *hosts = json_array();
	json_t *json;

	for (guint i = 0; i < v->hosts->len; i++)
		json_array_append_new(hosts, json_text(
			g_ptr_array_index(v->hosts, i)));
	json = json_pack("{s:s, s:o, s:o}", "state",
			 verdict_state_name(v->state), "hosts", hosts,
			 "evidence", json_text(v->evidence));
	if (v->cause)
		json_object_set_new(json, "cause", json_string(v->cause));
	if (cause) {
		json_object_set_new(json, "meaning",
				    json_text(cause->meaning));
		json_object_set_new(json, "upstream",
				    json_text(cause->upstream));
	}
	if (v->cure || cause)
		json_object_set_new(json, "fix", json_text(
			v->cure ? v->cure : cause->fix));
	return json;
}

static json_t *condition_json(const struct proof *proof,
			      enum condition condition)
{
	const GPtrArray *verdicts = proof->verdicts[condition];
	const struct condition_text *text = &condition_texts[condition];
	json_t *list = json_array();

	for (guint i = 0; i < verdicts->len; i++)
		json_array_append_new(list, verdict_json(
			g_ptr_array_index(verdicts, i)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", text->name,
			 "proves", text->proves, "asked", text->asked,
			 "state", verdict_state_name(
				 proof_state(proof, condition)),
			 "verdicts", list);
}

static json_t *matrix_json(const struct proof *proof,
			   const struct cluster *cluster)
{
	json_t *rows = json_object();

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *from = g_ptr_array_index(cluster->nodes, i);
		json_t *row = json_object();

		for (guint k = 0; k < cluster->nodes->len; k++) {
			const struct node *to =
				g_ptr_array_index(cluster->nodes, k);

			if (to != from)
				json_object_set_new(row, to->host->name,
					json_string(proof_cell(
						proof, cluster, from, to)));
		}
		json_object_set_new(rows, from->host->name, row);
	}
	return rows;
}

json_t *proof_conditions_json(const struct proof *proof)
{
	json_t *conditions = json_array();

	for (int c = 0; c < CONDITION_N; c++)
		if (proof->verdicts[c]->len > 0)
			json_array_append_new(conditions, condition_json(
				proof, (enum condition)c));
	return conditions;
}

static void document_finish(void *data, const struct run_result *result)
{
	struct document *d = data;
	const struct proof_telling *telling = d->telling;
	const struct proof *proof = telling->proof;
	json_t *json = json_pack(
		"{s:s, s:s, s:o, s:o, s:I, s:i, s:i, s:b, s:i, s:b, s:O, s:o,"
		" s:o}",
		"schema", "muster.verify/1",
		"run_id", d->info->run_id,
		"inventory", json_text(d->info->inventory),
		"started", json_time(d->info->started_us),
		"wall_ms", json_ms(g_get_monotonic_time() - telling->began_us),
		"rounds", (int)telling->rounds,
		"in_a_row", (int)telling->in_a_row,
		"stopped", result->stopped,
		"exit_status", telling->exit_status,
		"proved", telling->exit_status == 0,
		"warnings", d->warnings,
		"conditions", proof_conditions_json(proof),
		"matrix", matrix_json(proof, d->info->cluster));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static void document_event(const struct event *event, void *data)
{
	struct document *d = data;

	if (event->kind == EVENT_WARNING)
		json_array_append_new(d->warnings, json_pack(
			"{s:o, s:o}", "host", json_text(event->host),
			"message", json_text(event->message)));
}

static void document_free(void *data)
{
	struct document *d = data;

	json_decref(d->warnings);
	g_free(d);
}

struct reporter *report_proof_json_new(const struct run_info *info,
				       const struct proof_telling *telling)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct document *d = g_new0(struct document, 1);

	d->info = info;
	d->telling = telling;
	d->warnings = json_array();
	reporter->sink.event = document_event;
	reporter->sink.data = d;
	reporter->finish = document_finish;
	reporter->free = document_free;
	return reporter;
}

/* --- JUnit --- */

/* XML 1.0 has no place for control characters, not even escaped ones. */
static char *xml_text(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	for (char *c = valid; *c; c++)
		if ((guchar)*c < 0x20 && *c != '\n' && *c != '\t')
			*c = ' ';
	return g_markup_escape_text(valid, -1);
}

static void append_verdict(GString *text, const struct verdict *v)
{
	g_autofree char *hosts = NULL;

	g_ptr_array_add(v->hosts, NULL);
	hosts = g_strjoinv(", ", (char **)v->hosts->pdata);
	g_ptr_array_set_size(v->hosts, (int)v->hosts->len - 1);
	g_string_append_printf(text, "%s%s%s%s", text->len ? "\n" : "", hosts,
			       *hosts ? ": " : "", v->evidence);
	if (v->cause)
		g_string_append_printf(text, " [%s]", v->cause);
}

static const struct {
	const char *open, *close;
} elements[] = {
	[VERDICT_SKIPPED] = { "skipped", "skipped" },
	[VERDICT_WARNS] = { "system-out", "system-out" },
	[VERDICT_FAILS] = { "failure type=\"condition\"", "failure" },
};

static void append_case(GString *xml, const struct proof *proof,
			enum condition condition)
{
	const GPtrArray *verdicts = proof->verdicts[condition];
	enum verdict_state state = proof_state(proof, condition);
	g_autoptr(GString) said = g_string_new(NULL);
	g_autofree char *name = xml_text(condition_texts[condition].name);

	g_string_append_printf(xml, "  <testcase classname=\"muster.verify\" "
			       "name=\"%s\"", name);
	if (state == VERDICT_HOLDS) {
		g_string_append(xml, "/>\n");
		return;
	}
	for (guint i = 0; i < verdicts->len; i++) {
		const struct verdict *v = g_ptr_array_index(verdicts, i);

		if (v->state == state)
			append_verdict(said, v);
	}
	g_autofree char *text = xml_text(said->str);

	g_string_append_printf(xml, ">\n    <%s>%s</%s>\n  </testcase>\n",
			       elements[state].open, text,
			       elements[state].close);
}

char *proof_junit(const struct proof *proof, gint64 wall_us)
{
	GString *xml = g_string_new(NULL);
	unsigned tests = 0, skipped = 0;

	for (int c = 0; c < CONDITION_N; c++) {
		tests += proof->verdicts[c]->len > 0;
		skipped += proof->verdicts[c]->len > 0 &&
			proof_state(proof, (enum condition)c) ==
			VERDICT_SKIPPED;
	}
	g_string_append_printf(xml,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuite name=\"muster verify\" tests=\"%u\" "
		"failures=\"%u\" errors=\"0\" skipped=\"%u\" time=\"%.3f\">\n",
		tests, proof_count(proof, VERDICT_FAILS), skipped,
		(double)wall_us / G_USEC_PER_SEC);
	for (int c = 0; c < CONDITION_N; c++)
		if (proof->verdicts[c]->len > 0)
			append_case(xml, proof, (enum condition)c);
	g_string_append(xml, "</testsuite>\n");
	return g_string_free(xml, FALSE);
}
