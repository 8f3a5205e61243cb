/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of a host line, cut as Ansible cuts them: Python's shlex in POSIX
 * mode with '#' as comment character, wherever it stands outside quotes.
 */
#include "inventory_priv.h"

#include <string.h>

struct cutter {
	GPtrArray *words;
	GString *text;
	GArray *at;
	bool has_word;
};

static void word_free(void *data)
{
	struct word *word = data;

	g_free(word->text);
	g_array_unref(word->at);
	g_free(word);
}

static void cutter_put(struct cutter *cutter, char c, size_t offset)
{
	guint at = (guint)offset;

	g_string_append_c(cutter->text, c);
	g_array_append_val(cutter->at, at);
	cutter->has_word = true;
}

static void cutter_end(struct cutter *cutter, size_t offset)
{
	struct word *word;
	guint at = (guint)offset;

	if (!cutter->has_word)
		return;
	word = g_new0(struct word, 1);
	g_array_append_val(cutter->at, at);
	word->text = g_strdup(cutter->text->str);
	word->at = cutter->at;
	g_ptr_array_add(cutter->words, word);
	cutter->at = g_array_new(FALSE, FALSE, sizeof(guint));
	g_string_truncate(cutter->text, 0);
	cutter->has_word = false;
}

/* Reads the quoted part that begins at `i`; returns where it ends, or 0. */
static size_t cut_quoted(struct cutter *cutter, const char *line, size_t i)
{
	char quote = line[i++];

	cutter->has_word = true;
	for (; line[i] && line[i] != quote; i++) {
		if (quote == '"' && line[i] == '\\' &&
		    (line[i + 1] == '"' || line[i + 1] == '\\'))
			i++;
		cutter_put(cutter, line[i], i);
	}
	return line[i] ? i : 0;
}

static bool cut_line(struct inventory_reader *r, struct cutter *cutter)
{
	const char *line = r->line;
	size_t i;

	for (i = 0; line[i] && line[i] != '#'; i++) {
		size_t start = i;

		if (g_ascii_isspace(line[i])) {
			cutter_end(cutter, i);
		} else if (line[i] == '\'' || line[i] == '"') {
			i = cut_quoted(cutter, line, i);
			if (i == 0) {
				reader_problem(r, true, start,
					       "close the quote, or escape it "
					       "with a backslash",
					       "this quote is never closed");
				return false;
			}
		} else if (line[i] == '\\' && !line[i + 1]) {
			reader_problem(r, true, i,
				       "lines are never continued: put it all "
				       "on one line",
				       "a backslash at the end of the line");
			return false;
		} else {
			if (line[i] == '\\')
				i++;
			cutter_put(cutter, line[i], i);
		}
	}
	if (line[i] == '#' && cutter->has_word)
		reader_problem(r, false, i,
			       "quote the value to keep the '#', or put a "
			       "blank before it",
			       "'#' starts a comment even inside a word");
	cutter_end(cutter, i);
	return true;
}

GPtrArray *words_split(struct inventory_reader *r)
{
	struct cutter cutter = {
		.words = g_ptr_array_new_with_free_func(word_free),
		.text = g_string_new(NULL),
		.at = g_array_new(FALSE, FALSE, sizeof(guint)),
	};
	bool ok = cut_line(r, &cutter);

	g_string_free(cutter.text, TRUE);
	g_array_unref(cutter.at);
	if (ok)
		return cutter.words;
	g_ptr_array_unref(cutter.words);
	return NULL;
}

/* Reads `most` digits of a number to `base` or fewer; returns how many. */
static size_t read_digits(const char *text, int base, size_t most,
			  gunichar *value)
{
	size_t n = 0;

	for (*value = 0; n < most; n++) {
		int digit = g_ascii_xdigit_value(text[n]);

		if (digit < 0 || digit >= base)
			break;
		*value = *value * (gunichar)base + (gunichar)digit;
	}
	return n;
}

/* Python's escapes: \n, \x41, \u00e9, \101. `text` stands behind the
 * backslash; returns how much of it is used, 0 if it means itself. */
static size_t unescape(GString *plain, const char *text)
{
	static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
	static const struct { char kind; size_t digits; } hex[] = {
		{ 'x', 2 }, { 'u', 4 }, { 'U', 8 },
	};
	const char *known = *text ? strchr(from, *text) : NULL;
	gunichar value;
	size_t n;

	if (known) {
		g_string_append_c(plain, to[known - from]);
		return 1;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(hex); i++)
		if (*text == hex[i].kind) {
			n = read_digits(text + 1, 16, hex[i].digits, &value);
			if (n < hex[i].digits || !value ||
			    !g_unichar_validate(value))
				return 0;
			g_string_append_unichar(plain, value);
			return n + 1;
		}
	n = read_digits(text, 8, 3, &value);
	if (n > 0 && value > 0)
		g_string_append_unichar(plain, value);
	return value > 0 ? n : 0;
}

char *words_unquote(const char *text, size_t *end)
{
	GString *plain = g_string_new(NULL);
	char quote = text[0];
	size_t i = 1, used;

	*end = 0;
	if (quote != '\'' && quote != '"')
		return g_string_free(plain, TRUE);
	while (text[i] && text[i] != quote) {
		used = text[i] == '\\' ? unescape(plain, text + i + 1) : 0;
		if (used == 0)
			g_string_append_c(plain, text[i]);
		i += 1 + used;
	}
	*end = i;
	if (!text[i])
		return g_string_free(plain, TRUE);
	for (i++; g_ascii_isspace(text[i]); i++)
		;
	*end = i;
	return g_string_free(plain, text[i] && text[i] != '#');
}
