/* SPDX-License-Identifier: Apache-2.0
 *
 * Args files as a list of words with their places in the text. Reading and
 * editing share that list, so what kubelite sees is what is edited: a flag in
 * a comment, or one that merely starts alike (--node-ips), is never touched.
 */
#include "args_file.h"

#include "transport/error.h"

#include <stdbool.h>
#include <string.h>

/* One word outside comments: text[start, end). */
struct word {
	size_t start, end;
	char *plain;			/* without quotes */
};

/* A flag as it was found: word `first`, and word `last` if its value stands
 * apart from it; else both are the same. */
struct flag {
	guint first, last;
};

static void word_free(void *data)
{
	struct word *word = data;

	g_free(word->plain);
	g_free(word);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

/* Where the word at `at` ends. A quoted blank does not end it: kubelite would
 * split there, but bash, which reads the other services' files, does not, and
 * half a value must never be left behind. A quote without partner is nothing
 * special. */
static size_t word_end(const char *text, size_t at, size_t line_end)
{
	while (at < line_end && text[at] != ' ') {
		const char *close = NULL;

		if (is_quote(text[at]))
			close = memchr(text + at + 1, text[at],
				       line_end - at - 1);
		at = close ? (size_t)(close - text) + 1 : at + 1;
	}
	return at;
}

static char *without_quotes(const char *text, size_t length)
{
	GString *plain = g_string_sized_new(length);

	for (size_t i = 0; i < length; i++) {
		if (!is_quote(text[i]))
			g_string_append_c(plain, text[i]);
	}
	return g_string_free(plain, FALSE);
}

static bool split_line(const char *text, size_t start, size_t end,
		       GPtrArray *words)
{
	size_t from = start, to = end;

	while (from < to && is_space(text[from]))
		from++;
	while (to > from && is_space(text[to - 1]))
		to--;
	if (from == to || text[from] == '#')
		return true;
	while (from < to) {
		struct word *word;

		if (text[from] == ' ') {
			from++;
			continue;
		}
		if (words->len >= ARGS_FILE_WORDS_MAX)
			return false;
		word = g_new0(struct word, 1);
		word->start = from;
		word->end = word_end(text, from, to);
		word->plain = without_quotes(text + from, word->end - from);
		g_ptr_array_add(words, word);
		from = word->end;
	}
	return true;
}

/* Every word of `text`, or NULL beyond the limits. */
static GPtrArray *split_words(const char *text)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(word_free);
	size_t length = strnlen(text, ARGS_FILE_SIZE_MAX + 1);
	size_t start = 0;

	if (length > ARGS_FILE_SIZE_MAX)
		return NULL;
	while (start < length) {
		const char *newline = memchr(text + start, '\n',
					     length - start);
		size_t end = newline ? (size_t)(newline - text) : length;

		if (!split_line(text, start, end, words))
			return NULL;
		start = end + 1;
	}
	return g_steal_pointer(&words);
}

static const struct word *word_at(const GPtrArray *words, guint i)
{
	return g_ptr_array_index(words, i);
}

/* The value if `word` is `key`: "" for the bare flag, NULL for another. */
static const char *match_key(const struct word *word, const char *key)
{
	size_t length = strlen(key);

	if (strncmp(word->plain, key, length) != 0)
		return NULL;
	if (word->plain[length] == '=')
		return word->plain + length + 1;
	return word->plain[length] == '\0' ? word->plain + length : NULL;
}

static bool is_bare(const struct word *word)
{
	return !strchr(word->plain, '=');
}

/* A word that can be the value of a bare flag before it: no flag of its own,
 * but perhaps a number below zero (--oom-score-adj -999). */
static bool is_value(const struct word *word)
{
	return word->plain[0] != '-' || g_ascii_isdigit(word->plain[1]);
}

/* The next occurrence of `key` from word *at on; *value is borrowed. */
static bool next_flag(const GPtrArray *words, guint *at, const char *key,
		      struct flag *flag, const char **value)
{
	for (guint i = *at; i < words->len; i++) {
		const char *found = match_key(word_at(words, i), key);

		if (!found)
			continue;
		*flag = (struct flag){ i, i };
		*value = found;
		if (is_bare(word_at(words, i)) && i + 1 < words->len &&
		    is_value(word_at(words, i + 1))) {
			flag->last = i + 1;
			*value = word_at(words, i + 1)->plain;
		}
		*at = flag->last + 1;
		return true;
	}
	return false;
}

char *args_file_get(const char *text, const char *key)
{
	g_autoptr(GPtrArray) words = text ? split_words(text) : NULL;
	const char *value = NULL;
	struct flag flag;
	guint at = 0;

	if (!words || !*key)
		return NULL;
	while (next_flag(words, &at, key, &flag, &value))
		;
	return g_strdup(value);
}

/* --- editing --- */

/* kubelite deletes quotes and splits at blanks; the other services' files are
 * evaluated by bash, which would run a command or process substitution. */
static bool is_writable_value(const char *value)
{
	for (const char *p = value; *p; p++) {
		if (is_space(*p) || is_quote(*p) || g_ascii_iscntrl(*p) ||
		    *p == '`' || (strchr("$<>", *p) && p[1] == '('))
			return false;
	}
	return true;
}

