/* SPDX-License-Identifier: Apache-2.0
 *
 * A line for each host of the inventory with its node beside it, one for each
 * node that no host is, and below them what differs.
 */
#include "report_status.h"

#include "fold.h"
#include "json_text.h"

#include "playbooks/members.h"
#include "playbooks/microk8s/kube_nodes.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { HOST, ROLE, NODE_IP, STATUS, VERSION, INTERNAL_IP, DRIFT, COLUMNS };

static const char *const heads[COLUMNS] = {
	"HOST", "ROLE", "NODE_IP", "STATUS", "VERSION", "INTERNAL-IP", "DRIFT"
};

struct report {
	const struct run_info *info;
	const struct status_telling *telling;
};

static const char *role_of(const struct node *node)
{
	return node->role == NODE_MASTER ? "master" : "worker";
}

static const struct host_result *result_of(const struct run_result *result,
					   const struct host *host)
{
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->host == host)
			return h;
	}
	return NULL;
}

/* Of a host that was not looked at too: its name or its address tells. */
static const struct kube_node *seen_of(const struct cluster *cluster,
				       const struct node *node)
{
	const struct kube_node *found = cluster_seen(cluster, node);

	for (guint i = 0; !found && cluster->seen && i < cluster->seen->len;
	     i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (cluster_whose(cluster, seen) == node)
			found = seen;
	}
	return found;
}

static bool concerns(const struct drift *drift, const char *host)
{
	for (guint i = 0; i < drift->hosts->len; i++)
		if (strcmp(g_ptr_array_index(drift->hosts, i), host) == 0)
			return true;
	return false;
}

/* "arguments, nodes-address"; "none". Newly allocated. */
static char *drift_cell(const GPtrArray *all, const char *host)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < all->len; i++) {
		const struct drift *drift = g_ptr_array_index(all, i);

		if (concerns(drift, host) && !strstr(text->str, drift->name))
			g_string_append_printf(text, "%s%s",
					       text->len ? ", " : "",
					       drift->name);
	}
	return g_string_free(text->len ? text : g_string_append(text, "none"),
			     FALSE);
}

static void fill_seen(char **row, const struct kube_node *seen)
{
	row[STATUS] = seen ? kube_node_status(seen) : g_strdup("-");
	row[VERSION] = g_strdup(seen && seen->version ? seen->version : "-");
	row[INTERNAL_IP] = g_strdup(seen && seen->internal_ip
				    ? seen->internal_ip : "-");
}

static char **host_row(const struct report *r, const struct node *node,
		       const struct host_result *h)
{
	const struct cluster *cluster = r->info->cluster;
	const struct backend_node *member = members_find(cluster, node);
	char **row = g_new0(char *, COLUMNS + 1);

	row[HOST] = g_strdup(node->host->name);
	row[ROLE] = member ? g_strdup_printf("%s, %s", role_of(node),
					     backend_role_name(member->role))
		: g_strdup(role_of(node));
	row[NODE_IP] = g_strdup(node->node_ip);
	fill_seen(row, seen_of(cluster, node));
	row[DRIFT] = h->error && !node->facts ? g_strdup("not reached")
		: drift_cell(r->telling->drift, node->host->name);
	return row;
}

static char **stranger_row(const struct kube_node *seen)
{
	char **row = g_new0(char *, COLUMNS + 1);

	row[HOST] = g_strdup(seen->name);
	row[ROLE] = g_strdup("-");
	row[NODE_IP] = g_strdup("-");
	fill_seen(row, seen);
	row[DRIFT] = g_strdup("not in the inventory");
	return row;
}

static GPtrArray *collect_rows(const struct report *r,
			       const struct run_result *result)
{
	const struct cluster *cluster = r->info->cluster;
	GPtrArray *rows = g_ptr_array_new_with_free_func(
		(GDestroyNotify)g_strfreev);

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct host_result *h = result_of(result, node->host);

		if (h)
			g_ptr_array_add(rows, host_row(r, node, h));
	}
	for (guint i = 0; cluster->seen && i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (!cluster_whose(cluster, seen))
			g_ptr_array_add(rows, stranger_row(seen));
	}
	return rows;
}

static void print_row(const char *const *row, const int *widths)
{
	for (int c = 0; c < COLUMNS - 1; c++)
		printf("%-*s   ", widths[c], row[c]);
	puts(row[COLUMNS - 1]);
}

static void print_rows(const GPtrArray *rows)
{
	int widths[COLUMNS];

	for (int c = 0; c < COLUMNS; c++) {
		widths[c] = (int)strlen(heads[c]);
		for (guint i = 0; i < rows->len; i++) {
			char *const *row = g_ptr_array_index(rows, i);

			widths[c] = MAX(widths[c], (int)strlen(row[c]));
		}
	}
	print_row(heads, widths);
	for (guint i = 0; i < rows->len; i++)
		print_row(g_ptr_array_index(rows, i), widths);
}

static void print_drift(const struct drift *drift)
{
	g_autofree char *hosts = drift->hosts->len
		? fold_names((const char *const *)drift->hosts->pdata,
			     drift->hosts->len) : NULL;

	printf("  %s: %s%s%s%s%s%s\n", drift->name, hosts ? hosts : "",
	       hosts ? ": " : "", drift->evidence, drift->cause ? " [" : "",
	       drift->cause ? drift->cause : "", drift->cause ? "]" : "");
}

