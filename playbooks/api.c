/* SPDX-License-Identifier: Apache-2.0
 *
 * The API through the tunnel. The credentials come from the master's own
 * credentials/client.config, whose server is 127.0.0.1:16443: the same
 * address is dialled from there, so the certificate fits without exceptions.
 */
#include "api.h"

#include "microk8s/kube_nodes.h"
#include "transport/error.h"
#include "transport/exec.h"
#include "transport/http.h"
#include "transport/tunnel.h"

#include <stdlib.h>
#include <string.h>

#define API_PORT 16443
#define API_REQUEST_US (10 * G_TIME_SPAN_SECOND)
#define READY_REQUEST_US (5 * G_TIME_SPAN_SECOND)

#define SLICES_PATH "/apis/discovery.k8s.io/v1/namespaces/default/" \
	"endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"
#define ENDPOINTS_PATH "/api/v1/namespaces/default/endpoints/kubernetes"

struct api {
	struct tunnel *tunnel;
	struct http_client *http;
};

static const char credentials_script[] =
	"exec cat /var/snap/microk8s/current/credentials/client.config\n";

void api_free(struct api *api)
{
	if (!api)
		return;
	http_client_free(api->http);
	tunnel_free(api->tunnel);
	g_free(api);
}

struct kubeconfig *api_credentials(struct session *session,
				   gint64 deadline_us, GError **error)
{
	g_autoptr(ExecResult) result = NULL;
	struct exec_request request = {
		.title = "read the admin credentials",
		.script = credentials_script,
		.private_output = true,
		.deadline_us = deadline_us,
	};

	if (!exec_run(session, &request, &result, error))
		return NULL;
	struct kubeconfig *config =
		kubeconfig_parse(result->out, result->out_length, error);

	explicit_bzero(result->out, result->out_length);
	if (!config)
		g_prefix_error(error, "credentials/client.config: ");
	return config;
}

struct api *api_open(struct transport *transport, struct session *session,
		     gint64 deadline_us, GError **error)
{
	g_autoptr(Kubeconfig) config =
		api_credentials(session, deadline_us, error);

	if (!config)
		return NULL;
	struct api *api = g_new0(struct api, 1);

	api->tunnel = tunnel_open(transport, session_host(session),
				  "127.0.0.1", API_PORT, deadline_us, error);
	if (api->tunnel) {
		struct http_options options = {
			.unix_socket = tunnel_socket_path(api->tunnel),
			.base_url = "https://127.0.0.1:16443",
			.ca_pem = config->ca_pem,
			.cert_pem = config->cert_pem,
			.key_pem = config->key_pem,
			.cancel = transport_cancel(transport),
		};

		api->http = http_client_new(&options, error);
	}
	if (api->http)
		return api;
	api_free(api);
	return NULL;
}

static gint64 request_deadline(gint64 deadline_us, gint64 most_us)
{
	return MIN(deadline_us, g_get_monotonic_time() + most_us);
}

static void set_status_error(GError **error, const char *path,
			     const struct http_response *response)
{
	g_autofree char *message =
		kube_status_message(response->body, response->length);

	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HTTP,
		    "API answered %ld to %.80s: %s", response->status, path,
		    message ? message : "no reason given");
}

static struct http_response *get(struct api *api, const char *path,
				 long *http_status, gint64 deadline_us,
				 GError **error)
{
	g_autoptr(HttpResponse) response = NULL;

	if (http_status)
		*http_status = 0;
	if (!http_request(api->http, "GET", path, NULL, NULL,
			  request_deadline(deadline_us, API_REQUEST_US),
			  &response, error))
		return NULL;
	if (http_status)
		*http_status = response->status;
	if (response->status == 200)
		return g_steal_pointer(&response);
	set_status_error(error, path, response);
	return NULL;
}

json_t *api_get(struct api *api, const char *path, long *http_status,
		gint64 deadline_us, GError **error)
{
	g_autoptr(HttpResponse) response =
		get(api, path, http_status, deadline_us, error);
	json_error_t problem;

	if (!response)
		return NULL;
	json_t *json = json_loadb(response->body, response->length,
				  JSON_REJECT_DUPLICATES, &problem);

	if (!json)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PROTOCOL,
			    "API's answer to %.80s is not JSON: %s", path,
			    problem.text);
	return json;
}

bool api_get_text(struct api *api, const char *path, long *http_status,
		  char **text, gint64 deadline_us, GError **error)
{
	g_autoptr(HttpResponse) response = NULL;

	if (!http_request(api->http, "GET", path, NULL, NULL,
			  request_deadline(deadline_us, API_REQUEST_US),
			  &response, error))
		return false;
	*http_status = response->status;
	*text = g_utf8_make_valid(response->body, -1);
	return true;
}

void api_get_texts(struct api *api, const char *const *paths, size_t n,
		   gint64 deadline_us, long *statuses, char **texts,
		   GError **errors)
{
	struct http_response *responses[API_AT_ONCE] = { NULL };

	http_get_some(api->http, paths, n,
		      request_deadline(deadline_us, API_REQUEST_US), responses,
		      errors);
	for (size_t i = 0; i < n; i++) {
		const struct http_response *response = responses[i];

		statuses[i] = response ? response->status : 0;
		texts[i] = response ? g_utf8_make_valid(response->body, -1)
				    : NULL;
		http_response_free(responses[i]);
	}
}

json_t *api_send(struct api *api, const char *method, const char *path,
		 const json_t *body, long *http_status, gint64 deadline_us,
		 GError **error)
{
	g_autoptr(HttpResponse) response = NULL;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	const char *type = strcmp(method, "PATCH") == 0
		? "application/merge-patch+json" : NULL;
	bool ok = http_request(api->http, method, path, text, type,
			       request_deadline(deadline_us, API_REQUEST_US),
			       &response, error);

	free(text);
	if (http_status)
		*http_status = ok ? response->status : 0;
	if (!ok)
		return NULL;
	if (response->status < 200 || response->status > 202) {
		set_status_error(error, path, response);
		return NULL;
	}
	json_t *json = json_loadb(response->body, response->length, 0, NULL);

	return json ? json : json_object();
}

bool api_is_ready(struct api *api, char **why, gint64 deadline_us)
{
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) error = NULL;
	bool ready = false;

	if (!http_request(api->http, "GET", "/readyz", NULL, NULL,
			  request_deadline(deadline_us, READY_REQUEST_US),
			  &response, &error)) {
		if (why)
			*why = g_strdup(error->message);
		return false;
	}
	ready = response->status == 200;
	if (!ready && why)
		*why = g_strdup_printf("/readyz answers %ld",
				       response->status);
	return ready;
}

GPtrArray *api_endpoints(struct api *api, gint64 deadline_us, GError **error)
{
	g_autoptr(HttpResponse) response = NULL;
	g_autoptr(GError) slices_error = NULL;
	long status = 0;

	response = get(api, SLICES_PATH, &status, deadline_us, &slices_error);
	if (!response && status == 404)
		response = get(api, ENDPOINTS_PATH, &status, deadline_us,
			       error);
	else if (!response)
		g_propagate_error(error, g_steal_pointer(&slices_error));
	if (!response)
		return NULL;
	return kube_endpoints_parse(response->body, response->length, error);
}

GPtrArray *api_nodes(struct api *api, gint64 deadline_us, GError **error)
{
	g_autoptr(HttpResponse) response =
		get(api, "/api/v1/nodes", NULL, deadline_us, error);

	if (!response)
		return NULL;
	return kube_nodes_parse(response->body, response->length, error);
}
