/* SPDX-License-Identifier: Apache-2.0
 *
 * What many hosts said, kept once for all who said the same. Output is hashed
 * as it comes; a host whose end and output are those of another is only a name
 * more in a group, so a thousand equal answers cost the memory of one.
 */
#ifndef MUSTER_CMD_GATHER_H
#define MUSTER_CMD_GATHER_H

#include "transport/host.h"

#include <glib.h>
#include <stdbool.h>

#define CAPTURE_MAX ((size_t)8 * 1024 * 1024)	/* bytes of one host, both
						   streams together */
#define GATHER_MAX ((size_t)256 * 1024 * 1024)	/* bytes of all groups */

/* One host's output while its command runs; one thread at a time. */
struct capture;

/* With `keeps` false it takes and compares nothing: only ends are grouped. */
struct capture *capture_new(bool keeps);
void capture_add(struct capture *capture, const char *bytes, size_t n,
		 bool is_stderr);
void capture_free(struct capture *capture);

/* Hosts that ended alike and said the same, to the byte. */
struct group {
	GArray *members;	/* struct member, in order of index */
	char *names;		/* of all members, folded */
	int status;		/* exit status; -1: none, and `error` is set */
	GError *error;		/* why there is none; where the members differ,
				   their address and name are "%h" */
	GString *out, *err;
	bool is_cut;		/* they printed more than was kept */
};

struct member {
	size_t index;		/* given by gather_add() */
	const struct host *host;
	gint64 elapsed_us;
};

struct gather;

/* Keeps at most `max` bytes of output, of all groups together. */
struct gather *gather_new(size_t max);
void gather_free(struct gather *gather);

/* A host has come to its end: with `status`, or with `error` and -1. Takes
 * `capture` and `error`, borrows `member->host`. Any thread. */
void gather_add(struct gather *gather, const struct member *member,
		struct capture *capture, int status, GError *error);

/* The groups (struct group *): the largest first, of equals the one with the
 * first host. Call once all is added; borrowed. */
const GPtrArray *gather_groups(struct gather *gather);

#endif
