/* SPDX-License-Identifier: Apache-2.0
 *
 * The kubeconfig on this machine into which others may be writing too.
 */
#ifndef MUSTER_CMD_KUBECONFIG_FILE_H
#define MUSTER_CMD_KUBECONFIG_FILE_H

#include "playbooks/microk8s/kubeconfig_merge.h"

#include <stdbool.h>

#define KUBECONFIG_BACKUP ".muster-backup"	/* suffix of the old text */

/* Where kubectl would write a new context: the first file of $KUBECONFIG,
 * else ~/.kube/config; symbolic links are followed. Newly allocated. */
char *kubeconfig_file_path(void);

/* Puts `entry` into the file, which need not be there. It is replaced at
 * once and whole, with mode 0600, and what it was stays beside it; a file
 * that holds the entry already is left as it is and *changed false. Nothing
 * is changed on failure: errors OUTPUT, DATA, or LOCKED if kubectl holds its
 * lock on it. */
bool kubeconfig_file_merge(const char *path,
			   const struct kubeconfig_entry *entry,
			   bool *changed, GError **error);

#endif
