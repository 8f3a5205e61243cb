/* SPDX-License-Identifier: Apache-2.0
 *
 * muster inventory lint | list | graph: what an inventory says, and what is
 * wrong with it, without connecting to anything.
 */
#include "cmd.h"

#include "inventory_graph.h"
#include "inventory_json.h"

#include "playbooks/cluster.h"
#include "transport/error.h"
#include "transport/pattern.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char summary[] =
	"Examples:\n"
	"  muster inventory lint -i inventory.ini\n"
	"  muster inventory list -i inventory.ini\n"
	"  muster inventory list --json -i inventory.ini | jq ._meta\n"
	"  muster inventory list -l 'workers:!node3' -i inventory.ini\n"
	"  muster inventory graph --vars -i inventory.ini workers\n"
	"\n"
	"lint prints every mistake with its line and column. list prints the "
	"hosts, or with\n--json what `ansible-inventory --list` would. graph "
	"draws the groups, or one group,\nas a tree. None connects to a host.\n"
	"Exit status: 0, 64 when a pattern matches no host, 65 when the "
	"inventory has\nmistakes, 66 when it cannot be read.";

struct request {
	char *path, *limit, *exclude, *group;
	gboolean json, vars;
	int (*show)(const struct request *request,
		    const struct inventory *inventory);
};

static int show_list(const struct request *request,
		     const struct inventory *inventory);
static int show_graph(const struct request *request,
		      const struct inventory *inventory);

/* `show` is NULL for lint, which shows problems only. */
static const struct {
	const char *name;
	int words;		/* at most, its own name included */
	bool takes_hosts, takes_vars;
	int (*show)(const struct request *request,
		    const struct inventory *inventory);
} views[] = {
	{ "lint", 1, false, false, NULL },
	{ "list", 1, true, false, show_list },
	{ "graph", 2, false, true, show_graph },
};

/* What is wrong with the words and options, or NULL. */
static const char *check_request(int n_words, char **words,
				 struct request *request)
{
	size_t i = 0;

	while (i < G_N_ELEMENTS(views) &&
	       (n_words < 1 || strcmp(words[0], views[i].name) != 0))
		i++;
	if (i == G_N_ELEMENTS(views))
		return "say lint, list or graph";
	if (n_words > views[i].words)
		return "one word too many";
	if (!request->path)
		return "-i FILE is missing";
	if ((request->json || request->limit || request->exclude) &&
	    !views[i].takes_hosts)
		return "--json, --limit and --exclude are for list";
	if (request->vars && !views[i].takes_vars)
		return "--vars is for graph";
	request->show = views[i].show;
	request->group = g_strdup(n_words > 1 ? words[1] : "all");
	return NULL;
}

static bool parse_options(int *argc, char ***argv, struct request *request,
			  int *status)
{
	gboolean help = FALSE;
	const GOptionEntry entries[] = {
		{ "inventory", 'i', 0, G_OPTION_ARG_FILENAME, &request->path,
		  "The inventory; - is standard input", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &request->json,
		  "list: print JSON as ansible-inventory --list", NULL },
		{ "limit", 'l', 0, G_OPTION_ARG_STRING, &request->limit,
		  "list: only these hosts, as ansible --limit", "PATTERN" },
		{ "exclude", 'x', 0, G_OPTION_ARG_STRING, &request->exclude,
		  "list: none of these hosts", "PATTERN" },
		{ "vars", 0, 0, G_OPTION_ARG_NONE, &request->vars,
		  "graph: variables too", NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL }
	};
	g_autoptr(GOptionContext) context =
		g_option_context_new("lint|list|graph [GROUP] -i FILE");
	g_autoptr(GError) error = NULL;
	const char *complaint = NULL;

	g_set_prgname("muster inventory");
	g_option_context_set_help_enabled(context, FALSE);
	g_option_context_add_main_entries(context, entries, NULL);
	if (!g_option_context_parse(context, argc, argv, &error))
		complaint = error->message;
	if (!complaint && help) {
		g_autofree char *text = g_option_context_get_help(context,
								  TRUE, NULL);

		printf("%s\n\n%s", summary, text);
		*status = 0;
		return false;
	}
	*status = EX_USAGE;
	if (!complaint)
		complaint = check_request(*argc - 1, *argv + 1, request);
	if (!complaint)
		return true;
	fprintf(stderr, "muster inventory: %s (muster inventory -h shows "
		"how)\n", complaint);
	return false;
}

static void print_problems(const GPtrArray *problems, guint *n_fatal)
{
	for (guint i = 0; i < problems->len; i++) {
		const struct problem *problem = g_ptr_array_index(problems, i);
		g_autofree char *line = problem_format(problem);

		*n_fatal += problem->fatal ? 1 : 0;
		fprintf(stderr, "%s\n", line);
	}
}

