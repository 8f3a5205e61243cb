/* SPDX-License-Identifier: Apache-2.0
 *
 * muster playbook list | show NAME: the playbooks inside the binary.
 */
#include "cmd.h"

#include "playbooks/embedded.h"
#include "transport/nearest.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define SUFFIX ".yaml"

static void print_help(FILE *to)
{
	fputs("Examples:\n"
	      "  muster playbook list\n"
	      "  muster playbook show up\n"
	      "  muster playbook show up >mine.yaml; muster play mine.yaml -i "
	      "inventory.ini\n"
	      "\n"
	      "Usage: muster playbook list | show NAME\n", to);
}

static GPtrArray *playbook_names(void)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

	for (const struct embedded_file *f = embedded_files; f->name; f++)
		if (g_str_has_suffix(f->name, SUFFIX))
			g_ptr_array_add(names, g_strndup(
				f->name, strlen(f->name) - strlen(SUFFIX)));
	return names;
}

static int list(void)
{
	g_autoptr(GPtrArray) names = playbook_names();

	for (guint i = 0; i < names->len; i++)
		puts(g_ptr_array_index(names, i));
	return 0;
}

static int show(const char *name)
{
	g_autofree char *file = g_str_has_suffix(name, SUFFIX)
		? g_strdup(name) : g_strconcat(name, SUFFIX, NULL);
	g_autoptr(GPtrArray) names = playbook_names();
	const char *text = embedded_text(file), *nearest;

	if (text) {
		fputs(text, stdout);
		return 0;
	}
	nearest = nearest_name(name, names);
	fprintf(stderr, "muster playbook: no playbook '%s'; %s%s\n", name,
		nearest ? "did you mean " : "muster playbook list names them",
		nearest ? nearest : "");
	return EX_USAGE;
}

int cmd_playbook(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return list();
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return show(argv[2]);
	bool wants_help = argc > 1 && (strcmp(argv[1], "-h") == 0 ||
				       strcmp(argv[1], "--help") == 0);

	print_help(wants_help ? stdout : stderr);
	return wants_help ? 0 : EX_USAGE;
}
