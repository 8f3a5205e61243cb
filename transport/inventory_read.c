/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines and sections. inih drives, but never sees the text itself: its
 * options are fixed when it is built (line length, what ':' and ';' mean) and
 * would cut Ansible's syntax apart. It is fed one synthetic line for each
 * line of the file, "[@12]" or "L=13", and the handler looks the line up.
 */
#include "inventory_priv.h"

#include <ini.h>
#include <stdio.h>
#include <string.h>

unsigned reader_column(const struct inventory_reader *r, size_t offset)
{
	return (unsigned)g_utf8_strlen(r->line, (gssize)offset) + 1;
}

void reader_problem(struct inventory_reader *r, bool fatal, size_t offset,
		    const char *hint, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	problem_add(r->problems, fatal, r->inventory->path, r->line_no,
		    reader_column(r, offset), hint, "%s", message);
}

struct inventory_group *reader_group(struct inventory_reader *r,
				     const char *name, size_t offset)
{
	struct inventory_group *group = g_hash_table_lookup(r->groups, name);

	if (group)
		return group;
	if (r->inventory->groups->len >= INVENTORY_MAX_GROUPS) {
		if (g_hash_table_add(r->warned, g_strdup(" groups")))
			reader_problem(r, true, offset, NULL,
				       "more than %d groups",
				       INVENTORY_MAX_GROUPS);
		return NULL;
	}
	group = groups_new(name);
	group->line = r->line_no;
	group->column = r->line ? reader_column(r, offset) : 0;
	g_ptr_array_add(r->inventory->groups, group);
	g_hash_table_insert(r->groups, group->name, group);
	return group;
}

static size_t skip_blank(const char *line, size_t i)
{
	while (g_ascii_isspace(line[i]))
		i++;
	return i;
}

/* A line that starts with '[' but is a host: [v6]:22 or [1:3].example.org.
 * What ends with ']' too is a section or nothing, as in Ansible. */
static bool is_bracket_host(const char *text)
{
	const char *close = strchr(text, ']');
	size_t colon = strcspn(text, ":"), length = strlen(text);

	while (length > 0 && g_ascii_isspace(text[length - 1]))
		length--;
	if (!close || close[1] == '\0' || g_ascii_isspace(close[1]) ||
	    close[1] == '#' || text[length - 1] == ']')
		return false;
	return close[1] == ':' || text + colon < close;
}

static bool is_section(const char *line)
{
	const char *text = line + skip_blank(line, 0);

	return *text == '[' && !is_bracket_host(text);
}

static const struct { const char *word; enum section_kind kind; } kinds[] = {
	{ "hosts", SECTION_HOSTS },
	{ "vars", SECTION_VARS },
	{ "children", SECTION_CHILDREN },
};

static void warn_group_name(struct inventory_reader *r, const char *name,
			    size_t offset)
{
	bool is_plain = !g_ascii_isdigit(*name);

	for (const char *c = name; *c; c++)
		is_plain = is_plain && (g_ascii_isalnum(*c) || *c == '_');
	if (!is_plain && !g_hash_table_contains(r->groups, name))
		reader_problem(r, false, offset,
			       "letters, digits and _ are safe",
			       "Ansible complains about the group name '%s'",
			       name);
}

/* "name" or "name:kind" between the brackets, and nothing wrong with it. */
static void section_enter(struct inventory_reader *r, char *inside,
			  size_t offset)
{
	char *colon = strchr(inside, ':');
	size_t i = 0;

	if (colon)
		*colon++ = '\0';
	for (; colon && i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(colon, kinds[i].word) == 0)
			break;
	if (i == G_N_ELEMENTS(kinds)) {
		reader_problem(r, true, offset + strlen(inside) + 1,
			       "hosts, vars or children",
			       "'%s' is not a kind of section", colon);
		return;
	}
	if (!*inside || strpbrk(inside, " \t")) {
		reader_problem(r, true, offset,
			       "[NAME], [NAME:vars] or [NAME:children]",
			       "'%s' is not a group name", inside);
		return;
	}
	warn_group_name(r, inside, offset);
	r->group = reader_group(r, inside, offset);
	if (!r->group)
		return;
	r->kind = kinds[i].kind;
	if (r->kind != SECTION_VARS && !r->group->is_defined) {
		r->group->line = r->line_no;
		r->group->column = reader_column(r, offset);
	}
	groups_section(r, r->group, r->kind != SECTION_VARS);
}

