/* SPDX-License-Identifier: Apache-2.0
 *
 * A host's surroundings, out of the lines that its facts come with.
 */
#include "playbooks/microk8s/checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_checks_parse_fills_lists_and_flags(void **state)
{
	static const char text[] =
		"hostname=node2\n"
		"check.loopback=127.0.1.1 node2\n"
		"check.loopback=127.0.0.1\n"
		"check.listen=16443 nginx\n"
		"check.listen=70000 odd\n"
		"check.mtu=wg0 1420\n"
		"check.mtu=eth0 large\n"
		"check.route=10.8.0.0/24 wg0\n"
		"check.route=blackhole 10.1.0.0/26\n"
		"check.no_module=vxlan\n"
		"check.no_proxy=localhost,10.0.0.0/8\n"
		"check.cgroup_memory_off=1\n"
		"check.selinux=0\n"
		"check.inotify=128\n"
		"check.something=else\n"
		"end=1\n";
	struct checks *c = checks_parse(text, strlen(text));
	const struct checks_name *name = g_ptr_array_index(c->loopbacks, 0);
	const struct checks_listener *l = g_ptr_array_index(c->listeners, 0);
	const struct checks_route *r = g_ptr_array_index(c->routes, 0);

	(void)state;
	assert_int_equal(c->loopbacks->len, 1);
	assert_string_equal(name->ip, "127.0.1.1");
	assert_string_equal(name->name, "node2");
	assert_int_equal(c->listeners->len, 1);
	assert_int_equal(l->port, 16443);
	assert_string_equal(l->owner, "nginx");
	assert_int_equal(checks_mtu(c, "wg0"), 1420);
	assert_int_equal(checks_mtu(c, "eth0"), 0);
	assert_int_equal(c->routes->len, 1);
	assert_int_equal(r->net, 0x0a080000);
	assert_int_equal(r->prefix, 24);
	assert_string_equal(g_ptr_array_index(c->missing_modules, 0),
			    "vxlan");
	assert_string_equal(c->no_proxy, "localhost,10.0.0.0/8");
	assert_true(c->cgroup_memory_off);
	assert_false(c->selinux_enforcing);
	assert_false(c->forward_rejects);
	assert_int_equal(c->inotify_instances, 128);
	assert_null(c->container);
	checks_free(c);
	checks_free(NULL);
}

static void test_checks_parse_bounds_what_it_keeps(void **state)
{
	g_autoptr(GString) text = g_string_new(NULL);

	(void)state;
	for (int i = 0; i < CHECKS_LIST_MAX + 5; i++)
		g_string_append(text, "check.no_module=x\n");
	struct checks *c = checks_parse(text->str, text->len);

	assert_int_equal(c->missing_modules->len, CHECKS_LIST_MAX);
	checks_free(c);
}

static void test_checks_nets_overlap_by_the_shorter_prefix(void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{ "10.1.0.0/16", "10.1.7.0/24", true },
		{ "10.1.7.0/24", "10.1.0.0/16", true },
		{ "10.1.0.0/16", "10.2.0.0/16", false },
		{ "10.1.0.0/16", "10.0.0.0/8", true },
		{ "10.152.183.0/24", "10.152.183.10", true },
		{ "10.1.0.0/16", "0.0.0.0/0", true },
		{ "10.1.9.9/16", "10.1.0.0/24", true },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		guint32 a, b;
		unsigned a_prefix, b_prefix;

		assert_true(checks_net_parse(cases[i].a, &a, &a_prefix));
		assert_true(checks_net_parse(cases[i].b, &b, &b_prefix));
		if (checks_nets_overlap(a, a_prefix, b, b_prefix) !=
		    cases[i].overlap)
			fail_msg("%s and %s", cases[i].a, cases[i].b);
	}
}

static void test_checks_net_parse_refuses_what_is_none(void **state)
{
	static const char *const wrong[] = {
		"", "10.1.0.0/33", "10.1.0/16", "10.1.0.0/", "fd00::/8",
		"blackhole",
	};
	guint32 net;
	unsigned prefix;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++)
		if (checks_net_parse(wrong[i], &net, &prefix))
			fail_msg("'%s' is a network", wrong[i]);
}

static void test_checks_no_proxy_names_hosts_and_networks(void **state)
{
	(void)state;
	assert_true(checks_no_proxy_has("a,10.8.0.4", "10.8.0.4"));
	assert_true(checks_no_proxy_has("a, 10.8.0.0/24", "10.8.0.4"));
	assert_true(checks_no_proxy_has("*", "10.8.0.4"));
	assert_false(checks_no_proxy_has("10.8.0.40,localhost", "10.8.0.4"));
	assert_false(checks_no_proxy_has("", "10.8.0.4"));
	assert_false(checks_no_proxy_has(NULL, "10.8.0.4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks_parse_fills_lists_and_flags),
		cmocka_unit_test(test_checks_parse_bounds_what_it_keeps),
		cmocka_unit_test(
			test_checks_nets_overlap_by_the_shorter_prefix),
		cmocka_unit_test(test_checks_net_parse_refuses_what_is_none),
		cmocka_unit_test(
			test_checks_no_proxy_names_hosts_and_networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
