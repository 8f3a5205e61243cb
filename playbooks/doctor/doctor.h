/* SPDX-License-Identifier: Apache-2.0
 *
 * What would stop a run, found without changing anything. Each host is looked
 * at by one script; a second one, which gets the others' addresses, tries the
 * ways between the master and the workers. Judging is apart from looking:
 * pure functions from what was seen to findings, which `up` uses as well.
 */
#ifndef MUSTER_PLAYBOOKS_DOCTOR_H
#define MUSTER_PLAYBOOKS_DOCTOR_H

#include "playbooks/cluster.h"
#include "playbooks/doctor/reach.h"
#include "playbooks/finding.h"

#define DOCTOR_SKEW_BLOCKS_S 5
#define DOCTOR_SKEW_WARNS_S 1
#define DOCTOR_CERTIFICATE_DAYS 30

/* --- judging: `node` has facts and checks, the others may have none --- */

/* Everything about one node that its facts, its surroundings and those of the
 * other nodes tell. */
void doctor_judge_node(const struct cluster *cluster, const struct node *node,
		       GPtrArray *findings);

/* Its parts. Address, names, cluster, versions: */
void doctor_judge_identity(const struct cluster *cluster,
			   const struct node *node, GPtrArray *findings);
/* ports, networks, kernel, firewall, clock, proxy, memory: */
void doctor_judge_machine(const struct cluster *cluster,
			  const struct node *node, GPtrArray *findings);
/* certificates, provider.yaml, marks of broken joins, refreshes: */
void doctor_judge_state(const struct cluster *cluster,
			const struct node *node, GPtrArray *findings);

/* What `node` found of the ways to others (struct reach *). A way that an
 * address on the wrong host explains is not told again. */
void doctor_judge_reach(const struct cluster *cluster, const struct node *node,
			const GPtrArray *reach, GPtrArray *findings);

/* A host that could not be looked at, by its error. */
void doctor_judge_error(const struct node *node, const GError *error,
			GPtrArray *findings);

/* The master's API did not answer. */
void doctor_judge_api_error(const struct node *master, const GError *error,
			    GPtrArray *findings);

/* Nodes the API knows (cluster->seen, may be NULL) that a host still has to
 * become. */
void doctor_judge_seen(const struct cluster *cluster, GPtrArray *findings);

/* --- looking: one thread a host, over the node's own session --- */

/* The first round: fills facts and checks of `node`. */
bool doctor_look(struct node *node, gint64 deadline_us, GError **error);

/* Whether the master's API server reaches kubelets by name, so that its agent
 * refuses a worker whose name does not resolve there. */
bool doctor_master_checks_names(const struct cluster *cluster);

/* The second round: struct reach *, owned by the caller; NULL and error as of
 * exec_run(). Only nodes that were looked at are asked for. */
GPtrArray *doctor_reach(const struct cluster *cluster,
			const struct node *node, gint64 deadline_us,
			GError **error);

/* Asks the API for its nodes (cluster->seen), on the thread of the master;
 * nothing to do and true while the master is no running control plane. */
bool doctor_see(struct cluster *cluster, gint64 deadline_us, GError **error);

/* --- curing --- */

enum doctor_fix {
	DOCTOR_FIX_HOSTS = 1 << 0,	/* lines of /etc/hosts */
	DOCTOR_FIX_LOCK = 1 << 1,	/* a join-in-progress without a join */
	DOCTOR_FIX_HOLD = 1 << 2	/* no refresh by snapd itself */
};

/* "hosts,lock" -> bits; 0 and error USAGE for anything else. */
unsigned doctor_fixes_parse(const char *text, GError **error);

/* Which of `fixes` cures what `finding` found, or 0. */
unsigned doctor_fix_of(const struct finding *finding, unsigned fixes);

/* Applies it for the host `name` of the finding, on it or on the master.
 * Twice does nothing more. */
bool doctor_fix_apply(const struct cluster *cluster,
		      const struct finding *finding, const char *name,
		      gint64 deadline_us, GError **error);

#endif
