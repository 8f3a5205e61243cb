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
