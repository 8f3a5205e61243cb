/* SPDX-License-Identifier: Apache-2.0
 *
 * What a join came to, in terms of what to do next: the catalogue says what
 * was recognised, and whether trying again can help.
 */
#include "join_text.h"

#include "cause.h"

static const enum join_outcome outcomes[] = {
	[CAUSE_NO_RETRY] = JOIN_FATAL,
	[CAUSE_RETRY] = JOIN_RETRY,
	[CAUSE_RETRY_NEW_TOKEN] = JOIN_RETRY_NEW_TOKEN,
};

struct join_verdict *join_text_classify(int exit_status, const char *out,
					const char *err)
{
	struct join_verdict *verdict = g_new0(struct join_verdict, 1);
	const struct cause *cause = cause_recognise(
		CAUSE_OF_JOIN, exit_status, out, err, &verdict->detail);

	if (exit_status == 0) {
		verdict->cause = "joined";
		verdict->meaning = "microk8s join ended with success";
		verdict->fix = "";
		verdict->outcome = JOIN_OK;
		return verdict;
	}
	verdict->cause = cause->code;
	verdict->meaning = cause->meaning;
	verdict->fix = cause->fix;
	verdict->outcome = outcomes[cause->retry];
	return verdict;
}

void join_verdict_free(struct join_verdict *verdict)
{
	if (!verdict)
		return;
	g_free(verdict->detail);
	g_free(verdict);
}
