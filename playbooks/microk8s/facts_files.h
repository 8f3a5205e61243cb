/* SPDX-License-Identifier: Apache-2.0
 *
 * The files that facts.sh sends: a line file= for each, in order, and one line
 * contents= that has all of them, one behind the other.
 */
#ifndef MUSTER_MICROK8S_FACTS_FILES_H
#define MUSTER_MICROK8S_FACTS_FILES_H

#include "facts.h"

#define FACTS_FILES_MAX 64

struct facts_files;
typedef struct facts_files FactsFiles; /* for g_autoptr(FactsFiles) */

struct facts_files *facts_files_new(void);
void facts_files_free(struct facts_files *files);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FactsFiles, facts_files_free)

/* The value of a line file=: "PATH SIZE WRITTEN", the path below
 * /var/snap/microk8s/current, the size in bytes or "too_large" if it is not
 * sent, and Unix seconds or "-". False if it is none, or one too many. */
bool facts_files_add(struct facts_files *files, const char *value);

/* The value of the line contents=: base64; borrowed until facts_files_take()
 * is done. */
void facts_files_set_contents(struct facts_files *files, const char *base64);

/* Fills the fields of `facts` that come from files; its epoch is known. Files
 * that nobody asked for are passed over. False with error PROTOCOL if the
 * contents are not as long as all the sizes say, with no field filled. */
bool facts_files_take(const struct facts_files *files, struct facts *facts,
		      GError **error);

/* Frees those fields; leaves no pointer behind. */
void facts_files_clear(struct facts *facts);

#endif
