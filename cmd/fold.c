/* SPDX-License-Identifier: Apache-2.0
 *
 * A name is cut into text and numbers, in turns. Names that differ in one of
 * their numbers only become one name with a set there; that is done for the
 * last number of all names first, then for the one before it, and a set counts
 * as one more number then, which folds in several dimensions.
 */
#include "fold.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define DIGITS_MAX 17		/* of a number, as in ranges of an inventory;
				   longer is text */
#define BETWEEN "\001"		/* is in no host name */

struct number {
	guint64 value;
	size_t width;		/* what it is padded to with zeros, or 0 */
};

static gint by_width_and_value(gconstpointer a, gconstpointer b)
{
	const struct number *x = a, *y = b;

	if (x->width != y->width)
		return x->width < y->width ? -1 : 1;
	return x->value < y->value ? -1 : x->value > y->value;
}

static bool is_padded(const char *digits)
{
	return digits[0] == '0' && digits[1];
}

/* "10" belongs with "08" and "09" if those are there, else with "8" and "9":
 * to the widest padding that would print it as it is. */
static size_t width_of(const char *digits, const size_t *padded)
{
	for (size_t width = strlen(digits); width > 0; width--)
		if (padded[width] && (!is_padded(digits) ||
				      width == strlen(digits)))
			return width;
	return 0;
}

/* The numbers of `texts` (char *), sorted, each once. */
static GArray *numbers_new(const GPtrArray *texts)
{
	GArray *numbers = g_array_new(FALSE, FALSE, sizeof(struct number));
	size_t padded[DIGITS_MAX + 1] = { 0 };
	guint kept = 0;

	for (guint i = 0; i < texts->len; i++) {
		const char *digits = g_ptr_array_index(texts, i);

		if (is_padded(digits))
			padded[strlen(digits)]++;
	}
	for (guint i = 0; i < texts->len; i++) {
		const char *digits = g_ptr_array_index(texts, i);
		struct number number = {
			.value = g_ascii_strtoull(digits, NULL, 10),
			.width = width_of(digits, padded),
		};

		g_array_append_val(numbers, number);
	}
	g_array_sort(numbers, by_width_and_value);
	for (guint i = 0; i < numbers->len; i++) {
		struct number *at = &g_array_index(numbers, struct number, i);

		if (i == 0 || by_width_and_value(at - 1, at) != 0)
			g_array_index(numbers, struct number, kept++) = *at;
	}
	g_array_set_size(numbers, kept);
	return numbers;
}

static int n_digits(guint64 value)
{
	int n = 1;

	while (value >= 10) {
		value /= 10;
		n++;
	}
	return n;
}

static int n_printed(const struct number *number)
{
	return MAX(n_digits(number->value), (int)number->width);
}

static bool follows(const struct number *a, const struct number *b)
{
	return b->width == a->width && b->value == a->value + 1 &&
		(a->width == 0 || n_printed(a) == n_printed(b));
}

static void append_number(GString *text, const struct number *number)
{
	g_string_append_printf(text, "%0*" G_GUINT64_FORMAT,
			       MAX((int)number->width, 1), number->value);
}

/* "[01-03,12]", or "7" for one. */
static char *set_text(const GPtrArray *texts)
{
	g_autoptr(GArray) numbers = numbers_new(texts);
	GString *text = g_string_new(NULL);
	guint next;

	for (guint i = 0; i < numbers->len; i = next) {
		const struct number *n = &g_array_index(numbers, struct number,
							i);
		guint last = 0;

		while (i + last + 1 < numbers->len &&
		       follows(n + last, n + last + 1))
			last++;
		next = i + last + 1;
		if (text->len > 0)
			g_string_append_c(text, ',');
		append_number(text, n);
		if (last == 0)
			continue;
		g_string_append_c(text, '-');
		append_number(text, n + last);
	}
	if (numbers->len > 1) {
		g_string_prepend_c(text, '[');
		g_string_append_c(text, ']');
	}
	return g_string_free(text, FALSE);
}

/* A name, or many that are one but for sets of numbers. */
struct entry {
	GPtrArray *parts;	/* char *: text, number, text, ...; owned */
	GPtrArray *values;	/* char *: while a number is folded; owned */
};

