/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of the cluster's datastore, asked of its leader: who votes, who
 * only stands by. A control plane is one when it is in there, whatever its
 * join said; and the datastore lives as long as most voters do.
 */
#ifndef MUSTER_PLAYBOOKS_MEMBERS_H
#define MUSTER_PLAYBOOKS_MEMBERS_H

#include "cluster.h"
#include "microk8s/backend_yaml.h"

#define MEMBERS_VOTERS 3	/* with fewer nothing is redundant */

/* Asks on `session`'s host, a control plane, and replaces cluster->members.
 * False with an error of exec_run(), or DATA if it could not tell. One thread
 * at a time. */
bool members_ask(struct cluster *cluster, struct session *session,
		 gint64 deadline_us, GError **error);

/* The member that this node is, or NULL: none, or nobody was asked. That at its
 * node_ip, or at the address by which it calls itself in its own files: joined
 * by hand it may be another, and is a member all the same. Borrowed. */
const struct backend_node *members_find(const struct cluster *cluster,
					const struct node *node);

/* How many have that role; 0 if nobody was asked. */
unsigned members_count(const struct cluster *cluster, enum backend_role role);

/* Whether the datastore has as many voters as it can, so that the loss of one
 * does not end it; true where there are not enough members for that. */
bool members_are_settled(const struct cluster *cluster);

/* "voters node1, node2, node3; standby node4"; addresses of members that the
 * inventory does not name. Newly allocated. */
char *members_text(const struct cluster *cluster);

/* How many voters there are, and how many of them run and stay: hosts of this
 * run that were reached, and others whose node is Ready. A departing one does
 * not stay. */
void members_voters(const struct cluster *cluster, unsigned *all,
		    unsigned *staying);

#endif
