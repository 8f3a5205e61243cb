/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, driven through its multi interface so that a request waits on its
 * socket and the cancel flag at once. Everything curl would take from its
 * surroundings is switched off: proxies, .netrc, the system's CAs.
 */
#include "http.h"
#include "error.h"

#include <curl/curl.h>
#include <string.h>

#define BODY_MAX ((size_t)32 * 1024 * 1024)
#define POLL_MAX_MS 60000

struct http_client {
	CURL *easy[HTTP_AT_ONCE];	/* made when first needed */
	CURLM *multi;		/* keeps the connections */
	char *base_url, *unix_socket;
	char *ca, *cert, *key;	/* PEM; curl borrows them */
	struct cancel *cancel;	/* borrowed, or NULL */
};

struct exchange {
	CURL *easy;		/* the client's */
	const char *method, *path;
	gint64 begun_us, deadline_us;
	struct curl_slist *headers;
	GByteArray *body;
	bool too_large, is_begun, is_done;
	CURLcode rc;		/* once it is done */
	char why[CURL_ERROR_SIZE];
};

static void *init_curl(void *data)
{
	(void)data;
	return GINT_TO_POINTER(curl_global_init(CURL_GLOBAL_DEFAULT) ==
			       CURLE_OK);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct exchange *exchange = data;

	if (size * n > BODY_MAX - exchange->body->len) {
		exchange->too_large = true;
		return 0;
	}
	g_byte_array_append(exchange->body, (guint8 *)bytes,
			    (guint)(size * n));
	return size * n;
}

static struct curl_blob blob(char *pem)
{
	return (struct curl_blob){
		.data = pem,
		.len = strlen(pem),
		.flags = CURL_BLOB_NOCOPY,
	};
}

static bool set_trust(const struct http_client *client, CURL *easy)
{
	struct curl_blob ca = blob(client->ca);
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &ca);

	/* The blob stands in for CAINFO only: the directory of public CAs
	 * would still be trusted beside it. */
	rc |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	rc |= curl_easy_setopt(easy, CURLOPT_SSLVERSION,
			       (long)CURL_SSLVERSION_TLSv1_2);
	if (client->cert && client->key) {
		struct curl_blob cert = blob(client->cert);
		struct curl_blob key = blob(client->key);
		rc |= curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &cert);
		rc |= curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &key);
		rc |= curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
		rc |= curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
	}
	return rc == CURLE_OK;
}

static bool set_way(const struct http_client *client, CURL *easy)
{
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH,
				       client->unix_socket);

	rc |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	rc |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	rc |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
	rc |= curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	rc |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			       (long)CURL_HTTP_VERSION_1_1);
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	return rc == CURLE_OK;
}

/* The handle for the i-th of what goes on at once; NULL if this libcurl lacks
 * what is needed. */
static CURL *handle(struct http_client *client, size_t i)
{
	CURL *easy = client->easy[i];

	if (easy)
		return easy;
	easy = curl_easy_init();
	if (easy && set_trust(client, easy) && set_way(client, easy)) {
		client->easy[i] = easy;
		return easy;
	}
	curl_easy_cleanup(easy);
	return NULL;
}

struct http_client *http_client_new(const struct http_options *options,
				    GError **error)
{
	static GOnce once = G_ONCE_INIT;

	/* Without a CA curl would fall back to the system's. */
	if (!options->ca_pem || !*options->ca_pem ||
	    !g_str_has_prefix(options->base_url, "https://")) {
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HTTP,
			    "%s: an https URL and a CA are needed",
			    options->base_url);
		return NULL;
	}
	g_once(&once, init_curl, NULL);
	struct http_client *client = g_new0(struct http_client, 1);
	client->base_url = g_strdup(options->base_url);
	client->unix_socket = g_strdup(options->unix_socket);
	client->ca = g_strdup(options->ca_pem);
	client->cert = g_strdup(options->cert_pem);
	client->key = g_strdup(options->key_pem);
	client->cancel = options->cancel;
	client->multi = once.retval ? curl_multi_init() : NULL;
	if (client->multi && handle(client, 0))
		return client;
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HTTP,
		    "%s: this libcurl lacks what is needed (%s)",
		    options->base_url, curl_version());
	http_client_free(client);
	return NULL;
}

void http_client_free(struct http_client *client)
{
	if (!client)
		return;
	for (size_t i = 0; i < HTTP_AT_ONCE; i++)
		curl_easy_cleanup(client->easy[i]);
	curl_multi_cleanup(client->multi);
	if (client->key)
		explicit_bzero(client->key, strlen(client->key));
	g_free(client->key);
	g_free(client->cert);
	g_free(client->ca);
	g_free(client->base_url);
	g_free(client->unix_socket);
	g_free(client);
}

void http_response_free(struct http_response *response)
{
	if (!response)
		return;
	g_free(response->body);
	g_free(response);
}

/* Until when to wait: less than the deadline once the run is being stopped. */
static gint64 limit(const struct http_client *client,
		    const struct exchange *exchange)
{
	if (!client->cancel)
		return exchange->deadline_us;
	return cancel_deadline(client->cancel, exchange->begun_us,
			       exchange->deadline_us);
}

