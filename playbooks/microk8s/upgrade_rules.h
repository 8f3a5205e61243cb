/* SPDX-License-Identifier: Apache-2.0
 *
 * What Kubernetes and dqlite allow of an upgrade: one minor version at a time
 * and never back, so many nodes at once, and a datastore that keeps its
 * majority. Numbers and text in, verdicts out.
 */
#ifndef MUSTER_MICROK8S_UPGRADE_RULES_H
#define MUSTER_MICROK8S_UPGRADE_RULES_H

#include <glib.h>
#include <stdbool.h>

/* A kubelet may be so many minor versions older than its API server
 * (kubernetes.io, Version Skew Policy; two before 1.28). */
#define UPGRADE_SKEW_MAX 3

enum upgrade_step {
	UPGRADE_SAME,		/* the minor version stays */
	UPGRADE_NEXT,
	UPGRADE_SKIPS,		/* minor versions in between, or a major one */
	UPGRADE_BACK,
	UPGRADE_UNKNOWN		/* one of them names no version */
};

/* From one version or channel ("v1.31.9", "1.32/stable") to another. */
enum upgrade_step upgrade_step_between(const char *from, const char *to);

/* How many minor versions `older` is behind `newer`; negative if it is ahead,
 * 0 if either names none. */
int upgrade_lag(const char *older, const char *newer);

/* The channel that comes after version `from` on the way to `channel` (in
 * full): the next minor version, as strict and as risky as that. Owned by the
 * caller; NULL if `from` is no version. */
char *upgrade_next_channel(const char *from, const char *channel);

/* Whether a channel's snaps are confined ("1.32-strict/stable"). */
bool upgrade_is_strict(const char *channel);

/* "2" or "25%" of `workers`, rounded down but at least 1; *window may be NULL.
 * False if it is neither a number from 1 nor a share from 1% to 100%. */
bool upgrade_window(const char *text, unsigned workers, unsigned *window);

/* Whether one of `ready` masters may go down while there are `masters`: more
 * than half must stay. One or two masters have no majority to lose: the API is
 * away meanwhile in any case. */
bool upgrade_keeps_quorum(unsigned masters, unsigned ready);

/* Whether a kubelet of version `kubelet` comes from a snap of version `snap`;
 * what stands behind major.minor.patch does not count. */
bool upgrade_is_version(const char *kubelet, const char *snap);

#endif
