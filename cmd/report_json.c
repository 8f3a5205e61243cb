/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines' view of a run: one document at the end, schema muster.run/1. Field
 * names are stable.
 */
#include "report.h"

#include "json_text.h"
#include "report_conditions.h"

#include "playbooks/microk8s/kube_nodes.h"
#include "transport/error.h"

#include <stdio.h>

struct document {
	const struct run_info *info;
	json_t *steps;			/* host -> array of steps */
	json_t *plays, *warnings;
};

static void add_step(struct document *d, const struct event *event)
{
	json_t *steps = json_object_get(d->steps, event->host);
	json_t *step = json_pack("{s:o, s:o, s:s, s:o, s:I, s:I}",
				 "play", json_text(event->play),
				 "step", json_text(event->step),
				 "status", task_status_name(event->status),
				 "message", json_text(event->message),
				 "elapsed_ms", json_ms(event->elapsed_us),
				 "remote_ms", json_ms(event->remote_us));

	if (event->diff)
		json_object_set_new(step, "diff", json_text(event->diff));
	if (event->code)
		json_object_set_new(step, "code", json_string(event->code));
	if (event->hint)
		json_object_set_new(step, "hint", json_text(event->hint));
	if (event->cause)
		json_object_set_new(step, "cause", json_string(event->cause));
	if (!steps) {
		steps = json_array();
		json_object_set_new(d->steps, event->host, steps);
	}
	json_array_append_new(steps, step);
}

static void document_event(const struct event *event, void *data)
{
	struct document *d = data;

	if (event->kind == EVENT_STEP_END)
		add_step(d, event);
	else if (event->kind == EVENT_PLAY_END)
		json_array_append_new(d->plays, json_pack(
			"{s:o, s:I}", "name", json_text(event->play),
			"elapsed_ms", json_ms(event->elapsed_us)));
	else if (event->kind == EVENT_WARNING)
		json_array_append_new(d->warnings, json_pack(
			"{s:o, s:o}", "host", json_text(event->host),
			"message", json_text(event->message)));
}

static json_t *counts_json(const unsigned counts[static TASK_N])
{
	json_t *json = json_object();

	for (enum task_status s = TASK_OK; s < TASK_N; s++)
		json_object_set_new(json, task_status_name(s),
				    json_integer(counts[s]));
	return json;
}

static json_t *error_json(const struct host_result *h)
{
	if (!h->error)
		return json_null();
	return json_pack("{s:s, s:o, s:o, s:o, s:o}",
			 "code", muster_error_name(h->error->code),
			 "message", json_text(h->error->message),
			 "step", json_text(h->failed_step),
			 "hint", json_text(h->hint),
			 "cause", json_text(h->cause));
}

static json_t *host_json(const struct document *d,
			 const struct host_result *h)
{
	const struct node *node = cluster_find(d->info->cluster, h->host);
	json_t *steps = json_object_get(d->steps, h->host->name);
	json_t *json = json_pack(
		"{s:o, s:o, s:o, s:s?, s:o, s:I, s:I, s:o, s:O?}",
		"name", json_text(h->host->name),
		"address", json_text(h->host->address),
		"node_ip", json_text(node ? node->node_ip : NULL),
		"role", !node ? NULL
		: node->role == NODE_MASTER ? "master" : "worker",
		"counts", counts_json(h->counts),
		"elapsed_ms", json_ms(h->elapsed_us),
		"remote_ms", json_ms(h->remote_us),
		"error", error_json(h),
		"steps", steps);

	if (d->info->log_dir)
		json_object_set_new(json, "log", json_sprintf(
			"%s/%s.log", d->info->log_dir, h->host->name));
	return json;
}

static const struct node *node_of(const struct cluster *cluster,
				  const struct kube_node *seen)
{
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node =
			g_ptr_array_index(cluster->nodes, i);

		if (cluster_seen(cluster, node) == seen)
			return node;
	}
	return NULL;
}

static json_t *nodes_json(const struct cluster *cluster)
{
	json_t *nodes = json_array();

	for (guint i = 0; cluster->seen && i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);
		const struct node *node = node_of(cluster, seen);
		g_autofree char *status = kube_node_status(seen);

		json_array_append_new(nodes, json_pack(
			"{s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:b}",
			"name", json_text(seen->name),
			"status", status,
			"roles", json_text(seen->roles),
			"created", (json_int_t)seen->created,
			"version", json_text(seen->version),
			"internal_ip", json_text(seen->internal_ip),
			"node_ip", json_text(node ? node->node_ip : NULL),
			"node_ip_matches", node && g_strcmp0(
				node->node_ip, seen->internal_ip) == 0));
	}
	return nodes;
}

static void document_finish(void *data, const struct run_result *result)
{
	struct document *d = data;
	const struct run_info *info = d->info;
	unsigned totals[TASK_N] = { 0 };
	json_t *hosts = json_array();

	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		for (int s = 0; s < TASK_N; s++)
			totals[s] += h->counts[s];
		json_array_append_new(hosts, host_json(d, h));
	}
	json_t *json = json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:b, s:o, s:I, s:I, s:b, s:i,"
		" s:o, s:O, s:O, s:o, s:o}",
		"schema", "muster.run/1",
		"command", info->command,
		"run_id", info->run_id,
		"playbook", json_text(info->playbook),
		"inventory", json_text(info->inventory),
		"check", info->options->check,
		"started", json_time(info->started_us),
		"wall_ms", json_ms(result->wall_us),
		"critical_path_ms", json_ms(result->critical_us),
		"stopped", result->stopped,
		"exit_status", result->exit_status,
		"totals", counts_json(totals),
		"plays", d->plays,
		"warnings", d->warnings,
		"hosts", hosts,
		"nodes", nodes_json(info->cluster));

	if (info->cluster->proof && info->cluster->proof->is_judged)
		json_object_set_new(json, "conditions", proof_conditions_json(
				info->cluster->proof));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

static void document_free(void *data)
{
	struct document *d = data;

	json_decref(d->steps);
	json_decref(d->plays);
	json_decref(d->warnings);
	g_free(d);
}

struct reporter *report_json_new(const struct run_info *info)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct document *d = g_new0(struct document, 1);

	d->info = info;
	d->steps = json_object();
	d->plays = json_array();
	d->warnings = json_array();
	reporter->sink.event = document_event;
	reporter->sink.data = d;
	reporter->finish = document_finish;
	reporter->free = document_free;
	return reporter;
}
