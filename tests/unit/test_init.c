/* SPDX-License-Identifier: Apache-2.0
 *
 * muster init without a host: which network hosts share, what they are named,
 * and the inventory that comes of it, which has to be one.
 */
#include "cmd/init_plan.h"
#include "playbooks/cluster.h"
#include "transport/error.h"
#include "transport/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HOSTS_MAX 4
#define ADDRESSES_MAX 4

/* Hosts by their cards: "eth0 10.0.0.1/24", one with NULL does not answer. */
struct world {
	const char *words[HOSTS_MAX + 1];
	const char *cards[HOSTS_MAX][ADDRESSES_MAX];
};

static struct facts *facts_of(const char *name, const char *const *cards)
{
	g_autoptr(GString) text = g_string_new(NULL);

	g_string_append_printf(text, "hostname=%s\nmachine_id=%s-id\n", name,
			       name);
	for (size_t i = 0; i < ADDRESSES_MAX && cards[i]; i++)
		g_string_append_printf(text, "address=%s\n", cards[i]);
	g_string_append(text, "default_iface=eth0\nend=1\n");
	return facts_parse(text->str, text->len, NULL);
}

static struct init_plan *plan_of(const struct world *w, guint masters)
{
	struct init_plan *plan = init_plan_new(
		(char **)(guintptr)w->words, masters, NULL);

	assert_non_null(plan);
	for (guint i = 0; i < plan->hosts->len; i++) {
		struct init_host *host = g_ptr_array_index(plan->hosts, i);
		g_autofree char *name = g_strdup_printf("machine%u", i);

		if (w->cards[i][0])
			host->facts = facts_of(name, w->cards[i]);
		else
			host->problem = g_strdup("it is down");
	}
	init_plan_compare(plan);
	return plan;
}

/* "10.8.0.4 10.8.0.5", "-" for none, "?" in front of one that is doubtful */
static char *told_ips(const struct init_plan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host =
			g_ptr_array_index(plan->hosts, i);

		g_string_append_printf(text, "%s%s%s", i ? " " : "",
				       host->is_node_ip_doubtful ? "?" : "",
				       host->node_ip ? host->node_ip : "-");
	}
	return g_string_free(text, FALSE);
}

static const struct {
	const char *name;
	struct world world;
	const char *unreached;		/* a network whose ways are tried in
					   vain, or NULL */
	const char *ips;
} cases[] = {
	{ "networks that look alike are none that all have",
	  { { "a", "b", "c" },
	    { { "eth0 192.168.88.193/24", "wg0 10.8.0.4/24" },
	      { "eth0 10.0.0.192/24", "wg0 10.8.0.5/24" },
	      { "eth0 10.0.0.58/24", "wg0 10.8.0.6/24" } } },
	  NULL, "10.8.0.4 10.8.0.5 10.8.0.6" },
	{ "none",
	  { { "a", "b" },
	    { { "eth0 192.168.1.2/24" }, { "eth0 10.0.0.2/24" } } },
	  NULL, "- -" },
	{ "a docker bridge is on every host",
	  { { "a", "b" },
	    { { "docker0 172.17.0.1/16", "eth0 10.0.0.1/24" },
	      { "docker0 172.17.0.1/16", "eth0 10.0.0.2/24" } } },
	  NULL, "10.0.0.1 10.0.0.2" },
	{ "pods' and machines' cards",
	  { { "a", "b" },
	    { { "br-0123456789ab 172.18.0.1/16", "vxlan.calico 10.1.1.0/16",
		"lxdbr0 10.99.0.1/24", "br-lan 10.0.0.1/24" },
	      { "br-0123456789ac 172.18.0.2/16", "vxlan.calico 10.1.2.0/16",
		"lxdbr0 10.99.0.2/24", "br-lan 10.0.0.2/24" } } },
	  NULL, "10.0.0.1 10.0.0.2" },
	{ "one address for two rules a network out",
	  { { "a", "b" },
	    { { "eth0 192.168.122.1/24", "eth1 10.0.0.1/24" },
	      { "eth0 192.168.122.1/24", "eth1 10.0.0.2/24" } } },
	  NULL, "10.0.0.1 10.0.0.2" },
	{ "only such a one",
	  { { "a", "b" },
	    { { "eth0 192.168.122.1/24" }, { "eth0 192.168.122.1/24" } } },
	  NULL, "- -" },
	{ "private before public, without a VPN before with one",
	  { { "a", "b" },
	    { { "wg0 10.8.0.4/24", "eth0 203.0.113.4/24",
		"eth1 10.0.0.4/24" },
	      { "wg0 10.8.0.5/24", "eth0 203.0.113.5/24",
		"eth1 10.0.0.5/24" } } },
	  NULL, "10.0.0.4 10.0.0.5" },
	{ "the one that reaches",
	  { { "a", "b" },
	    { { "eth0 10.0.0.4/24", "wg0 10.8.0.4/24" },
	      { "eth0 10.0.0.5/24", "wg0 10.8.0.5/24" } } },
	  "10.0.0.0/24", "10.8.0.4 10.8.0.5" },
	{ "one that does not reach is only offered",
	  { { "a", "b" },
	    { { "eth0 10.0.0.4/24" }, { "eth0 10.0.0.5/24" } } },
	  "10.0.0.0/24", "?10.0.0.4 ?10.0.0.5" },
	{ "the same numbers, another size",
	  { { "a", "b" },
	    { { "eth0 10.0.0.4/24" }, { "eth0 10.0.0.5/16" } } },
	  NULL, "- -" },
	{ "a tailnet",
	  { { "a", "b" },
	    { { "tailscale0 100.64.1.2/32" },
	      { "tailscale0 100.101.1.2/32" } } },
	  NULL, "100.64.1.2 100.101.1.2" },
	{ "point to point, link-local, loopback",
	  { { "a", "b" },
	    { { "ppp0 10.0.0.1/32", "eth0 169.254.1.1/16",
		"lo 127.0.0.1/8" },
	      { "ppp0 10.0.0.2/32", "eth0 169.254.1.2/16",
		"lo 127.0.0.1/8" } } },
	  NULL, "- -" },
	{ "one that is down, known by its address",
	  { { "a", "b", "10.0.0.6", "192.168.1.1" },
	    { { "eth0 10.0.0.4/24" }, { "eth0 10.0.0.5/24" } } },
	  NULL, "10.0.0.4 10.0.0.5 10.0.0.6 -" },
	{ "all are down", { { "a", "10.0.0.5" }, { { NULL } } }, NULL,
	  "- -" },
	{ "one of two answers",
	  { { "a", "b" }, { { "eth0 10.0.0.4/24" } } }, NULL, "- -" },
	{ "one alone goes by its default route",
	  { { "a" }, { { "wg0 10.8.0.4/24", "eth0 10.0.0.4/24" } } },
	  NULL, "10.0.0.4" },
};

