/* SPDX-License-Identifier: Apache-2.0
 *
 * Ways from one host to others, as playbooks/doctor/reach.sh found them: where
 * packets leave, whether a port answers, whether the cluster agent is well,
 * what a name resolves to. Pure text; callers own what they are given.
 */
#ifndef MUSTER_PLAYBOOKS_DOCTOR_REACH_H
#define MUSTER_PLAYBOOKS_DOCTOR_REACH_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define REACH_MAX 65536			/* answers of one host */

enum reach_kind {
	REACH_ROUTE,			/* word: source address, "none" */
	REACH_TCP,			/* word: open, refused, timeout,
					   unreachable */
	REACH_HEALTH,			/* word: "ok", "bad", "untold" */
	REACH_NAME			/* word: address, "none" */
};

struct reach {
	enum reach_kind kind;
	char *peer;			/* address; of REACH_NAME the name */
	unsigned port;			/* of REACH_TCP, else 0 */
	char *word;
};

/* Struct reach * in the order of the answer, with a free function. NULL and
 * error PROTOCOL if it makes no sense or does not end with "end". */
GPtrArray *reach_parse(const char *text, size_t length, GError **error);

/* What was found of that kind for `peer` (and port), or NULL; borrowed. */
const char *reach_word(const GPtrArray *reach, enum reach_kind kind,
		       const char *peer, unsigned port);

#endif
