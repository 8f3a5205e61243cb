/* SPDX-License-Identifier: Apache-2.0
 *
 * Where this machine finds the API.
 */
#ifndef MUSTER_CMD_KUBECONFIG_ADDRESS_H
#define MUSTER_CMD_KUBECONFIG_ADDRESS_H

#include "playbooks/cluster.h"
#include "playbooks/microk8s/kubeconfig.h"
#include "transport/cancel.h"

#include <stdbool.h>

/* True if the API answers under `url` to these credentials, with a
 * certificate that names it; `*why` (newly allocated) says what does not hold
 * otherwise. Never waits longer than 5 s. */
bool kubeconfig_try(const struct node *master,
		    const struct kubeconfig *config, const char *url,
		    struct cancel *cancel, char **why);

/* The first that does of the load balancer's address, if there is one, the
 * master's node_ip and the address under which that is reached by SSH; newly
 * allocated. NULL with error PREFLIGHT and what is wrong with each. */
char *kubeconfig_find_server(const struct cluster *cluster,
			     const struct kubeconfig *config,
			     struct cancel *cancel, GError **error);

#endif
