/* SPDX-License-Identifier: Apache-2.0
 *
 * The one address of the API that a load balancer in front of the masters
 * has: variable microk8s_api_endpoint, the same for every host. Without it
 * workers look for the masters themselves.
 */
#ifndef MUSTER_PLAYBOOKS_API_ENDPOINT_H
#define MUSTER_PLAYBOOKS_API_ENDPOINT_H

#include <glib.h>
#include <stdbool.h>

#define API_ENDPOINT_PORT 16443			/* of the masters, and of every
					   worker's own proxy */

struct api_endpoint {
	char *text;			/* "lb.example.com:16443" */
	char *host;			/* a name or an IPv4 address */
	unsigned port;
};

/* What the hosts of `nodes` (struct node *) say; NULL if they say nothing.
 * Where they disagree, or name a worker's own proxy, that goes to `problems`
 * with its place in the file, and is fatal. */
struct api_endpoint *api_endpoint_new(const GPtrArray *nodes,
				      GPtrArray *problems);
void api_endpoint_free(struct api_endpoint *endpoint);

/* It cannot be given with -e: verify, doctor and kubeconfig have to know it
 * too. False with error USAGE if `extra` (may be NULL) has it. */
bool api_endpoint_check_extra(GHashTable *extra, GError **error);

/* "https://lb.example.com:16443"; newly allocated. */
char *api_endpoint_url(const struct api_endpoint *endpoint);

/* Where a worker's proxy has to look for the API ("host:port"): the endpoint,
 * or every master's node_ip; owned by the caller. */
struct cluster;
GPtrArray *api_endpoint_servers(const struct cluster *cluster);

/* Whether a proxy that has `servers` (may be NULL) looks in the right place:
 * just at the endpoint; or at masters and at nothing else, as it adds the rest
 * by itself and leaves out who is down. */
bool api_endpoint_is_right(const struct cluster *cluster,
			   const GPtrArray *servers);

/* Whether `servers` (may be NULL) are just those `wanted`, in any order: the
 * proxy sorts them. */
bool api_endpoint_is_just(const GPtrArray *servers, const GPtrArray *wanted);

/* "a, b", or "nothing"; newly allocated. */
char *api_endpoint_list(const GPtrArray *servers);

#endif
