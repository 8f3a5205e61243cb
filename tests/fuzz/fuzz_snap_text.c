/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what snap printed or as the name of a channel: what was
 * accepted is whole, and a normal form is its own normal form.
 */
#include "playbooks/microk8s/snap_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_row(const char *text)
{
	struct snap_row *row = snap_text_find_row(text, "microk8s");

	if (row && (strcmp(row->name, "microk8s") != 0 || !row->version ||
		    !row->revision || !row->notes))
		abort();
	if (row)
		snap_notes_has(row->notes, "held");
	snap_row_free(row);
}

static void check_channel(const char *text)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *once = snap_channel_normalize(text, &error);
	g_autofree char *twice = once ? snap_channel_normalize(once, NULL) :
		NULL;

	if (!once != (error != NULL) || g_strcmp0(once, twice) != 0 ||
	    snap_channel_equal(text, text) != (once != NULL) ||
	    (once && !snap_channel_equal(once, text)))
		abort();
}

static void check_info(const char *text)
{
	bool told = false;
	g_autofree char *version = snap_info_version(text, "1.32/stable",
						     &told);

	if (version && (!told || !*version || strpbrk(version, " \t\n")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autofree char *kind = NULL;
	unsigned major = 0, minor = 0;

	check_row(text);
	check_channel(text);
	if (snap_text_is_busy(text, &kind) != (kind != NULL) ||
	    (kind && strchr(kind, '\n')))
		abort();
	snap_text_is_already_installed(text);
	snap_text_is_undone(text);
	check_info(text);
	if (snap_version_parse(text, &major, &minor) &&
	    (major > 9999 || minor > 9999))
		abort();
	return 0;
}
