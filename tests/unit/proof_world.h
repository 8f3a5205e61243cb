/* SPDX-License-Identifier: Apache-2.0
 *
 * A healthy cluster of three for tests of the proof: master m, workers v and
 * w, CoreDNS on w. Everything in it holds; tests spoil it before it is judged.
 */
#ifndef MUSTER_TESTS_PROOF_WORLD_H
#define MUSTER_TESTS_PROOF_WORLD_H

#include "playbooks/verify/proof.h"

#define WORLD_N 3
#define WORLD_TODAY 1700000000		/* by the hosts' clocks, and ours */
#define WORLD_DAY 86400
/* kubernetes.default's address as CoreDNS answers probe.sh, in hex. */
#define WORLD_DNS_ANSWER "1234818000010001000000000a6b756265726e657465730764" \
	"656661756c740373766307636c7573746572056c6f63616c0000010001c00c000100" \
	"010000000500040a98b701"
#define WORLD_PROVIDER(ip) "tcp:\n  routers:\n    Router-1:\n" \
	"      rule: HostSNI(`*`)\n      service: kube-apiserver\n" \
	"      tls:\n        passthrough: true\n  services:\n" \
	"    kube-apiserver:\n      loadBalancer:\n        servers:\n" \
	"        - address: " ip ":16443\n"

struct world {
	struct inventory *inventory;
	struct cluster *cluster;
	struct proof *proof;
	char *probes[WORLD_N];	/* what probe.sh said; parsed when judged */
};

void world_init(struct world *w);
void world_clear(struct world *w);
void world_judge(struct world *w);

struct node *world_node(const struct world *w, guint i);
struct kube_node *world_seen(const struct world *w, guint i);
void world_set_cert(struct facts_cert *cert, const char *ip);
GPtrArray *world_just(const char *text);

/* In what host `i` said, every `from` (there has to be one) becomes `to`. */
void world_edit(struct world *w, guint i, const char *from, const char *to);
/* The same in its line about the peer at `ip`. */
void world_edit_peer(struct world *w, guint i, const char *ip,
		     const char *from, const char *to);
/* `*text` becomes a copy of `value`. */
void world_reset(char **text, const char *value);

/* Names of all conditions that are at least warned of; `*only` the one cause
 * that they have, "several" if they do not agree; `*says` the first verdict
 * with its hosts. Both strings are the caller's. */
char *world_bad(const struct proof *proof, const char **only, char **says);

/* A spoilt world: the conditions that do not hold for it, the one cause that
 * all of them have, and what the first of them says. */
struct world_case {
	const char *name;
	void (*spoil)(struct world *w);
	enum verdict_state state;
	const char *conditions, *cause, *says;
};

void world_run_cases(const struct world_case *cases, size_t n);

#endif
