/* SPDX-License-Identifier: Apache-2.0
 *
 * From YAML to plays. libyaml neither limits depth nor sees duplicate keys,
 * so both are looked after here; every mistake is noted with its place, and
 * reading goes on behind it.
 */
#include "playbook_priv.h"

#include "transport/error.h"
#include "transport/inventory.h"
#include "transport/nearest.h"
#include "transport/scalar.h"

#include <string.h>

#define SIZE_MAX_BYTES ((size_t)1024 * 1024)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void playbook_problem(struct playbook_reader *r, const yaml_node_t *node,
		      const char *hint, const char *format, ...)
{
	g_autofree char *text = NULL;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	r->n_problems++;
	problem_add(r->problems, true, r->file,
		    (unsigned)node->start_mark.line + 1,
		    (unsigned)node->start_mark.column + 1, hint, "%s", text);
}

void playbook_problem_unknown(struct playbook_reader *r,
			      const yaml_node_t *node, const char *what,
			      const char *name, const GPtrArray *known,
			      const char *otherwise)
{
	const char *nearest = nearest_name(name, known);
	g_autofree char *hint =
		nearest ? g_strdup_printf("did you mean %s?", nearest)
			: g_strdup(otherwise);

	playbook_problem(r, node, hint, "unknown %s '%s'", what, name);
}

struct mark playbook_mark(const yaml_node_t *node)
{
	return (struct mark){
		.line = (unsigned)node->start_mark.line + 1,
		.column = (unsigned)node->start_mark.column + 1,
	};
}

const yaml_node_t *playbook_node(struct playbook_reader *r, int index)
{
	return yaml_document_get_node(&r->document, index);
}

bool playbook_is_null(const yaml_node_t *node)
{
	const char *text = yaml_text_scalar(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

/* A value that is there, or NULL. */
static const char *text_of(const yaml_node_t *node)
{
	const char *text = yaml_text_scalar(node);

	return text && *text && !playbook_is_null(node) ? text : NULL;
}

static void read_name(struct playbook_reader *r, struct play *play,
		      const yaml_node_t *value)
{
	play->name = g_strdup(text_of(value));
	if (!play->name)
		playbook_problem(r, value, NULL, "'name' takes a text");
}

static void read_on(struct playbook_reader *r, struct play *play,
		    const yaml_node_t *value)
{
	play->on = g_strdup(text_of(value));
	play->on_mark = playbook_mark(value);
	if (!play->on)
		playbook_problem(r, value, "such as masters, workers, all",
				 "'on' takes a pattern of hosts");
}

static void read_serial(struct playbook_reader *r, struct play *play,
			const yaml_node_t *value)
{
	const char *text = yaml_text_scalar(value);
	guint64 n = 0;

	if (text && g_ascii_string_to_unsigned(text, 10, 1, 10000, &n, NULL))
		play->serial = (unsigned)n;
	else
		playbook_problem(r, value, NULL,
				 "'serial' takes how many hosts at "
				 "once, 1 or more, not '%s'",
				 text ? text : "[...]");
}

static void read_switch(struct playbook_reader *r, const yaml_node_t *value,
			const char *name, bool *to)
{
	const char *text = yaml_text_scalar(value);

	if (!text || !scalar_bool(text, to))
		playbook_problem(r, value, NULL,
				 "'%s' takes yes or no, not '%s'", name,
				 text ? text : "[...]");
}

static void read_always(struct playbook_reader *r, struct play *play,
			const yaml_node_t *value)
{
	read_switch(r, value, "always", &play->always);
}

static void read_without_master(struct playbook_reader *r, struct play *play,
				const yaml_node_t *value)
{
	read_switch(r, value, "without_master", &play->without_master);
}

static void read_run_once(struct playbook_reader *r, struct play *play,
			  const yaml_node_t *value)
{
	read_switch(r, value, "run_once", &play->run_once);
}

static void read_others(struct playbook_reader *r, struct play *play,
			const yaml_node_t *value)
{
	read_switch(r, value, "others", &play->others);
}

static void read_do(struct playbook_reader *r, struct play *play,
		    const yaml_node_t *value)
{
	if (value->type != YAML_SEQUENCE_NODE ||
	    value->data.sequence.items.start ==
		    value->data.sequence.items.top) {
		playbook_problem(r, value,
				 "each on a line of its own behind `-`",
				 "'do' takes a list of steps");
		return;
	}
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top; item++)
		playbook_read_step(r, play, playbook_node(r, *item));
}

static const struct {
	const char *name;
	void (*read)(struct playbook_reader *r, struct play *play,
		     const yaml_node_t *value);
	bool required;
} play_keys[] = {
	{"name", read_name, false},	{"on", read_on, true},
	{"serial", read_serial, false}, {"always", read_always, false},
	{"without_master", read_without_master, false},
	{"run_once", read_run_once, false}, {"others", read_others, false},
	{"do", read_do, true},
};

static void read_play_key(struct playbook_reader *r, struct play *play,
			  const yaml_node_pair_t *pair, unsigned *seen)
{
	const yaml_node_t *key = playbook_node(r, pair->key);
	const char *name = yaml_text_scalar(key);
	g_autoptr(GPtrArray) known = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(play_keys); i++) {
		g_ptr_array_add(known, (gpointer)(guintptr)play_keys[i].name);
		if (g_strcmp0(name, play_keys[i].name) != 0)
			continue;
		if (*seen & 1U << i)
			playbook_problem(r, key, NULL, "'%s' is given twice",
					 name);
		else
			play_keys[i].read(r, play,
					  playbook_node(r, pair->value));
		*seen |= 1U << i;
		return;
	}
	playbook_problem_unknown(r, key, "key of a play", name ? name : "[...]",
				 known,
				 "a play has name, on, serial, always, "
				 "without_master, run_once, others and do");
}

