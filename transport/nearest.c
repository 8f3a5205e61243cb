/* SPDX-License-Identifier: Apache-2.0
 *
 * Levenshtein's distance, and which name has the least.
 */
#include "nearest.h"

#include <string.h>

#define LENGTH_MAX 64	/* bytes; nobody mistypes longer names */

static unsigned edit_distance(const char *a, const char *b)
{
	size_t n = strlen(b), m = strlen(a);
	g_autofree unsigned *row = g_new(unsigned, n + 1);

	for (size_t j = 0; j <= n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= m; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= n; j++) {
			unsigned change = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[n];
}

const char *nearest_name(const char *name, const GPtrArray *names)
{
	size_t length = strlen(name);
	unsigned best = (unsigned)MIN(length / 3, 3) + 1;
	const char *nearest = NULL;

	if (length > LENGTH_MAX)
		return NULL;
	for (guint i = 0; i < names->len; i++) {
		const char *candidate = g_ptr_array_index(names, i);
		unsigned distance;

		if (strlen(candidate) > LENGTH_MAX)
			continue;
		distance = edit_distance(name, candidate);
		if (distance < best) {
			best = distance;
			nearest = candidate;
		}
	}
	return nearest;
}
