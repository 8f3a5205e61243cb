/* SPDX-License-Identifier: Apache-2.0
 *
 * ${name} in a playbook's values. No expressions: a name, or a name with a
 * default behind ":-" as in a shell.
 */
#include "playbook.h"

#include "transport/error.h"

#include <string.h>

static bool is_name(const char *text)
{
	if (!g_ascii_isalpha(*text) && *text != '_')
		return false;
	for (; *text; text++)
		if (!g_ascii_isalnum(*text) && *text != '_')
			return false;
	return true;
}

/* Appends the value of what stands between the braces. */
static bool append_value(GString *out, const char *inside,
			 const char *(*lookup)(const char *name, void *data),
			 void *data, GError **error)
{
	const char *fallback = strstr(inside, ":-");
	g_autofree char *name = fallback
		? g_strndup(inside, (gsize)(fallback - inside))
		: g_strdup(inside);
	const char *value;

	if (strstr(inside, "${")) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'${%s}': a default cannot hold ${...} itself",
			    inside);
		return false;
	}
	if (!is_name(name)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'${%s}' is no variable (write ${name}, or "
			    "${name:-default}; $${ stands for ${)", inside);
		return false;
	}
	value = lookup(name, data);
	if (!value && fallback)
		value = fallback + 2;
	if (!value) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "no variable '%s' (set it in the inventory or "
			    "with -e %s=VALUE)", name, name);
		return false;
	}
	g_string_append(out, value);
	return true;
}

char *playbook_interpolate(const char *text,
			   const char *(*lookup)(const char *name, void *data),
			   void *data, GError **error)
{
	g_autoptr(GString) out = g_string_new(NULL);

	while (*text) {
		const char *open = strstr(text, "${");
		const char *close = open ? strchr(open, '}') : NULL;

		if (!open) {
			g_string_append(out, text);
			break;
		}
		if (open > text && open[-1] == '$') {
			g_string_append_len(out, text, open - text);
			g_string_append_c(out, '{');
			text = open + 2;
			continue;
		}
		g_string_append_len(out, text, open - text);
		if (!close) {
			g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
				    "'%s' has no closing brace", open);
			return NULL;
		}
		g_autofree char *inside =
			g_strndup(open + 2, (gsize)(close - open) - 2);

		if (!append_value(out, inside, lookup, data, error))
			return NULL;
		text = close + 1;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}
