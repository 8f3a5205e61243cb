/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the inventory reader share: inventory_read.c cuts the
 * file into lines and sections, inventory_line.c looks for what nobody sees
 * in a line, inventory_words.c cuts lines into words,
 * inventory_ranges.c turns a word into host names, inventory_vars.c checks
 * variables, inventory_groups.c joins it all at the end of the file.
 */
#ifndef MUSTER_TRANSPORT_INVENTORY_PRIV_H
#define MUSTER_TRANSPORT_INVENTORY_PRIV_H

#include "inventory.h"

enum {
	INVENTORY_MAX_BYTES = 1024 * 1024,
	INVENTORY_MAX_LINE = 64 * 1024,
	INVENTORY_MAX_HOSTS = 10000,
	INVENTORY_MAX_GROUPS = 2000,
	INVENTORY_MAX_RANGES = 16
};

enum section_kind { SECTION_HOSTS, SECTION_VARS, SECTION_CHILDREN,
		    SECTION_SKIP };

struct inventory_reader {
	struct inventory *inventory;
	const struct inventory_rules *rules;
	GPtrArray *problems;
	GHashTable *groups;		/* char * -> struct inventory_group * */
	GPtrArray *sections;		/* groups, as their sections first came */
	GHashTable *own_vars;		/* struct host * -> its own vars */
	GHashTable *warned;		/* set of names already warned about */
	char **lines;			/* the text, cut at line feeds */
	unsigned n_lines, next;		/* next: index the shim hands out */
	bool section_pending;		/* the shim owes its S= line */
	bool is_full;			/* the cap on hosts was reported */
	bool has_secret;
	enum section_kind kind;
	struct inventory_group *group;	/* current section */
	const char *line;		/* raw text of the current line */
	unsigned line_no;
};

/* A word of a line. `at` maps every byte of `text`, and its end, to the
 * offset in the raw line it came from. */
struct word {
	char *text;
	GArray *at;			/* guint */
};

/* Adds a problem at byte `offset` of the current line. */
void reader_problem(struct inventory_reader *r, bool fatal, size_t offset,
		    const char *hint, const char *format, ...)
	G_GNUC_PRINTF(5, 6);
unsigned reader_column(const struct inventory_reader *r, size_t offset);

/* The group of that name, made at `offset` of the current line if new. */
struct inventory_group *reader_group(struct inventory_reader *r,
				     const char *name, size_t offset);

/* Reads all lines through inih into the reader's inventory. */
void reader_run(struct inventory_reader *r);

/* False after reporting that the current line is too long or holds what
 * nobody sees: control characters, or strange blanks at its ends. */
bool line_check(struct inventory_reader *r, bool is_comment);

/* Cuts the current line as Python's shlex does with comments on. Returns
 * struct word *, owned; NULL after reporting an unbalanced quote. */
GPtrArray *words_split(struct inventory_reader *r);

/* What ast.literal_eval makes of a quoted text: its contents. Returns NULL
 * if `text` is no string literal, with *end where it stopped making sense. */
char *words_unquote(const char *text, size_t *end);

/* Host names of `word`, expanded, owned; *port is NULL or the text of its
 * port and *port_offset its place. NULL after reporting what is wrong. */
GPtrArray *ranges_expand(struct inventory_reader *r, const struct word *word,
			 size_t room, char **port, size_t *port_offset);

/* Checks one assignment and puts it into `vars`. Takes nothing over. */
void vars_set(struct inventory_reader *r, GHashTable *vars, const char *name,
	      size_t name_offset, const char *value, size_t value_offset);
GHashTable *vars_new(void);

/* Copies all of `from` into `to`, where the same names lose. */
void vars_copy(GHashTable *to, GHashTable *from);

/* Fills the fields of every host from its merged variables. */
void vars_apply(struct inventory_reader *r);

/* End of file: undefined groups, cycles, depths, precedence, aliases. */
void groups_finish(struct inventory_reader *r);
struct inventory_group *groups_new(const char *name);
void groups_free(struct inventory_group *group);
/* A section of `group` begins; `defines` unless it is one of variables. */
void groups_section(struct inventory_reader *r, struct inventory_group *group,
		    bool defines);
void groups_add_host(struct inventory_group *group, struct host *host);
void groups_add_child(struct inventory_group *parent,
		      struct inventory_group *child);

#endif
