/* SPDX-License-Identifier: Apache-2.0
 *
 * Who speaks for a cluster of three masters, by what was reached and by what
 * each one's datastore knows. No host is connected to.
 */
#include "told_facts.h"

#include "playbooks/cluster.h"
#include "playbooks/members.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define MASTERS 3

static const char inventory_text[] =
	"[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.5\n"
	"c node_ip=10.8.0.6\n[workers]\nw node_ip=10.8.0.7\n";

/* Of each master: ' ' not reached, '-' no MicroK8s, 'f' a fresh one, 'w' a
 * worker, else the masters that its datastore knows, as bits of a digit. */
static const struct {
	const char *name, *masters;
	char speaks;		/* of whom; ' ': nobody */
} cases[] = {
	{ "none has a cluster: the first builds it", "fff", 'a' },
	{ "nothing is installed", "---", 'a' },
	{ "only the first", "1  ", 'a' },
	{ "all are members", "777", 'a' },
	{ "the third has only just joined", "337", 'a' },
	{ "the first is down", " 77", 'b' },
	{ "two are down", "  7", 'c' },
	{ "the first was installed anew", "f77", 'b' },
	{ "the first became a worker", "w66", 'b' },
	{ "the first was taken out while down", "766", 'b' },
	{ "the second was taken out while down", "575", 'a' },
	{ "the first is down, no other has a cluster", " ff", ' ' },
	{ "the second may be of any cluster", " 2f", ' ' },
	{ "beside the first the second has its own", "12f", 'a' },
	{ "two clusters: the first counts", "166", 'a' },
	{ "a worker does not speak", " wf", ' ' },
	{ "nobody was reached", "   ", 'a' },
};

static struct facts *facts_of(char what)
{
	g_autoptr(GString) text = g_string_new("hostname=x\n");
	g_autoptr(GString) members = g_string_new(NULL);

	if (what != '-')
		g_string_append(text, "snap_row=microk8s v1.31.9 8136 "
				"1.31/stable c -\n");
	if (what == 'w')
		g_string_append(text, "lock=clustered.lock\n");
	if (what == 'w' || g_ascii_isdigit(what))
		g_string_append(text, "lock=no-cert-reissue\n");
	for (int i = 0; g_ascii_isdigit(what) && i < MASTERS; i++)
		if ((what - '0') & 1 << i)
			g_string_append_printf(
				members, "- Address: 10.8.0.%d:19001\n  ID: "
				"%d\n  Role: 0\n", 4 + i, 1 + i);
	if (members->len) {
		g_autofree char *base64 = g_base64_encode(
			(const guchar *)members->str, members->len);

		g_string_append_printf(text, "file.backend_cluster=%s\n",
				       base64);
	}
	g_string_append(text, "end=1\n");
	struct facts *facts = told_facts(text->str, NULL);

	assert_non_null(facts);
	return facts;
}

static struct facts *facts_with(const char *lines)
{
	g_autofree char *text = g_strconcat(
		"hostname=x\nsnap_row=microk8s v1.31.9 8136 1.31/stable c -\n",
		lines, "end=1\n", NULL);
	struct facts *facts = told_facts(text, NULL);

	assert_non_null(facts);
	return facts;
}

static struct cluster *cluster_of(const struct inventory *inventory,
				  GPtrArray *problems, const char *masters)
{
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);

	assert_non_null(cluster);
	assert_int_equal(cluster_masters(cluster), MASTERS);
	for (guint i = 0; i < MASTERS; i++) {
		struct node *node = g_ptr_array_index(cluster->nodes, i);

		if (masters[i] == ' ')
			node->failed = node->unreachable = true;
		else
			node->facts = facts_of(masters[i]);
	}
	return cluster;
}

static struct inventory *parse(GPtrArray *problems)
{
	struct inventory *inventory = inventory_parse(
		inventory_text, strlen(inventory_text), "i",
		cluster_inventory_rules(), problems, NULL);

	assert_non_null(inventory);
	return inventory;
}