static void read_section(struct inventory_reader *r)
{
	size_t open = skip_blank(r->line, 0);
	const char *close = strchr(r->line + open, ']');
	g_autofree char *inside = NULL;
	size_t after;

	r->kind = SECTION_SKIP;
	r->group = NULL;
	if (!close) {
		reader_problem(r, true, open, "close it with ]",
			       "a section header without its end");
		return;
	}
	inside = g_strndup(r->line + open + 1,
			   (size_t)(close - r->line) - open - 1);
	after = skip_blank(r->line, (size_t)(close - r->line) + 1);
	if (r->line[after] && r->line[after] != '#')
		reader_problem(r, true, after, r->line[after] == ';'
			       ? "a comment here begins with #" : NULL,
			       "text after a section header");
	if (strlen(inside) > 0 && g_ascii_isspace(inside[strlen(inside) - 1])) {
		reader_problem(r, true, open + strlen(inside),
			       "remove it", "a blank in a section header");
		g_strchomp(inside);
	}
	section_enter(r, inside, open + 1);
}

static struct host *host_new(struct inventory_reader *r, const char *name,
			     size_t offset)
{
	struct host *host = g_new0(struct host, 1);

	host->name = g_strdup(name);
	host->vars = vars_new();
	host->groups = g_ptr_array_new_with_free_func(g_free);
	host->file = r->inventory->path;
	host->line = r->line_no;
	host->column = reader_column(r, offset);
	g_ptr_array_add(r->inventory->hosts, host);
	g_hash_table_insert(r->inventory->by_name, host->name, host);
	g_hash_table_insert(r->own_vars, host, vars_new());
	return host;
}

/* The variables after the name of a host line. */
static void read_assignments(struct inventory_reader *r, GPtrArray *words,
			     GHashTable *vars)
{
	g_autoptr(GHashTable) here = g_hash_table_new_full(g_str_hash,
			g_str_equal, g_free, NULL);

	for (guint i = 1; i < words->len; i++) {
		const struct word *word = g_ptr_array_index(words, i);
		const char *equals = strchr(word->text, '=');
		size_t at = g_array_index(word->at, guint, 0), value_at, end;
		g_autofree char *name = NULL, *plain = NULL;
		const char *value;

		if (!equals || equals == word->text) {
			/* Not quoted: it may be half of a password. */
			reader_problem(r, true, at,
				       "NAME=VALUE without blanks around '=', "
				       "and quotes around a value with blanks",
				       equals ? "a variable without a name"
				       : "this word is not NAME=VALUE");
			continue;
		}
		name = g_strndup(word->text, (gsize)(equals - word->text));
		value = equals + 1;
		value_at = g_array_index(word->at, guint,
					 (guint)(value - word->text));
		plain = words_unquote(value, &end);
		if (!g_hash_table_add(here, g_strdup(name)))
			reader_problem(r, false, at, "the last one holds",
				       "%s is set twice on this line", name);
		vars_set(r, vars, name, at, plain ? plain : value, value_at);
	}
}

/* A port behind the name counts where the host is first named: so it is to
 * Ansible, and it is best said. */
static void add_host(struct inventory_reader *r, const char *name,
		     size_t offset, GHashTable *port, GHashTable *vars)
{
	struct host *host = g_hash_table_lookup(r->inventory->by_name, name);

	if (!host) {
		host = host_new(r, name, offset);
		vars_copy(g_hash_table_lookup(r->own_vars, host), port);
	} else if (g_hash_table_size(port) > 0) {
		reader_problem(r, false, offset, "write ansible_port=PORT",
			       "the port counts only where a host is first "
			       "named: '%s' is on line %u", name, host->line);
	}
	groups_add_host(r->group, host);
	vars_copy(g_hash_table_lookup(r->own_vars, host), vars);
}

/* Takes USER@ off the first word; returns the user, or NULL. */
static char *cut_user(struct inventory_reader *r, struct word *word)
{
	char *at = strchr(word->text, '@'), *user;
	size_t length;

	if (!at || at == word->text || !at[1] || strchr(at + 1, '@'))
		return NULL;
	length = (size_t)(at - word->text);
	reader_problem(r, false, g_array_index(word->at, guint, 0),
		       "write HOST ansible_user=USER",
		       "USER@HOST is a plain host name to Ansible");
	user = g_strndup(word->text, length);
	memmove(word->text, at + 1, strlen(at + 1) + 1);
	g_array_remove_range(word->at, 0, (guint)length + 1);
	return user;
}

static void read_host(struct inventory_reader *r)
{
	g_autoptr(GPtrArray) words = words_split(r), names = NULL;
	g_autoptr(GHashTable) vars = vars_new(), port_vars = vars_new();
	g_autofree char *port = NULL, *user = NULL;
	size_t room = INVENTORY_MAX_HOSTS - r->inventory->hosts->len;
	size_t at, port_at = 0;
	struct word *word;

	if (!words || words->len == 0)
		return;
	word = g_ptr_array_index(words, 0);
	at = g_array_index(word->at, guint, 0);
	user = cut_user(r, word);
	if (user)
		vars_set(r, vars, "ansible_user", at, user, at);
	names = ranges_expand(r, word, MAX(room, 1), &port, &port_at);
	if (port)
		vars_set(r, port_vars, "ansible_port", port_at, port, port_at);
	read_assignments(r, words, vars);
	for (guint i = 0; names && i < names->len; i++) {
		const char *name = g_ptr_array_index(names, i);

		if (r->inventory->hosts->len >= INVENTORY_MAX_HOSTS &&
		    !g_hash_table_contains(r->inventory->by_name, name)) {
			if (!r->is_full)
				reader_problem(r, true, at, NULL,
					       "more than %d hosts",
					       INVENTORY_MAX_HOSTS);
			r->is_full = true;
			return;
		}
		add_host(r, name, at, port_vars, vars);
	}
}

