/* SPDX-License-Identifier: Apache-2.0
 *
 * The YAML files of a node: provider.yaml, cni.yaml and dqlite's own. Edits
 * must keep comments and layout, and be nothing when done again.
 */
#include "playbooks/microk8s/backend_yaml.h"
#include "playbooks/microk8s/cni_yaml.h"
#include "playbooks/microk8s/provider_yaml.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HEAD \
	"tcp:\n" \
	"  routers:\n" \
	"    Router-1:\n" \
	"      rule: HostSNI(`*`)\n" \
	"      service: kube-apiserver\n" \
	"      tls:\n" \
	"        passthrough: true\n" \
	"  services:\n" \
	"    kube-apiserver:\n" \
	"      loadBalancer:\n" \
	"        servers:"
#define CANONICAL HEAD "\n        - address: 10.0.0.1:16443\n"

static const struct {
	const char *name, *before, *addresses[4], *after;
} edits[] = {
	{ "no file", NULL, { "10.0.0.1:16443" }, CANONICAL },
	{ "empty", "", { "10.0.0.1:16443" }, CANONICAL },
	{ "broken", "tcp: [", { "10.0.0.1:16443" }, CANONICAL },
	{ "another file", "a: b\n", { "10.0.0.1:16443" }, CANONICAL },
	{ "binary", "\xff\xfe\x01", { "10.0.0.1:16443" }, CANONICAL },
	{ "same", CANONICAL, { "10.0.0.1:16443" }, CANONICAL },
	{ "same, no newline", HEAD "\n        - address: 10.0.0.1:1",
	  { "10.0.0.1:1" }, HEAD "\n        - address: 10.0.0.1:1" },
	{ "replace", "# mine\n" CANONICAL "# end\n",
	  { "10.8.0.4:16443" },
	  "# mine\n" HEAD "\n        - address: 10.8.0.4:16443\n"
	  "# end\n" },
	{ "quoted and commented",
	  HEAD "\n          - address: \"10.0.0.1:1\" # \xc3\xa4\n",
	  { "10.0.0.2:1" },
	  HEAD "\n          - address: 10.0.0.2:1 # \xc3\xa4\n" },
	{ "utf-8 before", "# \xc3\xa4\xe2\x82\xac\n" CANONICAL,
	  { "10.0.0.2:1" }, "# \xc3\xa4\xe2\x82\xac\n" HEAD
	  "\n        - address: 10.0.0.2:1\n" },
	{ "a name", "# mine\n" CANONICAL, { "lb.example.com:16443" },
	  "# mine\n" HEAD
	  "\n        - address: lb.example.com:16443\n" },
	{ "add", CANONICAL, { "10.0.0.1:16443", "10.0.0.2:16443",
			      "10.0.0.3:16443" },
	  CANONICAL "        - address: 10.0.0.2:16443\n"
	  "        - address: 10.0.0.3:16443\n" },
	{ "add, no newline", HEAD "\n        - address: 10.0.0.1:1",
	  { "10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1" },
	  HEAD "\n        - address: 10.0.0.1:1\n"
	  "        - address: 10.0.0.2:1\n"
	  "        - address: 10.0.0.3:1\n" },
	{ "drop", HEAD "\n        - address: 10.0.0.1:1\n"
	  "        # old\n        - address: 10.0.0.2:1\n# end\n",
	  { "10.0.0.3:1" }, HEAD "\n        - address: 10.0.0.3:1\n"
	  "        # old\n# end\n" },
	{ "flow", HEAD " [{address: 10.0.0.1:1}]\n# end\n",
	  { "10.0.0.2:1", "10.0.0.3:1" },
	  HEAD " [{address: \"10.0.0.2:1\"}, "
	  "{address: \"10.0.0.3:1\"}]\n# end\n" },
	{ "empty flow", HEAD " []\n", { "10.0.0.2:1" },
	  HEAD " [{address: \"10.0.0.2:1\"}]\n" },
	{ "flow items", HEAD "\n        - {address: 10.0.0.1:1}\n",
	  { "10.0.0.2:1" }, HEAD "\n        - {address: 10.0.0.2:1}\n" },
	{ "Go's indentation", "tcp:\n    services:\n"
	  "        kube-apiserver:\n            loadBalancer:\n"
	  "                servers:\n"
	  "                    - address: 192.168.88.193:16443\n",
	  { "10.8.0.4:16443", "10.8.0.5:16443" },
	  "tcp:\n    services:\n"
	  "        kube-apiserver:\n            loadBalancer:\n"
	  "                servers:\n"
	  "                    - address: 10.8.0.4:16443\n"
	  "                    - address: 10.8.0.5:16443\n" },
	{ "dash on its own line, drop", "# lost\n" HEAD
	  "\n        -\n          address: 10.0.0.2:1\n"
	  "        -\n          address: 10.0.0.1:16443\n",
	  { "10.0.0.1:16443" }, CANONICAL },
	{ "reorder", HEAD "\n        - address: 10.0.0.2:1\n"
	  "        - address: 10.0.0.1:1\n",
	  { "10.0.0.1:1", "10.0.0.2:1" },
	  HEAD "\n        - address: 10.0.0.1:1\n"
	  "        - address: 10.0.0.2:1\n" },
	{ "CRLF", "tcp:\r\n services:\r\n  kube-apiserver:\r\n"
	  "   loadBalancer:\r\n    servers:\r\n"
	  "    - address: 1.2.3.4:5\r\n", { "1.2.3.5:5" },
	  "tcp:\r\n services:\r\n  kube-apiserver:\r\n"
	  "   loadBalancer:\r\n    servers:\r\n"
	  "    - address: 1.2.3.5:5\r\n" },
};

