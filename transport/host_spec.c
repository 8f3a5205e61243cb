/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts [user@]host[:port], as ssh and its ProxyJump read it.
 */
#include "host_spec.h"

#include <glib.h>
#include <string.h>

bool host_spec_parse(struct host_spec *spec, const char *text)
{
	const char *rest = g_str_has_prefix(text, "ssh://") ? text + 6 : text;
	const char *at = strrchr(rest, '@'), *begin = at ? at + 1 : rest;
	const char *end = *begin == '[' ? strchr(begin, ']') : NULL;
	const char *colon = end ? (end[1] == ':' ? end + 1 : NULL)
		: strchr(begin, ':');
	bool is_torn = *begin == '[' &&
		(!end || (end[1] != ':' && end[1] != '\0'));
	guint64 number = 0;

	if (!end && colon && strchr(colon + 1, ':'))
		colon = NULL;		/* an IPv6 address without brackets */
	if (colon && !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535,
						 &number, NULL))
		begin = colon;		/* so that the name is empty */
	spec->port = (unsigned)number;
	spec->user = at ? g_strndup(rest, (gsize)(at - rest)) : NULL;
	if (end && begin != colon)
		spec->name = g_strndup(begin + 1, (gsize)(end - begin) - 1);
	else
		spec->name = colon ? g_strndup(begin, (gsize)(colon - begin))
				   : g_strdup(begin);
	return !is_torn && *spec->name && (!spec->user || *spec->user);
}

void host_spec_clear(struct host_spec *spec)
{
	g_clear_pointer(&spec->user, g_free);
	g_clear_pointer(&spec->name, g_free);
}
