/* SPDX-License-Identifier: Apache-2.0
 *
 * The first word of a host line: name, name:port, [address]:port, and the
 * ranges [1:3], [01:10:2], [a:f] in it. What Ansible takes for a strange host
 * name without a word (h1,h2 or 10.0.0.1/24) is a mistake here.
 */
#include "inventory_priv.h"

#include <arpa/inet.h>
#include <string.h>

struct range {
	size_t open, close;	/* offsets of the brackets in the name */
	guint64 begin, end, step;
	size_t count, width;	/* width: of zero padding, or 0 */
	bool is_letters;
};

static const char letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static size_t raw_offset(const struct word *word, size_t i)
{
	return g_array_index(word->at, guint, i);
}

static bool is_number(const char *text)
{
	size_t length = strspn(text, "0123456789");

	return length > 0 && length < 18 && !text[length];
}

/* Fills begin, end, step and what follows of them; returns a complaint. */
static const char *range_bounds(struct range *range, char **part)
{
	const char *begin = *part[0] ? part[0] : "0", *end = part[1];

	range->step = 1;
	if (part[2] && (!is_number(part[2]) ||
			(range->step = g_ascii_strtoull(part[2], NULL, 10)) == 0))
		return "the step of a range is a number above 0";
	if (strlen(begin) == 1 && strlen(end) == 1 && g_ascii_isalpha(*begin) &&
	    g_ascii_isalpha(*end)) {
		range->is_letters = true;
		range->begin = (guint64)(strchr(letters, *begin) - letters);
		range->end = (guint64)(strchr(letters, *end) - letters);
	} else if (is_number(begin) && is_number(end)) {
		range->begin = g_ascii_strtoull(begin, NULL, 10);
		range->end = g_ascii_strtoull(end, NULL, 10);
		range->width = begin[0] == '0' && begin[1] ? strlen(begin) : 0;
		if (range->width && range->width != strlen(end))
			return "both ends of a zero-padded range have the same "
			       "number of digits";
	} else {
		return "a range is [FIRST:LAST] or [FIRST:LAST:STEP], of "
		       "numbers or of single letters";
	}
	if (range->begin > range->end)
		return "the range is empty: its first value is above its last";
	range->count = (range->end - range->begin) / range->step + 1;
	return NULL;
}

static bool range_parse(struct inventory_reader *r, const struct word *word,
			size_t base, const char *name, struct range *range)
{
	g_autofree char *inside = g_strndup(name + range->open + 1,
					    range->close - range->open - 1);
	g_auto(GStrv) part = g_strsplit(inside, ":", 5);
	guint n = g_strv_length(part);
	const char *complaint;
	g_autofree char *hint = NULL;

	if (n < 2 && strchr(inside, '-') && !strchr(inside, ',')) {
		g_auto(GStrv) ends = g_strsplit(inside, "-", 2);

		hint = g_strdup_printf("write [%s:%s]", ends[0], ends[1]);
	} else if (n < 2 && strchr(inside, ',')) {
		hint = g_strdup("write one line for each run of numbers, such "
				"as h[1:3] and h7");
	}
	complaint = n == 2 || n == 3 ? range_bounds(range, part)
		: "a range is written [FIRST:LAST] or [FIRST:LAST:STEP]";
	if (!complaint)
		return true;
	reader_problem(r, true, raw_offset(word, base + range->open), hint,
		       "'[%s]': %s", inside, complaint);
	return false;
}

/* All ranges of `name`, which stands at `base` of the word. */
static bool ranges_find(struct inventory_reader *r, const struct word *word,
			size_t base, const char *name, GArray *ranges)
{
	for (size_t i = 0; name[i]; i++) {
		struct range range = { .open = i };
		const char *close;

		if (name[i] != '[' && name[i] != ']')
			continue;
		close = name[i] == '[' ? strchr(name + i, ']') : NULL;
		if (!close) {
			reader_problem(r, true, raw_offset(word, base + i),
				       "a range is written [FIRST:LAST]",
				       "this bracket has no partner");
			return false;
		}
		range.close = (size_t)(close - name);
		if (ranges->len == INVENTORY_MAX_RANGES) {
			reader_problem(r, true, raw_offset(word, base + i), NULL,
				       "more than %d ranges in one name",
				       INVENTORY_MAX_RANGES);
			return false;
		}
		if (!range_parse(r, word, base, name, &range))
			return false;
		g_array_append_val(ranges, range);
		i = range.close;
	}
	return true;
}

static void append_value(GString *text, const struct range *range, size_t step)
{
	guint64 value = range->begin + step * range->step;

	if (range->is_letters)
		g_string_append_c(text, letters[value]);
	else
		g_string_append_printf(text, "%0*" G_GUINT64_FORMAT,
				       (int)range->width, value);
}

/* The `index`th name; the leftmost range turns slowest. */
static char *name_at(const char *name, const GArray *ranges, size_t index)
{
	GString *text = g_string_new(NULL);
	size_t from = 0, below = 1;

	for (guint i = 0; i < ranges->len; i++)
		below *= g_array_index(ranges, struct range, i).count;
	for (guint i = 0; i < ranges->len; i++) {
		const struct range *range =
			&g_array_index(ranges, struct range, i);

		g_string_append_len(text, name + from,
				    (gssize)(range->open - from));
		below /= range->count;
		append_value(text, range, index / below % range->count);
		from = range->close + 1;
	}
	g_string_append(text, name + from);
	return g_string_free(text, FALSE);
}

