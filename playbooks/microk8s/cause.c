/* SPDX-License-Identifier: Apache-2.0
 *
 * Looks causes up, by code and by what was said. The rows are in cause_*.c.
 */
#include "cause.h"
#include "cause_priv.h"

#include <glib.h>
#include <string.h>

#define TOKEN_MIN 32			/* characters, as join.py demands */

static const struct cause *const sections[] = {
	cause_join, cause_run, cause_host, cause_overlay,
};

static const struct cause *const others[] = { &cause_killed, &cause_unknown };

const struct cause *cause_at(size_t i)
{
	for (size_t s = 0; s < G_N_ELEMENTS(sections); s++) {
		for (const struct cause *c = sections[s]; c->code; c++)
			if (i-- == 0)
				return c;
	}
	return i < G_N_ELEMENTS(others) ? others[i] : NULL;
}

const struct cause *cause_find(const char *code)
{
	const struct cause *cause = NULL;

	for (size_t i = 0; (cause = cause_at(i)); i++)
		if (strcmp(cause->code, code) == 0)
			break;
	return cause;
}

/* --- finding the line that told it --- */

struct line {
	const char *text;		/* NULL: none */
	size_t length;			/* without the newline */
};

static bool has(const struct line *line, const char *what)
{
	return memmem(line->text, line->length, what, strlen(what)) != NULL;
}

/* The line at `text`; false at the end. */
static bool line_at(const char *text, struct line *line)
{
	line->text = text && *text ? text : NULL;
	if (line->text)
		line->length = (size_t)(strchrnul(text, '\n') - text);
	return line->text != NULL;
}

static const char *behind(const struct line *line)
{
	const char *end = line->text + line->length;

	return *end ? end + 1 : end;
}

static bool find_line(const char *text, const struct cause_text *rule,
		      struct line *line)
{
	for (; line_at(text, line); text = behind(line))
		if (has(line, rule->text) &&
		    (!rule->also || has(line, rule->also)))
			return true;
	return false;
}

static bool is_blank(const struct line *line)
{
	return strspn(line->text, " \t\r") >= line->length;
}

/* The last lines of `text` that are not blank, where errors usually stand, in
 * a ring; returns how many were seen. */
static size_t last_lines(const char *text, struct line *ring, size_t n)
{
	struct line line;
	size_t seen = 0;

	for (; line_at(text, &line); text = behind(&line))
		if (!is_blank(&line))
			ring[seen++ % n] = line;
	return seen;
}

/* A readable copy, at most CAUSE_DETAIL_MAX bytes. Whatever is as long as a
 * token and made of a token's characters may be one. */
static char *make_detail(const struct line *line)
{
	GString *masked = g_string_new(NULL);
	g_autofree char *raw = NULL;
	char *detail;

	for (size_t i = 0; i < line->length &&
	     masked->len < CAUSE_DETAIL_MAX;) {
		const char *p = line->text + i;
		size_t run = 0;

		while (i + run < line->length && g_ascii_isalnum(p[run]))
			run++;
		if (run >= TOKEN_MIN)
			g_string_append(masked, "****");
		else if (run > 0)
			g_string_append_len(masked, p, (gssize)run);
		else
			g_string_append_c(masked, g_ascii_iscntrl(*p) ? ' '
					  : *p);
		i += MAX(run, 1);
	}
	raw = g_string_free(masked, FALSE);
	detail = g_utf8_make_valid(raw, -1);
	if (strlen(detail) > CAUSE_DETAIL_MAX) {
		size_t end = CAUSE_DETAIL_MAX;

		while (((unsigned char)detail[end] & 0xc0) == 0x80)
			end--;
		detail[end] = '\0';
	}
	return g_strstrip(detail);
}

/* The last `n` lines of one text, a line each. */
static char *make_tail(const char *text, size_t n)
{
	struct line ring[CAUSE_LAST_LINES];
	size_t seen = last_lines(text, ring, n);
	GString *tail = g_string_new(NULL);

	for (size_t i = seen > n ? seen - n : 0; i < seen; i++) {
		g_autofree char *line = make_detail(&ring[i % n]);

		g_string_append_printf(tail, "%s%s", tail->len ? "\n" : "",
				       line);
	}
	return g_string_free(tail, FALSE);
}

/* The last CAUSE_TEXT_MAX bytes, from a line's start on: half a token would
 * not be known for one. */
static const char *bounded(const char *text)
{
	size_t length = text ? strlen(text) : 0;
	const char *newline;

	if (length <= CAUSE_TEXT_MAX)
		return text;
	text += length - CAUSE_TEXT_MAX;
	newline = strchr(text, '\n');
	return newline ? newline + 1 : "";
}

static bool text_holds(const struct cause_text *rule, enum cause_source from,
		       int status, const char *out, const char *err,
		       struct line *line)
{
	if (!(rule->from & from) ||
	    (rule->status != CAUSE_ANY_STATUS && rule->status != status))
		return false;
	line->text = NULL;
	return !rule->text || find_line(out, rule, line) ||
		find_line(err, rule, line);
}

static const struct cause *find_cause(enum cause_source from, int status,
				      const char *out, const char *err,
				      struct line *line)
{
	const struct cause *cause;

	for (size_t i = 0; (cause = cause_at(i)); i++) {
		for (size_t t = 0; t < CAUSE_TEXTS_MAX; t++)
			if (text_holds(&cause->texts[t], from, status, out,
				       err, line))
				return cause;
	}
	line->text = NULL;
	return &cause_unknown;
}

/* join says what went wrong on standard output, unless it ended with a
 * traceback; everything else says it on standard error. */
static char *said_last(enum cause_source from, int status, size_t n,
		       const char *out, const char *err)
{
	bool out_first = from == CAUSE_OF_JOIN &&
		(status == 0 || status == 4 || status == 6);
	char *tail = make_tail(out_first ? out : err, n);

	if (*tail)
		return tail;
	g_free(tail);
	return make_tail(out_first ? err : out, n);
}

const struct cause *cause_recognise(enum cause_source from, int status,
				    const char *out, const char *err,
				    char **detail)
{
	const struct cause *cause = &cause_killed;
	struct line line = { NULL, 0 };

	out = bounded(out);
	err = bounded(err);
	if (status >= 0)
		cause = find_cause(from, status, out, err, &line);
	if (detail && line.text)
		*detail = make_detail(&line);
	else if (detail)
		*detail = said_last(from, status, cause == &cause_unknown
				    ? CAUSE_LAST_LINES : 1, out, err);
	return cause;
}
