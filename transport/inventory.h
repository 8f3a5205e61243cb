/* SPDX-License-Identifier: Apache-2.0
 *
 * An Ansible-style INI inventory, read through inih. Finds every mistake of
 * the file in one pass; knows nothing of MicroK8s: the caller passes the table
 * of variables that are its own.
 */
#ifndef MUSTER_TRANSPORT_INVENTORY_H
#define MUSTER_TRANSPORT_INVENTORY_H

#include "host.h"

#include <glib.h>
#include <stdbool.h>

enum inventory_type {		/* how a variable's text is checked */
	INVENTORY_STRING,
	INVENTORY_IPV4,
	INVENTORY_PORT,
	INVENTORY_BOOL,		/* true/yes/on/1 and opposites, any case */
	INVENTORY_DURATION,	/* 35, 35s, 2m, 500ms */
	INVENTORY_CHANNEL,	/* 1.32/stable, latest/edge, 1.32-strict/... */
	INVENTORY_SERVER,	/* HOST:PORT, see scalar_server() */
	INVENTORY_SSH_ARGS,	/* options of ssh(1), see ssh_args.h */
	INVENTORY_OWN		/* as the rules' own check decides */
};

struct inventory_var {
	const char *name;
	enum inventory_type type;
	const char *help;
};

struct inventory_group_alias {
	const char *alias, *canonical;	/* "master" -> "masters" */
};

struct inventory_rules {
	const char *prefix;		/* "microk8s_": unknown names are errors */
	const struct inventory_var *vars;
	size_t n_vars;
	const struct inventory_group_alias *aliases;
	size_t n_aliases;
	/* Judges the text of a variable of type INVENTORY_OWN: false with
	 * error DATA in words for people, and *at the byte of `text` where it
	 * stops making sense. NULL if there is none of that type. */
	bool (*check)(const char *name, const char *text, size_t *at,
		      GError **error);
};

struct problem {
	bool fatal;			/* error, else warning */
	char *file;
	unsigned line, column;		/* 1-based; 0 = whole file */
	char *message, *hint;		/* hint may be NULL */
};

void problem_free(struct problem *problem);

/* Appends a problem (copied texts) to `problems`, an array that frees its
 * elements with problem_free(). `hint` may be NULL. */
void problem_add(GPtrArray *problems, bool fatal, const char *file,
		 unsigned line, unsigned column, const char *hint,
		 const char *format, ...) G_GNUC_PRINTF(7, 8);

/* "file:line:col: what (hint)", one line, newly allocated. */
char *problem_format(const struct problem *problem);

struct inventory_group {
	char *name;
	GPtrArray *hosts;	/* struct host *, direct members, borrowed */
	GPtrArray *children;	/* struct inventory_group *, borrowed */
	GPtrArray *parents;	/* struct inventory_group *, borrowed */
	GPtrArray *aliases;	/* groups whose hosts are its hosts too, by
				   the rules' aliases; borrowed */
	GPtrArray *waiting;	/* groups that hold it once it has a section;
				   empty after reading */
	GHashTable *vars;	/* char * -> struct host_var * */
	GHashTable *members;	/* set of the elements of `hosts` */
	unsigned depth;		/* longest way down from "all" */
	int priority;		/* ansible_group_priority, or 1 */
	bool has_section;	/* of any kind, [section:vars] too */
	bool is_defined;	/* has a [section] or [section:children] */
	bool is_alias_made;	/* exists only because an alias names it */
	unsigned line, column;
};

struct inventory {
	char *path;
	GPtrArray *hosts;	/* struct host *, file order; owned */
	GPtrArray *groups;	/* struct inventory_group *, incl. "all" and
				   "ungrouped", sorted by name; owned */
	GHashTable *by_name;	/* char * -> struct host *, borrowed */
};

/* Reads `path` ("-" = standard input). All problems, warnings too, go to
 * `problems`. Returns NULL when any is fatal (error DATA) or when the file
 * cannot be read (error NO_INPUT). Caps: 1 MiB, 10 000 hosts, 16 ranges a
 * name, 64 KiB a line. Caller frees with inventory_free(). */
struct inventory *inventory_load(const char *path,
				 const struct inventory_rules *rules,
				 GPtrArray *problems, GError **error);

/* The same from memory; `name` stands for the file in messages. */
struct inventory *inventory_parse(const char *text, size_t length,
				  const char *name,
				  const struct inventory_rules *rules,
				  GPtrArray *problems, GError **error);

void inventory_free(struct inventory *inventory);
typedef struct inventory Inventory; /* for g_autoptr(Inventory) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Inventory, inventory_free)

/* The host of that inventory name, or NULL. */
struct host *inventory_find(const struct inventory *inventory,
			    const char *name);

/* The group of that name, or NULL. */
struct inventory_group *inventory_find_group(const struct inventory *inventory,
					     const char *name);

/* Hosts of `group` and of all groups below it, each once; caller unrefs. */
GPtrArray *inventory_group_hosts(const struct inventory_group *group);

#endif
