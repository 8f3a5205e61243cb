/* SPDX-License-Identifier: Apache-2.0
 *
 * The API's nodes and endpoints, printed as kubectl prints them, and the age
 * of things in kubectl's words.
 */
#include "playbooks/microk8s/kube_json.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define LIST(items) "{\"kind\": \"NodeList\", \"items\": [" items "]}"
/* One node named n; members of its metadata, spec and status. */
#define NODE(metadata, spec, status) LIST("{\"metadata\": {\"name\": \"n\"" \
	metadata "}, \"spec\": {" spec "}, \"status\": {" status "}}")
#define LABELS(labels) NODE(", \"labels\": {" labels "}", "", "")
#define READY(condition) NODE("", "", "\"conditions\": [" \
	"{\"type\": \"DiskPressure\", \"status\": \"True\"}, " condition "]")

static GPtrArray *parse(const char *json)
{
	g_autoptr(GError) error = NULL;
	GPtrArray *nodes = kube_nodes_parse(json, strlen(json), &error);

	if (!nodes)
		print_error("%s -> %s\n", json, error->message);
	assert_non_null(nodes);
	return nodes;
}

static void test_kube_node_is_read_whole(void **state)
{
	g_autoptr(GPtrArray) nodes = parse(LIST(
		"{\"metadata\": {\"name\": \"node1\"}}, "
		"{\"metadata\": {\"name\": \"node2\", \"creationTimestamp\": "
		"\"2025-11-20T09:00:00Z\", \"labels\": {\"microk8s.io/cluster"
		"\": \"true\", \"node.kubernetes.io/microk8s-worker\": "
		"\"microk8s-worker\"}, \"annotations\": "
		"{\"projectcalico.org/IPv4Address\": \"10.8.0.5/24\", "
		"\"projectcalico.org/IPv4VXLANTunnelAddr\": \"10.1.104.0\", "
		"\"muster/upgrade\": \"cordoned\"}}, "
		"\"spec\": {\"podCIDR\": \"10.1.1.0/24\"}, \"status\": "
		"{\"conditions\": [{\"type\": \"Ready\", \"status\": \"True\", "
		"\"reason\": \"KubeletReady\"}], \"addresses\": [{\"type\": "
		"\"InternalIP\", \"address\": \"10.8.0.5\"}, {\"type\": "
		"\"InternalIP\", \"address\": \"fd00::5\"}, {\"type\": "
		"\"Hostname\", \"address\": \"node2\"}], \"nodeInfo\": "
		"{\"kubeletVersion\": \"v1.31.9\"}}}"));
	const struct kube_node *node = kube_nodes_find(nodes, "node2");
	const struct kube_node *bare = kube_nodes_find(nodes, "node1");

	(void)state;
	assert_int_equal(nodes->len, 2);
	assert_string_equal(node->internal_ip, "10.8.0.5");
	assert_string_equal(node->hostname, "node2");
	assert_string_equal(node->version, "v1.31.9");
	assert_string_equal(node->calico_ip, "10.8.0.5");
	assert_string_equal(node->calico_tunnel_ip, "10.1.104.0");
	assert_string_equal(node->roles, "<none>");
	assert_int_equal(node->role, KUBE_ROLE_WORKER);
	assert_int_equal(node->created, 1763629200);
	assert_int_equal(node->ready, KUBE_READY);
	assert_null(node->ready_reason);
	assert_false(node->unschedulable);
	assert_true(node->upgrading);

	assert_null(bare->internal_ip);
	assert_false(bare->upgrading);
	assert_null(bare->version);
	assert_int_equal(bare->created, 0);
	assert_int_equal(bare->ready, KUBE_UNKNOWN);
	assert_int_equal(bare->role, KUBE_ROLE_NONE);
	assert_null(kube_nodes_find(nodes, "node"));
}