static void test_master_that_speaks_is_a_member(void **state)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = parse(problems);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct cluster *cluster = cluster_of(inventory, problems,
						     cases[i].masters);
		bool moved = cluster_settle_master(cluster);
		char speaks = cluster->no_master ? ' '
			: *cluster->master->host->name;

		if (speaks != cases[i].speaks)
			fail_msg("%s: '%c'", cases[i].name, speaks);
		assert_int_equal(moved, cluster->master != cluster->first);
		assert_ptr_equal(cluster->first,
				 g_ptr_array_index(cluster->nodes, 0));
		cluster_free(cluster);
	}
	assert_int_equal(problems->len, 0);
}

/* Its API is asked for: one that is stopped, or has none to listen, waits. */
static void test_master_that_speaks_serves(void **state)
{
	static const struct { const char *checks; char speaks; } all[] = {
		{ "check.listen=16443 kubelite\n", 'a' },
		{ "check.listen=22 sshd\n", 'b' },
		{ "", 'a' },
	};
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = parse(problems);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		struct cluster *cluster = cluster_of(inventory, problems,
						     "777");

		cluster->first->checks = checks_parse(
			all[i].checks, strlen(all[i].checks));
		cluster_settle_master(cluster);
		if (*cluster->master->host->name != all[i].speaks)
			fail_msg("%zu: %s", i, cluster->master->host->name);
		cluster_free(cluster);
	}
	struct cluster *cluster = cluster_of(inventory, problems, "777");

	cluster->first->facts->locks |= LOCK_STOPPED;
	assert_true(cluster_settle_master(cluster));
	cluster_free(cluster);
	/* when nobody serves, the first is as good as any */
	cluster = cluster_of(inventory, problems, "7  ");
	cluster->first->facts->locks |= LOCK_STOPPED;
	assert_false(cluster_settle_master(cluster));
	assert_null(cluster->no_master);
	cluster_free(cluster);
}

static void test_master_that_speaks_stays_until_lost(void **state)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = parse(problems);
	struct cluster *cluster = cluster_of(inventory, problems, " 77");
	struct node *a = g_ptr_array_index(cluster->nodes, 0);
	struct node *b = g_ptr_array_index(cluster->nodes, 1);

	(void)state;
	assert_true(cluster_settle_master(cluster));
	/* one that is back does not take the word again */
	a->failed = a->unreachable = false;
	a->facts = facts_of('7');
	assert_false(cluster_settle_master(cluster));
	assert_ptr_equal(cluster->master, b);
	/* what went wrong on it goes wrong on another, too */
	b->failed = true;
	cluster->token = g_strdup("t");
	assert_false(cluster_settle_master(cluster));
	assert_ptr_equal(cluster->master, b);
	assert_non_null(cluster->token);
	b->unreachable = true;
	assert_true(cluster_settle_master(cluster));
	assert_ptr_equal(cluster->master, a);
	assert_null(cluster->token);
	cluster_free(cluster);
}

/* Two masters are refused, unless that is meant. */
static void test_master_numbers(void **state)
{
	static const struct { const char *text; bool allow_two, ok; } all[] = {
		{ "[masters]\na node_ip=10.8.0.4\n", false, true },
		{ "[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.5\n",
		  false, false },
		{ "[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.5\n",
		  true, true },
		{ "[masters]\na node_ip=10.8.0.4\nb node_ip=10.8.0.5\n"
		  "c node_ip=10.8.0.6\n", false, true },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
			(GDestroyNotify)problem_free);
		g_autoptr(GError) error = NULL;
		g_autoptr(Inventory) inventory = inventory_parse(
			all[i].text, strlen(all[i].text), "i",
			cluster_inventory_rules(), problems, NULL);
		struct cluster *cluster = cluster_new(inventory, NULL,
						      problems, NULL);

		assert_int_equal(problems->len, 0);
		assert_int_equal(cluster_check_masters(
			cluster, all[i].allow_two, problems, &error),
			all[i].ok);
		assert_int_equal(problems->len, !all[i].ok);
		if (problems->len) {
			g_autofree char *line = problem_format(
				g_ptr_array_index(problems, 0));

			assert_true(g_str_has_prefix(line, "i:3:1:"));
			assert_non_null(strstr(line, "'a' and 'b'"));
			assert_true(g_error_matches(error, MUSTER_ERROR,
						    MUSTER_ERROR_DATA));
		}
		cluster_free(cluster);
	}
}

