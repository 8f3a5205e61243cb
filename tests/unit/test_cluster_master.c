/* SPDX-License-Identifier: Apache-2.0
 *
 * Who speaks for a cluster of three masters, by what was reached and by what
 * each one's datastore knows. No host is connected to.
 */
#include "playbooks/cluster.h"
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
	struct facts *facts = facts_parse(text->str, text->len, NULL);

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

static void test_master_that_speaks_stays_until_it_is_lost(void **state)
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_master_that_speaks_is_a_member),
		cmocka_unit_test(test_master_that_speaks_stays_until_it_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
