/* SPDX-License-Identifier: Apache-2.0
 *
 * What the snap command prints, and how channels are written. Texts are those
 * of snapd under LC_ALL=C. Pure text functions; callers own every result.
 */
#ifndef MUSTER_MICROK8S_SNAP_TEXT_H
#define MUSTER_MICROK8S_SNAP_TEXT_H

#include <glib.h>
#include <stdbool.h>

#define SNAP_TEXT_MAX (256 * 1024)		/* bytes looked at */
#define SNAP_CHANNEL_MAX 128			/* bytes of a channel's name,
						   in full */

struct snap_row {
	char *name, *version, *revision;
	char *channel;			/* tracked; NULL for "-" */
	char *notes;			/* "classic,held"; "" for "-" */
};

void snap_row_free(struct snap_row *row);

/* The row of `name` in the output of `snap list`, with or without its head
 * line; NULL if it is not there. Owned by the caller. */
struct snap_row *snap_text_find_row(const char *text, const char *name);

/* True if one of the comma-separated `notes` is `note` ("held"). */
bool snap_notes_has(const char *notes, const char *note);

/* `snap install` said that the snap is there already: its exit status is 0
 * and the channel was not changed. */
bool snap_text_is_already_installed(const char *text);

/* snapd refused because another change runs. *kind (may be NULL) becomes
 * that change ("service-control", "auto-refresh"), owned by the caller. */
bool snap_text_is_busy(const char *text, char **kind);

/* The command ("microk8s.kubectl") that `snap aliases` shows for `alias`, or
 * NULL: none has it, or it is disabled. Owned by the caller. */
char *snap_text_alias_of(const char *text, const char *alias);

/* A refresh was begun and failed, so snapd went back to the revision before:
 * some task of it failed, and not the download. */
bool snap_text_is_undone(const char *text);

/* The version that `snap info` says is in `channel` (in full), owned by the
 * caller; NULL if it is not listed, as no branch is, or is closed. *told (may
 * be NULL): whether channels were listed at all, as without the store they are
 * not. */
char *snap_info_version(const char *text, const char *channel, bool *told);

/* "track/risk[/branch]" of any way a channel may be written: "1.31" is
 * 1.31/stable, "edge" is latest/edge. NULL with error DATA if it is not a
 * channel. Owned by the caller. */
char *snap_channel_normalize(const char *channel, GError **error);

/* True if both name one channel. A branch that `snap list` has shortened to
 * an ellipsis matches any branch. False if either is no channel. */
bool snap_channel_equal(const char *a, const char *b);

/* "major.minor" of a version or channel track ("v1.31.9", "1.31-strict",
 * "1.31/stable" give 1.31) as numbers; false if there is none. */
bool snap_version_parse(const char *text, unsigned *major, unsigned *minor);

#endif
