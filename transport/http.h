/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTPS with a private CA and a client certificate, through a UNIX socket
 * (a tunnel). TLS ends in this process: the tunnel's host sees ciphertext.
 */
#ifndef MUSTER_TRANSPORT_HTTP_H
#define MUSTER_TRANSPORT_HTTP_H

#include "cancel.h"

#include <glib.h>
#include <stdbool.h>

struct http_client;

struct http_options {
	const char *unix_socket;	/* copied; NULL: the URL's own address
					   is dialled from here */
	const char *base_url;		/* "https://127.0.0.1:16443"; the host
					   name in it is checked against the
					   server's certificate */
	const char *ca_pem;		/* the only trusted CA; copied */
	const char *cert_pem, *key_pem;	/* client certificate; or NULL */
	struct cancel *cancel;		/* or NULL */
};

/* One thread at a time; keeps its connection between requests. */
struct http_client *http_client_new(const struct http_options *options,
				    GError **error);
void http_client_free(struct http_client *client);

struct http_response {
	long status;
	char *body;		/* NUL-terminated; at most 32 MiB */
	size_t length;
};

void http_response_free(struct http_response *response);
typedef struct http_response HttpResponse;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpResponse, http_response_free)

/* `body` may be NULL; `content_type` NULL means application/json. Any HTTP
 * status is success here; error HTTP means no answer came (text says if it
 * was connect, TLS or time), DEADLINE, CANCELLED. */
bool http_request(struct http_client *client, const char *method,
		  const char *path, const char *body,
		  const char *content_type, gint64 deadline_us,
		  struct http_response **response, GError **error);

#define HTTP_AT_ONCE 16

/* GETs `n` paths, at most HTTP_AT_ONCE, side by side over connections that are
 * kept too. Fills as many `responses` (the caller's), or where no answer came
 * NULL and one of `errors`, which are NULL before, as http_request() does. */
void http_get_some(struct http_client *client, const char *const *paths,
		   size_t n, gint64 deadline_us,
		   struct http_response **responses, GError **errors);

#endif
