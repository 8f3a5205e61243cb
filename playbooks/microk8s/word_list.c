/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts a list into its words.
 */
#include "word_list.h"

#include "transport/error.h"

#include <string.h>

static void word_free(void *data)
{
	struct list_word *word = data;

	g_free(word->text);
	g_free(word);
}

void *word_list_refuse(size_t *at, size_t where, GError **error,
		       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);

	va_end(args);
	*at = where;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA, "%s", text);
	return NULL;
}

GPtrArray *word_list(const char *text, bool commas, size_t *at,
		     GError **error)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(word_free);
	const char *ends = commas ? " \t," : " \t";
	size_t from = strspn(text, ends);

	while (text[from]) {
		size_t length = strcspn(text + from, ends);
		struct list_word *word;

		if (words->len >= WORD_LIST_MAX)
			return word_list_refuse(at, from, error,
						"more than %d words",
						WORD_LIST_MAX);
		word = g_new(struct list_word, 1);
		word->text = g_strndup(text + from, length);
		word->at = from;
		g_ptr_array_add(words, word);
		from += length;
		from += strspn(text + from, ends);
	}
	return g_steal_pointer(&words);
}

bool word_list_check(const char *text, bool (*fits)(const char *word),
		     const char *what, size_t *at, GError **error)
{
	g_autoptr(GPtrArray) words =
		word_list(text, WORD_LIST_COMMAS, at, error);

	for (guint i = 0; words && i < words->len; i++) {
		const struct list_word *word = g_ptr_array_index(words, i);

		if (fits(word->text))
			continue;
		word_list_refuse(at, word->at, error, "'%s' is %s",
				 word->text, what);
		return false;
	}
	return words != NULL;
}
