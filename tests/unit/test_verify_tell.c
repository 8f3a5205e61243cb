/* SPDX-License-Identifier: Apache-2.0
 *
 * What a proof makes of the logs of its own pods, and how it is told: matrix,
 * JUnit, the names of what fails.
 */
#include "cmd/report_conditions.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/verify/deep_objects.h"
#include "proof_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* --- the deep proof --- */

static void add_report(struct world *w, const char *node, const char *text)
{
	struct deep_report *report = g_new0(struct deep_report, 1);

	report->node = g_strdup(node);
	report->text = g_strdup(text);
	g_ptr_array_add(w->proof->deep_reports, report);
}

static void free_report(void *report)
{
	deep_report_free(report);
}

static const struct {
	const char *log, *conditions, *cause;
} reports[] = {
	{ "pod m ok\npod w ok\nservice 10.152.183.9 ok\ndns k ok\nend\n", "",
	  NULL },
	{ "pod m ok\npod w lost\nservice 10.152.183.9 ok\ndns k ok\nend\n",
	  "deep-pods", "pod-unreachable" },
	{ "pod m ok\nservice 10.152.183.9 lost\ndns k ok\nend\n",
	  "deep-service", "service-unreachable" },
	{ "pod m ok\nservice 10.152.183.9 ok\ndns k lost\nend\n", "deep-dns",
	  "dns-fails" },
	{ "pod m ok\nservice 10.152.183.9 ok\ndns k ok\n", "deep-pods",
	  "pod-unreachable" },
	{ "", "deep-pods", "pod-unreachable" },
};

static void test_judge_deep_believes_logs_that_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(reports); i++) {
		struct world w;
		const char *cause;
		g_autofree char *says = NULL, *names = NULL;

		world_init(&w);
		w.proof->deep = true;
		w.proof->deep_reports =
			g_ptr_array_new_with_free_func(free_report);
		add_report(&w, "m", reports[0].log);
		add_report(&w, "v", reports[i].log);
		world_judge(&w);
		names = world_bad(w.proof, &cause, &says);
		if (strcmp(names, reports[i].conditions) != 0 ||
		    g_strcmp0(cause, reports[i].cause) != 0)
			fail_msg("%s: %s [%s]", reports[i].log, names,
				 cause ? cause : "none");
		world_clear(&w);
	}
}

static void test_judge_deep_that_never_ran_fails(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.proof->deep = true;
	w.proof->deep_problem = g_strdup("v cannot pull x: ErrImagePull");
	w.proof->deep_cause = "image-pull";
	world_judge(&w);
	assert_int_equal(proof_state(w.proof, CONDITION_DEEP_PODS),
			 VERDICT_FAILS);
	assert_int_equal(proof_state(w.proof, CONDITION_DEEP_DNS),
			 VERDICT_SKIPPED);
	world_clear(&w);
}

static void test_deep_leftovers_are_ours_and_over(void **state)
{
	json_t *old = deep_service("old", "x", 99);
	json_t *young = deep_service("young", "x", 101);
	json_t *foreign = json_pack("{s:{s:s, s:{s:s}}}", "metadata", "name",
				    "foreign", "annotations", DEEP_END, "1");
	json_t *list = json_pack("{s:[o, o, o, {}]}", "items", old, young,
				 foreign);
	g_autoptr(GPtrArray) names = deep_leftovers(list, 100);

	(void)state;
	assert_int_equal(names->len, 1);
	assert_string_equal(g_ptr_array_index(names, 0), "old");
	json_decref(list);
}

