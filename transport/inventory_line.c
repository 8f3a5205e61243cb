/* SPDX-License-Identifier: Apache-2.0
 *
 * What nobody sees in a line of an inventory. To Ansible a carriage return or
 * U+2028 ends a line, and a no-break space is a blank at its ends and a letter
 * elsewhere: files that hold one read otherwise than they look.
 */
#include "inventory_priv.h"

#include <string.h>

static const char *unseen(gunichar c, bool is_blank_wrong)
{
	GUnicodeType type;

	if (c >= ' ' && c < 127)
		return NULL;
	type = g_unichar_type(c);
	if (c != '\t' && (type == G_UNICODE_CONTROL ||
			 type == G_UNICODE_LINE_SEPARATOR ||
			 type == G_UNICODE_PARAGRAPH_SEPARATOR))
		return "a control character";
	return is_blank_wrong && c >= 0x80 && g_unichar_isspace(c)
		? "a blank that is not a space" : NULL;
}

bool line_check(struct inventory_reader *r, bool is_comment)
{
	const char *at = r->line, *end = at + strlen(at);

	if (end - at > INVENTORY_MAX_LINE) {
		problem_add(r->problems, true, r->inventory->path, r->line_no,
			    1, NULL, "a line of more than %d bytes",
			    INVENTORY_MAX_LINE);
		return false;
	}
	while (g_ascii_isspace(*at))
		at++;
	while (end > at && g_ascii_isspace(end[-1]))
		end--;
	for (const char *start = at, *next; at < end; at = next) {
		gunichar c = g_utf8_get_char(at);
		const char *what;

		next = at + g_utf8_skip[(guchar)*at];
		what = unseen(c, !is_comment && (at == start || next == end));
		if (!what)
			continue;
		reader_problem(r, true, (size_t)(at - r->line), "remove it",
			       "%s (U+%04X)", what, c);
		return false;
	}
	return true;
}
