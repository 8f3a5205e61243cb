/* SPDX-License-Identifier: Apache-2.0
 *
 * What the hosts of one run share: who speaks for it, what each host said about
 * itself, the join token, the API. Written only between barriers or by the
 * one thread that runs the node concerned; the few fields that several
 * threads write stand behind `lock`.
 */
#ifndef MUSTER_PLAYBOOKS_CLUSTER_H
#define MUSTER_PLAYBOOKS_CLUSTER_H

#include "microk8s/checks.h"
#include "microk8s/facts.h"
#include "transport/inventory.h"
#include "transport/remote_lock.h"
#include "transport/session.h"

#include <glib.h>
#include <stdbool.h>

enum node_role { NODE_MASTER, NODE_WORKER };

/* Services whose args changed and that were not restarted yet. */
enum node_service {
	NODE_KUBELITE = 1 << 0,
	NODE_DQLITE = 1 << 1,
	NODE_PROXY = 1 << 2,
	NODE_CONTAINERD = 1 << 3,
	NODE_AGENT = 1 << 4
};

struct node {
	const struct host *host;
	enum node_role role;
	const char *node_ip;		/* borrowed from the inventory */
	struct session *session;	/* owned; lives as long as the run */
	struct facts *facts;		/* owned; NULL until the first look */
	struct checks *checks;		/* of the same look; owned */
	unsigned pending;		/* enum node_service bits to restart */
	bool failed;			/* dropped out */
	bool unreachable;		/* because it could not be reached */
	bool bystander;			/* a master that is in the run only
					   because it might have to speak */
	bool leaves_last;		/* the datastore's only voter, when it
					   was its turn to leave */
	bool awaited;			/* a control plane of which this run
					   has restarted or joined something,
					   and that is not seen back yet */
	gint64 fresh_us;		/* monotonic: when something that a
					   refresh of its proxy could undo was
					   last changed; 0: not known */
	bool awaits_turn;		/* wants to be upgraded; behind the
					   cluster's lock */
};

struct cluster {
	GPtrArray *nodes;		/* struct node *, inventory order; owned */
	struct transport *transport;	/* borrowed */
	bool adopt;			/* --adopt */
	bool is_looked_at;		/* the facts are of just now, and
					   nothing was changed since */
	struct node *master;		/* which speaks for the cluster: the
					   first, until the masters were looked
					   at; borrowed */
	struct node *first;		/* master of the inventory, from which
					   a new cluster grows; borrowed */
	bool is_master_settled;		/* they were looked at */
	const char *no_master;		/* why nobody speaks for it, or NULL;
					   static */
	struct api_endpoint *endpoint;	/* of the load balancer, or NULL */
	char *token;			/* "token/check" of this run, or NULL */
	bool prepared;			/* master ready for parallel joins */
	struct api *api;		/* the API through a tunnel, or NULL */
	GPtrArray *remote_locks;	/* struct remote_lock *, held by this
					   run on every master that it reached;
					   owned */
	GPtrArray *seen;		/* struct kube_node *, last look, or NULL */
	GPtrArray *members;		/* struct backend_node *, of the
					   datastore at the last look, or NULL;
					   see members.h */
	struct proof *proof;		/* borrowed; only when one is made */
	GPtrArray *departures;		/* struct departure *, borrowed; NULL:
					   nobody is to go */
	GHashTable *chosen;		/* set of struct host * that were asked
					   for by name, borrowed; NULL: all */
	unsigned upgrading;		/* nodes that are upgraded just now */
	const struct node *halted_by;	/* whose upgrade failed, so that no
					   other is begun; NULL: nobody's */
	GMutex lock;			/* first_join_done, ... */
	GCond changed;
	bool first_join_done, first_join_taken;
};

/* The rules of the inventory that are MicroK8s': variables, group names. */
const struct inventory_rules *cluster_inventory_rules(void);

/* Sorts the hosts of `inventory` into roles. Mistakes (no master, no node_ip,
 * the same node_ip twice, ...) go to `problems` with their place in the file;
 * returns NULL (error DATA) if any is fatal. Borrows both. */
struct cluster *cluster_new(const struct inventory *inventory,
			    struct transport *transport, GPtrArray *problems,
			    GError **error);
void cluster_free(struct cluster *cluster);

/* The node of `host`, or NULL for a host without a role. */
struct node *cluster_find(const struct cluster *cluster,
			  const struct host *host);

/* Lets all masters take part in a run, `limit` (a set of struct host *), since
 * one of them has to speak; those that were not in it are bystanders. */
void cluster_invite_masters(struct cluster *cluster, GHashTable *limit);

/* How many masters the inventory has. */
unsigned cluster_masters(const struct cluster *cluster);

/* Whether a cluster may be built of so many masters; if not, the reason goes
 * to `problems` with its place in the file, and it is error DATA. */
bool cluster_check_masters(const struct cluster *cluster, bool allow_two,
			   GPtrArray *problems, GError **error);

/* Settles who speaks for the cluster, once the masters were looked at: the
 * first of them that is a member (and serves its API, if any does), or the
 * first of all when none is. One that was settled on stays, unless it cannot
 * be reached any more. Who is not the first must know another master from its
 * datastore: otherwise nothing tells that it is a member of this cluster, and
 * no second one may be built. True if it is another one now; the API's tunnel
 * and the token of the one before are forgotten then. Only between plays. */
bool cluster_settle_master(struct cluster *cluster);

/* Whether `node` is among the hosts that were asked for. */
bool cluster_chose(const struct cluster *cluster, const struct node *node);

/* Forgets what this run knew of a cluster that is no more: its API, nodes and
 * token. The hosts and the lock stay. */
void cluster_forget(struct cluster *cluster);

/* What the last look at the API said of `node`, or NULL; borrowed. */
struct kube_node;
const struct kube_node *cluster_seen(const struct cluster *cluster,
				     const struct node *node);

/* Which node of the inventory that node of the API is, or NULL. One that was
 * not looked at is known by its name or its address. */
const struct node *cluster_whose(const struct cluster *cluster,
				 const struct kube_node *seen);

/* Whether all of `addresses` (char *, at least one) are of control planes of
 * this cluster: masters of the inventory, or nodes that the API has as such.
 * `port` follows each after a colon; 0: none does. */
bool cluster_lists_masters(const struct cluster *cluster,
			   const GPtrArray *addresses, unsigned port);

/* A control plane that this run has restarted or joined, and that has not come
 * back: no other may be touched then. NULL if there is none. */
const struct node *cluster_broken_master(const struct cluster *cluster);

/* Why `node` has to join (again), in words, or NULL if it is a member and
 * whole. Judges by its files and, once the API was asked, by its node; a
 * master by its files and the datastore's members. */
const char *cluster_join_reason(const struct cluster *cluster,
				const struct node *node);

/* The same for a master alone; NULL for the one that speaks. */
const char *cluster_master_join_reason(const struct cluster *cluster,
				       const struct node *node);

#endif
