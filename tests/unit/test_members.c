/* SPDX-License-Identifier: Apache-2.0
 *
 * The datastore's members beside the inventory: whose each is, whether most
 * voters run and stay, and what verify says of that. Nobody is asked.
 */
#include "told_facts.h"

#include "playbooks/departure.h"
#include "playbooks/members.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/verify/proof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MASTERS 4

static const char inventory_text[] =
	"[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.5\n"
	"c node_ip=10.8.0.6\nd node_ip=10.8.0.7\n";

/* Of each master, and of a stranger x at 10.8.0.9: its role in the datastore
 * (v, s, p for spare, - for none), and whether it was reached (+), is down (!)
 * or departs (<, reached; >, dead). */
static const struct {
	const char *roles, *states;
	unsigned all, staying;
	bool settled;
	enum verdict_state state;
	const char *cause;	/* NULL: none */
	const char *text;
} cases[] = {
	{ "vvvs-", "++++ ", 3, 3, true, VERDICT_HOLDS, NULL,
	  "voters a, b, c; standby d" },
	{ "vvv--", "!+++ ", 3, 2, true, VERDICT_FAILS,
	  "datastore-member-down", "a voter of the datastore is down" },
	{ "vvvs-", "+++! ", 3, 3, true, VERDICT_FAILS,
	  "datastore-member-down", "a standby of the datastore is down" },
	{ "vvv--", "++++ ", 3, 3, true, VERDICT_FAILS,
	  "datastore-member-missing", "does not list 10.8.0.7" },
	{ "vp---", "++!! ", 1, 1, true, VERDICT_FAILS,
	  "datastore-not-redundant", "voters a; spare b: without that voter" },
	{ "vppp-", "++++ ", 1, 1, false, VERDICT_FAILS,
	  "datastore-not-redundant", "without that voter" },
	{ "vvvs-", "<+++ ", 3, 2, true, VERDICT_HOLDS, NULL, "" },
	{ "vvv--", "<!++ ", 3, 1, true, VERDICT_FAILS, NULL, "" },
	{ "vvvs-", ">+++ ", 3, 2, true, VERDICT_FAILS, NULL, "" },
	{ "vv--v", "++!!+", 3, 3, true, VERDICT_HOLDS, NULL,
	  "voters a, b, 10.8.0.9:19001" },
	{ "vv--v", "++!!!", 3, 2, true, VERDICT_HOLDS, NULL, "" },
};

static void add_member(struct cluster *cluster, char role, const char *ip)
{
	struct backend_node *member = g_new0(struct backend_node, 1);

	member->address = g_strconcat(ip, ":19001", NULL);
	member->role = role == 'v' ? BACKEND_VOTER
		: role == 's' ? BACKEND_STANDBY : BACKEND_SPARE;
	g_ptr_array_add(cluster->members, member);
}

static void add_seen(struct cluster *cluster, const char *name,
		     const char *ip, bool ready)
{
	struct kube_node *seen = g_new0(struct kube_node, 1);

	seen->name = g_strdup(name);
	seen->internal_ip = g_strdup(ip);
	seen->ready = ready ? KUBE_READY : KUBE_UNKNOWN;
	seen->role = KUBE_ROLE_CONTROL_PLANE;
	g_ptr_array_add(cluster->seen, seen);
}

static struct facts *facts_of(const char *name)
{
	g_autofree char *text = g_strdup_printf("hostname=%s\nend=1\n", name);
	struct facts *facts = facts_parse(text, strlen(text), NULL);

	assert_non_null(facts);
	return facts;
}

static void set_state(struct cluster *cluster, struct node *node, char state)
{
	bool is_up = state == '+' || state == '<';

	if (is_up)
		node->facts = facts_of(node->host->name);
	node->failed = node->unreachable = !is_up;
	if (state == '<' || state == '>')
		g_ptr_array_add(cluster->departures, departure_new(
			node->host->name, node, state == '>'));
	add_seen(cluster, node->host->name, node->node_ip, is_up);
}

static struct cluster *cluster_of(const struct inventory *inventory,
				  GPtrArray *problems, size_t i)
{
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);

	cluster->members = g_ptr_array_new_with_free_func(
		(GDestroyNotify)backend_node_free);
	cluster->seen = g_ptr_array_new_with_free_func(
		(GDestroyNotify)kube_node_free);
	cluster->departures = g_ptr_array_new_with_free_func(
		(GDestroyNotify)departure_free);
	for (guint k = 0; k < MASTERS; k++) {
		struct node *node = g_ptr_array_index(cluster->nodes, k);

		if (cases[i].roles[k] != '-')
			add_member(cluster, cases[i].roles[k], node->node_ip);
		set_state(cluster, node, cases[i].states[k]);
	}
	if (cases[i].roles[MASTERS] == '-')
		return cluster;
	add_member(cluster, cases[i].roles[MASTERS], "10.8.0.9");
	add_seen(cluster, "x", "10.8.0.9", cases[i].states[MASTERS] == '+');
	return cluster;
}

