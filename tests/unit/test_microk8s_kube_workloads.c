/* SPDX-License-Identifier: Apache-2.0
 *
 * Pods, DaemonSets and Deployments as the API prints them.
 */
#include "playbooks/microk8s/kube_workloads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void test_kube_pods_are_read_whole(void **state)
{
	static const char json[] =
		"{\"kind\": \"PodList\", \"items\": [{\"metadata\": {\"name\":"
		" \"coredns-1\", \"namespace\": \"kube-system\", \"labels\":"
		" {\"k8s-app\": \"kube-dns\"}}, \"spec\": {\"nodeName\": "
		"\"node2\", \"containers\": [{\"ports\": [{\"containerPort\": "
		"53, \"protocol\": \"UDP\"}, {\"containerPort\": 5353, "
		"\"protocol\": \"TCP\"}]}]}, \"status\": {\"podIP\": "
		"\"10.1.2.3\", \"conditions\": [{\"type\": \"Initialized\", "
		"\"status\": \"False\"}, {\"type\": \"Ready\", \"status\": "
		"\"True\"}]}}, {\"metadata\": {\"name\": \"x\", "
		"\"deletionTimestamp\": \"2026-01-01T00:00:00Z\"}, \"spec\": "
		"{\"hostNetwork\": true, \"nodeName\": 7}, \"status\": "
		"{\"containerStatuses\": [{\"state\": {\"running\": {}}}, "
		"{\"state\": {\"waiting\": {\"reason\": \"ErrImagePull\"}}}]"
		"}}]}";
	g_autoptr(GPtrArray) pods = kube_pods_parse(json, strlen(json), NULL);

	(void)state;
	assert_non_null(pods);
	assert_int_equal(pods->len, 2);
	const struct kube_pod *pod = g_ptr_array_index(pods, 0);

	assert_string_equal(pod->name, "coredns-1");
	assert_string_equal(pod->space, "kube-system");
	assert_string_equal(pod->app, "kube-dns");
	assert_string_equal(pod->node, "node2");
	assert_string_equal(pod->ip, "10.1.2.3");
	assert_int_equal(pod->tcp_port, 5353);
	assert_true(pod->ready);
	assert_false(pod->host_network || pod->leaving);
	assert_null(pod->waiting);
	pod = g_ptr_array_index(pods, 1);
	assert_string_equal(pod->space, "default");
	assert_string_equal(pod->waiting, "ErrImagePull");
	assert_true(pod->host_network && pod->leaving);
	assert_false(pod->ready);
	assert_null(pod->node);
	assert_int_equal(pod->tcp_port, 0);
}

#define DAEMON(generation, observed, status) \
	"{\"kind\": \"DaemonSetList\", \"items\": [{\"metadata\": " \
	"{\"name\": \"d\", \"generation\": " generation "}, \"spec\": " \
	"{\"template\": {\"spec\": {\"containers\": [{\"env\": [{\"name\": " \
	"\"IP\", \"value\": \"autodetect\"}, {\"name\": " \
	"\"IP_AUTODETECTION_METHOD\", \"value\": \"first-found\"}]}]}}}, " \
	"\"status\": {\"observedGeneration\": " observed ", " status "}}]}"
#define DEPLOYMENT(spec, status) \
	"{\"kind\": \"DeploymentList\", \"items\": [{\"metadata\": " \
	"{\"name\": \"d\"}, \"spec\": {" spec "}, \"status\": {" status \
	"}}]}"
#define COUNTS(wanted, updated, ready) \
	"\"desiredNumberScheduled\": " wanted ", " \
	"\"updatedNumberScheduled\": " updated ", \"numberReady\": " ready

/* NULL: rolled out */
static const struct { const char *json, *problem; } workloads[] = {
	{ DAEMON("2", "2", COUNTS("3", "3", "3")), NULL },
	{ DAEMON("3", "2", COUNTS("3", "3", "3")),
	  "its last change is not taken up yet" },
	{ DAEMON("2", "2", COUNTS("3", "1", "3")), "1 of 3 as last changed" },
	{ DAEMON("2", "2", COUNTS("3", "3", "2")), "2 of 3 ready" },
	{ DAEMON("2", "2", COUNTS("0", "0", "0")),
	  "no pod of it is wanted anywhere" },
	{ DEPLOYMENT("", "\"updatedReplicas\": 1, \"readyReplicas\": 1"),
	  NULL },
	{ DEPLOYMENT("\"replicas\": 2", "\"updatedReplicas\": 2, "
		     "\"readyReplicas\": 1"), "1 of 2 ready" },
	{ DEPLOYMENT("\"replicas\": 0", ""),
	  "no pod of it is wanted anywhere" },
	{ DEPLOYMENT("", ""), "0 of 1 as last changed" },
};

static void test_kube_workload_is_rolled_out_or_tells_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(workloads); i++) {
		const char *json = workloads[i].json;
		g_autoptr(GPtrArray) list =
			kube_workloads_parse(json, strlen(json), NULL);
		g_autofree char *problem = NULL;

		assert_non_null(list);
		problem = kube_workload_problem(kube_workloads_find(list,
								    "d"));
		if (g_strcmp0(problem, workloads[i].problem) != 0)
			fail_msg("%s: %s", json, problem ? problem : "well");
		assert_null(kube_workloads_find(list, "e"));
	}
}

static void test_kube_workload_method_is_in_its_environment(void **state)
{
	static const char json[] = DAEMON("1", "1", COUNTS("1", "1", "1"));
	g_autoptr(GPtrArray) list = kube_workloads_parse(json, strlen(json),
							 NULL);

	(void)state;
	assert_string_equal(kube_workloads_find(list, "d")->method,
			    "first-found");
}

static void test_kube_lists_of_another_kind_are_refused(void **state)
{
	static const char *const cases[] = {
		"", "[]", "{}", "{\"kind\": \"PodList\"}",
		"{\"kind\": \"NodeList\", \"items\": []}",
		"{\"kind\": \"PodList\", \"items\": [{\"metadata\": {}}]}",
		"{\"kind\": \"DaemonSetList\", \"items\": [{}]}",
		"{\"kind\": \"Status\", \"message\": \"no\"}",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) pods = NULL, others = NULL;
		size_t length = strlen(cases[i]);

		assert_null(kube_pods_parse(cases[i], length, &pods));
		assert_non_null(pods);
		assert_null(kube_workloads_parse(cases[i], length, &others));
		assert_non_null(others);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kube_pods_are_read_whole),
		cmocka_unit_test(
			test_kube_workload_is_rolled_out_or_tells_why),
		cmocka_unit_test(
			test_kube_workload_method_is_in_its_environment),
		cmocka_unit_test(
			test_kube_lists_of_another_kind_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
