/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a playbook: no crash, an error exactly when there is a problem,
 * every problem in one line and inside the text, and what was accepted fills
 * its names in or says why not.
 */
#include "playbooks/playbook.h"
#include "transport/inventory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *lookup(const char *name, void *data)
{
	(void)data;
	return strchr(name, 'x') ? NULL : "${value}";
}

static void check_problems(const GPtrArray *problems, size_t size)
{
	for (guint i = 0; i < problems->len; i++) {
		const struct problem *p = g_ptr_array_index(problems, i);
		g_autofree char *line = problem_format(p);

		if (strchr(line, '\n') || p->line > size + 1 ||
		    p->column > size + 1)
			abort();
	}
}

static void interpolate(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *filled = NULL;

	if (!text)
		return;
	filled = playbook_interpolate(text, lookup, NULL, &error);
	if (!filled != (error != NULL))
		abort();
	if (filled && !strstr(text, "${") && strcmp(filled, text) != 0)
		abort();
}

static void check_step(const struct step *step)
{
	if (!step->action || !step->title || step->mark.line == 0)
		abort();
	for (guint i = 0; i < step->arguments->len; i++) {
		const struct argument *a =
			g_ptr_array_index(step->arguments, i);

		if (!a->text == !a->keys)
			abort();
		interpolate(a->text);
		if (a->keys && a->keys->len != a->values->len)
			abort();
		for (guint k = 0; a->values && k < a->values->len; k++)
			interpolate(g_ptr_array_index(a->values, k));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(Playbook) playbook = playbook_parse(
		(const char *)data, size, "fuzz", problems, &error);

	if (!playbook != (error != NULL) || !playbook != (problems->len > 0))
		abort();
	check_problems(problems, size);
	for (guint i = 0; playbook && i < playbook->plays->len; i++) {
		const struct play *play =
			g_ptr_array_index(playbook->plays, i);

		if (!play->name || !play->on || play->steps->len == 0)
			abort();
		for (guint k = 0; k < play->steps->len; k++)
			check_step(g_ptr_array_index(play->steps, k));
	}
	return 0;
}