static void entry_free(void *data)
{
	struct entry *entry = data;

	g_ptr_array_unref(entry->parts);
	g_ptr_array_unref(entry->values);
	g_free(entry);
}

static struct entry *entry_new(const char *name)
{
	struct entry *entry = g_new0(struct entry, 1);
	g_autoptr(GString) text = g_string_new(NULL);

	entry->parts = g_ptr_array_new_with_free_func(g_free);
	entry->values = g_ptr_array_new_with_free_func(g_free);
	while (*name) {
		size_t digits = strspn(name, "0123456789");
		size_t length = digits ? digits : strcspn(name, "0123456789");

		if (digits == 0 || digits > DIGITS_MAX) {
			g_string_append_len(text, name, (gssize)length);
		} else {
			g_ptr_array_add(entry->parts, g_strdup(text->str));
			g_ptr_array_add(entry->parts, g_strndup(name, digits));
			g_string_truncate(text, 0);
		}
		name += length;
	}
	g_ptr_array_add(entry->parts, g_strdup(text->str));
	return entry;
}

/* What all names of a fold at `part` have in common. */
static char *key_without(const struct entry *entry, guint part)
{
	GString *key = g_string_new(NULL);

	for (guint i = 0; i < entry->parts->len; i++) {
		if (i != part)
			g_string_append(key, g_ptr_array_index(entry->parts,
							       i));
		g_string_append(key, BETWEEN);
	}
	return g_string_free(key, FALSE);
}

/* Sets take the place of the numbers that were gathered. */
static void set_values(GPtrArray *entries, guint part)
{
	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = g_ptr_array_index(entries, i);

		if (entry->values->len < 2)
			continue;
		g_free(g_ptr_array_index(entry->parts, part));
		g_ptr_array_index(entry->parts, part) =
			set_text(entry->values);
	}
}

/* Folds where names differ only in `part`; takes `entries`, gives those that
 * are left. */
static GPtrArray *fold_part(GPtrArray *entries, guint part)
{
	GPtrArray *left = g_ptr_array_new_with_free_func(entry_free);
	g_autoptr(GHashTable) by_key = g_hash_table_new_full(
		g_str_hash, g_str_equal, g_free, NULL);

	for (guint i = 0; i < entries->len; i++) {
		struct entry *entry = g_ptr_array_index(entries, i), *first;
		g_autofree char *key = NULL;

		if (part >= entry->parts->len) {
			g_ptr_array_add(left, entry);
			continue;
		}
		key = key_without(entry, part);
		first = g_hash_table_lookup(by_key, key);
		g_ptr_array_set_size(entry->values, 0);
		g_ptr_array_add((first ? first : entry)->values, g_strdup(
				g_ptr_array_index(entry->parts, part)));
		if (first) {
			entry_free(entry);
			continue;
		}
		g_hash_table_insert(by_key, g_steal_pointer(&key), entry);
		g_ptr_array_add(left, entry);
	}
	set_values(left, part);
	g_ptr_array_set_free_func(entries, NULL);
	g_ptr_array_unref(entries);
	return left;
}

static char *entries_text(const GPtrArray *entries)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < entries->len; i++) {
		const struct entry *entry = g_ptr_array_index(entries, i);

		if (i > 0)
			g_string_append_c(text, ',');
		for (guint p = 0; p < entry->parts->len; p++)
			g_string_append(text, g_ptr_array_index(entry->parts,
								p));
	}
	return g_string_free(text, FALSE);
}

char *fold_names(const char *const *names, size_t n)
{
	GPtrArray *entries = g_ptr_array_new_with_free_func(entry_free);
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	guint longest = 0;
	char *text;

	for (size_t i = 0; i < n; i++) {
		struct entry *entry;

		if (!g_hash_table_add(seen, (gpointer)(guintptr)names[i]))
			continue;
		entry = entry_new(names[i]);
		longest = MAX(longest, entry->parts->len);
		g_ptr_array_add(entries, entry);
	}
	/* Numbers are the parts of odd index. */
	for (guint part = longest; part-- > 0;)
		if (part % 2 == 1)
			entries = fold_part(entries, part);
	text = entries_text(entries);
	g_ptr_array_unref(entries);
	return text;
}
