/* SPDX-License-Identifier: Apache-2.0
 *
 * A proof: what the API and every host said in one round, and what each named
 * condition came to by it. Actions fill in the first part, proof_judge() the
 * second; it asks nobody. Everything is changed on one thread at a time, but
 * each host's own thread sets its probe.
 */
#ifndef MUSTER_VERIFY_PROOF_H
#define MUSTER_VERIFY_PROOF_H

#include "playbooks/cluster.h"
#include "probe.h"

/* In the order in which they are told: one before another may explain it. */
enum condition {
	CONDITION_REACHED,
	CONDITION_API,
	CONDITION_REDUNDANT,
	CONDITION_WORKERS_API,
	CONDITION_API_ENDPOINT,
	CONDITION_PRESENT,
	CONDITION_READY,
	CONDITION_ADDRESS,
	CONDITION_CALICO_ADDRESS,
	CONDITION_VERSION,
	CONDITION_STRANGERS,
	CONDITION_ENDPOINTS,
	CONDITION_PROXY,
	CONDITION_ARGS,
	CONDITION_CERTIFICATES,
	CONDITION_CERTIFICATES_LAST,
	CONDITION_KUBELET,
	CONDITION_CALICO,
	CONDITION_CALICO_CONTROLLERS,
	CONDITION_COREDNS,
	CONDITION_CALICO_ENV,
	CONDITION_PORTS,
	CONDITION_ROUTES,
	CONDITION_OVERLAY,
	CONDITION_OVERLAY_FULL,
	CONDITION_PODS,
	CONDITION_SERVICES,
	CONDITION_DNS,
	CONDITION_DEEP_PODS,
	CONDITION_DEEP_SERVICE,
	CONDITION_DEEP_DNS,
	CONDITION_CLOCKS,
	CONDITION_REVISIONS,
	CONDITION_HELD,
	CONDITION_TOKENS,
	CONDITION_JOINS,
	CONDITION_N
};

struct condition_text {
	const char *name;	/* stable, kebab-case */
	const char *proves;	/* what holds when it does */
	const char *asked;	/* where */
};

extern const struct condition_text condition_texts[CONDITION_N];

enum verdict_state {
	VERDICT_HOLDS,
	VERDICT_SKIPPED,	/* could not be asked, or does not apply */
	VERDICT_WARNS,
	VERDICT_FAILS
};

/* "holds", "skipped", "warns", "fails" */
const char *verdict_state_name(enum verdict_state state);

/* Equal ones of several hosts are one. */
struct verdict {
	enum verdict_state state;
	GPtrArray *hosts;	/* char *, in order; empty: of the whole
				   cluster; owned */
	char *evidence;		/* one line; owned */
	const char *cause;	/* code of the catalogue, or NULL; static */
	char *cure;		/* better than the catalogue's, or NULL */
};

/* What a pod of the deep proof said of the others; see deep.h. */
struct deep_report {
	char *node;		/* the Node it ran on */
	char *text;		/* its log; never NULL */
};
void deep_report_free(struct deep_report *report);

/* What a host found at the cluster's endpoint. */
struct balancer_word {
	bool is_ok, is_untold;
	char *text;		/* that in words */
	const char *cause;	/* of what is wrong, or NULL; static */
};

struct proof {
	/* what to do */
	bool deep;
	char *image;			/* of the deep proof's pods */

	/* the API's word */
	bool api_asked, api_ready;
	char *api_problem;		/* checks that fail, or why no answer */
	char *members_problem;		/* why cluster->members is not known */
	GPtrArray *endpoints[2];	/* char *, before and after the proxies'
					   refresh; NULL: not told */
	GPtrArray *pods, *daemons, *deployments; /* kube_workloads.h; or NULL */
	char *api_service, *dns_service; /* cluster addresses, or NULL */
	GHashTable *logs;		/* Node's name -> "" if a log could be
					   read from its kubelet, else why */
	/* the hosts' word, by their place in cluster->nodes */
	GPtrArray *probes;		/* struct probe * or NULL */
	GPtrArray *unreached;		/* char *: why, or NULL */
	GPtrArray *balancer;		/* struct balancer_word *, or NULL: not
					   asked */
	GPtrArray *deep_reports;	/* struct deep_report *, or NULL */
	char *deep_problem;		/* why there are none, or NULL */
	const char *deep_cause;

	GPtrArray *verdicts[CONDITION_N]; /* struct verdict *; owned */
	bool is_judged;
};

struct proof *proof_new(const struct cluster *cluster);
void proof_free(struct proof *proof);

/* Forgets what was said and judged; what to do stays. */
void proof_reset(struct proof *proof, const struct cluster *cluster);

/* The probe of that node, or NULL; borrowed. */
const struct probe *proof_probe(const struct proof *proof,
				const struct cluster *cluster,
				const struct node *node);
/* Takes `probe`. On the node's own thread. */
void proof_set_probe(struct proof *proof, const struct cluster *cluster,
		     const struct node *node, struct probe *probe);

/* The same of what it found at the endpoint. Takes `word`. */
void proof_set_balancer(struct proof *proof, const struct cluster *cluster,
			const struct node *node, struct balancer_word *word);

/* --- judging --- */

/* Judges every condition by what was said. */
void proof_judge(struct proof *proof, const struct cluster *cluster);

/* The worst of a condition's verdicts; SKIPPED if there is none. */
enum verdict_state proof_state(const struct proof *proof,
			       enum condition condition);
/* How many conditions are in that state. */
unsigned proof_count(const struct proof *proof, enum verdict_state state);

/* Whether the run was to look at this node and could. */
bool proof_expects(const struct node *node);

/* What the judges of judge_*.c say. `node` NULL: the whole cluster. `cure`
 * NULL: the catalogue's. All texts are copied but `cause`. */
struct judgement {
	enum condition condition;
	enum verdict_state state;
	const struct node *node;
	const char *cause;
	const char *cure;
};

void proof_say(struct proof *proof, struct judgement judgement,
	       const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Of the whole cluster, and only if nothing was said of the condition yet. */
void proof_hold(struct proof *proof, enum condition condition,
		const char *format, ...) G_GNUC_PRINTF(3, 4);
void proof_skip(struct proof *proof, enum condition condition,
		const char *format, ...) G_GNUC_PRINTF(3, 4);

void judge_api(struct proof *proof, const struct cluster *cluster);
void judge_members(struct proof *proof, const struct cluster *cluster);
void judge_nodes(struct proof *proof, const struct cluster *cluster);
void judge_files(struct proof *proof, const struct cluster *cluster);
void judge_extra_args(struct proof *proof, const struct node *node);
void judge_rollouts(struct proof *proof, const struct cluster *cluster);
void judge_mesh(struct proof *proof, const struct cluster *cluster);
void judge_services(struct proof *proof, const struct cluster *cluster);
void judge_deep(struct proof *proof, const struct cluster *cluster);
void judge_upkeep(struct proof *proof, const struct cluster *cluster);

/* What one cell of the mesh came to: "ok", or the first thing that did not:
 * "port", "lost", "mtu", "hangs", "pod"; "-": not asked. Static. */
const char *proof_cell(const struct proof *proof,
		       const struct cluster *cluster, const struct node *from,
		       const struct node *to);

#endif
