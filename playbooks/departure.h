/* SPDX-License-Identifier: Apache-2.0
 *
 * A node that is to go from its cluster: who was asked for, which host and
 * which node object that is, and how far it got. Made from the command line;
 * written by the master's thread, has_left by the host's own.
 */
#ifndef MUSTER_PLAYBOOKS_DEPARTURE_H
#define MUSTER_PLAYBOOKS_DEPARTURE_H

#include "cluster.h"

struct departure {
	char *wanted;		/* as asked for */
	struct node *node;	/* of the inventory, borrowed; or NULL */
	bool is_unreachable;	/* dead: never to be connected to */
	char *name;		/* of its node object; NULL: there is none */
	bool may_leave;		/* nothing speaks against it any more */
	bool has_left;		/* `microk8s leave` is done on it */
};

struct departure *departure_new(const char *wanted, struct node *node,
				bool is_unreachable);
void departure_free(struct departure *departure);

/* The departure of `node`, or NULL: it stays. Borrowed. */
struct departure *departure_of(const struct cluster *cluster,
			       const struct node *node);

/* Whether it is a control plane, by the inventory or by the API's last
 * word. */
bool departure_is_master(const struct cluster *cluster,
			 const struct departure *departure);

/* Its address among the nodes and in the datastore, or NULL if that is not
 * known. Borrowed. */
const char *departure_address(const struct cluster *cluster,
			      const struct departure *departure);

/* What the last look at the API said of it, or NULL. A host that was looked
 * at is known by its node's name, another by its name or its address.
 * Borrowed from the cluster. */
const struct kube_node *departure_seen(const struct cluster *cluster,
				       const struct departure *departure);

#endif
