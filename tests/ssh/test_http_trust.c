/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom http_request() trusts: the one CA that it is given, and nobody whom the
 * system trusts; and who is shown a client certificate.
 */
#include "httprig.h"
#include "transport/error.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>

#include <cmocka.h>

static bool own_mounts;		/* /etc/ssl/certs can be stood in for */

/* Makes other-ca a public one, for this process and its children only. */
static bool stand_in_for_public_cas(void)
{
	g_autofree char *public = httprig_path("public");
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount(public, "/etc/ssl/certs", NULL, MS_BIND, NULL) == 0;
}

static int set_up(void **state)
{
	int failed = httprig_set_up(state);

	own_mounts = stand_in_for_public_cas();
	return failed;
}

static int tear_down(void **state)
{
	if (own_mounts)
		umount("/etc/ssl/certs");
	return httprig_tear_down(state);
}

static void test_http_client_certificate_is_shown(void **state)
{
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", "ca.pem");
	struct http_client *known = httprig_client(server.path, "ca.pem",
						   "client", NULL);
	struct http_client *nobody = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	struct http_client *stranger = httprig_client(server.path, "ca.pem",
						      "other-client", NULL);
	httprig_expect(known, "GET", "/status/200", NULL, 200, "as asked");
	httprig_expect_error(nobody, "/status/200", in_seconds(30),
			     MUSTER_ERROR_HTTP, "refused");
	httprig_expect_error(stranger, "/status/200", in_seconds(30),
			     MUSTER_ERROR_HTTP, "refused");
	http_client_free(known);
	http_client_free(nobody);
	http_client_free(stranger);
	httprig_stop(&server);
}

static void test_http_wrong_server_is_refused(void **state)
{
	static const struct {
		const char *server, *ca, *words;
	} cases[] = {
		{"other-server", "ca.pem", "TLS: not the server it should be"},
		{"server", "other-ca.pem", "TLS: not the server it should be"},
		{"elsewhere", "ca.pem", "TLS: not the server it should be"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct https_server server;
		httprig_start(&server, NULL, cases[i].server, NULL);
		struct http_client *client = httprig_client(
			server.path, cases[i].ca, NULL, NULL);
		httprig_expect_error(client, "/status/200", in_seconds(30),
				     MUSTER_ERROR_HTTP, cases[i].words);
		http_client_free(client);
		httprig_stop(&server);
	}
}

static void test_http_public_cas_are_not_trusted(void **state)
{
	struct https_server server;
	(void)state;
	if (!own_mounts)
		skip();
	httprig_start(&server, NULL, "other-server", NULL);
	/* Anybody else would trust this server now. */
	const char *const argv[] = {
		"openssl", "s_client", "-unix", server.path, "-CApath",
		"/etc/ssl/certs", "-verify_ip", "127.0.0.1",
		"-verify_return_error", NULL
	};
	assert_true(run_local(argv));
	struct http_client *client = httprig_client(server.path, "ca.pem", NULL,
						    NULL);
	httprig_expect_error(client, "/status/200", in_seconds(30),
			     MUSTER_ERROR_HTTP,
			     "TLS: not the server it should be");
	http_client_free(client);
	httprig_stop(&server);
}

static void test_http_new_without_trust_is_refused(void **state)
{
	static const struct {
		const char *url, *ca;
	} cases[] = {
		{"https://127.0.0.1:16443", NULL},
		{"https://127.0.0.1:16443", ""},
		{"http://127.0.0.1:16443", "a CA"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct http_options options = {
			.unix_socket = "/nowhere",
			.base_url = cases[i].url,
			.ca_pem = cases[i].ca,
		};
		g_autoptr(GError) error = NULL;
		assert_null(http_client_new(&options, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_HTTP));
	}
}

static void test_http_unreadable_pem_is_told(void **state)
{
	struct https_server server;
	(void)state;
	httprig_start(&server, NULL, "server", "ca.pem");
	g_autofree char *ca = httprig_read("ca.pem");
	struct http_options options = {
		.unix_socket = server.path,
		.base_url = "https://127.0.0.1:16443",
		.ca_pem = "not a certificate",
	};
	struct http_client *client = http_client_new(&options, NULL);
	httprig_expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
			     "TLS: CA certificate");
	http_client_free(client);
	options.ca_pem = ca;
	options.cert_pem = "not a certificate";
	options.key_pem = "not a key";
	client = http_client_new(&options, NULL);
	httprig_expect_error(client, "/", in_seconds(30), MUSTER_ERROR_HTTP,
			     "TLS: client certificate");
	http_client_free(client);
	httprig_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_client_certificate_is_shown),
		cmocka_unit_test(test_http_wrong_server_is_refused),
		cmocka_unit_test(test_http_public_cas_are_not_trusted),
		cmocka_unit_test(test_http_new_without_trust_is_refused),
		cmocka_unit_test(test_http_unreadable_pem_is_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