static void play_free(struct play *play)
{
	g_free(play->name);
	g_free(play->on);
	g_ptr_array_unref(play->steps);
	g_free(play);
}

static void read_play(struct playbook_reader *r, struct playbook *playbook,
		      const yaml_node_t *node)
{
	struct play *play;
	unsigned seen = 0;

	if (node->type != YAML_MAPPING_NODE) {
		playbook_problem(r, node,
				 "such as `- on: workers` and `do:` below",
				 "a play is a mapping");
		return;
	}
	play = g_new0(struct play, 1);
	play->mark = playbook_mark(node);
	play->steps = g_ptr_array_new_with_free_func(
		(GDestroyNotify)playbook_step_free);
	g_ptr_array_add(playbook->plays, play);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++)
		read_play_key(r, play, pair, &seen);
	for (size_t i = 0; i < G_N_ELEMENTS(play_keys); i++)
		if (play_keys[i].required && !(seen & 1U << i))
			playbook_problem(r, node, NULL, "a play needs '%s'",
					 play_keys[i].name);
	if (!play->name)
		play->name = g_strdup_printf("play %u", playbook->plays->len);
}

/* --- the whole --- */

/* Everything behind a NUL would be lost silently: texts end with one. */
static void check_scalars(struct playbook_reader *r)
{
	for (const yaml_node_t *node = r->document.nodes.start;
	     node < r->document.nodes.top; node++) {
		const char *text = yaml_text_scalar(node);

		if (text && strlen(text) != node->data.scalar.length)
			playbook_problem(r, node, NULL,
					 "holds a NUL character");
	}
}

static void read_plays(struct playbook_reader *r, struct playbook *playbook)
{
	const yaml_node_t *root = yaml_document_get_root_node(&r->document);
	struct mark mark = root ? playbook_mark(root) : (struct mark){1, 1};

	if (!root || root->type != YAML_SEQUENCE_NODE ||
	    root->data.sequence.items.start == root->data.sequence.items.top) {
		r->n_problems++;
		problem_add(r->problems, true, r->file, mark.line, mark.column,
			    "muster playbook show up is an example",
			    "a playbook is a list of plays");
		return;
	}
	for (const yaml_node_item_t *item = root->data.sequence.items.start;
	     item < root->data.sequence.items.top; item++)
		read_play(r, playbook, playbook_node(r, *item));
}

