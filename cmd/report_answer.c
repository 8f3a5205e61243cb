/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer on standard output: a recap per host in Ansible's words, the
 * totals, and the nodes as the API reports them.
 */
#include "report.h"

#include "term.h"

#include <stdint.h>
#include <string.h>

static const char *role_of(const struct cluster *cluster,
			   const struct host *host)
{
	const struct node *node = cluster_find(cluster, host);

	if (!node)
		return "-";
	return node->role == NODE_MASTER ? "master" : "worker";
}

static void print_counts(const unsigned counts[static TASK_N], bool has_color)
{
	for (enum task_status s = TASK_OK; s < TASK_N; s++) {
		bool is_lit = counts[s] > 0;

		printf("%s%s=%-4u%s ", is_lit
		       ? term_status_color(s, has_color) : "",
		       task_status_name(s), counts[s],
		       is_lit ? term_reset(has_color) : "");
	}
}

static int host_width(const struct run_result *result)
{
	size_t width = strlen("total");

	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		width = MAX(width, strlen(h->host->name));
	}
	return (int)width;
}

static void answer_finish(void *data, const struct run_result *result)
{
	const struct run_info *info = data;
	bool has_color = term_has_color(stdout, info->options->color);
	int width = host_width(result);
	unsigned totals[TASK_N] = { 0 };
	g_autofree char *table = nodes_table(info->cluster);

	fflush(stderr);
	for (guint i = 0; i < result->hosts->len; i++) {
		const struct host_result *h =
			g_ptr_array_index(result->hosts, i);

		printf("%-*s  %-6s  ", width, h->host->name,
		       role_of(info->cluster, h->host));
		print_counts(h->counts, has_color);
		printf("%.1fs\n", (double)h->elapsed_us / G_USEC_PER_SEC);
		for (int s = 0; s < TASK_N; s++)
			totals[s] += h->counts[s];
	}
	printf("%-*s  %-6s  ", width, "total", "");
	print_counts(totals, has_color);
	printf("%.1fs, of which %.1fs no order can avoid\n",
	       (double)result->wall_us / G_USEC_PER_SEC,
	       (double)result->critical_us / G_USEC_PER_SEC);
	if (table && !info->options->check)
		printf("\n%s", table);
}

static void ignore_event(const struct event *event, void *data)
{
	(void)event;
	(void)data;
}

static void free_nothing(void *data)
{
	(void)data;
}

struct reporter *report_answer_new(const struct run_info *info)
{
	struct reporter *reporter = g_new0(struct reporter, 1);

	reporter->sink.event = ignore_event;
	reporter->sink.data = (void *)(uintptr_t)info;
	reporter->finish = answer_finish;
	reporter->free = free_nothing;
	return reporter;
}
