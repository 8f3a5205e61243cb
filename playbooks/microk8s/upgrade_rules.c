/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of an upgrade, without anybody to ask.
 */
#include "upgrade_rules.h"

#include "snap_text.h"

#include <string.h>

enum upgrade_step upgrade_step_between(const char *from, const char *to)
{
	unsigned from_major = 0, from_minor = 0, to_major = 0, to_minor = 0;

	if (!snap_version_parse(from, &from_major, &from_minor) ||
	    !snap_version_parse(to, &to_major, &to_minor))
		return UPGRADE_UNKNOWN;
	if (from_major != to_major)
		return from_major < to_major ? UPGRADE_SKIPS : UPGRADE_BACK;
	if (from_minor > to_minor)
		return UPGRADE_BACK;
	if (to_minor - from_minor > 1)
		return UPGRADE_SKIPS;
	return from_minor == to_minor ? UPGRADE_SAME : UPGRADE_NEXT;
}

int upgrade_lag(const char *older, const char *newer)
{
	unsigned older_major = 0, older_minor = 0;
	unsigned newer_major = 0, newer_minor = 0;

	if (!snap_version_parse(older, &older_major, &older_minor) ||
	    !snap_version_parse(newer, &newer_major, &newer_minor))
		return 0;
	if (older_major != newer_major)
		return older_major < newer_major ? G_MAXINT : G_MININT;
	return (int)newer_minor - (int)older_minor;
}

bool upgrade_is_strict(const char *channel)
{
	g_auto(GStrv) parts = g_strsplit(channel, "/", 2);

	return parts[0] && g_str_has_suffix(parts[0], "-strict");
}

char *upgrade_next_channel(const char *from, const char *channel)
{
	g_auto(GStrv) parts = g_strsplit(channel, "/", 3);
	unsigned major = 0, minor = 0;

	if (!snap_version_parse(from, &major, &minor))
		return NULL;
	return g_strdup_printf("%u.%u%s/%s", major, minor + 1,
			       upgrade_is_strict(channel) ? "-strict" : "",
			       parts[0] && parts[1] ? parts[1] : "stable");
}

bool upgrade_window(const char *text, unsigned workers, unsigned *window)
{
	char *end = NULL;
	guint64 number = 0;
	bool is_share;

	if (!text || !g_ascii_isdigit(*text))
		return false;
	number = g_ascii_strtoull(text, &end, 10);
	is_share = strcmp(end, "%") == 0;
	if ((!is_share && *end) || number == 0 ||
	    number > (is_share ? 100 : G_MAXINT))
		return false;
	if (is_share)
		number = number * workers / 100;
	if (window)
		*window = (unsigned)MAX(number, 1);
	return true;
}

bool upgrade_keeps_quorum(unsigned masters, unsigned ready)
{
	if (masters <= 2)
		return true;
	return ready > 0 && 2 * (ready - 1) > masters;
}

/* The bytes of "v1.32.8+x" that are its numbers, without the v. */
static size_t numbers(const char **text)
{
	if (!*text)
		return 0;
	*text += **text == 'v';
	return strspn(*text, "0123456789.");
}

bool upgrade_is_version(const char *kubelet, const char *snap)
{
	size_t length = numbers(&kubelet);

	return length > 0 && length == numbers(&snap) &&
		strncmp(kubelet, snap, length) == 0;
}
