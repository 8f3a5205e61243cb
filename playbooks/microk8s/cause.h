/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue: everything that is known to go wrong with a MicroK8s cluster,
 * each cause with a code that never changes, what it means, what to do, where
 * upstream speaks of it, and the exit statuses and texts that betray it. Pure
 * and static: no I/O, safe from any thread. `muster explain CODE` prints it.
 */
#ifndef MUSTER_MICROK8S_CAUSE_H
#define MUSTER_MICROK8S_CAUSE_H

#include <stdbool.h>
#include <stddef.h>

#define CAUSE_TEXTS_MAX 4
#define CAUSE_TEXT_MAX (256 * 1024)	/* bytes of output looked at, from its
					   end */
#define CAUSE_DETAIL_MAX 400		/* bytes of a line quoted */
#define CAUSE_LAST_LINES 5		/* of an unknown failure, verbatim */

/* Where a text comes from: exit status 6 of a join is an answer of the cluster
 * agent, of anything else it says nothing. */
enum cause_source {
	CAUSE_OF_JOIN = 1 << 0,		/* `microk8s join` */
	CAUSE_OF_COMMAND = 1 << 1,	/* another command on a host */
	CAUSE_OF_LOG = 1 << 2,		/* the API's answers, journals, logs of
					   pods: text without a status */
	CAUSE_OF_ANY = CAUSE_OF_JOIN | CAUSE_OF_COMMAND | CAUSE_OF_LOG
};

#define CAUSE_ANY_STATUS (-1000)

enum cause_retry {
	CAUSE_NO_RETRY,			/* trying again cannot help */
	CAUSE_RETRY,			/* a race: it may */
	CAUSE_RETRY_NEW_TOKEN		/* with a token minted now */
};

/* One way a cause is told by. All given parts must hold. */
struct cause_text {
	unsigned from;			/* enum cause_source bits; 0: no entry */
	int status;			/* exit status, or CAUSE_ANY_STATUS */
	const char *text;		/* in a line of the output; NULL: any */
	const char *also;		/* and this in the same line, or NULL */
};

struct cause {
	const char *code;		/* kebab-case: "invalid-token" */
	const char *meaning;		/* one sentence, no final period */
	const char *fix;		/* what to do; "" if nothing */
	const char *upstream;		/* "microk8s#4513, microk8s#3225"; "" */
	enum cause_retry retry;
	struct cause_text texts[CAUSE_TEXTS_MAX];
};

/* The i-th cause of the catalogue, NULL past its end. */
const struct cause *cause_at(size_t i);

/* The cause of that code, or NULL. */
const struct cause *cause_find(const char *code);

/* What output tells; never NULL: "unknown" if nothing does. `status` < 0: the
 * command was killed by that signal ("killed"). Either text may be NULL.
 * `*detail` (may be NULL) gets the line that told it, or for an unknown
 * failure the last lines of what was said, newly allocated, "" if nothing was;
 * whatever could be a token is masked in it. */
const struct cause *cause_recognise(enum cause_source from, int status,
				    const char *out, const char *err,
				    char **detail);

#endif
