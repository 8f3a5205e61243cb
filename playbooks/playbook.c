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

#define SIZE_MAX_BYTES (1024 * 1024)

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

void playbook_problem_unknown(struct playbook_reader *r, const yaml_node_t *node,
			    const char *what, const char *name,
			    const GPtrArray *known, const char *otherwise)
{
	const char *nearest = nearest_name(name, known);
	g_autofree char *hint = nearest
		? g_strdup_printf("did you mean %s?", nearest)
		: g_strdup(otherwise);

	playbook_problem(r, node, hint, "unknown %s '%s'", what, name);
}

struct mark playbook_mark(const yaml_node_t *node)
{
	return (struct mark) {
		.line = (unsigned)node->start_mark.line + 1,
		.column = (unsigned)node->start_mark.column + 1,
	};
}

static void read_name(struct playbook_reader *r, struct play *play,
		      const yaml_node_t *value)
{
	const char *text = yaml_text_scalar(value);

	if (!text || !*text)
		playbook_problem(r, value, NULL, "'name' takes a text");
	else
		play->name = g_strdup(text);
}

static void read_on(struct playbook_reader *r, struct play *play,
		    const yaml_node_t *value)
{
	const char *text = yaml_text_scalar(value);

	play->on = g_strdup(text ? text : "");
	play->on_mark = playbook_mark(value);
	if (!text || !*text)
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
		playbook_problem(r, value, NULL, "'serial' takes how many hosts at "
			   "once, 1 or more, not '%s'", text ? text : "[...]");
}

static void read_always(struct playbook_reader *r, struct play *play,
			const yaml_node_t *value)
{
	const char *text = yaml_text_scalar(value);

	if (!text || !scalar_bool(text, &play->always))
		playbook_problem(r, value, NULL, "'always' takes yes or no, not "
			   "'%s'", text ? text : "[...]");
}

static void read_do(struct playbook_reader *r, struct play *play,
		    const yaml_node_t *value)
{
	if (value->type != YAML_SEQUENCE_NODE ||
	    value->data.sequence.items.start ==
	    value->data.sequence.items.top) {
		playbook_problem(r, value, "each on a line of its own behind `-`",
			   "'do' takes a list of steps");
		return;
	}
	for (const yaml_node_item_t *item = value->data.sequence.items.start;
	     item < value->data.sequence.items.top; item++)
		playbook_read_step(r, play, yaml_document_get_node(r->document, *item));
}

static const struct {
	const char *name;
	void (*read)(struct playbook_reader *r, struct play *play,
		     const yaml_node_t *value);
	bool required;
} play_keys[] = {
	{ "name", read_name, false },
	{ "on", read_on, true },
	{ "serial", read_serial, false },
	{ "always", read_always, false },
	{ "do", read_do, true },
};

static void read_play_key(struct playbook_reader *r, struct play *play,
			  const yaml_node_pair_t *pair, unsigned *seen)
{
	const yaml_node_t *key = yaml_document_get_node(r->document,
							pair->key);
	const char *name = yaml_text_scalar(key);
	g_autoptr(GPtrArray) known = g_ptr_array_new();

	for (size_t i = 0; i < G_N_ELEMENTS(play_keys); i++) {
		g_ptr_array_add(known, (gpointer)(guintptr)play_keys[i].name);
		if (g_strcmp0(name, play_keys[i].name) != 0)
			continue;
		if (*seen & 1U << i)
			playbook_problem(r, key, NULL, "'%s' is given twice", name);
		else
			play_keys[i].read(r, play, yaml_document_get_node(
					r->document, pair->value));
		*seen |= 1U << i;
		return;
	}
	playbook_problem_unknown(r, key, "key of a play", name ? name : "[...]", known,
			"a play has name, on, serial, always and do");
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
		playbook_problem(r, node, "such as `- on: workers` and `do:` below",
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

static void read_document(struct playbook_reader *r, struct playbook *playbook,
			  const char *text, size_t length)
{
	yaml_parser_t parser;
	yaml_document_t document;
	const yaml_node_t *root;

	if (!yaml_parser_initialize(&parser))
		g_error("libyaml: out of memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
				     length);
	if (!yaml_parser_load(&parser, &document))
		g_error("libyaml: loads no document that it parsed");
	r->document = &document;
	root = yaml_document_get_root_node(&document);
	if (!root || root->type != YAML_SEQUENCE_NODE ||
	    root->data.sequence.items.start ==
	    root->data.sequence.items.top) {
		r->n_problems++;
		problem_add(r->problems, true, r->file, 1, 1,
			    "muster playbook show up is an example",
			    "a playbook is a list of plays");
	} else {
		for (const yaml_node_item_t *item =
		     root->data.sequence.items.start;
		     item < root->data.sequence.items.top; item++)
			read_play(r, playbook, yaml_document_get_node(
					&document, *item));
	}
	yaml_document_delete(&document);
	yaml_parser_delete(&parser);
}

static bool check_text(struct playbook_reader *r, const char *text, size_t length)
{
	struct yaml_text_fault fault;

	if (length > SIZE_MAX_BYTES) {
		problem_add(r->problems, true, r->file, 0, 0, NULL,
			    "larger than 1 MiB");
		return false;
	}
	if (!g_utf8_validate(text, (gssize)length, NULL)) {
		problem_add(r->problems, true, r->file, 0, 0, NULL,
			    "not UTF-8 text");
		return false;
	}
	if (yaml_text_check(text, length, 1, &fault))
		return true;
	problem_add(r->problems, true, r->file, (unsigned)fault.line + 1,
		    (unsigned)fault.column + 1, NULL, "%s", fault.why);
	g_free(fault.why);
	return false;
}

struct playbook *playbook_parse(const char *text, size_t length,
				const char *file, GPtrArray *problems,
				GError **error)
{
	struct playbook *playbook = g_new0(struct playbook, 1);
	struct playbook_reader r = { .file = file, .problems = problems };

	playbook->file = g_strdup(file);
	playbook->plays = g_ptr_array_new_with_free_func(
		(GDestroyNotify)play_free);
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
