/* SPDX-License-Identifier: Apache-2.0
 *
 * What ${name} means for one host: -e on the command line, then the
 * inventory, then what muster itself knows of the host and its cluster, then
 * the host's facts once it was looked at.
 */
#ifndef MUSTER_PLAYBOOKS_VARS_H
#define MUSTER_PLAYBOOKS_VARS_H

#include "cluster.h"

struct vars {
	GHashTable *extra;		/* char * -> char *, or NULL */
	const struct host *host;
	const struct cluster *cluster;
	const struct node *node;	/* NULL: no role */
	bool is_preview;		/* before any look: facts count as
					   set, to nothing */
	bool used_fact;			/* set when a preview met one */
};

/* A lookup for playbook_interpolate(); `data` is a struct vars. NULL if there
 * is no such variable. Borrowed. */
const char *vars_lookup(const char *name, void *data);

#endif
