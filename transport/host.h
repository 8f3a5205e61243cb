/* SPDX-License-Identifier: Apache-2.0
 *
 * One managed host as the inventory describes it: how to reach it, and the
 * variables it carries. Made by inventory_load(), owned by its inventory,
 * never changed after loading, so threads may share it freely.
 */
#ifndef MUSTER_TRANSPORT_HOST_H
#define MUSTER_TRANSPORT_HOST_H

#include <glib.h>
#include <stdbool.h>

enum host_become {
	HOST_BECOME_AUTO,	/* sudo unless the login user is root */
	HOST_BECOME_YES,
	HOST_BECOME_NO
};

struct host_var {
	char *value;		/* text; typed where it is used */
	const char *file;	/* where it was set; borrowed */
	unsigned line, column;	/* 1-based, of the value's first character */
};

struct host {
	char *name;		/* inventory name, unique */
	char *address;		/* ansible_host, or the name */
	unsigned port;		/* ansible_port, or 22 */
	char *user;		/* ansible_user, or NULL: the local user */
	char *private_key_file;	/* NULL: agent, then default files */
	enum host_become become;
	char *become_user;	/* NULL: root */
	unsigned connect_timeout_s; /* 0: the run's default */
	GHashTable *vars;	/* char * -> struct host_var *, merged */
	GPtrArray *groups;	/* char *, every group incl. ancestors and
				   "all", sorted */
	const char *file;	/* where it was first named; borrowed */
	unsigned line, column;
};

/* Value of a variable after Ansible's precedence, or NULL; borrowed. */
const char *host_var(const struct host *host, const char *name);

/* The same with its origin; NULL if unset. */
const struct host_var *host_var_origin(const struct host *host,
				       const char *name);

bool host_in_group(const struct host *host, const char *group);

#endif