static void print_unreached(const struct run_result *result)
{
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		if (h->error)
			printf("  %s: not reached: %s\n", h->host->name,
			       h->error->message);
	}
}

static void print_table(const struct report *r,
			const struct run_result *result)
{
	const GPtrArray *drift = r->telling->drift;
	g_autoptr(GPtrArray) rows = collect_rows(r, result);

	print_rows(rows);
	if (drift->len == 0 && result->exit_status == 0) {
		puts("\nNo drift.");
		return;
	}
	puts("\nDrift:");
	print_unreached(result);
	for (guint i = 0; i < drift->len; i++)
		print_drift(g_ptr_array_index(drift, i));
	puts("\nmuster plan shows what muster up would do about it; muster "
	     "explain tells of a\ncause in brackets.");
}

/* --- JSON --- */

static json_t *seen_json(const struct kube_node *seen)
{
	g_autofree char *status = seen ? kube_node_status(seen) : NULL;

	return seen ? json_pack("{s:o, s:o, s:o, s:o}", "name",
				json_text(seen->name), "status",
				json_text(status), "version",
				json_text(seen->version), "internal_ip",
				json_text(seen->internal_ip)) : json_null();
}

static json_t *host_json(const struct report *r, const struct node *node,
			 const struct host_result *h)
{
	const GPtrArray *all = r->telling->drift;
	const struct backend_node *member =
		members_find(r->info->cluster, node);
	json_t *names = json_array();

	for (guint i = 0; i < all->len; i++) {
		const struct drift *drift = g_ptr_array_index(all, i);

		if (concerns(drift, node->host->name))
			json_array_append_new(names, json_text(drift->name));
	}
	return json_pack("{s:o, s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o}",
			 "name", json_text(node->host->name),
			 "role", role_of(node),
			 "member", json_text(member ? backend_role_name(
					     member->role) : NULL),
			 "node_ip", json_text(node->node_ip),
			 "reached", node->facts != NULL,
			 "error", json_text(h->error ? h->error->message
					    : NULL),
			 "channel", json_text(node->facts
					      ? node->facts->channel : NULL),
			 "node", seen_json(seen_of(r->info->cluster, node)),
			 "drift", names);
}

static json_t *drift_json(const struct drift *drift)
{
	json_t *hosts = json_array();

	for (guint i = 0; i < drift->hosts->len; i++)
		json_array_append_new(hosts, json_text(
			g_ptr_array_index(drift->hosts, i)));
	return json_pack("{s:s, s:o, s:o, s:o}", "name", drift->name, "hosts",
			 hosts, "evidence", json_text(drift->evidence),
			 "cause", json_text(drift->cause));
}

static void print_json(const struct report *r,
		       const struct run_result *result)
{
	const struct cluster *cluster = r->info->cluster;
	const GPtrArray *all = r->telling->drift;
	json_t *hosts = json_array(), *strangers = json_array();
	json_t *drift = json_array();

	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);
		const struct host_result *h = result_of(result, node->host);

		if (h)
			json_array_append_new(hosts, host_json(r, node, h));
	}
	for (guint i = 0; cluster->seen && i < cluster->seen->len; i++) {
		const struct kube_node *seen =
			g_ptr_array_index(cluster->seen, i);

		if (!cluster_whose(cluster, seen))
			json_array_append_new(strangers, seen_json(seen));
	}
	for (guint i = 0; i < all->len; i++)
		json_array_append_new(drift, drift_json(
			g_ptr_array_index(all, i)));
	json_t *json = json_pack(
		"{s:s, s:s, s:o, s:o, s:b, s:b, s:i, s:o, s:o, s:o}",
		"schema", "muster.status/1", "run_id", r->info->run_id,
		"inventory", json_text(r->info->inventory),
		"started", json_time(r->info->started_us),
		"stopped", result->stopped, "drifted", all->len > 0,
		"exit_status", r->telling->exit_status, "hosts", hosts,
		"strangers", strangers, "drift", drift);

	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

/* --- the reporter --- */

static void status_finish(void *data, const struct run_result *result)
{
	const struct report *r = data;

	fflush(stderr);
	if (r->info->options->json)
		print_json(r, result);
	else
		print_table(r, result);
}

static void tell_warning(const struct event *event, void *data)
{
	const struct report *r = data;

	if (event->kind == EVENT_WARNING && r->info->options->verbosity <= 0)
		fprintf(stderr, "muster: %s%s%s\n",
			event->host ? event->host : "",
			event->host ? ": " : "", event->message);
}

struct reporter *report_status_new(const struct run_info *info,
				   const struct status_telling *telling)
{
	struct reporter *reporter = g_new0(struct reporter, 1);
	struct report *r = g_new0(struct report, 1);

	r->info = info;
	r->telling = telling;
	reporter->sink.event = tell_warning;
	reporter->sink.data = r;
	reporter->finish = status_finish;
	reporter->free = g_free;
	return reporter;
}
