/* SPDX-License-Identifier: Apache-2.0
 *
 * muster explain [ACTION]: the manual of a playbook step, printed from the
 * table that also parses it.
 */
#include "cmd.h"

#include "playbooks/action.h"
#include "transport/nearest.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void print_help(void)
{
	puts("Examples:\n"
	     "  muster explain             every step there is\n"
	     "  muster explain args        what `args` does and takes\n"
	     "\n"
	     "Usage: muster explain [ACTION]");
}

static void print_list(void)
{
	for (size_t i = 0; action_table[i]; i++)
		printf("%-13s %s\n", action_table[i]->name,
		       action_table[i]->summary);
}

/* `text` in lines of at most 78 columns behind `indent` blanks. */
static void print_wrapped(const char *text, int indent)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	int column = 0;

	for (char **word = words; *word; word++) {
		int length = (int)strlen(*word);

		if (column > indent && column + 1 + length > 78) {
			putchar('\n');
			column = 0;
		}
		if (column == 0)
			column = printf("%*s%s", indent, "", *word);
		else
			column += printf(" %s", *word);
	}
	putchar('\n');
}

static void print_param(const struct param *param)
{
	printf("\n  %s (%s", param->name, param_type_name(param->type));
	if (param->required)
		printf(", required");
	else if (param->fallback && *param->fallback)
		printf(", default %s", param->fallback);
	puts(")");
	print_wrapped(param->help, 6);
	if (!param->choices)
		return;
	g_autofree char *list = g_strjoinv(
		", ", (char **)(guintptr)param->choices);
	g_autofree char *text = g_strconcat("One of ", list, ".", NULL);

	print_wrapped(text, 6);
}

static void print_action(const struct action *action)
{
	printf("%s: %s\n", action->name, action->summary);
	if (action->help) {
		putchar('\n');
		print_wrapped(action->help, 2);
	}
	for (size_t i = 0; i < action->n_params; i++)
		print_param(&action->params[i]);
	printf("\n  %s; gives up after %d s%s.\n", action->read_only
	       ? "Changes nothing" : "May change the host",
	       (int)(action->timeout_us / G_TIME_SPAN_SECOND),
	       action->retry_safe ? "; is tried again after a lost connection"
	       : "");
}

static int complain(const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const char *nearest;

	for (size_t i = 0; action_table[i]; i++)
		g_ptr_array_add(names,
				(gpointer)(guintptr)action_table[i]->name);
	nearest = nearest_name(name, names);
	fprintf(stderr, "muster explain: no action '%s'; %s%s\n", name,
		nearest ? "did you mean " : "muster explain lists them",
		nearest ? nearest : "");
	return EX_USAGE;
}

int cmd_explain(int argc, char **argv)
{
	const struct action *action;

	if (argc == 1) {
		print_list();
		return 0;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	if (argc > 2) {
		fputs("muster explain: one ACTION at a time; see muster "
		      "explain -h\n", stderr);
		return EX_USAGE;
	}
	action = action_find(argv[1]);
	if (!action)
		return complain(argv[1]);
	print_action(action);
	return 0;
}
