/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts and checks are two readings of the same text.
 */
#include "node_facts.h"

#include "embedded.h"

struct exec_request node_facts_request(const struct node *node)
{
	static const char *const master[] = { "master", NULL };
	static const char *const worker[] = { "worker", NULL };

	return (struct exec_request) {
		.title = "look at the host",
		.script = embedded_text("facts.sh"),
		.args = node->role == NODE_MASTER ? master : worker,
		.output_max = FACTS_SIZE_MAX,
	};
}

bool node_facts_take(struct node *node, const struct exec_result *result,
		     gint64 before_us, gint64 after_us, GError **error)
{
	struct facts *facts =
		facts_parse(result->out, result->out_length, error);

	if (!facts)
		return false;
	facts_free(node->facts);
	node->facts = facts;
	checks_free(node->checks);
	node->checks = checks_parse(result->out, result->out_length);
	node->checks->before_us = before_us;
	node->checks->after_us = after_us;
	return true;
}
