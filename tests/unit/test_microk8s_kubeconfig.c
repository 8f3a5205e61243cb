/* SPDX-License-Identifier: Apache-2.0
 *
 * A kubeconfig as MicroK8s writes it, in other layouts, and what is refused,
 * without a word of it in the error.
 */
#include "playbooks/microk8s/kubeconfig.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define CERT_PEM "-----BEGIN CERTIFICATE-----\nQQ==\n" \
	"-----END CERTIFICATE-----\n"
#define CERT "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClFRPT0KLS0tLS1FTkQgQ0VSVEl" \
	"GSUNBVEUtLS0tLQo="
#define KEY_PEM "-----BEGIN EC PRIVATE KEY-----\nQQ==\n" \
	"-----END EC PRIVATE KEY-----\n"
#define KEY "LS0tLS1CRUdJTiBFQyBQUklWQVRFIEtFWS0tLS0tClFRPT0KLS0tLS1FTkQgRUMg" \
	"UFJJVkFURSBLRVktLS0tLQo="

#define CLUSTER "apiVersion: v1\nclusters:\n- cluster:\n"
#define NAMES "  name: microk8s-cluster\ncontexts:\n- context:\n" \
	"    cluster: microk8s-cluster\n    user: admin\n  name: microk8s\n" \
	"current-context: microk8s\nkind: Config\npreferences: {}\nusers:\n" \
	"- name: admin\n  user:\n"
#define SERVER "    server: https://127.0.0.1:16443\n"
#define CA_DATA "    certificate-authority-data: " CERT "\n"
#define CERT_DATA "    client-certificate-data: " CERT "\n"
#define KEY_DATA "    client-key-data: " KEY "\n"

static void test_kubeconfig_parts_are_decoded(void **state)
{
	static const char *const cases[] = {
		CLUSTER CA_DATA SERVER NAMES CERT_DATA KEY_DATA,
		/* the order that other writers choose, and the first counts */
		"users:\n- user:\n" KEY_DATA CERT_DATA
		"- user: {client-key-data: x}\nclusters:\n- cluster:\n"
		SERVER CA_DATA "- cluster: {server: 'https://other'}\n",
		"{\"clusters\": [{\"cluster\": {\"server\": "
		"\"https://127.0.0.1:16443\", \"certificate-authority-data\": "
		"\"" CERT "\"}}], \"users\": [{\"user\": "
		"{\"client-certificate-data\": \"" CERT "\", "
		"\"client-key-data\": \"" KEY "\"}}]}",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Kubeconfig) config = kubeconfig_parse(
			cases[i], strlen(cases[i]), &error);

		if (!config)
			fail_msg("case %zu: %s", i, error->message);
		assert_string_equal(config->server,
				    "https://127.0.0.1:16443");
		assert_string_equal(config->ca_pem, CERT_PEM);
		assert_string_equal(config->cert_pem, CERT_PEM);
		assert_string_equal(config->key_pem, KEY_PEM);
	}
	kubeconfig_free(NULL);
}

static void test_kubeconfig_that_is_none_is_refused(void **state)
{
	static const struct { const char *text, *what; } cases[] = {
		{ "", "no server" },
		{ CLUSTER CA_DATA NAMES CERT_DATA KEY_DATA, "no server" },
		{ CLUSTER SERVER NAMES CERT_DATA KEY_DATA,
		  "no certificate-authority-data" },
		{ CLUSTER CA_DATA SERVER NAMES KEY_DATA,
		  "no client-certificate-data" },
		/* a reference to a file, or a token instead of a key */
		{ CLUSTER CA_DATA SERVER NAMES CERT_DATA
		  "    client-key: /root/secret\n", "no client-key-data" },
		{ CLUSTER CA_DATA SERVER NAMES CERT_DATA
		  "    token: secret\n", "no client-key-data" },
		{ CLUSTER CA_DATA SERVER NAMES CERT_DATA
		  "    client-key-data: c2VjcmV0\n", "not base64 of PEM" },
		{ CLUSTER CA_DATA SERVER NAMES CERT_DATA
		  "    client-key-data: \"\"\n", "not base64 of PEM" },
		{ CLUSTER CA_DATA SERVER NAMES CERT_DATA
		  "    client-key-data: \"secret\n", "not valid YAML" },
		{ "\x01", "not valid YAML" },
		{ "This MicroK8s deployment is acting as a node in a cluster. "
		  "Please use the microk8s config on the master.\n",
		  "no server" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		const char *text = cases[i].text;

		if (kubeconfig_parse(text, strlen(text), &error))
			fail_msg("accepted: %s", text);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_PROTOCOL));
		if (!strstr(error->message, cases[i].what))
			fail_msg("%s: %s", text, error->message);
		assert_null(strstr(error->message, "secret"));
		assert_null(strstr(error->message, "c2VjcmV0"));
	}
}

static void test_kubeconfig_limits_are_refused(void **state)
{
	g_autoptr(GString) text = g_string_new(CLUSTER CA_DATA SERVER NAMES
					       CERT_DATA KEY_DATA);
	g_autoptr(GString) many = g_string_new(NULL);
	g_autofree char *deep = g_strnfill(200 * 1024, '[');

	(void)state;
	while (text->len <= KUBECONFIG_SIZE_MAX)
		g_string_append(text, "# comment\n");
	assert_null(kubeconfig_parse(text->str, text->len, NULL));
	for (int i = 0; i < KUBECONFIG_TOKENS_MAX; i++)
		g_string_append(many, "- a\n");
	assert_null(kubeconfig_parse(many->str, many->len, NULL));
	assert_null(kubeconfig_parse(deep, strlen(deep), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kubeconfig_parts_are_decoded),
		cmocka_unit_test(test_kubeconfig_that_is_none_is_refused),
		cmocka_unit_test(test_kubeconfig_limits_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
