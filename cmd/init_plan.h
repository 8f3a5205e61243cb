/* SPDX-License-Identifier: Apache-2.0
 *
 * What `muster init` knows of the hosts it was given, and what it makes of
 * that: their names, and the network for node_ip. Asks nobody.
 */
#ifndef MUSTER_CMD_INIT_PLAN_H
#define MUSTER_CMD_INIT_PLAN_H

#include "playbooks/microk8s/facts.h"
#include "playbooks/networks.h"

#include <glib.h>
#include <stdbool.h>

struct init_host {
	/* as given */
	char *given;			/* the whole word */
	char *address;			/* name or address, without brackets */
	char *user;			/* or NULL */
	unsigned port;			/* 0: not given */
	/* what came of asking: one of them is set then */
	struct facts *facts;
	char *problem;			/* why there are none */
	/* what was made of it */
	char *name;			/* in the inventory */
	char *node_ip;			/* or NULL */
	bool is_node_ip_doubtful;	/* to be written as a comment */
};

struct init_plan {
	GPtrArray *hosts;		/* struct init_host *; owned */
	guint masters;			/* how many, of the first */
	GPtrArray *networks;		/* struct network * of those that
					   answered; NULL: nobody did; owned */
	/* what the command line says of all hosts; borrowed, or NULL */
	const char *user, *jump, *private_key_file;
};

/* From the words of the command line. Error USAGE: no host, given twice, more
 * masters than hosts, an even number of masters. */
struct init_plan *init_plan_new(char **words, guint masters, GError **error);
void init_plan_free(struct init_plan *plan);
typedef struct init_plan InitPlan; /* for g_autoptr(InitPlan) */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InitPlan, init_plan_free)

/* Once hosts have answered: names them after themselves where they were given
 * by address, and finds the networks that they share. */
void init_plan_compare(struct init_plan *plan);

/* Once the ways were tried, or not: who gets which node_ip. */
void init_plan_choose(struct init_plan *plan);

/* The network that node_ip is taken from, or NULL; borrowed. */
const struct network *init_plan_network(const struct init_plan *plan);

/* How many hosts have answered. */
guint init_plan_answers(const struct init_plan *plan);

/* What is odd about host `i` beside an earlier one (one machine given twice,
 * one hostname for two), newly allocated, or NULL. */
char *init_plan_doubt(const struct init_plan *plan, guint i);

/* The inventory, commented; newly allocated. */
char *init_text(const struct init_plan *plan);

#endif
