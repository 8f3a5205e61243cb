/* SPDX-License-Identifier: Apache-2.0
 *
 * What an inventory may ask of a cluster: lists that are taken, mistakes with
 * their places, and what becomes of flags and mirrors. Here, too, stands that
 * no variable of type INVENTORY_OWN is without a judge.
 */
#include "playbooks/cluster.h"
#include "playbooks/microk8s/extra_args.h"
#include "playbooks/microk8s/mirrors.h"
#include "playbooks/wants.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct { const char *variable, *text; } good[] = {
	{ "microk8s_group_users", "ubuntu deploy,_x ${ansible_user} j.doe" },
	{ "microk8s_extra_sans", "a.example.com, *.example.com 203.0.113.10" },
	{ "microk8s_registry_mirrors", "docker.io=https://a:5000,http://b/c "
	  "10.0.0.1:5000=http://10.0.0.2 _default=https://d" },
	{ "microk8s_kubelet_args", "--max-pods=200  --v=2 --x- --fail-swap-on "
	  "--eviction-hard=memory.available<100Mi,nodefs.available<1Gi" },
	{ "microk8s_kube_proxy_args", "--node-ip=1.2.3.4" },
	{ "microk8s_containerd_args", "" },
	{ "node_labels", "a=1" },
	{ "node_taints", "a:NoExecute" },
	{ "microk8s_addons", "dns" },
};

static void test_wants_good_lists_are_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		size_t at;

		if (!wants_check(good[i].variable, good[i].text, &at, &error))
			fail_msg("%s: %s", good[i].text, error->message);
	}
}

static const struct {
	const char *variable, *text;
	size_t at;
	const char *why;
} bad[] = {
	{ "microk8s_group_users", "a, -rf", 3, "'-rf' is not the name" },
	{ "microk8s_group_users", "a b;c", 2, "'b;c' is not the name" },
	{ "microk8s_group_users", "${node_ip}", 0, "is not the name" },
	{ "microk8s_extra_sans", "a 1.2.3", 2, "'1.2.3' is neither" },
	{ "microk8s_registry_mirrors", "https://a", 0, "is not REGISTRY=URL" },
	{ "microk8s_registry_mirrors", "../x=https://a", 0, "REGISTRY=URL" },
	{ "microk8s_registry_mirrors", "..=https://a", 0, "REGISTRY=URL" },
	{ "microk8s_registry_mirrors", "a:b=https://a", 0, "REGISTRY=URL" },
	{ "microk8s_registry_mirrors", "a=https://u:p@b", 2, "not the URL" },
	{ "microk8s_registry_mirrors", "a=https://b\"", 2, "not the URL" },
	{ "microk8s_registry_mirrors", "a=b", 2, "'b' is not the URL" },
	{ "microk8s_registry_mirrors", "a=http://b,http://b", 11, "twice" },
	{ "microk8s_kubelet_args", "--v=2 --node-ip=1.2.3.4", 6,
	  "--node-ip of kubelet is not to be given" },
	{ "microk8s_kubelet_args", "--node-ip-", 0, "is not to be given" },
	{ "microk8s_kube_apiserver_args", "--advertise-address=1.2.3.4", 0,
	  "is not to be given" },
	{ "microk8s_kubelet_args", "--v 2", 4, "'2' is not a flag" },
	{ "microk8s_kubelet_args", "-v=2", 0, "'-v=2' is not a flag" },
	{ "microk8s_kubelet_args", "--=2", 0, "is not a flag" },
	{ "microk8s_kubelet_args", "--a=1 --v='2'", 6, "cannot stand in" },
	{ "microk8s_containerd_args", "--a=$(reboot)", 0, "cannot stand in" },
	{ "microk8s_kubelet_args", "--v=1 --v=2", 6, "--v is there twice" },
};

static void test_wants_mistakes_have_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		size_t at = 99;

		if (wants_check(bad[i].variable, bad[i].text, &at, &error))
			fail_msg("taken: %s", bad[i].text);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (at != bad[i].at || !strstr(error->message, bad[i].why))
			fail_msg("%s: %zu: %s", bad[i].text, at,
				 error->message);
	}
}

static void test_wants_long_lists_are_refused(void **state)
{
	const struct inventory_rules *rules = cluster_inventory_rules();
	g_autoptr(GString) text = g_string_new(NULL);

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		g_string_append_printf(text, "a%u ", i);
	for (size_t i = 0; i < rules->n_vars; i++) {
		g_autoptr(GError) error = NULL;
		size_t at;

		if (rules->vars[i].type != INVENTORY_OWN)
			continue;
		assert_false(rules->check(rules->vars[i].name, text->str,
					  &at, &error));
		assert_true(rules->check(rules->vars[i].name, "", &at, NULL));
	}
}

static void test_extra_args_flags_are_read(void **state)
{
	static const struct { const char *key, *value; } wanted[] = {
		{ "--max-pods", "200" }, { "--fail-swap-on", "" },
		{ "--v", NULL }, { "--x", "a=b" }
	};
	size_t at;
	g_autoptr(GPtrArray) args = extra_args_parse(
		extra_args_find("kubelet"),
		"--max-pods=200 --fail-swap-on --v- --x=a=b", &at, NULL);

	(void)state;
	assert_int_equal(args->len, G_N_ELEMENTS(wanted));
	for (guint i = 0; i < args->len; i++) {
		const struct extra_arg *arg = g_ptr_array_index(args, i);

		assert_string_equal(arg->key, wanted[i].key);
		assert_int_equal(g_strcmp0(arg->value, wanted[i].value), 0);
	}
}

static void test_mirrors_make_a_hosts_toml_each(void **state)
{
	static const struct { const char *registry, *text; } wanted[] = {
		{ "docker.io", "server = \"https://registry-1.docker.io\"\n\n"
		  "[host.\"https://a:5000\"]\n"
		  "  capabilities = [\"pull\", \"resolve\"]\n\n"
		  "[host.\"http://b/v2/hub\"]\n"
		  "  capabilities = [\"pull\", \"resolve\"]\n"
		  "  override_path = true\n" },
		{ "_default", "\n[host.\"https://d\"]\n"
		  "  capabilities = [\"pull\", \"resolve\"]\n" },
	};
	size_t at;
	g_autoptr(GPtrArray) mirrors = mirrors_parse(
		"docker.io=https://a:5000 _default=https://d "
		"docker.io=http://b/v2/hub", &at, NULL);

	(void)state;
	assert_int_equal(mirrors->len, G_N_ELEMENTS(wanted));
	for (guint i = 0; i < mirrors->len; i++) {
		const struct mirror *mirror = g_ptr_array_index(mirrors, i);
		g_autofree char *text = mirrors_hosts_toml(mirror);

		assert_string_equal(mirror->registry, wanted[i].registry);
		assert_true(g_str_has_prefix(text, "# Written by muster"));
		assert_string_equal(strchr(text, '\n') + 1, wanted[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wants_good_lists_are_taken),
		cmocka_unit_test(test_wants_mistakes_have_a_place),
		cmocka_unit_test(test_wants_long_lists_are_refused),
		cmocka_unit_test(test_extra_args_flags_are_read),
		cmocka_unit_test(test_mirrors_make_a_hosts_toml_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
