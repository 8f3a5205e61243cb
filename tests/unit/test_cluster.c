/* SPDX-License-Identifier: Apache-2.0
 *
 * From an inventory to the roles of a cluster: what is a mistake and where it
 * stands, and why a worker has to join. No host is connected to.
 */
#include "told_facts.h"

#include "playbooks/cluster.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void free_problem(void *problem)
{
	problem_free(problem);
}

static GPtrArray *problems_new(void)
{
	return g_ptr_array_new_with_free_func(free_problem);
}

static struct inventory *parse(const char *text, GPtrArray *problems)
{
	g_autoptr(GError) error = NULL;
	struct inventory *inventory = inventory_parse(
		text, strlen(text), "i", cluster_inventory_rules(), problems,
		&error);

	if (!inventory)
		print_error("%s -> %s\n", text, error->message);
	assert_non_null(inventory);
	return inventory;
}

static bool has_problem(const GPtrArray *problems, const char *where,
			const char *what, bool fatal)
{
	for (guint i = 0; i < problems->len; i++) {
		const struct problem *p = g_ptr_array_index(problems, i);
		g_autofree char *line = problem_format(p);

		if (p->fatal == fatal && g_str_has_prefix(line, where) &&
		    strstr(line, what))
			return true;
	}
	return false;
}

#define MASTER "[masters]\nm node_ip=10.8.0.4\n"

/* `where` begins the formatted problem; `what` stands in it. */
static const struct { const char *text, *where, *what; } mistakes[] = {
	{ "[workers]\nw node_ip=10.8.0.5\n", "i: no host in group 'masters'",
	  "under [masters]" },
	{ MASTER "[workers]\nw\n", "i:4:1:", "write node_ip=ADDRESS" },
	{ MASTER "[workers]\n  w ansible_host=w.example\n", "i:4:3:",
	  "'w.example' is a name" },
	{ MASTER "[workers]\nw ansible_host=fd00::5\n", "i:4:1:",
	  "has no node_ip" },
	{ MASTER "[workers]\nw node_ip=10.8.0.4\n", "i:4:11:",
	  "hosts 'm' and 'w' have the same node_ip 10.8.0.4" },
	{ MASTER "[workers]\nw\n[workers:vars]\nnode_ip = 10.8.0.4\n",
	  "i:6:11:", "same node_ip" },
	{ MASTER "[workers]\n10.8.0.4\n", "i:4:1:", "same node_ip" },
};

static void test_cluster_mistake_has_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(GPtrArray) problems = problems_new();
		g_autoptr(Inventory) inventory = parse(mistakes[i].text,
						       problems);
		g_autoptr(GError) error = NULL;

		assert_null(cluster_new(inventory, NULL, problems, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (!has_problem(problems, mistakes[i].where,
				 mistakes[i].what, true))
			fail_msg("not told: %s", mistakes[i].text);
	}
}

static void test_cluster_all_mistakes_are_told_at_once(void **state)
{
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Inventory) inventory = parse(
		"x\n[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.4\n"
		"[workers]\nc\nd node_ip=10.8.0.4\n", problems);

	(void)state;
	assert_null(cluster_new(inventory, NULL, problems, NULL));
	assert_true(has_problem(problems, "i:1:1:", "left alone", false));
	assert_true(has_problem(problems, "i:4:11:", "'a' and 'b'", true));
	assert_true(has_problem(problems, "i:6:1:", "no node_ip", true));
	assert_true(has_problem(problems, "i:7:11:", "'a' and 'd'", true));
	assert_int_equal(problems->len, 4);
}

