/* SPDX-License-Identifier: Apache-2.0
 *
 * What became of a `microk8s join`, told from its exit status and output by
 * the catalogue of causes (cause.h). Also the join URL and the answer of
 * `add-node --format token-check` it is made of. Pure text functions; callers
 * own what they are given back.
 */
#ifndef MUSTER_MICROK8S_JOIN_TEXT_H
#define MUSTER_MICROK8S_JOIN_TEXT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define JOIN_TEXT_MAX (256 * 1024)	/* bytes of output looked at */
#define JOIN_TOKEN_MIN 32		/* characters, as join.py demands */
#define JOIN_TOKEN_MAX 512
#define JOIN_CHECK_MIN 12
#define JOIN_CHECK_MAX 64		/* a whole SHA-256 in hex */
#define JOIN_AGENT_PORT 25000

enum join_outcome {
	JOIN_OK,		/* exit 0: still to be proved at the API */
	JOIN_RETRY,		/* a race: try again, with the same token if
				   it is good for several uses; a single-use
				   one may be spent */
	JOIN_RETRY_NEW_TOKEN,	/* again, but with a token minted now */
	JOIN_FATAL		/* cannot succeed by trying again */
};

struct join_verdict {
	const char *cause;	/* a code of the catalogue, or "joined" */
	const char *meaning;	/* one sentence, static */
	const char *fix;	/* one sentence, static; "" if none */
	enum join_outcome outcome;
	char *detail;		/* the line of output that told it, the last
				   ones if none did; owned; tokens are masked */
};

/* Never NULL. `exit_status` first, then the texts (either may be NULL). A
 * negative status means that the command was killed by that signal. */
struct join_verdict *join_text_classify(int exit_status, const char *out,
					const char *err);
void join_verdict_free(struct join_verdict *verdict);

/* "token/check" out of the output of `add-node --format token-check`: exactly
 * one line of that form, anything else (prose, a worker's refusal) gives NULL
 * with error PROTOCOL. Owned by the caller. Never quotes the text: it may
 * hold a token. */
char *join_token_check_parse(const char *text, GError **error);

/* "<ip>:25000/<token>/<check>"; NULL with error DATA if `ip` is not an IPv4
 * address (join.py splits at colons) or token_check is malformed. Owned by
 * the caller. */
char *join_url(const char *ip, const char *token_check, GError **error);

#endif
