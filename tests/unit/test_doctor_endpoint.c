/* SPDX-License-Identifier: Apache-2.0
 *
 * What the doctor makes of a load balancer that a worker does not find: before
 * there is a cluster behind it only its name matters.
 */
#include "playbooks/doctor/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define INVENTORY "[masters]\nm node_ip=10.8.0.4\n[workers]\n" \
	"w node_ip=10.8.0.5\n[all:vars]\n" \
	"microk8s_api_endpoint=lb.example.com:16443\n"
#define INSTALLED "snap_row=microk8s v1.32.8 8511 1.32/stable canonical** " \
	"classic\n"

static const struct {
	const char *master, *reach, *code;
} cases[] = {
	{ INSTALLED, "tcp lb.example.com 16443 open\n"
	  "name lb.example.com 10.8.0.9\nend\n", NULL },
	{ INSTALLED, "tcp lb.example.com 16443 refused\n"
	  "name lb.example.com 10.8.0.9\nend\n", "endpoint-silent" },
	{ "", "tcp lb.example.com 16443 refused\n"
	  "name lb.example.com 10.8.0.9\nend\n", NULL },
	{ "", "tcp lb.example.com 16443 unreachable\n"
	  "name lb.example.com none\nend\n", "endpoint-unresolved" },
};

static void free_problem(void *problem)
{
	problem_free(problem);
}

static void set_facts(struct node *node, const char *more)
{
	g_autofree char *text = g_strdup_printf("hostname=%s\n%send=1\n",
						node->host->name, more);

	node->facts = facts_parse(text, strlen(text), NULL);
	assert_non_null(node->facts);
}

static void test_doctor_a_balancer_that_is_not_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) problems =
			g_ptr_array_new_with_free_func(free_problem);
		g_autoptr(Inventory) inventory = inventory_parse(
			INVENTORY, strlen(INVENTORY), "i",
			cluster_inventory_rules(), problems, NULL);
		struct cluster *cluster = cluster_new(inventory, NULL,
						      problems, NULL);
		g_autoptr(GPtrArray) findings = findings_new();
		g_autoptr(GPtrArray) reach = reach_parse(
			cases[i].reach, strlen(cases[i].reach), NULL);
		const struct finding *first;

		assert_non_null(cluster);
		assert_non_null(reach);
		set_facts(cluster->master, cases[i].master);
		set_facts(cluster->nodes->pdata[1], "");
		doctor_judge_reach(cluster, cluster->nodes->pdata[1], reach,
				   findings);
		assert_int_equal(findings->len, cases[i].code ? 1 : 0);
		first = findings->len ? findings->pdata[0] : NULL;
		if (first)
			assert_string_equal(first->cause->code, cases[i].code);
		cluster_free(cluster);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doctor_a_balancer_that_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