static void print_summary(const struct inventory *inventory, guint n_fatal,
			  guint n_warnings)
{
	if (inventory)
		printf("%s: %u %s, %u %s, %u %s\n", inventory->path,
		       inventory->hosts->len,
		       inventory->hosts->len == 1 ? "host" : "hosts", n_fatal,
		       n_fatal == 1 ? "mistake" : "mistakes", n_warnings,
		       n_warnings == 1 ? "warning" : "warnings");
	else
		printf("%u %s, %u %s\n", n_fatal,
		       n_fatal == 1 ? "mistake" : "mistakes", n_warnings,
		       n_warnings == 1 ? "warning" : "warnings");
}

enum { HOST, ADDRESS, PORT, USER, NODE_IP, GROUPS, COLUMNS };

static const char *const heads[COLUMNS] = {
	"HOST", "ADDRESS", "PORT", "USER", "NODE_IP", "GROUPS"
};

static char **row_of(const struct host *host)
{
	char **row = g_new0(char *, COLUMNS + 1);
	const char *node_ip = host_var(host, "node_ip");
	GString *groups = g_string_new(NULL);

	for (guint i = 0; i < host->groups->len; i++) {
		const char *group = g_ptr_array_index(host->groups, i);

		if (strcmp(group, "all") != 0)
			g_string_append_printf(groups, "%s%s",
					       groups->len ? "," : "", group);
	}
	row[HOST] = g_strdup(host->name);
	row[ADDRESS] = g_strdup(host->address);
	row[PORT] = g_strdup_printf("%u", host->port);
	row[USER] = g_strdup(host->user ? host->user : "-");
	row[NODE_IP] = g_strdup(node_ip ? node_ip : "-");
	row[GROUPS] = g_string_free(groups, FALSE);
	return row;
}

static void print_row(const char *const *row, const int *width)
{
	for (int c = 0; c < COLUMNS - 1; c++)
		printf("%-*s  ", width[c], row[c]);
	puts(row[COLUMNS - 1]);
}

static void free_row(void *row)
{
	g_strfreev(row);
}

static void print_table(const GPtrArray *hosts)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);
	int width[COLUMNS];

	for (int c = 0; c < COLUMNS; c++)
		width[c] = (int)strlen(heads[c]);
	for (guint i = 0; i < hosts->len; i++) {
		char **row = row_of(g_ptr_array_index(hosts, i));

		g_ptr_array_add(rows, row);
		for (int c = 0; c < COLUMNS; c++)
			width[c] = MAX(width[c], (int)strlen(row[c]));
	}
	print_row(heads, width);
	for (guint i = 0; i < rows->len; i++)
		print_row((const char *const *)g_ptr_array_index(rows, i),
			  width);
}

static int show_list(const struct request *request,
		     const struct inventory *inventory)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) hosts = pattern_limit(inventory, request->limit,
						   request->exclude, &error);

	if (!hosts) {
		fprintf(stderr, "muster inventory: %s\n", error->message);
		return muster_error_exit_status(error->code);
	}
	if (request->json)
		inventory_json_print(inventory, hosts, stdout);
	else
		print_table(hosts);
	return 0;
}

static int show_graph(const struct request *request,
		      const struct inventory *inventory)
{
	const struct inventory_group *group =
		inventory_find_group(inventory, request->group);

	if (!group || group->is_alias_made) {
		fprintf(stderr, "muster inventory: no group '%s' in %s\n",
			request->group, inventory->path);
		return EX_USAGE;
	}
	inventory_graph_print(group, request->vars, stdout);
	return 0;
}

static void free_problem(void *problem)
{
	problem_free(problem);
}

static int run(const struct request *request)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(GError) error = NULL;
	g_autoptr(Inventory) inventory = inventory_load(request->path,
			cluster_inventory_rules(), problems, &error);
	guint n_fatal = 0;
	int status = 0;

	if (inventory && !request->show)
		cluster_free(cluster_new(inventory, NULL, problems, &error));
	print_problems(problems, &n_fatal);
	if (error && problems->len == 0)
		fprintf(stderr, "muster: %s\n", error->message);
	if (inventory && request->show)
		status = request->show(request, inventory);
	else if (!request->show &&
		 !g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT))
		print_summary(inventory, n_fatal, problems->len - n_fatal);
	if (error)
		return muster_error_exit_status(error->code);
	return n_fatal > 0 ? EX_DATAERR : status;
}

int cmd_inventory(int argc, char **argv)
{
	struct request request = { .path = NULL };
	int status = 0;

	if (parse_options(&argc, &argv, &request, &status))
		status = run(&request);
	g_free(request.path);
	g_free(request.limit);
	g_free(request.exclude);
	g_free(request.group);
	return status;
}
