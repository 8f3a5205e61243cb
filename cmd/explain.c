/* SPDX-License-Identifier: Apache-2.0
 *
 * muster explain [ACTION | CODE]: the manual of a playbook step, printed from
 * the table that also parses it; and what a cause of the catalogue means.
 * Works offline.
 */
#include "cmd.h"

#include "playbooks/action.h"
#include "playbooks/microk8s/cause.h"
#include "transport/nearest.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static void print_help(void)
{
	puts("Examples:\n"
	     "  muster explain             every step there is\n"
	     "  muster explain args        what `args` does and takes\n"
	     "  muster explain causes      every cause of failure with a code\n"
	     "  muster explain invalid-token\n"
	     "                             what that cause means, and its cure\n"
	     "\n"
	     "Usage: muster explain [ACTION | CODE | causes]");
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

static void print_causes(void)
{
	const struct cause *cause;

	for (size_t i = 0; (cause = cause_at(i)); i++) {
		puts(cause->code);
		print_wrapped(cause->meaning, 6);
	}
}

/* One way it is told by, in words. */
static void print_text(const struct cause_text *text)
{
	g_autoptr(GString) line = g_string_new("-");

	if (text->status != CAUSE_ANY_STATUS)
		g_string_append_printf(line, " exit status %d", text->status);
	if (text->from == CAUSE_OF_JOIN)
		g_string_append(line, " of a join");
	if (text->text)
		g_string_append_printf(line, "%s '%s'", line->len > 1
				       ? " with" : "", text->text);
	if (text->also)
		g_string_append_printf(line, " ... '%s'", text->also);
	print_wrapped(line->str, 6);
}

static void print_cause(const struct cause *cause)
{
	printf("%s\n", cause->code);
	print_wrapped(cause->meaning, 2);
	puts("\n  What to do:");
	print_wrapped(cause->fix, 6);
	if (cause->texts[0].from)
		puts("\n  Told by:");
	for (size_t i = 0; i < CAUSE_TEXTS_MAX && cause->texts[i].from; i++)
		print_text(&cause->texts[i]);
	if (cause->retry != CAUSE_NO_RETRY)
		printf("\n  Trying again may help%s.\n", cause->retry ==
		       CAUSE_RETRY_NEW_TOKEN ? ", with a new token" : "");
	if (*cause->upstream) {
		puts("\n  Upstream:");
		print_wrapped(cause->upstream, 6);
	}
}

static int complain(const char *name)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new();
	const struct cause *cause;
	const char *nearest;

	for (size_t i = 0; action_table[i]; i++)
		g_ptr_array_add(names,
				(gpointer)(guintptr)action_table[i]->name);
	for (size_t i = 0; (cause = cause_at(i)); i++)
		g_ptr_array_add(names, (gpointer)(guintptr)cause->code);
	nearest = nearest_name(name, names);
	fprintf(stderr, "muster explain: no action '%s', nor a cause; %s%s\n",
		name, nearest ? "did you mean "
		: "muster explain and muster explain causes list them",
		nearest ? nearest : "");
	return EX_USAGE;
}

int cmd_explain(int argc, char **argv)
{
	const struct action *action;
	const struct cause *cause;

	if (argc == 1) {
		print_list();
		return 0;
	}
	if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0) {
		print_help();
		return 0;
	}
	if (argc > 2) {
		fputs("muster explain: one at a time; see muster "
		      "explain -h\n", stderr);
		return EX_USAGE;
	}
	if (strcmp(argv[1], "causes") == 0) {
		print_causes();
		return 0;
	}
	action = action_find(argv[1]);
	cause = action ? NULL : cause_find(argv[1]);
	if (!action && !cause)
		return complain(argv[1]);
	if (action)
		print_action(action);
	else
		print_cause(cause);
	return 0;
}
