/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges whether a cluster of several masters bears the loss of one: who is a
 * member of the datastore, who votes, and who of them runs. Of one master
 * nothing is said.
 */
#include "proof.h"

#include "playbooks/members.h"

/* One that the run left out is neither here nor gone. */
static void judge_master(struct proof *proof, const struct cluster *cluster,
			 const struct node *node)
{
	const struct backend_node *member = members_find(cluster, node);
	struct judgement j = {
		.condition = CONDITION_REDUNDANT, .state = VERDICT_FAILS,
		.node = node,
	};

	if (proof_expects(node) && !member) {
		j.cause = "datastore-member-missing";
		proof_say(proof, j, "the datastore does not list %s",
			  node->node_ip);
	} else if (node->unreachable && member) {
		j.cause = "datastore-member-down";
		proof_say(proof, j, "a %s of the datastore is down: the "
			  "cluster runs on the others",
			  backend_role_name(member->role));
	} else if (member && member != backend_yaml_find(cluster->members,
							 node->node_ip)) {
		j.state = VERDICT_WARNS;
		j.cause = "datastore-other-address";
		proof_say(proof, j, "the datastore has it at %s instead of "
			  "%s", member->address, node->node_ip);
	}
}

void judge_members(struct proof *proof, const struct cluster *cluster)
{
	const enum condition c = CONDITION_REDUNDANT;
	unsigned masters = cluster_masters(cluster), voters;
	g_autofree char *text = NULL;

	if (masters < 2)
		return;
	if (!cluster->members) {
		proof_skip(proof, c, "%s", proof->members_problem
			   ? proof->members_problem
			   : "the master was not reached");
		return;
	}
	for (guint i = 0; i < cluster->nodes->len; i++) {
		const struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (node->role == NODE_MASTER)
			judge_master(proof, cluster, node);
	}
	text = members_text(cluster);
	voters = members_count(cluster, BACKEND_VOTER);
	if (voters < MEMBERS_VOTERS)
		proof_say(proof, (struct judgement) {
			.condition = c, .state = masters < MEMBERS_VOTERS
				? VERDICT_WARNS : VERDICT_FAILS,
			.cause = "datastore-not-redundant",
		}, "%s: without %s the cluster ends", text, voters == 1
		   ? "that voter" : "one of them");
	proof_hold(proof, c, "%s", text);
}
