/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes of an input file, as data and as one line of text.
 */
#include "inventory.h"

void problem_free(struct problem *problem)
{
	if (!problem)
		return;
	g_free(problem->file);
	g_free(problem->message);
	g_free(problem->hint);
	g_free(problem);
}

void problem_add(GPtrArray *problems, bool fatal, const char *file,
		 unsigned line, unsigned column, const char *hint,
		 const char *format, ...)
{
	struct problem *problem = g_new0(struct problem, 1);
	va_list args;

	problem->fatal = fatal;
	problem->file = g_strdup(file);
	problem->line = line;
	problem->column = column;
	problem->hint = g_strdup(hint);
	va_start(args, format);
	problem->message = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(problems, problem);
}

char *problem_format(const struct problem *problem)
{
	GString *text = g_string_new(problem->file);

	if (problem->line > 0)
		g_string_append_printf(text, ":%u", problem->line);
	if (problem->line > 0 && problem->column > 0)
		g_string_append_printf(text, ":%u", problem->column);
	g_string_append_printf(text, ": %s%s", problem->fatal ? "" : "warning: ",
			       problem->message);
	if (problem->hint)
		g_string_append_printf(text, " (%s)", problem->hint);
	/* The file's own bytes may stand in a message: keep it one line. */
	for (gsize i = 0; i < text->len; i++)
		if ((unsigned char)text->str[i] < ' ' || text->str[i] == 127)
			text->str[i] = '?';
	return g_string_free(text, FALSE);
}
