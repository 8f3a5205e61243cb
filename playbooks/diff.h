/* SPDX-License-Identifier: Apache-2.0
 *
 * Two texts as a unified diff.
 */
#ifndef MUSTER_PLAYBOOKS_DIFF_H
#define MUSTER_PLAYBOOKS_DIFF_H

/* "--- path\n+++ path\n@@ ...", three lines of context, as diff -u prints it;
 * NULL if the texts are equal. Newly allocated. */
char *diff_unified(const char *path, const char *before, const char *after);

#endif
