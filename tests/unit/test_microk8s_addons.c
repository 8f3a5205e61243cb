/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of addons as people write them, commas in arguments included, and
 * what `microk8s status --format yaml` says of them.
 */
#include "playbooks/microk8s/addons.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define POOL "10.64.140.43-10.64.140.49,192.168.0.105-192.168.0.111"

/* `wants` shows each as NAME or NAME=ARGUMENT, a blank behind it. */
static const struct { const char *text, *wants; } good[] = {
	{ "", "" },
	{ " \t, ", "" },
	{ "dns", "dns " },
	{ "dns ingress", "dns ingress " },
	{ "dns,ingress, registry", "dns ingress registry " },
	{ "metallb:" POOL, "metallb=" POOL " " },
	{ "dns,metallb:" POOL ",ingress", "dns metallb=" POOL " ingress " },
	{ "metallb:10.0.0.0/28 dns:8.8.8.8,8.8.4.4",
	  "metallb=10.0.0.0/28 dns=8.8.8.8,8.8.4.4 " },
	{ "metallb:fd00::1-fd00::9,fd00::20-fd00::29,dns",
	  "metallb=fd00::1-fd00::9,fd00::20-fd00::29 dns " },
	{ "ingress:a=b/c,d=e", "ingress=a=b/c,d=e " },
	{ "core/dns community/argocd:x", "core/dns community/argocd=x " },
};

static void test_addons_list_is_cut_where_an_addon_begins(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		size_t at = 0;
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) wants = addons_parse(good[i].text, &at,
							  &error);
		g_autoptr(GString) shown = g_string_new(NULL);

		if (!wants)
			fail_msg("%s: %s", good[i].text, error->message);
		for (guint k = 0; wants && k < wants->len; k++) {
			const struct addon_want *w =
				g_ptr_array_index(wants, k);

			g_string_append_printf(shown, "%s%s%s ", w->name,
					       w->argument ? "=" : "",
					       w->argument ? w->argument : "");
		}
		assert_string_equal(shown->str, good[i].wants);
	}
}

static const struct { const char *text; size_t at; const char *why; } bad[] = {
	{ "dns 8.8.8.8", 4, "'8.8.8.8' is not the name" },
	{ "dns,8.8.8.8", 4, "'8.8.8.8' is not the name" },
	{ "Dns", 0, "'Dns' is not the name" },
	{ "dns metallb: x", 11, "no argument behind its colon" },
	{ "dns a dns", 6, "'dns' is there twice" },
	{ "dns ha-cluster", 4, "has already" },
	{ "core/ha-cluster", 0, "has already" },
	{ "core/", 0, "is not the name" },
	{ "a/b/c", 0, "is not the name" },
	{ "--help", 0, "is not the name" },
};

static void test_addons_mistakes_have_a_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		size_t at = 99;
		g_autoptr(GError) error = NULL;

		if (addons_check("x", bad[i].text, &at, &error))
			fail_msg("taken: %s", bad[i].text);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (at != bad[i].at || !strstr(error->message, bad[i].why))
			fail_msg("%s: %zu: %s", bad[i].text, at,
				 error->message);
	}
}

#define STATUS "microk8s:\n  running: True\nhigh-availability:\n" \
	"  enabled: True\n  nodes:\n    - address: 127.0.0.1:19001\n" \
	"      role: voter\n"

static void test_addons_status_is_read_line_by_line(void **state)
{
	g_autoptr(GPtrArray) addons = addons_status(
		STATUS "addons:\n"
		"  - name: dns\n    repository: core\n"
		"    description: CoreDNS\n    version: 1.10.0\n"
		"    status: enabled\n"
		"  - name: argocd\n    repository: community\n"
		"    description: Argo CD: GitOps, status: enabled\n"
		"    version: 2.4.0\n    status: disabled\n");
	const struct addon *dns = addons_find(addons, "dns");
	const struct addon *argocd = addons_find(addons, "community/argocd");

	(void)state;
	assert_int_equal(addons->len, 2);
	assert_true(dns && dns->is_enabled);
	assert_true(argocd && !argocd->is_enabled);
	assert_ptr_equal(addons_find(addons, "core/dns"), dns);
	assert_null(addons_find(addons, "core/argocd"));
	assert_null(addons_find(addons, "cor/dns"));
	assert_null(addons_find(addons, "community2/argocd"));
	assert_null(addons_find(addons, "dn"));
}

static void test_addons_status_without_addons_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"microk8s:\n  running: False\nhigh-availability:\n"
		"  enabled: True\n  message: microk8s is not running. Use "
		"microk8s inspect for a deeper inspection.\n",
		"microk8s is not running, try microk8s start\n",
		"This MicroK8s deployment is acting as a node in a cluster.\n"
		"Please use the control plane node.\n",
		STATUS, STATUS "addons:\n",
		"  - name: dns\n    status: enabled\n",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
		assert_null(addons_status(texts[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_addons_list_is_cut_where_an_addon_begins),
		cmocka_unit_test(test_addons_mistakes_have_a_place),
		cmocka_unit_test(test_addons_status_is_read_line_by_line),
		cmocka_unit_test(test_addons_status_without_addons_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
