/* SPDX-License-Identifier: Apache-2.0
 *
 * An address is good if the certificate names it and the API answers there,
 * from here: both are tried, because either alone fails only once kubectl is
 * used.
 */
#include "kubeconfig_address.h"

#include "playbooks/api_endpoint.h"
#include "transport/error.h"
#include "transport/http.h"

#include <string.h>

#define TRY_US (5 * G_TIME_SPAN_SECOND)
#define UNAUTHORIZED 401

static char *url_of(const char *address)
{
	return g_strdup_printf(strchr(address, ':') ? "https://[%s]:%d"
			       : "https://%s:%d", address, API_ENDPOINT_PORT);
}

static char *host_of(const char *url)
{
	g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, NULL);
	const char *host = uri ? g_uri_get_host(uri) : NULL;

	return g_strdup(host ? host : "");
}

/* What it names of addresses and names, but those that are nobody's from
 * outside. */
static char *names_of(const struct facts_cert *cert)
{
	GString *text = g_string_new(NULL);

	for (char **san = cert->sans; *san; san++) {
		const char *name = strchr(*san, ':');

		if (name && !g_str_has_prefix(name, ":kubernetes"))
			g_string_append_printf(text, "%s%s", text->len ? ", "
					       : "", name + 1);
	}
	return g_string_free(text, FALSE);
}

/* One that cannot be read does not tell: then TLS itself will. */
static bool is_named(const struct facts_cert *cert, const char *host)
{
	return cert->not_after == 0 || facts_san_has_name(cert, host);
}

static bool ask(const struct kubeconfig *config, const char *url,
		struct cancel *cancel, char **why)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(HttpResponse) response = NULL;
	const struct http_options options = {
		.base_url = url, .ca_pem = config->ca_pem,
		.cert_pem = config->cert_pem, .key_pem = config->key_pem,
		.cancel = cancel,
	};
	struct http_client *http = http_client_new(&options, &error);

	if (http)
		http_request(http, "GET", "/version", NULL, NULL,
			     g_get_monotonic_time() + TRY_US, &response,
			     &error);
	http_client_free(http);
	if (!response)
		*why = g_strdup_printf("%s: %s", url, error->message);
	else if (response->status == UNAUTHORIZED)
		*why = g_strdup_printf("%s: the API refuses the credentials",
				       url);
	return response && response->status != UNAUTHORIZED;
}

bool kubeconfig_try(const struct node *master,
		    const struct kubeconfig *config, const char *url,
		    struct cancel *cancel, char **why)
{
	const struct facts_cert *cert = &master->facts->server_cert;
	g_autofree char *host = host_of(url);

	if (is_named(cert, host))
		return ask(config, url, cancel, why);
	g_autofree char *names = names_of(cert);

	*why = g_strdup_printf("%s: the API's certificate does not name %s; "
			       "it names %s", url, host, names);
	return false;
}

/* Where the API may be found, the best first: "https://..." */
static GPtrArray *urls_of(const struct cluster *cluster)
{
	const struct node *master = cluster->master;
	GPtrArray *urls = g_ptr_array_new_with_free_func(g_free);

	if (cluster->endpoint)
		g_ptr_array_add(urls, api_endpoint_url(cluster->endpoint));
	g_ptr_array_add(urls, url_of(master->node_ip));
	if (strcmp(master->node_ip, master->host->address) != 0)
		g_ptr_array_add(urls, url_of(master->host->address));
	return urls;
}

char *kubeconfig_find_server(const struct cluster *cluster,
			     const struct kubeconfig *config,
			     struct cancel *cancel, GError **error)
{
	g_autoptr(GPtrArray) urls = urls_of(cluster);
	g_autoptr(GString) all = g_string_new(NULL);

	for (guint i = 0; i < urls->len; i++) {
		const char *url = g_ptr_array_index(urls, i);
		g_autofree char *why = NULL;

		if (kubeconfig_try(cluster->master, config, url, cancel, &why))
			return g_strdup(url);
		g_string_append_printf(all, "\n  %s", why);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
		    "%s: no address of the API is good from here:%s",
		    cluster->master->host->name, all->str);
	return NULL;
}
