/* SPDX-License-Identifier: Apache-2.0
 *
 * MicroK8s' args files (/var/snap/microk8s/current/args/<service>): one or
 * more command line flags a line. kubelite reads them with its own
 * ReadArgsFromFile: lines are trimmed, empty ones and those starting with '#'
 * skipped, quotes deleted, words split at blanks; the last of several equal
 * flags wins. Pure text functions; callers own every returned string.
 */
#ifndef MUSTER_MICROK8S_ARGS_FILE_H
#define MUSTER_MICROK8S_ARGS_FILE_H

#include <glib.h>
#include <stddef.h>

#define ARGS_FILE_SIZE_MAX (256 * 1024)		/* bytes of one file */
#define ARGS_FILE_WORDS_MAX 4096		/* words outside comments */
#define ARGS_FILE_EDITS_MAX 64
#define ARGS_FILE_KEY_MAX 128			/* bytes of "--some-flag" */
#define ARGS_FILE_VALUE_MAX 8192		/* bytes of a value we write */

struct args_edit {
	const char *key;	/* "--node-ip", with its dashes */
	const char *value;	/* NULL: the flag must be absent */
};

/* The value `key` has for kubelite: quotes deleted, variables such as
 * ${SNAP_DATA} not expanded, "" for a flag without value. NULL if the flag is
 * not given, or if `text` is NULL or beyond the limits. Owned by the caller. */
char *args_file_get(const char *text, const char *key);

/* `text` (NULL: an empty file) with every edit in place: comments, blank lines
 * and order stay, further occurrences of an edited flag go, new flags are
 * appended, the result ends with a newline. Where nothing is to do the result
 * equals `text` byte for byte. Owned by the caller. NULL with error DATA if a
 * key or value cannot be written in such a file or a limit is passed. */
char *args_file_edit(const char *text, const struct args_edit *edits,
		     size_t n, GError **error);

#endif
