/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps findings, folds equal ones, puts the gravest first.
 */
#include "finding.h"

#include <string.h>

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

static size_t place_of(const struct cause *cause)
{
	size_t i = 0;

	while (cause_at(i) != cause)
		i++;
	return i;
}

/* `data`: finding -> its place before sorting, for g_ptr_array's sort is not
 * a stable one everywhere. */
static gint compare(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct finding *x = *(const struct finding *const *)a;
	const struct finding *y = *(const struct finding *const *)b;
	size_t x_place = place_of(x->cause), y_place = place_of(y->cause);

	if (x->severity != y->severity)
		return x->severity < y->severity ? -1 : 1;
	if (x->hosts->len != y->hosts->len)
		return x->hosts->len > y->hosts->len ? -1 : 1;
	if (x_place != y_place)
		return x_place < y_place ? -1 : 1;
	return GPOINTER_TO_INT(g_hash_table_lookup(data, x)) -
		GPOINTER_TO_INT(g_hash_table_lookup(data, y));
}

void findings_rank(GPtrArray *findings)
{
	g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);

	for (guint i = 0; i < findings->len; i++)
		g_hash_table_insert(places, g_ptr_array_index(findings, i),
				    GUINT_TO_POINTER(i));
	g_ptr_array_sort_with_data(findings, compare, places);
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
