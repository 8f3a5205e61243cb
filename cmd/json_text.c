/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as muster's JSON documents write them.
 */
#include "json_text.h"

#include <string.h>

json_t *json_time(gint64 us)
{
	g_autoptr(GDateTime) seconds =
		g_date_time_new_from_unix_utc(us / G_USEC_PER_SEC);
	g_autofree char *text = g_date_time_format(seconds,
						   "%Y-%m-%dT%H:%M:%S");

	return json_sprintf("%s.%03dZ", text,
			    (int)(us % G_USEC_PER_SEC / 1000));
}

json_t *json_bytes(const char *bytes, size_t n)
{
	g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)n);

	return json_string(valid);
}

json_t *json_text(const char *text)
{
	return text ? json_bytes(text, strlen(text)) : json_null();
}

json_int_t json_ms(gint64 us)
{
	return us / 1000;
}
