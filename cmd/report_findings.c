/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings of one cause stand together under what the cause means.
 */
#include "report_findings.h"

#include "fold.h"
#include "term.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *title;
	enum task_status colour;
} severities[] = {
	[FINDING_BLOCKS] = { "Stops a run", TASK_FAILED },
	[FINDING_WARNS] = { "Is likely to hurt", TASK_CHANGED },
	[FINDING_ADVISES] = { "Could be better", TASK_SKIPPED },
};

char *finding_hosts(const struct finding *finding)
{
	return fold_names((const char *const *)finding->hosts->pdata,
			  finding->hosts->len);
}

static void print_one(const struct finding *f)
{
	g_autofree char *hosts = finding_hosts(f);
	g_autofree char *evidence = g_utf8_make_valid(f->evidence, -1);

	printf("    %s: %s\n", hosts, evidence);
	printf("      cure: %s\n", *f->cure ? f->cure : f->cause->fix);
}

/* The findings of one severity, from `i` on; returns the first behind. */
static guint print_severity(const GPtrArray *findings, guint i,
			    bool has_color)
{
	const struct finding *first = g_ptr_array_index(findings, i);
	enum finding_severity severity = first->severity;
	const struct cause *cause = NULL;

	printf("%s%s:%s\n", term_status_color(severities[severity].colour,
					      has_color),
	       severities[severity].title, term_reset(has_color));
	for (; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);

		if (f->severity != severity)
			break;
		if (f->cause != cause)
			printf("  %s: %s\n", f->cause->code,
			       f->cause->meaning);
		cause = f->cause;
		print_one(f);
	}
	return i;
}

void report_findings(const GPtrArray *findings, bool is_verbose,
		     bool has_color)
{
	unsigned advice = findings_count(findings, FINDING_ADVISES);
	guint i = 0;

	while (i < findings->len) {
		const struct finding *f = g_ptr_array_index(findings, i);

		if (f->severity == FINDING_ADVISES && !is_verbose)
			break;
		i = print_severity(findings, i, has_color);
	}
	printf("%u stop a run, %u are likely to hurt, %u could be better%s\n",
	       findings_count(findings, FINDING_BLOCKS),
	       findings_count(findings, FINDING_WARNS), advice,
	       advice && !is_verbose ? " (-v tells)" : "");
}

/* Text from hosts may hold any bytes; JSON takes UTF-8 only. */
static json_t *text_json(const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	return json_string(valid);
}

json_t *findings_json(const GPtrArray *findings)
{
	json_t *all = json_array();

	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);
		json_t *hosts = json_array();

		for (guint k = 0; k < f->hosts->len; k++)
			json_array_append_new(hosts, text_json(
				g_ptr_array_index(f->hosts, k)));
		json_array_append_new(all, json_pack(
			"{s:s, s:s, s:o, s:o, s:s, s:o, s:s}",
			"code", f->cause->code, "severity",
			finding_severity_name(f->severity), "hosts", hosts,
			"evidence", text_json(f->evidence),
			"meaning", f->cause->meaning,
			"cure", text_json(*f->cure ? f->cure : f->cause->fix),
			"upstream", f->cause->upstream));
	}
	return all;
}
