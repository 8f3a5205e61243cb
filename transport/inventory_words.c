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

char *words_unquote(const char *text, size_t *end)
{
	static const char from[] = "\\'\"ntr", to[] = "\\'\"\n\t\r";
	GString *plain = g_string_new(NULL);
	char quote = text[0];
	size_t i = 1;

	*end = 0;
	if (quote != '\'' && quote != '"')
		return g_string_free(plain, TRUE);
	for (; text[i] && text[i] != quote; i++) {
		const char *known = text[i] == '\\' && text[i + 1]
			? strchr(from, text[i + 1]) : NULL;

		if (known) {
			g_string_append_c(plain, to[known - from]);
			i++;
		} else {
			g_string_append_c(plain, text[i]);
		}
	}
	*end = i;
	if (!text[i])
		return g_string_free(plain, TRUE);
	for (i++; g_ascii_isspace(text[i]); i++)
		;
	*end = i;
	return g_string_free(plain, text[i] && text[i] != '#');
}
