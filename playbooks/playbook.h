/* SPDX-License-Identifier: Apache-2.0
 *
 * A playbook: plays in order, each a list of steps for the hosts of a
 * pattern. YAML in, structs out; every mistake is file:line:col in the words
 * of the parameter tables.
 *
 *	- name: prepare the master
 *	  on: masters
 *	  serial: 1		# optional: how many hosts at once
 *	  always: yes		# optional: also after failure and Ctrl-C
 *	  without_master: yes	# optional: also when the master has failed
 *	  run_once: yes		# optional: on one host, which is the master that
 *				# speaks for the cluster if the play is for it
 *	  others: yes		# optional: on all but the master that speaks
 *	  do:
 *	    - args: {service: kubelet, set: {--node-ip: "${node_ip}"}}
 *	    - restart
 */
#ifndef MUSTER_PLAYBOOKS_PLAYBOOK_H
#define MUSTER_PLAYBOOKS_PLAYBOOK_H

#include "action.h"
#include "param.h"

struct step {
	const struct action *action;
	char *title;		/* "args kubelet": action and the first
				   required value, if short and fixed */
	struct mark mark;
	GPtrArray *arguments;	/* struct argument * */
};

struct play {
	char *name, *on;
	unsigned serial;	/* 0: no limit but --forks */
	bool always;
	bool without_master;	/* goes on when the master has failed */
	bool run_once;		/* for one host of the pattern */
	bool others;		/* for all but the master that speaks */
	struct mark mark, on_mark;
	GPtrArray *steps;	/* struct step * */
};

struct playbook {
	char *file;
	GPtrArray *plays;	/* struct play * */
};

/* Parses `text` (at most 1 MiB, 64 levels, no aliases). All mistakes are
 * collected into `problems` (struct problem of transport/inventory.h);
 * returns NULL and error DATA if there is any. */
struct playbook *playbook_parse(const char *text, size_t length,
				const char *file, GPtrArray *problems,
				GError **error);
void playbook_free(struct playbook *playbook);
typedef struct playbook Playbook; /* for g_autoptr(Playbook) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Playbook, playbook_free)

/* What `step` gives for `param`, or NULL; borrowed. */
const struct argument *step_argument(const struct step *step,
				     const struct param *param);

/* Replaces ${name} in `text` by lookup(name, data), ${name:-default} by
 * `default` if that is NULL, "$${" by "${". A name that is unknown, not
 * terminated or none, and a default that holds ${ itself, is error DATA.
 * Newly allocated. */
char *playbook_interpolate(const char *text,
			   const char *(*lookup)(const char *name, void *data),
			   void *data, GError **error);

#endif
