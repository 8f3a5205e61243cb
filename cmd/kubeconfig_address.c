/* SPDX-License-Identifier: Apache-2.0
 *
 * An address is good if the certificate names it and the API answers there,
 * from here: both are tried, because either alone fails only once kubectl is
 * used.
 */
#include "kubeconfig_address.h"

#include "transport/error.h"
#include "transport/http.h"

#include <string.h>

#define TRY_US (5 * G_TIME_SPAN_SECOND)
#define PORT 16443
#define UNAUTHORIZED 401

static char *url_of(const char *address)
{
	return g_strdup_printf(strchr(address, ':') ? "https://[%s]:%d"
			       : "https://%s:%d", address, PORT);
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

/* A host without openssl could not tell: then TLS itself will. */
static bool is_named(const struct facts_cert *cert, const char *host)
{
	g_autofree char *dns = g_strconcat("DNS:", host, NULL);

	return cert->not_after == 0 || facts_san_has_ip(cert, host) ||
		g_strv_contains((const char *const *)cert->sans, dns);
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

char *kubeconfig_find_server(const struct node *master,
			     const struct kubeconfig *config,
			     struct cancel *cancel, GError **error)
{
	const char *addresses[] = { master->node_ip, master->host->address };
	g_autoptr(GString) all = g_string_new(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		g_autofree char *url = NULL, *why = NULL;

		if (i > 0 && strcmp(addresses[0], addresses[i]) == 0)
			break;
		url = url_of(addresses[i]);
		if (kubeconfig_try(master, config, url, cancel, &why))
			return g_steal_pointer(&url);
		g_string_append_printf(all, "\n  %s", why);
	}
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_PREFLIGHT,
		    "%s: no address of the API is good from here:%s",
		    master->host->name, all->str);
	return NULL;
}
