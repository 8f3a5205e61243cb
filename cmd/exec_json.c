/* SPDX-License-Identifier: Apache-2.0
 *
 * The same for machines. Bytes that are no UTF-8 become U+FFFD; --out-dir
 * keeps them as they are.
 */
#include "exec_report.h"

#include "json_text.h"

#include "transport/error.h"

#include <jansson.h>
#include <stdio.h>

static json_t *members_json(const struct group *group)
{
	json_t *hosts = json_array();

	for (guint i = 0; i < group->members->len; i++) {
		const struct member *member =
			&g_array_index(group->members, struct member, i);

		json_array_append_new(hosts, json_pack(
			"{s:o, s:o, s:I}",
			"name", json_text(member->host->name),
			"address", json_text(member->host->address),
			"elapsed_ms", json_ms(member->elapsed_us)));
	}
	return hosts;
}

static json_t *error_json(const GError *error)
{
	if (!error)
		return json_null();
	return json_pack("{s:s, s:o}", "code", muster_error_name(error->code),
			 "message", json_text(error->message));
}

static json_t *group_json(const struct group *group)
{
	return json_pack(
		"{s:o, s:I, s:s, s:o, s:o, s:o, s:o, s:b, s:o}",
		"names", json_text(group->names),
		"count", (json_int_t)group->members->len,
		"status", exec_end_name(exec_end_of(group)),
		"exit_status", group->error ? json_null()
		: json_integer(group->status),
		"error", error_json(group->error),
		"stdout", json_bytes(group->out->str, group->out->len),
		"stderr", json_bytes(group->err->str, group->err->len),
		"truncated", group->is_cut,
		"hosts", members_json(group));
}

static json_t *totals_json(const GPtrArray *groups)
{
	json_t *totals = json_object();
	json_int_t counts[EXEC_N] = { 0 };

	for (guint i = 0; i < groups->len; i++) {
		const struct group *group = g_ptr_array_index(groups, i);

		counts[exec_end_of(group)] += group->members->len;
	}
	for (int end = 0; end < EXEC_N; end++)
		json_object_set_new(totals, exec_end_name((enum exec_end)end),
				    json_integer(counts[end]));
	return totals;
}

void exec_report_json(const struct exec_report *report)
{
	json_t *groups = json_array();

	for (guint i = 0; i < report->groups->len; i++)
		json_array_append_new(groups, group_json(
				g_ptr_array_index(report->groups, i)));
	json_t *json = json_pack(
		"{s:s, s:o, s:o, s:o, s:I, s:b, s:i, s:o, s:o}",
		"schema", "muster.exec/1",
		"inventory", json_text(report->inventory),
		"command", json_text(report->command),
		"started", json_time(report->started_us),
		"wall_ms", json_ms(report->wall_us),
		"stopped", report->stopped,
		"exit_status", report->exit_status,
		"totals", totals_json(report->groups),
		"groups", groups);

	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}
