/* SPDX-License-Identifier: Apache-2.0
 *
 * How a host is asked for its facts, in one script and one round trip, and
 * what becomes of the answer. The caller runs the request in its own way.
 */
#ifndef MUSTER_PLAYBOOKS_NODE_FACTS_H
#define MUSTER_PLAYBOOKS_NODE_FACTS_H

#include "cluster.h"
#include "transport/exec.h"

/* facts.sh for this node; all in it is static. The deadline is the caller's. */
struct exec_request node_facts_request(const struct node *node);

/* Replaces the node's facts and checks by what `result` holds; they are as
 * they were if it makes no sense (error PROTOCOL). The request ran between the
 * two times of this machine's clock (us since 1970). */
bool node_facts_take(struct node *node, const struct exec_result *result,
		     gint64 before_us, gint64 after_us, GError **error);

#endif
