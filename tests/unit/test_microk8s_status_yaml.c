/* SPDX-License-Identifier: Apache-2.0
 *
 * The datastore's members in what `microk8s status --format yaml` prints.
 */
#include "playbooks/microk8s/status_yaml.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define RUNNING "microk8s:\n  running: True\nhigh-availability:\n" \
	"  enabled: True\n"
/* A description that is no YAML stands in life, too. */
#define ADDONS "addons:\n  - name: dns\n    description: a: b: [\n"

static void test_status_yaml_members_have_roles(void **state)
{
	g_autoptr(GPtrArray) members = status_yaml_members(
		RUNNING "  nodes:\n"
		"    - address: 10.0.0.1:19001\n      role: voter\n"
		"    - address: 10.0.0.4:19001\n      role: standby\n"
		"    - address: 10.0.0.5:19001\n      role: spare\n" ADDONS,
		NULL);
	const struct backend_node *member;

	(void)state;
	assert_non_null(members);
	assert_int_equal(members->len, 3);
	member = members->pdata[0];
	assert_string_equal(member->address, "10.0.0.1:19001");
	assert_int_equal(member->role, BACKEND_VOTER);
	member = backend_yaml_find(members, "10.0.0.4");
	assert_int_equal(member->role, BACKEND_STANDBY);
	member = backend_yaml_find(members, "10.0.0.5");
	assert_int_equal(member->role, BACKEND_SPARE);
	assert_string_equal(backend_role_name(member->role), "spare");
}

static void test_status_yaml_without_a_leader_has_nobody(void **state)
{
	static const char *const cases[] = {
		RUNNING "  nodes:\n" ADDONS, RUNNING ADDONS, RUNNING,
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) members =
			status_yaml_members(cases[i], NULL);

		assert_non_null(members);
		assert_int_equal(members->len, 0);
	}
}

static void test_status_yaml_nonsense_fails(void **state)
{
	static const struct { const char *text, *why; } cases[] = {
		{ "", "not what" },
		{ "microk8s is not running, try microk8s start\n",
		  "not what" },
		{ "microk8s:\n  running: False\nhigh-availability:\n"
		  "  enabled: True\n  message: microk8s is not running. Use "
		  "microk8s inspect for a deeper inspection.\n",
		  "not running" },
		{ RUNNING "  nodes:\n    - address: a\n      role: king\n",
		  "not what" },
		{ RUNNING "  nodes:\n    - role: voter\n", "not what" },
		{ RUNNING "  nodes: [x]\n", "not what" },
		{ "[", "" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(status_yaml_members(cases[i].text, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (!strstr(error->message, cases[i].why))
			fail_msg("%s: %s", cases[i].text, error->message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_yaml_members_have_roles),
		cmocka_unit_test(test_status_yaml_without_a_leader_has_nobody),
		cmocka_unit_test(test_status_yaml_nonsense_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
