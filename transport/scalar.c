/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads typed values from their text.
 */
#include "scalar.h"

#include <string.h>

#define DIGITS_MAX 9	/* keeps the largest unit far from an overflow */

bool scalar_duration(const char *text, gint64 *us)
{
	static const struct { const char *unit; gint64 us; } units[] = {
		{ "", G_TIME_SPAN_SECOND }, { "s", G_TIME_SPAN_SECOND },
		{ "ms", G_TIME_SPAN_MILLISECOND }, { "m", G_TIME_SPAN_MINUTE },
		{ "h", G_TIME_SPAN_HOUR },
	};
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(units); i++) {
		if (strcmp(text + digits, units[i].unit) != 0)
			continue;
		*us = g_ascii_strtoll(text, NULL, 10) * units[i].us;
		return true;
	}
	return false;
}

bool scalar_bool(const char *text, bool *value)
{
	static const char *const yes[] = { "true", "yes", "on", "1", "y", "t" };
	static const char *const no[] = { "false", "no", "off", "0", "n", "f" };

	for (size_t i = 0; i < G_N_ELEMENTS(yes); i++) {
		bool is_yes = g_ascii_strcasecmp(text, yes[i]) == 0;

		if (!is_yes && g_ascii_strcasecmp(text, no[i]) != 0)
			continue;
		*value = is_yes;
		return true;
	}
	return false;
}

#define NAME_MAX_BYTES 253
#define LABEL_MAX_BYTES 63

static bool is_label(const char *label)
{
	size_t length = strlen(label);

	if (length == 0 || length > LABEL_MAX_BYTES || label[0] == '-' ||
	    label[length - 1] == '-')
		return false;
	for (; *label; label++)
		if (!g_ascii_isalnum(*label) && *label != '-' && *label != '_')
			return false;
	return true;
}

bool scalar_is_dns_name(const char *text)
{
	/* Numbers and dots alone are no name. */
	if (strlen(text) > NAME_MAX_BYTES ||
	    strspn(text, "0123456789.") == strlen(text))
		return false;
	g_auto(GStrv) labels = g_strsplit(text, ".", -1);

	for (char **label = labels; *label; label++)
		if (!is_label(*label))
			return false;
	return true;
}

bool scalar_server(const char *text, char **host, unsigned *port)
{
	const char *colon = strrchr(text, ':');
	g_autofree char *name = colon
		? g_strndup(text, (gsize)(colon - text)) : NULL;
	guint64 number = 0;

	if (!name || strchr(name, ':') ||
	    !g_ascii_string_to_unsigned(colon + 1, 10, 1, 65535, &number,
					NULL) ||
	    !(scalar_is_dns_name(name) || g_hostname_is_ip_address(name)))
		return false;
	*host = g_steal_pointer(&name);
	*port = (unsigned)number;
	return true;
}