static bool edit_check(const struct args_edit *edit, GError **error)
{
	size_t length = strnlen(edit->key, ARGS_FILE_KEY_MAX + 1);

	if (length < 2 || length > ARGS_FILE_KEY_MAX ||
	    edit->key[0] != '-' ||
	    strpbrk(edit->key, " \t\r\n\v\f\"'=#$`\\")) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "'%.64s' is not the name of a flag (it starts "
			    "with '-' and has no blank, quote or '=')",
			    edit->key);
		return false;
	}
	if (!edit->value)
		return true;
	if (strnlen(edit->value, ARGS_FILE_VALUE_MAX + 1) >
	    ARGS_FILE_VALUE_MAX) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "the value of %s is longer than %d bytes",
			    edit->key, ARGS_FILE_VALUE_MAX);
		return false;
	}
	if (!is_writable_value(edit->value)) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "the value of %s cannot stand in an args file: "
			    "blank, quote, control character or command or "
			    "process substitution", edit->key);
		return false;
	}
	return true;
}

/* Cuts the word out, with its line if it is alone there, else with one blank
 * beside it. The line is looked for anew: an earlier cut may have changed
 * it. */
static void cut_word(GString *text, const struct word *word)
{
	size_t start = word->start, end = word->end;
	size_t from = start, to = end;
	bool alone = true;

	while (from > 0 && text->str[from - 1] != '\n')
		from--;
	while (to < text->len && text->str[to] != '\n')
		to++;
	for (size_t i = from; i < to; i++) {
		if ((i < start || i >= end) && !is_space(text->str[i]))
			alone = false;
	}
	if (alone) {
		start = from;
		end = to < text->len ? to + 1 : to;
	} else if (end < to && text->str[end] == ' ') {
		end++;
	} else if (start > from && text->str[start - 1] == ' ') {
		start--;
	}
	g_string_erase(text, (gssize)start, (gssize)(end - start));
}

static void replace_word(GString *text, const struct word *word,
			 const char *key, const char *value)
{
	g_autofree char *flag = g_strdup_printf("%s=%s", key, value);

	g_string_erase(text, (gssize)word->start,
		       (gssize)(word->end - word->start));
	g_string_insert(text, (gssize)word->start, flag);
}

static void append_flag(GString *text, const char *key, const char *value)
{
	if (text->len > 0 && text->str[text->len - 1] != '\n')
		g_string_append_c(text, '\n');
	g_string_append_printf(text, "%s=%s\n", key, value);
}

/* Applies one edit from the last occurrence to the first, so that the places
 * of those before stay true. The first one is kept and gets the value. */
static bool apply_edit(GString *text, const struct args_edit *edit)
{
	g_autoptr(GPtrArray) words = split_words(text->str);
	g_autoptr(GArray) flags = g_array_new(FALSE, FALSE,
					      sizeof(struct flag));
	const char *value = NULL, *first_value = NULL;
	struct flag flag;
	guint at = 0;

	if (!words)
		return false;
	while (next_flag(words, &at, edit->key, &flag, &value)) {
		g_array_append_val(flags, flag);
		if (flags->len == 1)
			first_value = value;
	}
	for (guint i = flags->len; i-- > 0;) {
		flag = g_array_index(flags, struct flag, i);
		if (i == 0 && edit->value) {
			/* A bare flag could take the word that now follows
			 * for its value. */
			if (strcmp(first_value, edit->value) == 0 &&
			    (flags->len == 1 || *first_value))
				return true;
			if (flag.last != flag.first)
				cut_word(text, word_at(words, flag.last));
			replace_word(text, word_at(words, flag.first),
				     edit->key, edit->value);
			return true;
		}
		if (flag.last != flag.first)
			cut_word(text, word_at(words, flag.last));
		cut_word(text, word_at(words, flag.first));
	}
	if (edit->value)
		append_flag(text, edit->key, edit->value);
	return true;
}

static bool too_large(GError **error)
{
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "the args file is larger than %d bytes or %d words",
		    ARGS_FILE_SIZE_MAX, ARGS_FILE_WORDS_MAX);
	return false;
}

/* Until it changes nothing: a cut can make what was part of a word an indent,
 * and the rest of it a flag. Each time there are fewer words. */
static bool apply_to_the_end(GString *text, const struct args_edit *edit)
{
	g_autofree char *before = NULL;

	do {
		g_free(before);
		before = g_strdup(text->str);
		if (!apply_edit(text, edit))
			return false;
	} while (strcmp(before, text->str) != 0);
	return true;
}

static bool apply_edits(GString *text, const struct args_edit *edits, size_t n,
			GError **error)
{
	for (size_t i = 0; i < n; i++) {
		if (!edit_check(&edits[i], error))
			return false;
		if (!apply_to_the_end(text, &edits[i]))
			return too_large(error);
	}
	return true;
}

char *args_file_edit(const char *text, const struct args_edit *edits,
		     size_t n, GError **error)
{
	const char *before = text ? text : "";
	size_t length = strnlen(before, ARGS_FILE_SIZE_MAX + 1);
	g_autoptr(GString) after = NULL;

	if (n > ARGS_FILE_EDITS_MAX) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
			    "more than %d flags in one edit",
			    ARGS_FILE_EDITS_MAX);
		return NULL;
	}
	if (length > ARGS_FILE_SIZE_MAX) {
		too_large(error);
		return NULL;
	}
	after = g_string_new_len(before, (gssize)length);
	if (!apply_edits(after, edits, n, error))
		return NULL;
	if (strcmp(after->str, before) != 0 && after->len > 0 &&
	    after->str[after->len - 1] != '\n')
		g_string_append_c(after, '\n');
	if (after->len > ARGS_FILE_SIZE_MAX) {
		too_large(error);
		return NULL;
	}
	return g_string_free(g_steal_pointer(&after), FALSE);
}