/* Whoever tried them in vain. */
static void fail_ways(struct init_plan *plan, const char *cidr)
{
	for (guint i = 0; cidr && i < plan->networks->len; i++) {
		struct network *n = g_ptr_array_index(plan->networks, i);

		n->unreached = strcmp(n->cidr, cidr) == 0;
	}
	if (plan->networks)
		networks_rank(plan->networks);
}

static void test_init_node_ip_is_of_the_network_all_share(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(InitPlan) plan = plan_of(&cases[i].world, 1);
		g_autofree char *ips = NULL;

		fail_ways(plan, cases[i].unreached);
		init_plan_choose(plan);
		ips = told_ips(plan);
		if (strcmp(ips, cases[i].ips) != 0)
			fail_msg("%s: %s instead of %s", cases[i].name, ips,
				 cases[i].ips);
	}
}

static void free_problem(void *problem)
{
	problem_free(problem);
}

/* The problems of an inventory, or "" */
static char *linted(const char *text)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);
	g_autoptr(Inventory) inventory = inventory_parse(text, strlen(text),
			"made", cluster_inventory_rules(), problems, NULL);
	GString *told = g_string_new(NULL);

	if (inventory)
		cluster_free(cluster_new(inventory, NULL, problems, NULL));
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line = problem_format(
			g_ptr_array_index(problems, i));

		g_string_append_printf(told, "%s\n", line);
	}
	return g_string_free(told, FALSE);
}

static void test_init_text_is_an_inventory(void **state)
{
	static const struct world world = {
		{ "bob@10.0.0.4:2222", "bob@node2", "amy@[2001:db8::1]" },
		{ { "eth0 10.0.0.4/24" }, { "eth0 10.0.0.5/24" },
		  { "eth0 10.0.0.6/24", "docker0 172.17.0.1/16" } },
	};
	g_autoptr(InitPlan) plan = plan_of(&world, 1);
	g_autofree char *text = NULL, *told = NULL;

	(void)state;
	plan->jump = "gw,gw2";
	init_plan_choose(plan);
	text = init_text(plan);
	told = linted(text);
	assert_string_equal(told, "");
	assert_non_null(strstr(text, "\n[masters]\n; machine0: eth0 "
		"10.0.0.4/24\nmachine0 ansible_host=10.0.0.4 "
		"ansible_port=2222 ansible_user=bob node_ip=10.0.0.4\n"));
	assert_non_null(strstr(text, "\nnode2 ansible_user=bob "
			       "node_ip=10.0.0.5\n"));
	assert_non_null(strstr(text, "\nmachine2 ansible_host=2001:db8::1 "
			       "ansible_user=amy node_ip=10.0.0.6\n"));
	assert_non_null(strstr(text, "ansible_ssh_common_args='-J gw,gw2'"));
	assert_null(strstr(text, "docker0"));
}