/* Why a master has to join: by its files, then by the datastore. */
static void test_master_join_reason(void **state)
{
	static const struct {
		const char *facts, *reason;
		bool is_listed;
	} all[] = {
		{ "", "not joined yet", true },
		{ "lock=join-in-progress\n", "an earlier join broke off",
		  true },
		{ "sha256.ca=x\nlock=no-cert-reissue\n",
		  "it belongs to another cluster", true },
		{ "sha256.ca=a\nlock=no-cert-reissue\n", NULL, true },
		{ "sha256.ca=a\nlock=no-cert-reissue\n",
		  "the datastore does not list it", false },
		{ "sha256.ca=a\nlock=no-cert-reissue\nlock=clustered.lock\n",
		  "not joined yet", true },
	};
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(Inventory) inventory = parse(problems);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		struct cluster *cluster = cluster_of(inventory, problems,
						     "1  ");
		struct node *b = g_ptr_array_index(cluster->nodes, 1);
		struct node *w = g_ptr_array_index(cluster->nodes, 3);
		struct backend_node *member = g_new0(struct backend_node, 1);
		const char *reason;

		facts_free(cluster->master->facts);
		cluster->master->facts = facts_with("sha256.ca=a\n");
		b->facts = facts_with(all[i].facts);
		cluster->members = g_ptr_array_new_with_free_func(
			(GDestroyNotify)backend_node_free);
		member->address = g_strdup(all[i].is_listed
					   ? "10.8.0.5:19001"
					   : "10.8.0.4:19001");
		g_ptr_array_add(cluster->members, member);
		reason = cluster_join_reason(cluster, b);
		if (g_strcmp0(reason, all[i].reason) != 0)
			fail_msg("%zu: %s", i, reason ? reason : "NULL");
		assert_null(cluster_join_reason(cluster, cluster->master));
		/* a worker is asked for its own files */
		assert_string_equal(cluster_join_reason(cluster, w),
				    "not joined yet");
		cluster_free(cluster);
	}
}

static void test_master_lists(void **state)
{
	static const struct {
		const char *addresses;
		unsigned port;
		bool ok;
	} all[] = {
		{ "10.8.0.4", 0, true },
		{ "10.8.0.6 10.8.0.4", 0, true },
		{ "10.8.0.4 192.168.88.193", 0, false },
		{ "10.8.0.7", 0, false },
		{ "10.8.0.4", 16443, false },
		{ "10.8.0.4:16443 10.8.0.5:16443", 16443, true },
		{ "10.8.0.4:16443 10.8.0.9:16443", 16443, false },
	};
	g_autoptr(GPtrArray) problems = g_ptr_array_new();
	g_autoptr(GPtrArray) none = g_ptr_array_new();
	g_autoptr(Inventory) inventory = parse(problems);
	struct cluster *cluster = cluster_of(inventory, problems, " 77");

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
		g_auto(GStrv) words = g_strsplit(all[i].addresses, " ", -1);
		g_autoptr(GPtrArray) list = g_ptr_array_new();

		for (char **word = words; *word; word++)
			g_ptr_array_add(list, *word);
		if (cluster_lists_masters(cluster, list, all[i].port) !=
		    all[i].ok)
			fail_msg("%s", all[i].addresses);
	}
	assert_false(cluster_lists_masters(cluster, none, 0));
	cluster_free(cluster);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_master_that_speaks_is_a_member),
		cmocka_unit_test(test_master_that_speaks_serves),
		cmocka_unit_test(test_master_that_speaks_stays_until_lost),
		cmocka_unit_test(test_master_numbers),
		cmocka_unit_test(test_master_join_reason),
		cmocka_unit_test(test_master_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