static void check_verdict(const struct cluster *cluster, size_t i)
{
	struct proof *proof = proof_new(cluster);
	const GPtrArray *verdicts = proof->verdicts[CONDITION_REDUNDANT];
	const struct verdict *first;

	judge_members(proof, cluster);
	assert_true(verdicts->len > 0);
	first = g_ptr_array_index(verdicts, 0);
	if (proof_state(proof, CONDITION_REDUNDANT) != cases[i].state ||
	    (cases[i].cause && g_strcmp0(first->cause, cases[i].cause) != 0) ||
	    !strstr(first->evidence, cases[i].text))
		fail_msg("%zu: %s, %s: %s", i, verdict_state_name(proof_state(
			 proof, CONDITION_REDUNDANT)), first->cause,
			 first->evidence);
	proof_free(proof);
}

static void test_members_are_counted_and_judged(void **state)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = inventory_parse(
		inventory_text, strlen(inventory_text), "i",
		cluster_inventory_rules(), problems, NULL);

	(void)state;
	assert_non_null(inventory);
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct cluster *cluster = cluster_of(inventory, problems, i);
		unsigned all, staying;

		members_voters(cluster, &all, &staying);
		if (all != cases[i].all || staying != cases[i].staying)
			fail_msg("%zu: %u of %u", i, staying, all);
		assert_int_equal(members_are_settled(cluster),
				 cases[i].settled);
		check_verdict(cluster, i);
		g_ptr_array_unref(cluster->departures);
		cluster_free(cluster);
	}
}

/* Joined by hand a master may be there at another of its addresses: it is not
 * to be joined again for that. */
static void test_members_at_another_address(void **state)
{
	static const char info[] =
		"Address: 192.168.1.5:19001\nID: 7\nRole: 0\n";
	g_autofree char *base64 = g_base64_encode(
		(const guchar *)info, strlen(info));
	g_autofree char *text = g_strdup_printf(
		"hostname=b\nsnap_row=microk8s v1.31.9 8136 1.31/stable c -\n"
		"lock=no-cert-reissue\nsha256.ca=a\nfile.backend_info=%s\n"
		"end=1\n", base64);
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = inventory_parse(
		inventory_text, strlen(inventory_text), "i",
		cluster_inventory_rules(), problems, NULL);
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);
	struct node *b = g_ptr_array_index(cluster->nodes, 1);
	static const char master[] = "hostname=a\nsha256.ca=a\nend=1\n";
	struct proof *proof = proof_new(cluster);

	(void)state;
	cluster->master->facts = told_facts(master, NULL);
	b->facts = told_facts(text, NULL);
	cluster->members = g_ptr_array_new_with_free_func(
		(GDestroyNotify)backend_node_free);
	add_member(cluster, 'v', "10.8.0.4");
	assert_string_equal(cluster_join_reason(cluster, b),
			    "the datastore does not list it");
	add_member(cluster, 'v', "192.168.1.5");
	assert_null(cluster_join_reason(cluster, b));
	judge_members(proof, cluster);
	assert_string_equal(((const struct verdict *)g_ptr_array_index(
		proof->verdicts[CONDITION_REDUNDANT], 0))->cause,
		"datastore-other-address");
	proof_free(proof);
	cluster_free(cluster);
}

/* One master alone is not judged, and of several nothing without a word. */
static void test_members_unknown(void **state)
{
	static const char one[] = "[masters]\na node_ip=10.8.0.4\n";
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) alone = inventory_parse(
		one, strlen(one), "i", cluster_inventory_rules(), problems,
		NULL);
	g_autoptr(Inventory) several = inventory_parse(
		inventory_text, strlen(inventory_text), "i",
		cluster_inventory_rules(), problems, NULL);
	const struct inventory *all[] = { alone, several };

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
		struct cluster *cluster = cluster_new(all[i], NULL,
						      problems, NULL);
		struct proof *proof = proof_new(cluster);

		judge_members(proof, cluster);
		assert_int_equal(
			proof->verdicts[CONDITION_REDUNDANT]->len, i);
		assert_int_equal(proof_state(proof, CONDITION_REDUNDANT),
				 VERDICT_SKIPPED);
		assert_null(members_find(cluster, cluster->master));
		assert_false(members_are_settled(cluster));
		assert_int_equal(members_count(cluster, BACKEND_VOTER), 0);
		proof_free(proof);
		cluster_free(cluster);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members_are_counted_and_judged),
		cmocka_unit_test(test_members_at_another_address),
		cmocka_unit_test(test_members_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
