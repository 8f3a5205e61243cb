/* SPDX-License-Identifier: Apache-2.0
 *
 * One cluster's access put into a kubeconfig that may hold others: text in,
 * text out. The text is edited in place, so that comments, layout and all
 * that is not ours stay. Pure: no I/O.
 */
#ifndef MUSTER_MICROK8S_KUBECONFIG_MERGE_H
#define MUSTER_MICROK8S_KUBECONFIG_MERGE_H

#include "kubeconfig.h"

#define KUBECONFIG_MERGE_SIZE_MAX ((size_t)4 * 1024 * 1024)	/* bytes */

/* All borrowed. */
struct kubeconfig_entry {
	const char *name;	/* of the cluster, the user and the context */
	const char *server;	/* "https://10.8.0.4:16443" */
	const struct kubeconfig *config; /* credentials; its server is not
					    used */
};

/* A whole kubeconfig with this one context, which is the current one. Newly
 * allocated; holds the key. */
char *kubeconfig_text(const struct kubeconfig_entry *entry);

/* `text` (NUL-terminated) with `entry` in it: in place of what has its name,
 * else after the last of each list; the very same text if all of it is there
 * already. It becomes the current context only where there was none. Error
 * DATA, which never quotes the content, if `text` is no kubeconfig, uses
 * aliases, holds several documents or is beyond the limits. */
char *kubeconfig_merge(const char *text, const struct kubeconfig_entry *entry,
		       GError **error);

#endif