static void test_cluster_roles_follow_groups(void **state)
{
	static const char *const cases[] = {
		"x\n[masters]\nm node_ip=10.8.0.4\n[workers]\n10.8.0.5\n",
		"x\n[master]\nm node_ip=10.8.0.4\n[worker]\n10.8.0.5\n",
		"x\n[control_plane]\nm node_ip=10.8.0.4\n[workers:children]\n"
		"pool\n[pool]\n10.8.0.5\n",
		"x\n[microk8s_HA]\nm node_ip=10.8.0.4\n[microk8s_WORKERS]\n"
		"10.8.0.5\n",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) problems = problems_new();
		g_autoptr(Inventory) inventory = parse(cases[i], problems);
		struct cluster *cluster = cluster_new(inventory, NULL,
						      problems, NULL);
		const struct node *master, *worker;

		assert_non_null(cluster);
		assert_int_equal(cluster->nodes->len, 2);
		master = cluster_find(cluster, inventory_find(inventory, "m"));
		worker = cluster_find(cluster,
				      inventory_find(inventory, "10.8.0.5"));
		assert_ptr_equal(cluster->master, master);
		assert_ptr_equal(cluster->first, master);
		assert_int_equal(master->role, NODE_MASTER);
		assert_int_equal(worker->role, NODE_WORKER);
		assert_string_equal(worker->node_ip, "10.8.0.5");
		assert_null(worker->session);
		assert_null(cluster_find(cluster,
					 inventory_find(inventory, "x")));
		assert_int_equal(problems->len, 1);
		assert_true(has_problem(problems, "i:1:1:", "left alone",
					false));
		cluster_free(cluster);
	}
	cluster_free(NULL);
}

static void test_cluster_rules_know_their_variables(void **state)
{
	static const struct { const char *text, *where; } wrong[] = {
		{ "h node_ip=10.8.0\n", "i:1:11:" },
		{ "h microk8s_channel=1.32\n", "i:1:20:" },
		{ "h microk8s_settle=soon\n", "i:1:19:" },
		{ "h microk8s_verify_timeout=x\n", "i:1:27:" },
		{ "h microk8s_token_ttl=x\n", "i:1:22:" },
		{ "h microk8s_token_tll=1h\n", "i:1:3:" },
	};
	g_autoptr(GPtrArray) none = problems_new();
	g_autoptr(Inventory) right = parse(
		"h node_ip=10.8.0.4 microk8s_channel=1.32/stable "
		"microk8s_settle=35s microk8s_verify_timeout=2m "
		"microk8s_token_ttl=1h\n", none);

	(void)state;
	assert_int_equal(right->hosts->len, 1);
	assert_int_equal(none->len, 0);
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GPtrArray) problems = problems_new();
		const char *text = wrong[i].text;

		assert_null(inventory_parse(text, strlen(text), "i",
					    cluster_inventory_rules(),
					    problems, NULL));
		if (!has_problem(problems, wrong[i].where, "", true))
			fail_msg("not told: %s", text);
	}
}

/* --- why a worker has to join --- */

#define HOST "hostname=W\nsnap_row=microk8s v1.31.9 8136 1.31/stable c -\n"
#define LOCKS "lock=clustered.lock\nlock=no-cert-reissue\n"
#define OURS "sha256.ca_remote=a\n"
#define CERT(ip) "openssl=1\ncert.kubelet.san=DNS:w, IP Address:" ip "\n" \
	"cert.kubelet.end=2035-11-24T09:00:00Z\n"
#define GOOD HOST LOCKS OURS CERT("10.8.0.5")
#define SEEN(name) "{\"kind\": \"NodeList\", \"items\": [" \
	"{\"metadata\": {\"name\": \"" name "\"}}]}"

