/* SPDX-License-Identifier: Apache-2.0
 *
 * muster inventory lint | list: what an inventory says, and what is wrong
 * with it, without connecting to anything.
 */
#include "cmd.h"

#include "inventory_json.h"

#include "playbooks/cluster.h"
#include "transport/error.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char summary[] =
	"Examples:\n"
	"  muster inventory lint -i inventory.ini\n"
	"  muster inventory list -i inventory.ini\n"
	"  muster inventory list --json -i inventory.ini | jq ._meta\n"
	"\n"
	"lint prints every mistake with its line and column. list prints the "
	"hosts, or with\n--json what `ansible-inventory --list` would. Neither "
	"connects to a host.\n"
	"Exit status: 0, 65 when the inventory has mistakes, 66 when it cannot "
	"be read.";

struct request {
	char *path;
	gboolean json;
	bool is_list;
};

static bool parse_options(int *argc, char ***argv, struct request *request,
			  int *status)
{
	gboolean help = FALSE;
	const GOptionEntry entries[] = {
		{ "inventory", 'i', 0, G_OPTION_ARG_FILENAME, &request->path,
		  "The inventory; - is standard input", "FILE" },
		{ "json", 0, 0, G_OPTION_ARG_NONE, &request->json,
		  "list: print JSON as ansible-inventory --list", NULL },
		{ "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL },
		{ NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL }
	};
	g_autoptr(GOptionContext) context =
		g_option_context_new("lint|list -i FILE");
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
	if (!complaint && (*argc != 2 || (strcmp((*argv)[1], "lint") &&
					  strcmp((*argv)[1], "list"))))
		complaint = "say lint or list";
	if (!complaint && !request->path)
		complaint = "-i FILE is missing";
	if (!complaint) {
		request->is_list = strcmp((*argv)[1], "list") == 0;
		return true;
	}
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

static void print_table(const struct inventory *inventory)
{
	g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func(free_row);
	int width[COLUMNS];

	for (int c = 0; c < COLUMNS; c++)
		width[c] = (int)strlen(heads[c]);
	for (guint i = 0; i < inventory->hosts->len; i++) {
		char **row = row_of(g_ptr_array_index(inventory->hosts, i));

		g_ptr_array_add(rows, row);
		for (int c = 0; c < COLUMNS; c++)
			width[c] = MAX(width[c], (int)strlen(row[c]));
	}
	print_row(heads, width);
	for (guint i = 0; i < rows->len; i++)
		print_row((const char *const *)g_ptr_array_index(rows, i),
			  width);
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

	if (inventory && !request->is_list)
		cluster_free(cluster_new(inventory, NULL, problems, &error));
	print_problems(problems, &n_fatal);
	if (error && problems->len == 0)
		fprintf(stderr, "muster: %s\n", error->message);
	if (!request->is_list &&
	    !g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_NO_INPUT))
		print_summary(inventory, n_fatal, problems->len - n_fatal);
	else if (inventory && request->json)
		inventory_json_print(inventory, stdout);
	else if (inventory)
		print_table(inventory);
	if (error)
		return muster_error_exit_status(error->code);
	return n_fatal > 0 ? EX_DATAERR : 0;
}

int cmd_inventory(int argc, char **argv)
{
	struct request request = { .path = NULL };
	int status = 0;

	if (parse_options(&argc, &argv, &request, &status))
		status = run(&request);
	g_free(request.path);
	return status;
}