static void test_provider_yaml_set_edits_in_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(edits); i++) {
		const char *const *addresses = edits[i].addresses;
		size_t n = g_strv_length((char **)(guintptr)addresses);
		g_autofree char *once = provider_yaml_set(edits[i].before,
							  addresses, n, NULL);
		g_autofree char *twice = NULL;
		g_autoptr(GPtrArray) found = NULL;

		if (g_strcmp0(once, edits[i].after) != 0)
			fail_msg("%s: got '%s'", edits[i].name, once);
		twice = provider_yaml_set(once, addresses, n, NULL);
		assert_string_equal(once, twice);
		found = provider_yaml_addresses(once, NULL);
		assert_non_null(found);
		assert_int_equal(found->len, n);
		for (size_t j = 0; j < n; j++)
			assert_string_equal(found->pdata[j], addresses[j]);
	}
}

static void test_provider_yaml_wrong_addresses_are_refused(void **state)
{
	static const char *const cases[] = {
		"10.0.0.1", "10.0.0.1:", "10.0.0.1:0", "10.0.0.1:65536", ":1",
		"ho st:16443", "[host]:16443", "10.0.0.300:1", "10.0.0.1:1\n",
		"fd00::1:16443", "[10.0:1", "10.0.0.1:16443 ", "",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (provider_yaml_set(NULL, &cases[i], 1, &error))
			fail_msg("'%s' was written", cases[i]);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
	}
	assert_null(provider_yaml_set(CANONICAL, NULL, 0, NULL));
}

static void test_provider_yaml_addresses_of_nonsense_fail(void **state)
{
	static const char *const cases[] = {
		"", "a", "tcp:\n", HEAD "\n", HEAD " x\n", HEAD " [x]\n",
		HEAD " [{url: x}]\n", HEAD " &a [*a]\n", "[[[[[[[[",
		"%", "\t", "a: b\n---\nc: d\n",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (provider_yaml_addresses(cases[i], &error))
			fail_msg("'%s' was understood", cases[i]);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
	}
	assert_null(provider_yaml_addresses(NULL, NULL));
}

static void test_provider_yaml_too_many_servers_fail(void **state)
{
	const char *addresses[PROVIDER_YAML_SERVERS_MAX + 1];
	g_autoptr(GString) text = g_string_new(HEAD "\n");
	g_autofree char *most = NULL;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		addresses[i] = "10.0.0.1:16443";
		g_string_append(text, "        - address: 10.0.0.1:16443\n");
	}
	assert_null(provider_yaml_addresses(text->str, NULL));
	assert_null(provider_yaml_set(NULL, addresses,
				      G_N_ELEMENTS(addresses), NULL));
	most = provider_yaml_set(text->str, addresses,
				 G_N_ELEMENTS(addresses) - 1, NULL);
	assert_non_null(most);
	g_string_append(text, "#");
	while (text->len <= PROVIDER_YAML_SIZE_MAX)
		g_string_append_c(text, '#');
	assert_null(provider_yaml_addresses(text->str, NULL));
}

static void test_provider_yaml_ipv6_is_quoted(void **state)
{
	const char *address = "[fd00::1]:16443";
	g_autofree char *text = provider_yaml_set(NULL, &address, 1, NULL);
	g_autoptr(GPtrArray) found = provider_yaml_addresses(text, NULL);

	(void)state;
	assert_non_null(strstr(text, "- address: \"[fd00::1]:16443\"\n"));
	assert_string_equal(found->pdata[0], address);
}