/* curl_multi_poll() with the cancel flag's descriptors, up to limit(). */
static CURLMcode wait_for_news(const struct http_client *client,
			       const struct exchange *exchange)
{
	struct curl_waitfd fds[2] = {0};
	unsigned n = 0;
	gint64 left_us = limit(client, exchange) - g_get_monotonic_time();
	gint64 left_ms = MAX(left_us, 0) / 1000 + 1;

	if (client->cancel) {
		fds[n++] = (struct curl_waitfd){
			.fd = cancel_fd(client->cancel),
			.events = CURL_WAIT_POLLIN};
		if (!cancel_is_stopped(client->cancel))
			fds[n++] = (struct curl_waitfd){
				.fd = cancel_stop_fd(client->cancel),
				.events = CURL_WAIT_POLLIN};
	}
	return curl_multi_poll(client->multi, fds, n,
			       (int)MIN(left_ms, POLL_MAX_MS), NULL);
}

static void take_news(const struct http_client *client)
{
	const CURLMsg *message;
	int left = 0;

	while ((message = curl_multi_info_read(client->multi, &left))) {
		char *data = NULL;

		if (message->msg != CURLMSG_DONE ||
		    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
				      &data) != CURLE_OK || !data)
			continue;
		struct exchange *exchange = (void *)data;

		exchange->rc = message->data.result;
		exchange->is_done = true;
	}
}

/* Until all are done. Returns what is to be said of those that are not:
 * OPERATION_TIMEDOUT if limit() of the first came, which is that of all,
 * ABORTED_BY_CALLBACK if the run was aborted. */
static CURLcode transfer(struct http_client *client,
			 const struct exchange *first)
{
	int running = 1;

	for (;;) {
		if (client->cancel && cancel_is_aborted(client->cancel))
			return CURLE_ABORTED_BY_CALLBACK;
		if (g_get_monotonic_time() >= limit(client, first))
			return CURLE_OPERATION_TIMEDOUT;
		CURLMcode rc = curl_multi_perform(client->multi, &running);
		take_news(client);
		if (rc != CURLM_OK || running == 0 ||
		    wait_for_news(client, first) != CURLM_OK)
			return CURLE_FAILED_INIT;
	}
}

static const struct {
	CURLcode code;
	const char *what;
} failures[] = {
	{CURLE_COULDNT_CONNECT, "connect"},
	{CURLE_SSL_CONNECT_ERROR, "TLS"},
	{CURLE_PEER_FAILED_VERIFICATION, "TLS: not the server it should be"},
	{CURLE_SSL_CERTPROBLEM, "TLS: client certificate"},
	{CURLE_SSL_CACERT_BADFILE, "TLS: CA certificate"},
	{CURLE_SSL_CIPHER, "TLS"},
	{CURLE_GOT_NOTHING, "hung up without an answer"},
	{CURLE_RECV_ERROR, "connection broke"},
	{CURLE_SEND_ERROR, "connection broke"},
	{CURLE_PARTIAL_FILE, "connection broke within the answer"},
	{CURLE_UNSUPPORTED_PROTOCOL, "no HTTP answer"},
	{CURLE_WEIRD_SERVER_REPLY, "no HTTP answer"},
	{CURLE_OK, "failed"},
};

static void set_failure(const struct exchange *exchange, CURLcode rc,
			GError **error)
{
	size_t i = 0;
	long connects = 0;
	while (failures[i].code != CURLE_OK && failures[i].code != rc)
		i++;
	const char *what = failures[i].what;
	(void)curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS,
				&connects);
	/* TLS 1.3 servers refuse a client only after its handshake is done:
	 * the refusal arrives where the answer should, or not at all if we
	 * find them gone when we send the request. */
	if (rc == CURLE_RECV_ERROR && strstr(exchange->why, " alert "))
		what = "TLS: refused by the server";
	else if (rc == CURLE_SEND_ERROR && connects > 0)
		what = "the server hung up after the TLS handshake (client "
		       "certificate refused?)";
	const char *why = *exchange->why ? exchange->why
					 : curl_easy_strerror(rc);
	g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HTTP,
		    "%s %.80s: %s: %s", exchange->method, exchange->path, what,
		    why);
}

/* How far it got when time ran out. The tunnel's socket always answers, so a
 * far end that does not shows up in the handshake. */
static const char *phase(CURL *easy)
{
	curl_off_t ready = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
	return ready > 0 ? "the server has not answered"
			 : "the TLS handshake has not finished";
}