static void test_kube_node_status_is_kubectls(void **state)
{
	static const struct { const char *json, *status, *reason; } cases[] = {
		{ READY("{\"type\": \"Ready\", \"status\": \"True\"}"),
		  "Ready", NULL },
		{ READY("{\"type\": \"Ready\", \"status\": \"False\", "
			"\"reason\": \"KubeletNotReady\", \"message\": "
			"\"cni plugin not initialized\"}"),
		  "NotReady", "KubeletNotReady: cni plugin not initialized" },
		{ READY("{\"type\": \"Ready\", \"status\": \"Unknown\", "
			"\"reason\": \"NodeStatusUnknown\"}"),
		  "NotReady", "NodeStatusUnknown: no message" },
		{ NODE("", "", "\"conditions\": []"), "Unknown", NULL },
		{ NODE("", "", "\"conditions\": {}"), "Unknown", NULL },
		{ NODE("", "\"unschedulable\": true", "\"conditions\": "
		       "[{\"type\": \"Ready\", \"status\": \"True\"}]"),
		  "Ready,SchedulingDisabled", NULL },
		{ NODE("", "\"unschedulable\": true", ""),
		  "Unknown,SchedulingDisabled", NULL },
		{ NODE("", "\"unschedulable\": \"true\"", ""), "Unknown",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) nodes = parse(cases[i].json);
		const struct kube_node *node = nodes->pdata[0];
		g_autofree char *status = kube_node_status(node);

		assert_string_equal(status, cases[i].status);
		if (g_strcmp0(node->ready_reason, cases[i].reason) != 0)
			fail_msg("case %zu: %s", i, node->ready_reason);
	}
}

static void test_kube_node_roles_are_kubectls(void **state)
{
	static const struct {
		const char *json, *roles;
		enum kube_role role;
	} cases[] = {
		{ LABELS("\"node.kubernetes.io/microk8s-controlplane\": "
			 "\"microk8s-controlplane\""), "<none>",
		  KUBE_ROLE_CONTROL_PLANE },
		/* left behind by an earlier life under that name */
		{ LABELS("\"node.kubernetes.io/microk8s-controlplane\": \"x\", "
			 "\"node.kubernetes.io/microk8s-worker\": \"x\""),
		  "<none>", KUBE_ROLE_WORKER },
		{ LABELS("\"node-role.kubernetes.io/worker\": \"\", "
			 "\"node-role.kubernetes.io/edge\": \"x\", "
			 "\"node-role.kubernetes.io/\": \"x\""),
		  "edge,worker", KUBE_ROLE_NONE },
		{ LABELS("\"kubernetes.io/role\": \"edge\", "
			 "\"node-role.kubernetes.io/edge\": \"\""), "edge",
		  KUBE_ROLE_NONE },
		{ LABELS("\"kubernetes.io/role\": 1"), "<none>",
		  KUBE_ROLE_NONE },
		{ NODE(", \"labels\": []", "", ""), "<none>",
		  KUBE_ROLE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) nodes = parse(cases[i].json);
		const struct kube_node *node = nodes->pdata[0];

		assert_string_equal(node->roles, cases[i].roles);
		assert_int_equal(node->role, cases[i].role);
	}
}

static void test_kube_nodes_none_is_an_empty_list(void **state)
{
	static const char *const cases[] = {
		LIST(""), "{\"kind\": \"NodeList\"}",
		"{\"kind\": \"NodeList\", \"items\": null}",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) nodes = parse(cases[i]);

		assert_int_equal(nodes->len, 0);
	}
}

#define STATUS "{\"kind\": \"Status\", \"status\": \"Failure\", \"message\": " \
	"\"nodes is forbidden\", \"reason\": \"Forbidden\", \"code\": 403}"

