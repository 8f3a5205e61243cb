/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether and how to colour (https://no-color.org).
 */
#include "term.h"

#include <string.h>
#include <unistd.h>

bool term_has_color(FILE *stream, enum color_mode mode)
{
	const char *no_color = g_getenv("NO_COLOR");
	const char *term = g_getenv("TERM");

	if (mode != COLOR_AUTO)
		return mode == COLOR_ALWAYS;
	if (no_color && *no_color)
		return false;
	if (!term || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fileno(stream));
}

const char *term_status_color(enum task_status status, bool has_color)
{
	static const char *const colors[TASK_N] = {
		[TASK_OK] = "\033[32m",
		[TASK_CHANGED] = "\033[33m",
		[TASK_SKIPPED] = "\033[36m",
		[TASK_FAILED] = "\033[31m",
		[TASK_UNREACHABLE] = "\033[1;31m",
	};

	return has_color && status < TASK_N ? colors[status] : "";
}

const char *term_reset(bool has_color)
{
	return has_color ? "\033[0m" : "";
}

const char *term_bold(bool has_color)
{
	return has_color ? "\033[1m" : "";
}