static bool is_ipv6(const char *text)
{
	struct in6_addr address;
	g_autofree char *bare = g_strndup(text, strcspn(text, "%"));

	return inet_pton(AF_INET6, bare, &address) == 1;
}

static bool is_dotted_number(const char *text)
{
	size_t dots = 0;

	for (const char *c = text; *c; c++)
		dots += *c == '.';
	return dots == 3 && !text[strspn(text, "0123456789.")];
}

static const struct {
	char c;
	const char *hint;
} strange[] = {
	{ ',', "write one host a line" },
	{ '/', "a network is not a host: list them with a range such as "
	       "10.0.0.[1:9]" },
	{ '@', "muster takes USER@HOST; better is HOST ansible_user=USER" },
	{ '=', "a host line begins with the host's name" },
	{ ':', "a port is a number: HOST:22, or [IPV6]:22" },
};

/* How much of the name is letters, digits and what may join them. */
static size_t name_span(const char *name)
{
	const char *c = name;

	while (*c && (g_unichar_isalnum(g_utf8_get_char(c)) ||
		      g_unichar_ismark(g_utf8_get_char(c)) ||
		      strchr("_.-", *c)))
		c += g_utf8_skip[(guchar)*c];
	return (size_t)(c - name);
}

/* Reports why `name` cannot be a host; true if it can. */
static bool name_check(struct inventory_reader *r, const struct word *word,
		       size_t base, const char *name, bool is_whole)
{
	struct in_addr address;
	size_t bad = 0;
	const char *hint = NULL;

	if (is_ipv6(name))
		return true;
	if (is_dotted_number(name) && inet_pton(AF_INET, name, &address) != 1) {
		reader_problem(r, true, raw_offset(word, base), NULL,
			       "'%s' is not an IPv4 address", name);
		return false;
	}
	if (*name == '-' || *name == '.' || !*name) {
		hint = "a host name begins with a letter or a digit";
	} else {
		bad = name_span(name);
		if (!name[bad])
			return true;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(strange) && !hint; i++)
		if (strange[i].c == name[bad])
			hint = strange[i].hint;
	reader_problem(r, true,
		       raw_offset(word, is_whole ? base + bad : base), hint,
		       "'%s' is not a host name", name);
	return false;
}

static bool is_balanced(const char *text)
{
	int depth = 0;

	for (; *text && depth >= 0; text++)
		depth += *text == '[' ? 1 : *text == ']' ? -1 : 0;
	return depth == 0;
}

/* Cuts ":port" off: returns the length of the name, *base its start. */
static size_t split_port(const char *text, size_t *base, size_t *port)
{
	size_t length = strlen(text), depth = 0, colons = 0, last = 0;
	const char *close = text[0] == '[' ? strrchr(text, ']') : NULL;

	*base = 0;
	*port = 0;
	if (close && close[1] == ':' && is_number(close + 2)) {
		g_autofree char *inside = g_strndup(text + 1,
						    (size_t)(close - text) - 1);

		if (is_balanced(inside)) {
			*base = 1;
			*port = (size_t)(close - text) + 2;
			return (size_t)(close - text) - 1;
		}
	}
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '[')
			depth++;
		else if (text[i] == ']' && depth > 0)
			depth--;
		else if (text[i] == ':' && depth == 0 && ++colons == 1)
			last = i;
	}
	if (colons == 1 && is_number(text + last + 1)) {
		*port = last + 1;
		return last;
	}
	return length;
}

static GPtrArray *names_make(struct inventory_reader *r,
			     const struct word *word, size_t base,
			     const char *name, const GArray *ranges,
			     size_t count)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

	for (size_t i = 0; i < count; i++) {
		char *one = name_at(name, ranges, i);

		g_ptr_array_add(names, one);
		if (!name_check(r, word, base, one, ranges->len == 0))
			return NULL;
	}
	return g_steal_pointer(&names);
}

GPtrArray *ranges_expand(struct inventory_reader *r, const struct word *word,
			 size_t room, char **port, size_t *port_offset)
{
	size_t base, port_at, count = 1;
	size_t length = split_port(word->text, &base, &port_at);
	g_autofree char *name = g_strndup(word->text + base, length);
	g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE,
					       sizeof(struct range));

	*port = NULL;
	if (!ranges_find(r, word, base, name, ranges))
		return NULL;
	for (guint i = 0; i < ranges->len; i++) {
		const struct range *range =
			&g_array_index(ranges, struct range, i);

		/* Divided, not multiplied: [0:999999999999] several times. */
		if (range->count > room / count) {
			reader_problem(r, true,
				       raw_offset(word, base + range->open),
				       NULL, "more than %d hosts",
				       INVENTORY_MAX_HOSTS);
			return NULL;
		}
		count *= range->count;
	}
	if (port_at) {
		*port = g_strdup(word->text + port_at);
		*port_offset = raw_offset(word, port_at);
	}
	return names_make(r, word, base, name, ranges, count);
}
