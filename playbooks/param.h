/* SPDX-License-Identifier: Apache-2.0
 *
 * The parameter table of an action. The same table parses the YAML of a step,
 * words its errors, and prints its manual (muster explain).
 */
#ifndef MUSTER_PLAYBOOKS_PARAM_H
#define MUSTER_PLAYBOOKS_PARAM_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

enum param_type {
	PARAM_STRING,
	PARAM_INT,
	PARAM_BOOL,		/* true/yes/on, false/no/off; plain scalars */
	PARAM_DURATION,		/* 35, 35s, 2m, 1h, 500ms */
	PARAM_ENUM,		/* one of choices */
	PARAM_MAP		/* mapping of scalars to scalars; a null value
				   means "absent" */
};

/* What a text must be beside its type, as the check of inventory rules
 * (transport/inventory.h): false with error DATA and *at, a byte of `text`. */
typedef bool (*param_rule)(const char *name, const char *text, size_t *at,
			   GError **error);

struct param {
	const char *name;
	enum param_type type;
	bool required;
	const char *fallback;		/* default as it would be written, or
					   NULL; may hold ${name} */
	const char *const *choices;	/* NULL-terminated, PARAM_ENUM only */
	const char *help;		/* one sentence */
	param_rule rule;		/* of scalars, or NULL */
};

/* Where a value stands in the playbook; 1-based. */
struct mark {
	unsigned line, column;
};

/* One given argument, text not yet interpolated. */
struct argument {
	const struct param *param;
	struct mark mark;
	char *text;		/* scalar types; NULL for PARAM_MAP */
	GPtrArray *keys;	/* PARAM_MAP: char *, in file order */
	GPtrArray *values;	/* PARAM_MAP: char * or NULL, parallel */
};

/* True if `text`, its ${names} filled in, is a value of `param`'s type and
 * keeps its rule; else error DATA in the words "'timeout' takes ...". Maps are made of strings and
 * always fit. */
bool param_check(const struct param *param, const char *text, GError **error);

/* "string", "duration", ... */
const char *param_type_name(enum param_type type);

void argument_free(struct argument *argument);

#endif