static void test_yaml_deep_nesting_fails_fast(void **state)
{
	g_autofree char *deep = g_strnfill(60000, '[');
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_null(provider_yaml_addresses(deep, &error));
	assert_non_null(strstr(error->message, "nested too deeply"));
}

/* --- cni.yaml --- */

#define OTHER_DS \
	"kind: DaemonSet\nmetadata:\n  name: other\nspec:\n  template:\n" \
	"    spec:\n      containers:\n        - name: calico-node\n" \
	"          env:\n            - name: IP_AUTODETECTION_METHOD\n" \
	"              value: \"wrong\"\n---\n"
#define CALICO(value) \
	"# Calico \xc3\xa4\nkind: ConfigMap\nmetadata:\n" \
	"  name: calico-config\ndata:\n  cni: |-\n    { \"a\": 1 }\n---\n" \
	OTHER_DS "kind: DaemonSet\napiVersion: apps/v1\nmetadata:\n" \
	"  name: calico-node\nspec:\n  template:\n    spec:\n" \
	"      containers:\n        # the one\n        - name: calico-node\n" \
	"          env:\n            - name: IP\n" \
	"              value: \"autodetect\"\n" \
	"            - name: IP_AUTODETECTION_METHOD\n" \
	"              value: " value "\n" \
	"            - name: IP6_AUTODETECTION_METHOD\n" \
	"              value: \"first-found\"\n---\nkind: ServiceAccount\n"

static void test_cni_yaml_set_changes_only_the_value(void **state)
{
	static const struct {
		const char *before, *old, *value, *after;
	} cases[] = {
		{ CALICO("\"first-found\""), "first-found",
		  "kubernetes-internal-ip",
		  CALICO("\"kubernetes-internal-ip\"") },
		{ CALICO("first-found # x"), "first-found",
		  "can-reach=10.0.0.2", CALICO("\"can-reach=10.0.0.2\" # x") },
		{ CALICO("'can-reach=10.0.0.2'"), "can-reach=10.0.0.2",
		  "can-reach=10.0.0.2", CALICO("'can-reach=10.0.0.2'") },
		{ CALICO("first-found"), "first-found",
		  "interface=eth\\d\"", CALICO("\"interface=eth\\\\d\\\"\"") },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *old = cni_yaml_get_method(cases[i].before,
							   NULL);
		g_autofree char *after = cni_yaml_set_method(cases[i].before,
						cases[i].value, NULL);
		g_autofree char *now = cni_yaml_get_method(after, NULL);

		assert_string_equal(old, cases[i].old);
		assert_string_equal(after, cases[i].after);
		assert_string_equal(now, cases[i].value);
	}
}

static void test_cni_yaml_without_the_variable_fails(void **state)
{
	static const char *const cases[] = {
		"", "a: b\n", OTHER_DS "a: b\n", CALICO("{}"), CALICO(""),
		CALICO("&a x\n              y: *a"), "a: [\n", "\x01",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (cni_yaml_get_method(cases[i], &error))
			fail_msg("case %zu has a method", i);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		assert_null(cni_yaml_set_method(cases[i], "first-found", NULL));
	}
	assert_null(cni_yaml_set_method(CALICO("x"), "", NULL));
	assert_null(cni_yaml_set_method(CALICO("x"), "a\nb", NULL));
	assert_null(cni_yaml_set_method(CALICO("|\n               x"), "y",
					NULL));
}

static void test_cni_yaml_large_manifest_is_edited(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *after = NULL, *method = NULL;

	(void)state;
	while (text->len < 900 * 1024)
		g_string_append(text, "# a comment \xc3\xa4 of the manifest\n"
				"kind: CustomResourceDefinition\n"
				"spec: {a: [1, 2, {b: c}]}\n");
	g_string_insert(text, 0, CALICO("first-found"));
	/* One document of many equal keys: libyaml does not mind them. */
	after = cni_yaml_set_method(text->str, "kubernetes-internal-ip", NULL);
	assert_non_null(after);
	method = cni_yaml_get_method(after, NULL);
	assert_string_equal(method, "kubernetes-internal-ip");
	assert_int_equal(strlen(after), text->len +
			 strlen("\"kubernetes-internal-ip\"") -
			 strlen("first-found"));
	while (text->len <= CNI_YAML_SIZE_MAX)
		g_string_append(text, "# more of it\n");
	assert_null(cni_yaml_get_method(text->str, NULL));
}