static void test_init_text_of_who_did_not_answer(void **state)
{
	static const struct world world = {
		{ "10.0.0.4", "10.0.0.5" }, { { NULL } },
	};
	g_autoptr(InitPlan) plan = plan_of(&world, 1);
	g_autofree char *text = NULL, *told = NULL;

	(void)state;
	plan->user = "ubuntu";
	init_plan_choose(plan);
	text = init_text(plan);
	told = linted(text);
	assert_string_equal(told, "");
	assert_non_null(strstr(text, "\n; node2 did not answer: it is down\n"
			       "node2 ansible_host=10.0.0.5 # node_ip=\n"));
	assert_non_null(strstr(text, "no host answered"));
	assert_non_null(strstr(text, "\nansible_user=ubuntu\n"));
}

static void test_init_one_user_for_all_is_told_once(void **state)
{
	static const struct world world = {
		{ "bob@a", "bob@b", "bob@c" },
		{ { "eth0 10.0.0.4/24" }, { "eth0 10.0.0.5/24" },
		  { "eth0 10.0.0.6/24" } },
	};
	g_autoptr(InitPlan) plan = plan_of(&world, 3);
	g_autofree char *text = NULL;

	(void)state;
	init_plan_choose(plan);
	text = init_text(plan);
	assert_non_null(strstr(text, "\n[all:vars]\nansible_user=bob\n"));
	assert_non_null(strstr(text, "c node_ip=10.0.0.6\n\n[workers]\n"));
	assert_non_null(strstr(text, "\n[masters]\n"));
}

static void test_init_doubles_are_told(void **state)
{
	static const struct world world = {
		{ "10.0.0.4", "10.0.1.4", "10.0.0.5" },
		{ { "eth0 10.0.0.4/24", "eth1 10.0.1.4/24" } },
	};
	g_autoptr(InitPlan) plan = plan_of(&world, 1);
	struct init_host *host = g_ptr_array_index(plan->hosts, 1);
	g_autofree char *none = init_plan_doubt(plan, 1), *same = NULL,
		*name = NULL;

	(void)state;
	assert_null(none);
	host->facts = facts_of("machine0", world.cards[0]);
	init_plan_compare(plan);
	same = init_plan_doubt(plan, 1);
	assert_string_equal(same, "is the same machine as machine0");
	assert_string_equal(host->name, "node2");
	host = g_ptr_array_index(plan->hosts, 2);
	host->facts = facts_of("machine0", world.cards[1]);
	name = init_plan_doubt(plan, 2);
	assert_true(g_str_has_prefix(name, "has the hostname 'machine0'"));
}

static void test_init_words_that_are_no_hosts_are_refused(void **state)
{
	static const struct {
		const char *words[HOSTS_MAX];
		guint masters;
		const char *says;
	} bad[] = {
		{ { "a", "b", "a" }, 1, "'a' is given twice" },
		{ { "a", "bob@a:22" }, 1, "'bob@a:22' is given twice" },
		{ { "a b" }, 1, "'a b' is no host" },
		{ { "a", "" }, 1, "'' is no host" },
		{ { "a;b" }, 1, "'a;b' is no host" },
		{ { "a='x'@b" }, 1, "is no host" },
		{ { "a", "b" }, 3, "there are only 2 hosts" },
		{ { "a", "b" }, 2, "--masters takes 1, 3, 5" },
		{ { "a", "b" }, 0, "--masters takes 1, 3, 5" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(init_plan_new((char **)(guintptr)bad[i].words,
					  bad[i].masters, &error));
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_USAGE));
		if (!strstr(error->message, bad[i].says))
			fail_msg("%s", error->message);
	}
}

static void test_init_one_name_at_two_ports_is_two_hosts(void **state)
{
	static const struct world world = {
		{ "gw:2201", "gw:2202", "node2" }, { { NULL } },
	};
	g_autoptr(InitPlan) plan = plan_of(&world, 1);
	static const char *const names[] = { "gw", "node3", "node2" };

	(void)state;
	for (guint i = 0; i < plan->hosts->len; i++) {
		const struct init_host *host =
			g_ptr_array_index(plan->hosts, i);

		assert_string_equal(host->name, names[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init_node_ip_is_of_the_network_all_share),
		cmocka_unit_test(test_init_text_is_an_inventory),
		cmocka_unit_test(test_init_text_of_who_did_not_answer),
		cmocka_unit_test(test_init_one_user_for_all_is_told_once),
		cmocka_unit_test(test_init_doubles_are_told),
		cmocka_unit_test(test_init_words_that_are_no_hosts_are_refused),
		cmocka_unit_test(test_init_one_name_at_two_ports_is_two_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
