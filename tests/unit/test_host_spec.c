/* SPDX-License-Identifier: Apache-2.0
 *
 * [user@]host[:port] as people write it, and what is none.
 */
#include "transport/host_spec.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct spec_case {
	const char *text, *user, *name;
	unsigned port;
} cases[] = {
	{ "node1", NULL, "node1", 0 },
	{ "bob@node1", "bob", "node1", 0 },
	{ "node1:2222", NULL, "node1", 2222 },
	{ "bob@10.0.0.1:22", "bob", "10.0.0.1", 22 },
	{ "bob@corp@node1", "bob@corp", "node1", 0 },
	{ "2001:db8::1", NULL, "2001:db8::1", 0 },
	{ "[2001:db8::1]", NULL, "2001:db8::1", 0 },
	{ "bob@[2001:db8::1]:2222", "bob", "2001:db8::1", 2222 },
	{ "ssh://bob@gw:2222", "bob", "gw", 2222 },
	{ "", NULL, NULL, 0 },
	{ "@node1", NULL, NULL, 0 },
	{ "bob@", NULL, NULL, 0 },
	{ "node1:", NULL, NULL, 0 },
	{ "node1:0", NULL, NULL, 0 },
	{ "node1:65536", NULL, NULL, 0 },
	{ "node1:ssh", NULL, NULL, 0 },
	{ ":22", NULL, NULL, 0 },
	{ "[2001:db8::1", NULL, NULL, 0 },
	{ "[2001:db8::1]x", NULL, NULL, 0 },
	{ "[2001:db8::1]:x", NULL, NULL, 0 },
	{ "[]", NULL, NULL, 0 },
};

static void test_host_spec_is_cut_as_ssh_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct spec_case *c = &cases[i];
		struct host_spec spec = { .name = NULL };
		bool ok = host_spec_parse(&spec, c->text);

		if (ok != (c->name != NULL) ||
		    (ok && (g_strcmp0(spec.user, c->user) != 0 ||
			    g_strcmp0(spec.name, c->name) != 0 ||
			    spec.port != c->port)))
			fail_msg("'%s': %s user %s, name %s, port %u",
				 c->text, ok ? "taken," : "refused,",
				 spec.user, spec.name, spec.port);
		host_spec_clear(&spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host_spec_is_cut_as_ssh_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