static void test_kube_answer_that_is_none_is_refused(void **state)
{
	static const struct { const char *json, *what; } cases[] = {
		{ "", "makes no sense" },
		{ "[]", "not an object" },
		{ "{\"kind\": \"NodeList\", \"items\": [", "makes no sense" },
		{ LIST("") "x", "makes no sense" },
		{ "{\"kind\": \"NodeList\", \"items\": {}}", "makes no" },
		{ "{\"items\": []}", "makes no" },
		{ "{\"kind\": \"PodList\", \"items\": []}", "makes no" },
		{ LIST("{}"), "without name" },
		{ LIST("{\"metadata\": {\"name\": 1}}"), "without name" },
		{ LIST("{\"metadata\": {\"name\": \"\"}}"), "without name" },
		{ STATUS, "the API refused: nodes is forbidden" },
		{ "{\"kind\": \"Status\"}", "the API refused: no message" },
		{ "This MicroK8s deployment is acting as a node in a cluster. "
		  "Please use the microk8s kubectl on the master.\n",
		  "makes no sense" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		const char *json = cases[i].json;

		if (kube_nodes_parse(json, strlen(json), &error))
			fail_msg("accepted: %s", json);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_PROTOCOL));
		if (!strstr(error->message, cases[i].what))
			fail_msg("%s: %s", json, error->message);
		assert_null(kube_endpoints_parse(json, strlen(json), NULL));
	}
}

static void test_kube_limits_are_refused(void **state)
{
	g_autoptr(GString) text = g_string_new("{\"kind\":\"NodeList\","
					       "\"items\":[");
	g_autoptr(GError) error = NULL;
	g_autofree char *big = g_strnfill(KUBE_JSON_SIZE_MAX + 1, ' ');
	g_autofree char *name = g_strnfill(KUBE_STRING_MAX + 1, 'n');
	g_autofree char *one = g_strdup_printf(LIST("{\"metadata\": {"
						    "\"name\": \"%s\"}}"),
					       name);

	(void)state;
	for (int i = 0; i <= KUBE_NODES_MAX; i++)
		g_string_append_printf(
			text, "%s{\"metadata\":{\"name\":\"n\"}}",
			i ? "," : "");
	g_string_append(text, "]}");
	assert_null(kube_nodes_parse(text->str, text->len, &error));
	assert_non_null(strstr(error->message, "too many nodes"));
	assert_null(kube_nodes_parse(one, strlen(one), NULL));
	memcpy(big, LIST(""), strlen(LIST("")));
	assert_null(kube_nodes_parse(big, KUBE_JSON_SIZE_MAX + 1, NULL));

	g_string_assign(text, "{\"kind\":\"Endpoints\",\"subsets\":["
			"{\"addresses\":[");
	for (int i = 0; i <= KUBE_ADDRESSES_MAX; i++)
		g_string_append_printf(text, "%s{\"ip\":\"%d\"}",
				       i ? "," : "", i);
	g_string_append(text, "]}]}");
	assert_null(kube_endpoints_parse(text->str, text->len, NULL));
}

static void test_kube_role_of_absurd_length_is_left_out(void **state)
{
	g_autofree char *role = g_strnfill(KUBE_STRING_MAX + 1, 'r');
	g_autofree char *json = g_strdup_printf(
		LABELS("\"node-role.kubernetes.io/%s\": \"\", "
		       "\"kubernetes.io/role\": \"%s\""), role, role);
	g_autoptr(GPtrArray) nodes = parse(json);
	const struct kube_node *node = nodes->pdata[0];

	(void)state;
	assert_string_equal(node->roles, "<none>");
}

/* --- endpoints --- */

#define SLICE "\"endpoints\": [{\"addresses\": [\"10.8.0.7\", \"10.8.0.4\"], " \
	"\"conditions\": {\"ready\": true}}, {\"addresses\": [\"10.8.0.9\"], " \
	"\"conditions\": {\"ready\": false}}, {\"addresses\": " \
	"[\"10.8.0.5\", 1]}]"
#define SUBSETS "\"subsets\": [{\"addresses\": [{\"ip\": \"10.8.0.7\"}, " \
	"{\"ip\": \"10.8.0.4\"}], \"notReadyAddresses\": " \
	"[{\"ip\": \"10.8.0.9\"}]}, {\"addresses\": [{\"ip\": \"10.8.0.4\"}, " \
	"{\"ip\": \"10.8.0.5\"}]}]"