static void set_error_from(const struct http_client *client,
			   const struct exchange *exchange, GError **error)
{
	CURLcode rc = exchange->rc;
	const char *method = exchange->method, *path = exchange->path;

	if (rc == CURLE_ABORTED_BY_CALLBACK)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "%s %.80s: interrupted", method, path);
	else if (exchange->too_large)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_HTTP,
			    "%s %.80s: the answer is larger than %zu MiB",
			    method, path, BODY_MAX / 1024 / 1024);
	else if (rc != CURLE_OPERATION_TIMEDOUT)
		set_failure(exchange, rc, error);
	else if (limit(client, exchange) < exchange->deadline_us)
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_CANCELLED,
			    "%s %.80s: stopped: not finished %d s after the "
			    "interrupt", method, path,
			    (int)(CANCEL_GRACE_US / G_USEC_PER_SEC));
	else
		g_set_error(error, MUSTER_ERROR, MUSTER_ERROR_DEADLINE,
			    "%s %.80s: out of time: %s", method, path,
			    phase(exchange->easy));
}

static struct curl_slist *new_headers(const char *body,
				      const char *content_type)
{
	struct curl_slist *headers = curl_slist_append(
		NULL, "Accept: application/json, */*");
	/* No extra round trip before a large body. */
	headers = curl_slist_append(headers, "Expect:");
	if (!body)
		return headers;
	g_autofree char *type = g_strconcat(
		"Content-Type: ",
		content_type ? content_type : "application/json", NULL);
	return curl_slist_append(headers, type);
}

static bool prepare(const struct http_client *client,
		    struct exchange *exchange, const char *body)
{
	CURL *easy = exchange->easy;
	g_autofree char *url = g_strconcat(client->base_url, exchange->path,
					   NULL);
	CURLcode rc = curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);

	if (body) {
		rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)strlen(body));
		rc |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	} else if (strcmp(exchange->method, "HEAD") == 0) {
		rc |= curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	}
	rc |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
	rc |= curl_easy_setopt(easy, CURLOPT_URL, url);
	rc |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
	rc |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	rc |= curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	rc |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->why);
	/* Ours is the only clock. */
	rc |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
			       (long)G_MAXINT);
	return rc == CURLE_OK;
}

/* As the i-th at once. */
static void begin(struct http_client *client, struct exchange *exchange,
		  size_t i, const char *body, const char *content_type)
{
	exchange->rc = CURLE_FAILED_INIT;
	exchange->body = g_byte_array_new();
	exchange->headers = new_headers(body, content_type);
	exchange->easy = handle(client, i);
	exchange->is_begun = exchange->easy &&
		prepare(client, exchange, body) &&
		curl_multi_add_handle(client->multi, exchange->easy) ==
		CURLM_OK;
}

/* Ends a transfer that is under way, and its connection. The handle holds
 * nothing of the exchange afterwards. */
static void end(struct http_client *client, struct exchange *exchange,
		CURLcode otherwise)
{
	if (exchange->is_begun && !exchange->is_done)
		exchange->rc = otherwise;
	if (exchange->is_begun)
		curl_multi_remove_handle(client->multi, exchange->easy);
	if (exchange->easy) {
		curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
		curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, NULL);
		curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, NULL);
	}
	curl_slist_free_all(exchange->headers);
	exchange->headers = NULL;
}

/* The answer, or NULL with error; the exchange is used up. */
static struct http_response *answer_of(const struct http_client *client,
				       struct exchange *exchange,
				       GError **error)
{
	if (exchange->rc != CURLE_OK) {
		set_error_from(client, exchange, error);
		g_byte_array_unref(exchange->body);
		return NULL;
	}
	struct http_response *answer = g_new0(struct http_response, 1);

	(void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE,
				&answer->status);
	answer->length = exchange->body->len;
	g_byte_array_append(exchange->body, (const guint8 *)"", 1);
	answer->body = (char *)g_byte_array_free(exchange->body, FALSE);
	return answer;
}

bool http_request(struct http_client *client, const char *method,
		  const char *path, const char *body,
		  const char *content_type, gint64 deadline_us,
		  struct http_response **response, GError **error)
{
	struct exchange exchange = {
		.method = method,
		.path = path,
		.begun_us = g_get_monotonic_time(),
		.deadline_us = deadline_us,
	};

	begin(client, &exchange, 0, body, content_type);
	end(client, &exchange, transfer(client, &exchange));
	struct http_response *answer = answer_of(client, &exchange, error);

	if (!answer)
		return false;
	if (response)
		*response = answer;
	else
		http_response_free(answer);
	return true;
}

void http_get_some(struct http_client *client, const char *const *paths,
		   size_t n, gint64 deadline_us,
		   struct http_response **responses, GError **errors)
{
	struct exchange exchanges[HTTP_AT_ONCE];
	gint64 begun_us = g_get_monotonic_time();

	g_assert(n <= HTTP_AT_ONCE);
	memset(exchanges, 0, sizeof(exchanges));
	for (size_t i = 0; i < n; i++) {
		exchanges[i].method = "GET";
		exchanges[i].path = paths[i];
		exchanges[i].begun_us = begun_us;
		exchanges[i].deadline_us = deadline_us;
		begin(client, &exchanges[i], i, NULL, NULL);
	}
	CURLcode otherwise = n > 0 ? transfer(client, &exchanges[0])
				   : CURLE_OK;

	for (size_t i = 0; i < n; i++) {
		end(client, &exchanges[i], otherwise);
		responses[i] = answer_of(client, &exchanges[i], &errors[i]);
	}
}