static void test_deep_pods_go_everywhere_and_leave_at_once(void **state)
{
	json_t *set = deep_askers("n-ask", "img:1", 7, "a=10.1.0.2 b=10.1.1.2",
				  "10.152.183.9", "k");
	const char *effect = NULL, *image = NULL, *peers = NULL;
	const char *label = NULL, *selected = NULL;
	int grace = -1;

	(void)state;
	assert_non_null(set);
	assert_int_equal(json_unpack(set,
		"{s:{s:{s:{s:s}}, s:{s:{s:{s:s}}, s:{s:i, s:[{s:s}], s:[{s:s,"
		" s:[{s:s}]}]}}}}",
		"spec", "selector", "matchLabels", DEEP_LABEL, &selected,
		"template", "metadata", "labels", DEEP_LABEL, &label,
		"spec", "terminationGracePeriodSeconds", &grace,
		"tolerations", "operator", &effect,
		"containers", "image", &image, "env", "value", &peers), 0);
	assert_string_equal(effect, "Exists");
	assert_int_equal(grace, 0);
	assert_string_equal(image, "img:1");
	assert_string_equal(peers, "a=10.1.0.2 b=10.1.1.2");
	assert_string_equal(label, "n-ask");
	assert_string_equal(selected, label);
	json_decref(set);
}

/* --- telling --- */

static void test_proof_matrix_names_the_first_thing_broken(void **state)
{
	struct world w;
	g_autofree char *text = NULL;

	(void)state;
	world_init(&w);
	for (guint i = 0; i < 2; i++)
		world_edit_peer(&w, i, "10.8.0.6", "small=ok full=ok "
				"tunnel=ok", "small=lost");
	world_edit(&w, 2, "small=ok full=ok tunnel=ok", "small=lost");
	world_judge(&w);
	text = proof_matrix(w.proof, w.cluster);
	assert_string_equal(text,
		"from \\ to  m          v          w\n"
		"m          -          ok         lost\n"
		"v          ok         -          lost\n"
		"w          lost       lost       -\n");
	world_clear(&w);
}

static void test_proof_junit_is_a_suite_of_conditions(void **state)
{
	struct world w;
	g_autofree char *xml = NULL, *failing = NULL;

	(void)state;
	world_init(&w);
	g_hash_table_insert(w.proof->logs, g_strdup("w"),
			    g_strdup("connection refused"));
	world_node(&w, 1)->facts->held = false;
	world_node(&w, 2)->facts->held = false;
	world_reset(&world_seen(&w, 1)->calico_ip, "<&\033>");
	world_judge(&w);
	xml = proof_junit(w.proof, 1500000);
	assert_non_null(strstr(xml, "tests=\"31\" failures=\"2\" errors=\"0\" "
			       "skipped=\"0\" time=\"1.500\">"));
	assert_non_null(strstr(xml, "name=\"dns\"/>"));
	assert_non_null(strstr(xml, "<failure type=\"condition\">v: "
			       "&lt;&amp; &gt; instead of 10.8.0.5 "
			       "[calico-ip-wrong]</failure>"));
	assert_non_null(strstr(xml, "<system-out>v, w: snapd may refresh it "
			       "at any time [refresh-not-held]"));
	failing = proof_failing(w.proof);
	assert_string_equal(failing, "calico-address, kubelet-reachable");
	world_clear(&w);
}

static void test_proof_reset_forgets_all_but_what_to_do(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.proof->deep = true;
	w.proof->image = g_strdup("busybox");
	world_judge(&w);
	proof_reset(w.proof, w.cluster);
	assert_true(w.proof->deep);
	assert_string_equal(w.proof->image, "busybox");
	assert_null(w.proof->pods);
	assert_null(proof_probe(w.proof, w.cluster, world_node(&w, 1)));
	assert_int_equal(w.proof->verdicts[CONDITION_API]->len, 0);
	world_clear(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge_deep_believes_logs_that_end),
		cmocka_unit_test(test_judge_deep_that_never_ran_fails),
		cmocka_unit_test(test_deep_leftovers_are_ours_and_over),
		cmocka_unit_test(
			test_deep_pods_go_everywhere_and_leave_at_once),
		cmocka_unit_test(
			test_proof_matrix_names_the_first_thing_broken),
		cmocka_unit_test(test_proof_junit_is_a_suite_of_conditions),
		cmocka_unit_test(
			test_proof_reset_forgets_all_but_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