static void read_child(struct inventory_reader *r)
{
	size_t at = skip_blank(r->line, 0), end = at, after;
	g_autofree char *name = NULL;
	struct inventory_group *child;

	while (r->line[end] && !g_ascii_isspace(r->line[end]) &&
	       !strchr(":]", r->line[end]))
		end++;
	after = skip_blank(r->line, end);
	if (end == at || (r->line[after] && r->line[after] != '#')) {
		reader_problem(r, true, end == at ? at : after,
			       "a :children section lists names of groups, one "
			       "a line", "not the name of a group");
		return;
	}
	name = g_strndup(r->line + at, end - at);
	if (strcmp(name, "all") == 0) {
		reader_problem(r, true, at, "a group cannot hold itself",
			       "every group is below 'all' already");
		return;
	}
	child = reader_group(r, name, at);
	if (child && child->has_section)
		groups_add_child(r->group, child);
	else if (child)
		g_ptr_array_add(child->waiting, r->group);
}

static const char *find_comment(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c == '#' && (c == text || g_ascii_isspace(c[-1])))
			return c;
	return NULL;
}

static void read_var(struct inventory_reader *r)
{
	size_t at = skip_blank(r->line, 0), value_at, end;
	const char *equals = strchr(r->line + at, '=');
	g_autofree char *name = NULL, *value = NULL;
	const char *comment;
	char *plain;

	if (!equals || equals == r->line + at) {
		reader_problem(r, true, at, "NAME=VALUE",
			       "a :vars section holds variables only");
		return;
	}
	name = g_strchomp(g_strndup(r->line + at,
				    (gsize)(equals - r->line) - at));
	if (strpbrk(name, " \t:'\"")) {
		reader_problem(r, true, at, "one variable a line",
			       "this is not the name of a variable");
		return;
	}
	value_at = skip_blank(r->line, (size_t)(equals - r->line) + 1);
	value = g_strchomp(g_strdup(r->line + value_at));
	plain = words_unquote(value, &end);
	if (plain) {
		g_free(value);
		value = plain;
		value_at++;
	} else if (*value == '\'' || *value == '"') {
		reader_problem(r, true, value_at, "one pair of quotes around "
			       "the whole value", "%s: the quotes do not match",
			       name);
		return;
	} else if ((comment = find_comment(value))) {
		reader_problem(r, true, value_at + (size_t)(comment - value),
			       "quote the value or move the comment to a line "
			       "of its own",
			       "a comment after a value is part of the value "
			       "in a :vars section");
	}
	vars_set(r, r->group->vars, name, at, value, value_at);
}

static void (*const readers[])(struct inventory_reader *r) = {
	[SECTION_HOSTS] = read_host,
	[SECTION_VARS] = read_var,
	[SECTION_CHILDREN] = read_child,
};

/* inih's handler: `value` is the number of the line to read. */
static int on_line(void *user, const char *section, const char *name,
		   const char *value)
{
	struct inventory_reader *r = user;

	(void)section;
	r->line_no = (unsigned)g_ascii_strtoull(value, NULL, 10);
	r->line = r->lines[r->line_no - 1];
	if (*name == 'S')
		read_section(r);
	else if (r->kind != SECTION_SKIP)
		readers[r->kind](r);
	return 1;
}

/* inih's reader: one synthetic line a call, two for a section header,
 * because inih tells nobody of a section without entries. */
static char *next_line(char *buffer, int size, void *stream)
{
	struct inventory_reader *r = stream;
	bool is_comment;
	char first;

	if (r->section_pending) {
		r->section_pending = false;
		g_snprintf(buffer, (gulong)size, "S=%u\n", r->next);
		return buffer;
	}
	if (r->next == r->n_lines)
		return NULL;
	r->line = r->lines[r->next++];
	r->line_no = r->next;
	first = r->line[skip_blank(r->line, 0)];
	is_comment = first == '#' || first == ';';
	if (!first || !line_check(r, is_comment) || is_comment) {
		g_strlcpy(buffer, "\n", (gsize)size);
	} else if (is_section(r->line)) {
		r->section_pending = true;
		g_snprintf(buffer, (gulong)size, "[@%u]\n", r->next);
	} else {
		g_snprintf(buffer, (gulong)size, "L=%u\n", r->next);
	}
	return buffer;
}

void reader_run(struct inventory_reader *r)
{
	ini_parse_stream(next_line, r, on_line, r);
}
