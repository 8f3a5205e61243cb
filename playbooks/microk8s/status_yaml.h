/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of the datastore as `microk8s status --format yaml` tells them,
 * asked of dqlite's leader. `enabled: True` there says nothing of redundancy,
 * so it is not read. A pure text function.
 */
#ifndef MUSTER_MICROK8S_STATUS_YAML_H
#define MUSTER_MICROK8S_STATUS_YAML_H

#include "backend_yaml.h"

#define STATUS_YAML_SIZE_MAX (256 * 1024)

/* Members in the text's order; element-type struct backend_node * (without
 * their IDs), with a free function; empty where the leader did not answer.
 * NULL with error DATA if it is no such text, or of a host that is not ready.
 * Owned by the caller. */
GPtrArray *status_yaml_members(const char *text, GError **error);

#endif
