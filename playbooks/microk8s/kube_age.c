/* SPDX-License-Identifier: Apache-2.0
 *
 * kubectl's AGE column: two units while the age is young, one when it is not
 * (k8s.io/apimachinery duration.HumanDuration).
 */
#include "kube_nodes.h"

enum { MINUTE = 60, HOUR = 60 * MINUTE, DAY = 24 * HOUR, YEAR = 365 * DAY };

/* Up to `below` seconds: so many `unit`s, and the rest in `rest` if any. */
static const struct {
	gint64 below, unit, rest;
	char unit_name, rest_name;
} steps[] = {
	{ 2 * MINUTE, 1, 0, 's', 0 },
	{ 10 * MINUTE, MINUTE, 1, 'm', 's' },
	{ 3 * HOUR, MINUTE, 0, 'm', 0 },
	{ 8 * HOUR, HOUR, MINUTE, 'h', 'm' },
	{ 2 * DAY, HOUR, 0, 'h', 0 },
	{ 8 * DAY, DAY, HOUR, 'd', 'h' },
	{ 2 * (gint64)YEAR, DAY, 0, 'd', 0 },
	{ 8 * (gint64)YEAR, YEAR, DAY, 'y', 'd' },
	{ G_MAXINT64, YEAR, 0, 'y', 0 },
};

char *kube_age(gint64 seconds)
{
	size_t i = 0;
	gint64 units, rest;

	if (seconds < -1)
		return g_strdup("<invalid>");
	if (seconds < 0)
		seconds = 0;
	while (i < G_N_ELEMENTS(steps) - 1 && seconds >= steps[i].below)
		i++;
	units = seconds / steps[i].unit;
	rest = steps[i].rest ? seconds % steps[i].unit / steps[i].rest : 0;
	if (rest == 0)
		return g_strdup_printf("%" G_GINT64_FORMAT "%c", units,
				       steps[i].unit_name);
	return g_strdup_printf("%" G_GINT64_FORMAT "%c%" G_GINT64_FORMAT "%c",
			       units, steps[i].unit_name, rest,
			       steps[i].rest_name);
}
