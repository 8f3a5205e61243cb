/* SPDX-License-Identifier: Apache-2.0
 *
 * Plays over hosts. Plays are barriers; within one, each host runs its steps
 * on a thread of its own in a window of `forks`. A host that fails drops out
 * of later plays (except `always` ones); when the last master has failed the
 * run ends after its `always` plays and those that do `without_master`.
 */
#ifndef MUSTER_PLAYBOOKS_RUN_H
#define MUSTER_PLAYBOOKS_RUN_H

#include "cluster.h"
#include "event.h"
#include "playbook.h"
#include "transport/inventory.h"

/* All borrowed. */
struct run_options {
	const struct playbook *playbook;
	const struct inventory *inventory;
	GHashTable *limit;		/* set of the struct host * that take
					   part; NULL: all */
	struct transport *transport;
	struct cluster *cluster;	/* one node per host; changed by it */
	GHashTable *extra_vars;		/* char * -> char *, win over all; or
					   NULL */
	unsigned forks;			/* hosts at once; 0: 32 */
	bool check;			/* gate closed */
	const char *run_id;
	/* Called on the thread that called run_execute(). */
	const struct event_sink *sinks;
	size_t n_sinks;
};

/* Texts are redacted. */
struct host_result {
	const struct host *host;
	unsigned counts[TASK_N];
	gint64 elapsed_us, remote_us;
	GError *error;			/* the first failure, or NULL */
	char *failed_step, *hint;
	const char *cause;		/* its cause, or NULL; static */
	bool is_bystander;		/* that it was not reached is no
					   failure: another master spoke */
};

struct run_result {
	GPtrArray *hosts;		/* struct host_result * */
	gint64 wall_us;
	gint64 critical_us;		/* sum over plays of the longest chain
					   of remote work of any host */
	bool stopped;			/* Ctrl-C */
	int exit_status;
};

/* Holds the playbook against the inventory without connecting: patterns of
 * hosts, and each ${name} for each host concerned. Mistakes go to `problems`
 * with their place in the playbook; false and error DATA if there is any. */
bool run_check(const struct playbook *playbook,
	       const struct inventory *inventory,
	       const struct cluster *cluster, GHashTable *extra_vars,
	       GPtrArray *problems, GError **error);

/* Runs to the end; never fails itself. The caller frees the result. */
struct run_result *run_execute(const struct run_options *options);
void run_result_free(struct run_result *result);

/* Whether any step changed anything, or would have in check mode. */
bool run_result_has_changes(const struct run_result *result);

#endif
