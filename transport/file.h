/* SPDX-License-Identifier: Apache-2.0
 *
 * Files on a host: read whole, replaced atomically. A replaced file keeps its
 * owner, group and mode, and its old text stays beside it as a backup.
 */
#ifndef MUSTER_TRANSPORT_FILE_H
#define MUSTER_TRANSPORT_FILE_H

#include "exec.h"

/* Reads at most 1 MiB as root. `*text` NULL (and true) if it does not exist. */
bool file_read(struct session *session, const char *path, char **text,
	       gint64 deadline_us, GError **error);

struct file_replacement {
	const char *path;		/* absolute; symlinks are followed */
	const char *text;		/* new content */
	const char *expected_sha256;	/* hex of what is there now; the write is
					   refused (PROTOCOL) if the file
					   changed meanwhile; NULL: no check,
					   "" : must not exist */
	const char *backup_suffix;	/* ".muster-<run>"; NULL: no backup */
	const char *mode;		/* "0660"; only for a file that is new */
	const char *owner;		/* "root:microk8s"; only for a new file */
	const char *touch;		/* a marker file to create (with parents)
					   before the replacement, or NULL */
};

/* One round-trip pair: writes a temporary beside the file, syncs, sets owner
 * and mode as the old file's, keeps the backup (only the newest 3 of muster's
 * for that file remain), renames. Nothing is changed on failure. */
bool file_replace(struct session *session, const struct file_replacement *file,
		  gint64 deadline_us, GError **error);

/* Lower-case hex SHA-256 of a NUL-terminated text; newly allocated. */
char *file_sha256(const char *text);

#endif
