/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an args file: an edit is seen by the reader, a second one
 * changes nothing, and what it has no business with reads as before.
 */
#include "playbooks/microk8s/args_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_edit(const char *text, const struct args_edit *edit)
{
	g_autofree char *once = args_file_edit(text, edit, 1, NULL);
	g_autofree char *twice = NULL, *value = NULL;

	if (!once)
		return;
	value = args_file_get(once, edit->key);
	twice = args_file_edit(once, edit, 1, NULL);
	if (g_strcmp0(value, edit->value) != 0 ||
	    g_strcmp0(once, twice) != 0)
		abort();
}

/* But for white space at the end, which belongs to a value only until its
 * word is the last of the line, for a # behind a flag that goes, which begins
 * a comment then, and for a bare flag, which may take what follows. */
static void check_neighbour(const char *text)
{
	static const struct args_edit edit = { "--node-ip", "10.8.0.4" };
	g_autofree char *after = args_file_edit(text, &edit, 1, NULL);
	g_autofree char *before_value = args_file_get(text, "--node-ips");
	g_autofree char *after_value = args_file_get(after, "--node-ips");

	if (!after || strchr(text, '#') || !before_value || !*before_value)
		return;
	if (!after_value ||
	    strcmp(g_strstrip(before_value), g_strstrip(after_value)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct args_edit edits[] = {
		{ "--node-ip", "10.8.0.4" },
		{ "--node-ip", "" },
		{ "--node-ip", "-1" },
		{ "--node-ip", NULL },
	};
	g_autofree char *text = g_strndup((const char *)data, size);

	for (size_t i = 0; i < G_N_ELEMENTS(edits); i++)
		check_edit(text, &edits[i]);
	check_neighbour(text);
	return 0;
}