static const struct {
	const char *name;
	const char *facts;		/* of the worker; NULL: none yet */
	const char *seen;		/* NULL: the API was not asked */
	const char *reason;		/* NULL: it is a member */
} reasons[] = {
	{ "not looked at", NULL, NULL, "not joined yet" },
	{ "no snap", "hostname=w\n", NULL, "not joined yet" },
	{ "fresh", HOST, NULL, "not joined yet" },
	{ "broke off early", HOST "lock=join-in-progress\n", NULL,
	  "an earlier join broke off" },
	{ "broke off late", HOST "lock=clustered.lock\n"
	  "lock=join-in-progress\n" OURS CERT("10.8.0.5"), NULL,
	  "an earlier join broke off" },
	{ "another cluster's", HOST LOCKS "sha256.ca_remote=b\n", NULL,
	  "it belongs to another cluster" },
	{ "no CA", HOST LOCKS, NULL, "it belongs to another cluster" },
	{ "certificate of another address",
	  HOST LOCKS OURS CERT("10.0.0.58"), NULL,
	  "its kubelet certificate does not name its node_ip" },
	{ "certificate without names", HOST LOCKS OURS "openssl=1\n"
	  "cert.kubelet.end=2035-11-24T09:00:00Z\n", NULL,
	  "its kubelet certificate does not name its node_ip" },
	/* nothing there could read it: no reason to join at every run */
	{ "certificate that was not read", HOST LOCKS OURS, NULL, NULL },
	{ "member", GOOD, NULL, NULL },
	/* a leftover of a failed attempt before the one that worked */
	{ "member with a leftover", GOOD "lock=join-in-progress\n", NULL,
	  NULL },
	{ "member, seen", GOOD, SEEN("w"), NULL },
	{ "member, not seen", GOOD, SEEN("x"), "the API does not know it" },
};

static struct facts *facts_of(const char *text)
{
	g_autofree char *whole = g_strconcat(text, "end=1\n", NULL);
	struct facts *facts = told_facts(whole, NULL);

	assert_non_null(facts);
	return facts;
}

static void test_cluster_join_reason_is_in_the_files(void **state)
{
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Inventory) inventory = parse(
		MASTER "[workers]\nw node_ip=10.8.0.5\n", problems);
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);
	struct node *worker = cluster_find(cluster,
					   inventory_find(inventory, "w"));

	(void)state;
	assert_string_equal(cluster_join_reason(cluster, worker),
			    "not joined yet");
	cluster->master->facts = facts_of("hostname=m\nsha256.ca=a\n");
	for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++) {
		const char *seen = reasons[i].seen, *reason;

		worker->facts = reasons[i].facts ? facts_of(reasons[i].facts) :
			NULL;
		cluster->seen = seen ?
			kube_nodes_parse(seen, strlen(seen), NULL) : NULL;
		reason = cluster_join_reason(cluster, worker);
		if (g_strcmp0(reason, reasons[i].reason) != 0)
			fail_msg("%s: %s", reasons[i].name,
				 reason ? reason : "NULL");
		assert_null(cluster_join_reason(cluster, cluster->master));
		g_clear_pointer(&cluster->seen, g_ptr_array_unref);
		g_clear_pointer(&worker->facts, facts_free);
	}
	/* Without the master's facts there is nothing to belong to. */
	g_clear_pointer(&cluster->master->facts, facts_free);
	worker->facts = facts_of(GOOD);
	assert_non_null(cluster_join_reason(cluster, worker));
	cluster_free(cluster);
}

static void test_cluster_seen_goes_by_the_nodes_name(void **state)
{
	g_autoptr(GPtrArray) problems = problems_new();
	g_autoptr(Inventory) inventory = parse(MASTER, problems);
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);
	const char json[] = SEEN("node1");

	(void)state;
	assert_null(cluster_seen(cluster, cluster->master));
	cluster->seen = kube_nodes_parse(json, strlen(json), NULL);
	assert_null(cluster_seen(cluster, cluster->master));
	cluster->master->facts = facts_of("hostname=Node1\n");
	assert_string_equal(cluster_seen(cluster, cluster->master)->name,
			    "node1");
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster_mistake_has_its_place),
		cmocka_unit_test(test_cluster_all_mistakes_are_told_at_once),
		cmocka_unit_test(test_cluster_roles_follow_groups),
		cmocka_unit_test(test_cluster_rules_know_their_variables),
		cmocka_unit_test(test_cluster_join_reason_is_in_the_files),
		cmocka_unit_test(test_cluster_seen_goes_by_the_nodes_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
