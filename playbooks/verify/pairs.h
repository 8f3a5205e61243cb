/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways from one node to another that do not work, and whose fault they seem
 * to be: a host that all of them touch is named once, not each way.
 */
#ifndef MUSTER_VERIFY_PAIRS_H
#define MUSTER_VERIFY_PAIRS_H

#include "proof.h"

struct pair {
	const struct node *from, *to;
};

/* Says by `judgement` (its node is not read) what does not pass (`what`) in
 * these ways, an array of struct pair that is used up by it: between all of
 * the nodes, between one and others, or from one to another. `all` is how
 * many ways there are. */
void pairs_say(struct proof *proof, struct judgement judgement, GArray *pairs,
	       const struct cluster *cluster, unsigned all, const char *what);

#endif