static void test_kube_endpoints_are_sorted_and_unique(void **state)
{
	static const struct { const char *json, *addresses; } cases[] = {
		{ "{\"kind\": \"EndpointSliceList\", \"items\": [{" SLICE
		  "}, {" SLICE "}]}", "10.8.0.4 10.8.0.5 10.8.0.7" },
		{ "{\"kind\": \"EndpointSlice\", " SLICE "}",
		  "10.8.0.4 10.8.0.5 10.8.0.7" },
		{ "{\"kind\": \"Endpoints\", " SUBSETS "}",
		  "10.8.0.4 10.8.0.5 10.8.0.7" },
		{ "{\"kind\": \"EndpointsList\", \"items\": [{" SUBSETS
		  "}]}", "10.8.0.4 10.8.0.5 10.8.0.7" },
		{ "{\"kind\": \"EndpointSliceList\", \"items\": []}", "" },
		{ "{\"kind\": \"Endpoints\"}", "" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) found = kube_endpoints_parse(
			cases[i].json, strlen(cases[i].json), NULL);
		g_autofree char *joined = NULL;

		assert_non_null(found);
		g_ptr_array_add(found, NULL);
		joined = g_strjoinv(" ", (char **)found->pdata);
		assert_string_equal(joined, cases[i].addresses);
	}
}

static void test_kube_status_message_is_the_apis(void **state)
{
	static const struct { const char *json, *message; } cases[] = {
		{ STATUS, "nodes is forbidden" },
		{ "{\"kind\": \"Status\", \"reason\": \"NotFound\"}",
		  "NotFound" },
		{ "{\"kind\": \"Status\"}", "" },
		{ LIST(""), NULL },
		{ "ok", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *message = kube_status_message(
			cases[i].json, strlen(cases[i].json));

		if (g_strcmp0(message, cases[i].message) != 0)
			fail_msg("%s: %s", cases[i].json, message);
	}
}

static void test_kube_age_is_kubectls(void **state)
{
	enum { M = 60, H = 60 * M, D = 24 * H, Y = 365 * D };
	static const struct { gint64 seconds; const char *age; } cases[] = {
		{ G_MININT64, "<invalid>" }, { -2, "<invalid>" },
		{ -1, "0s" }, { 0, "0s" }, { 45, "45s" }, { 119, "119s" },
		{ 120, "2m" }, { 150, "2m30s" }, { 599, "9m59s" },
		{ 600, "10m" }, { 68 * M + 59, "68m" }, { 180 * M - 1, "179m" },
		{ 3 * H, "3h" }, { 5 * H + 20 * M, "5h20m" },
		{ 8 * H - 1, "7h59m" }, { 8 * H, "8h" },
		{ 8 * H + 5 * M, "8h" }, { 48 * H - 1, "47h" },
		{ 2 * D, "2d" }, { 2 * D + 3 * H, "2d3h" },
		{ 8 * D - 1, "7d23h" }, { 8 * D, "8d" }, { 8 * D + H, "8d" },
		{ 12 * D, "12d" },
		{ 2LL * Y - 1, "729d" }, { 2LL * Y, "2y" },
		{ 2LL * Y + D, "2y1d" }, { 8LL * Y - 1, "7y364d" },
		{ 8LL * Y, "8y" }, { 50LL * Y + D, "50y" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *age = kube_age(cases[i].seconds);

		assert_string_equal(age, cases[i].age);
	}
	g_free(kube_age(G_MAXINT64));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kube_node_is_read_whole),
		cmocka_unit_test(test_kube_node_status_is_kubectls),
		cmocka_unit_test(test_kube_node_roles_are_kubectls),
		cmocka_unit_test(test_kube_nodes_none_is_an_empty_list),
		cmocka_unit_test(test_kube_answer_that_is_none_is_refused),
		cmocka_unit_test(test_kube_limits_are_refused),
		cmocka_unit_test(test_kube_role_of_absurd_length_is_left_out),
		cmocka_unit_test(test_kube_endpoints_are_sorted_and_unique),
		cmocka_unit_test(test_kube_status_message_is_the_apis),
		cmocka_unit_test(test_kube_age_is_kubectls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
