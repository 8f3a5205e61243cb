/* SPDX-License-Identifier: Apache-2.0
 *
 * The services that `restart_service` knows, for those who name one.
 */
#ifndef MUSTER_PLAYBOOKS_RESTART_SERVICE_H
#define MUSTER_PLAYBOOKS_RESTART_SERVICE_H

#include <stdbool.h>

#define RESTART_SERVICES "kubelite, containerd, cluster-agent, k8s-dqlite, " \
	"apiserver-kicker, apiserver-proxy, all"

/* Whether `service` is one of them. */
bool restart_knows(const char *service);

#endif
