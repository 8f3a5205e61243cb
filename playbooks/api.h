/* SPDX-License-Identifier: Apache-2.0
 *
 * The cluster's Kubernetes API: HTTPS with the cluster's own CA and its admin
 * client certificate, through an SSH tunnel to the master, so it works
 * wherever SSH does. One thread at a time.
 */
#ifndef MUSTER_PLAYBOOKS_API_H
#define MUSTER_PLAYBOOKS_API_H

#include "microk8s/kubeconfig.h"
#include "transport/http.h"
#include "transport/session.h"

#include <glib.h>
#include <jansson.h>

struct api;

/* The admin's credentials, read on `session`'s host, a control plane; nothing
 * of them reaches a log. Errors: those of exec_run(), PROTOCOL. */
struct kubeconfig *api_credentials(struct session *session,
				   gint64 deadline_us, GError **error);

/* Reads the credentials on `session`'s host and opens the tunnel to its
 * 127.0.0.1:16443. Does not ask the API anything yet. */
struct api *api_open(struct transport *transport, struct session *session,
		     gint64 deadline_us, GError **error);
void api_free(struct api *api);

/* GET `path`, JSON answer (caller json_decref()s). A status other than 200 is
 * error HTTP with the API's own message; a missing object is the same with
 * `*http_status` 404 (may be NULL). */
json_t *api_get(struct api *api, const char *path, long *http_status,
		gint64 deadline_us, GError **error);

/* GET `path` as it is (a log, /readyz?verbose): `*text` is the caller's,
 * whatever the status. False with error HTTP, DEADLINE or CANCELLED if no
 * answer came. */
bool api_get_text(struct api *api, const char *path, long *http_status,
		  char **text, gint64 deadline_us, GError **error);

#define API_AT_ONCE HTTP_AT_ONCE

/* The same of `n` paths, at most API_AT_ONCE, side by side: fills as many
 * `statuses` and `texts` (the caller's), or where no answer came NULL and one
 * of `errors`, which are NULL before. */
void api_get_texts(struct api *api, const char *const *paths, size_t n,
		   gint64 deadline_us, long *statuses, char **texts,
		   GError **errors);

/* POST, PATCH (`body` given, borrowed; a patch is merged as RFC 7396 says) or
 * DELETE (`body` NULL). A status other than
 * 200, 201 or 202 is error HTTP with the API's own message and `*http_status`
 * (may be NULL). The answer (caller json_decref()s), or NULL on error. */
json_t *api_send(struct api *api, const char *method, const char *path,
		 const json_t *body, long *http_status, gint64 deadline_us,
		 GError **error);

/* True when /readyz says ok. `*why` (if not NULL) gets the reason otherwise,
 * newly allocated. Never waits longer than 5 s. */
bool api_is_ready(struct api *api, char **why, gint64 deadline_us);

/* Addresses behind the `kubernetes` service, sorted (char *); from its
 * EndpointSlices, or Endpoints where there are none. */
GPtrArray *api_endpoints(struct api *api, gint64 deadline_us, GError **error);

/* All nodes (struct kube_node *), sorted by name. */
GPtrArray *api_nodes(struct api *api, gint64 deadline_us, GError **error);

#endif
