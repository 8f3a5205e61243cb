/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps findings, folds equal ones, puts the gravest first.
 */
#include "finding.h"

#include <string.h>

#define CAUSES_MAX 256

static const char *const severity_names[] = {
	[FINDING_BLOCKS] = "blocks",
	[FINDING_WARNS] = "warns",
	[FINDING_ADVISES] = "advises",
};

const char *finding_severity_name(enum finding_severity severity)
{
	return severity_names[severity];
}

void finding_free(struct finding *finding)
{
	if (!finding)
		return;
	g_ptr_array_unref(finding->hosts);
	g_free(finding->evidence);
	g_free(finding->cure);
	g_free(finding);
}

GPtrArray *findings_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)finding_free);
}

static struct finding *find_equal(const GPtrArray *findings,
				  const struct cause *cause,
				  enum finding_severity severity,
				  const char *cure, const char *evidence)
{
	for (guint i = 0; i < findings->len; i++) {
		struct finding *f = g_ptr_array_index(findings, i);

		if (f->cause == cause && f->severity == severity &&
		    strcmp(f->cure, cure) == 0 &&
		    strcmp(f->evidence, evidence) == 0)
			return f;
	}
	return NULL;
}

static void add_host(struct finding *finding, const char *host)
{
	if (!g_ptr_array_find_with_equal_func(finding->hosts, host,
					      g_str_equal, NULL))
		g_ptr_array_add(finding->hosts, g_strdup(host));
}

struct finding *finding_add(GPtrArray *findings, const char *code,
			    enum finding_severity severity, const char *host,
			    const char *cure, const char *format, ...)
{
	const struct cause *cause = cause_find(code);
	g_autofree char *evidence = NULL;
	struct finding *finding;
	va_list args;

	g_assert(cause);
	va_start(args, format);
	evidence = g_strdup_vprintf(format, args);
	va_end(args);
	cure = cure ? cure : "";
	finding = find_equal(findings, cause, severity, cure, evidence);
	if (!finding) {
		finding = g_new0(struct finding, 1);
		finding->cause = cause;
		finding->severity = severity;
		finding->hosts = g_ptr_array_new_with_free_func(g_free);
		finding->cure = g_strdup(cure);
		finding->evidence = g_steal_pointer(&evidence);
		g_ptr_array_add(findings, finding);
	}
	add_host(finding, host);
	return finding;
}

static guint place_of(const struct cause *cause)
{
	guint i = 0;

	while (cause_at(i) != cause)
		i++;
	g_assert(i < CAUSES_MAX);
	return i;
}

/* What sorting needs to know of all findings. */
struct ranks {
	GHashTable *places;	/* finding -> its place before: g_ptr_array's
				   sort is not a stable one everywhere */
	guint totals[FINDING_ADVISES + 1][CAUSES_MAX];
				/* hosts of a cause, all its findings */
};

static gint order(guint a, guint b)
{
	return a < b ? -1 : a > b;
}

static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct ranks *ranks = data;
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;
	guint x_place = place_of(x->cause), y_place = place_of(y->cause);

	if (x->severity != y->severity)
		return order(x->severity, y->severity);
	if (x_place != y_place) {
		guint x_total = ranks->totals[x->severity][x_place];
		guint y_total = ranks->totals[y->severity][y_place];

		return x_total != y_total ? order(y_total, x_total)
			: order(x_place, y_place);
	}
	if (x->hosts->len != y->hosts->len)
		return order(y->hosts->len, x->hosts->len);
	return order(GPOINTER_TO_UINT(g_hash_table_lookup(ranks->places, x)),
		     GPOINTER_TO_UINT(g_hash_table_lookup(ranks->places, y)));
}

void findings_rank(GPtrArray *findings)
{
	g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);
	g_autofree struct ranks *ranks = g_new0(struct ranks, 1);

	ranks->places = places;
	for (guint i = 0; i < findings->len; i++) {
		struct finding *f = g_ptr_array_index(findings, i);

		g_hash_table_insert(places, f, GUINT_TO_POINTER(i));
		ranks->totals[f->severity][place_of(f->cause)] +=
			f->hosts->len;
	}
	g_ptr_array_sort_with_data(findings, compare, ranks);
}

unsigned findings_count(const GPtrArray *findings,
			enum finding_severity severity)
{
	unsigned n = 0;

	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);

		n += f->severity == severity;
	}
	return n;
}