/* The one thing that parses and does not load, aliases being refused. */
static void problem_of_loader(struct playbook_reader *r,
			      const yaml_parser_t *parser)
{
	r->n_problems++;
	problem_add(r->problems, true, r->file,
		    (unsigned)parser->problem_mark.line + 1,
		    (unsigned)parser->problem_mark.column + 1, NULL,
		    "an anchor of this name was given before");
}

static void read_document(struct playbook_reader *r, struct playbook *playbook,
			  const char *text, size_t length)
{
	yaml_parser_t parser;

	if (!yaml_parser_initialize(&parser))
		g_error("libyaml: out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     length);
	if (yaml_parser_load(&parser, &r->document)) {
		check_scalars(r);
		read_plays(r, playbook);
		yaml_document_delete(&r->document);
	} else {
		problem_of_loader(r, &parser);
	}
	yaml_parser_delete(&parser);
}

/* --- the text, before libyaml sees it --- */

/* Notes what is wrong with the text at `at`, which is valid up to there. */
static void problem_in_text(struct playbook_reader *r, const char *text,
			    const char *at, const char *what)
{
	struct mark mark = {1, 1};

	for (const char *c = text; c < at; c = g_utf8_next_char(c)) {
		mark.column = *c == '\n' ? 1 : mark.column + 1;
		mark.line += *c == '\n';
	}
	problem_add(r->problems, true, r->file, mark.line, mark.column, NULL,
		    "%s", what);
}

/* YAML 1.1, section 5.1; libyaml would not say where. */
static bool is_printable(gunichar c)
{
	if (c < ' ')
		return c == '\t' || c == '\n' || c == '\r';
	if (c >= 0x7f && c < 0xa0)
		return c == 0x85;
	return c != 0xfeff && c != 0xfffe && c != 0xffff;
}

static const char *find_unprintable(const char *text, size_t length)
{
	for (const char *c = text; c < text + length; c = g_utf8_next_char(c))
		if (!is_printable(g_utf8_get_char(c)))
			return c;
	return NULL;
}

static bool check_text(struct playbook_reader *r, const char *text,
		       size_t length)
{
	struct yaml_text_fault fault;
	const char *bad;

	if (length > SIZE_MAX_BYTES) {
		problem_add(r->problems, true, r->file, 0, 0, NULL,
			    "larger than 1 MiB");
		return false;
	}
	if (!g_utf8_validate(text, (gssize)length, &bad)) {
		problem_in_text(r, text, bad, "not UTF-8 text");
		return false;
	}
	bad = find_unprintable(text, length);
	if (bad) {
		problem_in_text(r, text, bad, "holds a control character");
		return false;
	}
	if (yaml_text_check(text, length, 1, &fault))
		return true;
	problem_add(r->problems, true, r->file, (unsigned)fault.line + 1,
		    (unsigned)fault.column + 1, NULL, "%s", fault.why);
	g_free(fault.why);
	return false;
}

/* Editors of Windows begin a text with it; libyaml, told that it reads UTF-8,
 * does not know it. */
static void skip_byte_order_mark(const char **text, size_t *length)
{
	if (*length < strlen(BYTE_ORDER_MARK) ||
	    memcmp(*text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) != 0)
		return;
	*text += strlen(BYTE_ORDER_MARK);
	*length -= strlen(BYTE_ORDER_MARK);
}

struct playbook *playbook_parse(const char *text, size_t length,
				const char *file, GPtrArray *problems,
				GError **error)
{
	struct playbook *playbook = g_new0(struct playbook, 1);
	struct playbook_reader r = {.file = file, .problems = problems};

	playbook->file = g_strdup(file);
	playbook->plays =
		g_ptr_array_new_with_free_func((GDestroyNotify)play_free);
	skip_byte_order_mark(&text, &length);
	if (check_text(&r, text, length)) {
		read_document(&r, playbook, text, length);
		if (r.n_problems == 0)
			return playbook;
	}
	playbook_free(playbook);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DATA,
		    "%s: not a playbook that can be run", file);
	return NULL;
}

void playbook_free(struct playbook *playbook)
{
	if (!playbook)
		return;
	g_free(playbook->file);
	g_ptr_array_unref(playbook->plays);
	g_free(playbook);
}
