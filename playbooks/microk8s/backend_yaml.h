/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the dqlite datastore in var/kubernetes/backend: info.yaml (this
 * node), cluster.yaml (the members this node last knew), update.yaml (read at
 * the next start: the node's new address; single member only). Pure text
 * functions; callers own every result.
 */
#ifndef MUSTER_MICROK8S_BACKEND_YAML_H
#define MUSTER_MICROK8S_BACKEND_YAML_H

#include <glib.h>
#include <stdbool.h>

#define BACKEND_YAML_SIZE_MAX (64 * 1024)
#define BACKEND_YAML_NODES_MAX 256

/* Roles as go-dqlite numbers them. */
enum backend_role { BACKEND_VOTER, BACKEND_STANDBY, BACKEND_SPARE };

/* "voter", "standby", "spare" */
const char *backend_role_name(enum backend_role role);

struct backend_node {
	char *address;			/* "10.0.0.1:19001" */
	guint64 id;
	enum backend_role role;
};

void backend_node_free(struct backend_node *node);

/* Parses info.yaml; NULL with error DATA. Owned by the caller. */
struct backend_node *backend_yaml_info(const char *text, GError **error);

/* Parses cluster.yaml; element-type struct backend_node *, with a free
 * function, may be empty. NULL with error DATA. Owned by the caller. */
GPtrArray *backend_yaml_cluster(const char *text, GError **error);

/* The member of that list whose address is `ip`, whatever its port; NULL if
 * there is none. Borrowed. */
const struct backend_node *backend_yaml_find(const GPtrArray *members,
					     const char *ip);

/* The text of update.yaml; owned by the caller. NULL with error DATA if `ip`
 * is no IP address or `port` no port. IPv6 is bracketed. */
char *backend_yaml_update(const char *ip, unsigned port, GError **error);

/* True while the datastore still has the address of a fresh install,
 * 127.0.0.1; the first join, or muster, moves it. */
bool backend_node_is_loopback(const struct backend_node *node);

#endif