/* --- dqlite --- */

static void test_backend_yaml_files_are_read(void **state)
{
	static const char info_text[] = "Address: 127.0.0.1:19001\n"
		"ID: 3297041220608546238\nRole: 0\n";
	static const char cluster_text[] = "- Address: 10.0.0.1:19001\n"
		"  ID: 3297041220608546238\n  Role: 0\n"
		"- Address: 10.0.0.2:19001\n  ID: 18446744073709551615\n"
		"  Role: 2\n";
	struct backend_node *info = backend_yaml_info(info_text, NULL);
	g_autoptr(GPtrArray) nodes = backend_yaml_cluster(cluster_text, NULL);
	const struct backend_node *second;

	(void)state;
	assert_string_equal(info->address, "127.0.0.1:19001");
	assert_true(info->id == G_GUINT64_CONSTANT(3297041220608546238));
	assert_true(backend_node_is_loopback(info));
	backend_node_free(info);
	assert_int_equal(nodes->len, 2);
	second = nodes->pdata[1];
	assert_string_equal(second->address, "10.0.0.2:19001");
	assert_true(second->id == G_MAXUINT64);
	assert_int_equal(second->role, BACKEND_SPARE);
	assert_false(backend_node_is_loopback(second));
	assert_ptr_equal(backend_yaml_find(nodes, "10.0.0.2"), second);
	assert_null(backend_yaml_find(nodes, "10.0.0"));
	assert_null(backend_yaml_find(nodes, "10.0.0.20"));
}

static void test_backend_yaml_nonsense_fails(void **state)
{
	static const char *const cases[] = {
		"", "x\n", "ID: 1\n", "Address: a\nID: -1\n",
		"Address: a\nRole: 3\n", "- 1\n", "- Address: [a]\n", "{",
	};
	g_autoptr(GPtrArray) none = backend_yaml_cluster("[]\n", NULL);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (backend_yaml_info(cases[i], &error))
			fail_msg("'%s' is an info.yaml", cases[i]);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		assert_null(backend_yaml_cluster(cases[i], NULL));
	}
	assert_non_null(none);
	assert_int_equal(none->len, 0);
}

static void test_backend_yaml_limits_are_refused(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GPtrArray) most = NULL;

	(void)state;
	for (int i = 0; i < BACKEND_YAML_NODES_MAX; i++)
		g_string_append(text, "- {Address: a, ID: 1, Role: 2}\n");
	most = backend_yaml_cluster(text->str, NULL);
	assert_int_equal(most->len, BACKEND_YAML_NODES_MAX);
	g_string_append(text, "- {Address: a, ID: 1, Role: 2}\n");
	assert_null(backend_yaml_cluster(text->str, NULL));
	g_string_assign(text, "Address: a\n#");
	while (text->len <= BACKEND_YAML_SIZE_MAX)
		g_string_append_c(text, '#');
	assert_null(backend_yaml_info(text->str, NULL));
}

static void test_backend_yaml_update_is_one_line(void **state)
{
	g_autofree char *v4 = backend_yaml_update("10.8.0.4", 19001, NULL);
	g_autofree char *v6 = backend_yaml_update("fd00::1", 19001, NULL);

	(void)state;
	assert_string_equal(v4, "Address: 10.8.0.4:19001\n");
	assert_string_equal(v6, "Address: '[fd00::1]:19001'\n");
	assert_null(backend_yaml_update("node1", 19001, NULL));
	assert_null(backend_yaml_update("10.0.0.1", 0, NULL));
	assert_null(backend_yaml_update("10.0.0.1\nx: y", 1, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_provider_yaml_set_edits_in_place),
		cmocka_unit_test(
			test_provider_yaml_wrong_addresses_are_refused),
		cmocka_unit_test(test_provider_yaml_addresses_of_nonsense_fail),
		cmocka_unit_test(test_provider_yaml_too_many_servers_fail),
		cmocka_unit_test(test_provider_yaml_ipv6_is_quoted),
		cmocka_unit_test(test_yaml_deep_nesting_fails_fast),
		cmocka_unit_test(test_cni_yaml_set_changes_only_the_value),
		cmocka_unit_test(test_cni_yaml_without_the_variable_fails),
		cmocka_unit_test(test_cni_yaml_large_manifest_is_edited),
		cmocka_unit_test(test_backend_yaml_files_are_read),
		cmocka_unit_test(test_backend_yaml_nonsense_fails),
		cmocka_unit_test(test_backend_yaml_limits_are_refused),
		cmocka_unit_test(test_backend_yaml_update_is_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
