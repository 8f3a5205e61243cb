/* SPDX-License-Identifier: Apache-2.0
 *
 * Behind a load balancer: what the inventory may say of it, where that leaves
 * the workers' proxies, and what a proof makes of it.
 */
#include "playbooks/api_endpoint.h"
#include "playbooks/microk8s/proxy_args.h"
#include "playbooks/vars.h"
#include "proof_world.h"

#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HOSTS "[masters]\nm node_ip=10.8.0.4\n[workers]\n" \
	"w node_ip=10.8.0.5\n"
#define ALL HOSTS "[all:vars]\nmicrok8s_api_endpoint="

static void free_problem(void *problem)
{
	problem_free(problem);
}

/* The first problem of an inventory, or ""; `*cluster` may be NULL. */
static char *read_cluster(const char *text, struct inventory **inventory,
			  struct cluster **cluster)
{
	g_autoptr(GPtrArray) problems =
		g_ptr_array_new_with_free_func(free_problem);

	*cluster = NULL;
	*inventory = inventory_parse(text, strlen(text), "i",
				     cluster_inventory_rules(), problems,
				     NULL);
	if (*inventory)
		*cluster = cluster_new(*inventory, NULL, problems, NULL);
	assert_true((*cluster != NULL) == (problems->len == 0));
	return problems->len
		? problem_format(g_ptr_array_index(problems, 0))
		: g_strdup("");
}

static void test_api_endpoint_mistake_has_its_place(void **state)
{
	static const struct { const char *text, *says; } cases[] = {
		{ ALL "lb\n", "i:6:23: microk8s_api_endpoint: 'lb' is not a "
		  "name or IPv4 address and a port" },
		{ ALL "https://lb:16443\n", "i:6:23: " },
		{ ALL "10.8.0.300:16443\n", "i:6:23: " },
		{ ALL "[fd00::1]:16443\n", "i:6:23: " },
		{ ALL "\n", "i:6:23: microk8s_api_endpoint has no value" },
		{ HOSTS "x node_ip=10.8.0.6 microk8s_api_endpoint=lb:1\n",
		  "i:5:42: host 'x' has another" },
		{ HOSTS "[masters:vars]\nmicrok8s_api_endpoint=lb:1\n",
		  "i:4:1: host 'w' has no microk8s_api_endpoint, as 'm' has" },
		{ HOSTS "[workers:vars]\nmicrok8s_api_endpoint=lb:1\n",
		  "i:6:23: host 'w' has another microk8s_api_endpoint, as 'm' "
		  "has none" },
		{ ALL "10.8.0.5:16443\n", "i:6:23: host 'w' is a worker, and "
		  "microk8s_api_endpoint leads to its own proxy" },
		{ HOSTS "[all:vars]\nmicrok8s_api_endpont=lb:1\n",
		  "i:6:1: unknown variable microk8s_api_endpont (did you "
		  "mean microk8s_api_endpoint?)" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct inventory *inventory;
		struct cluster *cluster;
		g_autofree char *told = read_cluster(cases[i].text, &inventory,
						     &cluster);

		if (!g_str_has_prefix(told, cases[i].says))
			fail_msg("%s: '%s'", cases[i].text, told);
		cluster_free(cluster);
		inventory_free(inventory);
	}
}

static void test_api_endpoint_is_where_workers_look(void **state)
{
	static const struct { const char *text, *servers, *host; } cases[] = {
		{ HOSTS, "10.8.0.4:16443", "" },
		{ ALL "lb.example.com:6443\n", "lb.example.com:6443",
		  "lb.example.com" },
		{ ALL "10.8.0.100:16443\n", "10.8.0.100:16443",
		  "10.8.0.100" },
		/* one master is no balancer, and does no harm */
		{ ALL "10.8.0.4:16443\n", "10.8.0.4:16443", "10.8.0.4" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct inventory *inventory;
		struct cluster *cluster;
		g_autofree char *told = read_cluster(cases[i].text, &inventory,
						     &cluster);
		g_autoptr(GPtrArray) servers = api_endpoint_servers(cluster);
		g_autofree char *list = api_endpoint_list(servers);
		struct vars vars = { .cluster = cluster,
				     .host = cluster->master->host };

		assert_string_equal(list, cases[i].servers);
		assert_string_equal(vars_lookup("api_host", &vars),
				    cases[i].host);
		cluster_free(cluster);
		inventory_free(inventory);
	}
}

static GPtrArray *list_of(const char *text)
{
	g_auto(GStrv) words = g_strsplit(text, " ", -1);
	GPtrArray *list = g_ptr_array_new_with_free_func(g_free);

	for (char **word = words; *word; word++)
		if (**word)
			g_ptr_array_add(list, g_strdup(*word));
	return list;
}

static void test_api_endpoint_servers_are_compared_as_a_set(void **state)
{
	static const struct { const char *a, *b; bool is_just; } cases[] = {
		{ "a b", "b a", true }, { "a", "a b", false },
		{ "a b", "a", false }, { "", "", true }, { "a", "b", false },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GPtrArray) a = list_of(cases[i].a);
		g_autoptr(GPtrArray) b = list_of(cases[i].b);

		assert_int_equal(api_endpoint_is_just(a, b),
				 cases[i].is_just);
		assert_false(api_endpoint_is_just(NULL, b));
	}
}

static void test_api_endpoint_is_no_extra_variable(void **state)
{
	g_autoptr(GHashTable) extra = g_hash_table_new(g_str_hash,
						       g_str_equal);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(api_endpoint_check_extra(NULL, NULL));
	assert_true(api_endpoint_check_extra(extra, NULL));
	g_hash_table_insert(extra, (gpointer)(guintptr)
			    "microk8s_api_endpoint",
			    (gpointer)(guintptr)"lb:1");
	assert_false(api_endpoint_check_extra(extra, &error));
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_USAGE));
}

static void test_proxy_args_interval_is_as_the_proxy_takes_it(void **state)
{
	static const struct {
		const char *args;
		gint64 seconds;
		const char *alone, *behind;
	} cases[] = {
		{ NULL, 30, NULL, "0s" },
		{ "", 30, NULL, "0s" },
		{ "--refresh-interval 30s\n", 30, NULL, "0s" },
		{ "--refresh-interval=2m\n", 120, NULL, "0s" },
		{ "--refresh-interval 5s\n", 15, NULL, "0s" },
		{ "--refresh-interval 0s\n", 0, "30s", NULL },
		{ "--refresh-interval=0\n", 0, "30s", NULL },
		{ "--refresh-interval=often\n", 30, NULL, "0s" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		assert_int_equal(proxy_args_interval(cases[i].args),
				 cases[i].seconds * G_TIME_SPAN_SECOND);
		assert_int_equal(g_strcmp0(proxy_args_wanted(cases[i].args,
							     FALSE),
					   cases[i].alone), 0);
		assert_int_equal(g_strcmp0(proxy_args_wanted(cases[i].args,
							     TRUE),
					   cases[i].behind), 0);
	}
}

/* --- the proof --- */

static void set_word(struct world *w, guint i, const char *cause,
		     const char *text)
{
	struct balancer_word *word = g_new0(struct balancer_word, 1);

	word->is_ok = !cause;
	word->cause = cause;
	word->text = g_strdup(text);
	proof_set_balancer(w->proof, w->cluster, world_node(w, i), word);
}

/* A healthy world behind lb.example.com:16443. */
static void balance(struct world *w)
{
	struct api_endpoint *endpoint = g_new0(struct api_endpoint, 1);
	struct facts *master = world_node(w, 0)->facts;

	endpoint->text = g_strdup("lb.example.com:16443");
	endpoint->host = g_strdup("lb.example.com");
	endpoint->port = 16443;
	w->cluster->endpoint = endpoint;
	g_strfreev(master->server_cert.sans);
	master->server_cert.sans = g_strsplit(
		"IP Address:10.8.0.4,DNS:lb.example.com", ",", -1);
	for (guint i = 0; i < WORLD_N; i++) {
		struct facts *facts = world_node(w, i)->facts;

		set_word(w, i, NULL, "it answers");
		if (i == 0)
			continue;
		world_reset(&facts->args_apiserver_proxy,
			    "--refresh-interval=0s\n");
		world_reset(&facts->provider, WORLD_PROVIDER("lb.example.com"));
	}
}

static void test_proof_behind_a_balancer_holds(void **state)
{
	struct world w;
	const char *cause;
	g_autofree char *says = NULL, *names = NULL;

	(void)state;
	world_init(&w);
	balance(&w);
	world_judge(&w);
	names = world_bad(w.proof, &cause, &says);
	assert_string_equal(names, "");
	assert_int_equal(proof_state(w.proof, CONDITION_API_ENDPOINT),
			 VERDICT_HOLDS);
	world_clear(&w);
}

static void silent(struct world *w)
{
	balance(w);
	set_word(w, 1, "endpoint-silent",
		 "nobody listens at lb.example.com:16443");
}

static void still_the_master(struct world *w)
{
	balance(w);
	world_reset(&world_node(w, 2)->facts->provider,
		    WORLD_PROVIDER("10.8.0.4"));
}

static void still_refreshes(struct world *w)
{
	balance(w);
	world_reset(&world_node(w, 2)->facts->args_apiserver_proxy,
		    "--refresh-interval 30s\n");
}

static void unnamed(struct world *w)
{
	balance(w);
	world_set_cert(&world_node(w, 0)->facts->server_cert, "10.8.0.4");
}

static void frozen(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->args_apiserver_proxy,
		    "--refresh-interval=0s\n");
}

static const struct world_case spoilt[] = {
	{ "silent", silent, VERDICT_FAILS, "api-endpoint", "endpoint-silent",
	  "v: nobody listens at lb.example.com:16443" },
	{ "provider.yaml", still_the_master, VERDICT_FAILS,
	  "proxy-endpoints", "provider-address", "w: its proxy is sent to "
	  "10.8.0.4:16443 instead of lb.example.com:16443" },
	{ "interval", still_refreshes, VERDICT_FAILS, "arguments",
	  "args-missing", "w: args/apiserver-proxy: --refresh-interval is "
	  "30s, and should be 0s" },
	{ "certificate", unnamed, VERDICT_FAILS, "certificates-address",
	  "certificate-without-address",
	  "m: certs/server.crt does not name lb.example.com" },
	{ "without a balancer", frozen, VERDICT_FAILS, "arguments",
	  "args-missing", "v: args/apiserver-proxy: --refresh-interval is "
	  "0s, and should be 30s" },
};

static void test_proof_what_is_wrong_behind_a_balancer(void **state)
{
	(void)state;
	world_run_cases(spoilt, G_N_ELEMENTS(spoilt));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_api_endpoint_mistake_has_its_place),
		cmocka_unit_test(test_api_endpoint_is_where_workers_look),
		cmocka_unit_test(
			test_api_endpoint_servers_are_compared_as_a_set),
		cmocka_unit_test(test_api_endpoint_is_no_extra_variable),
		cmocka_unit_test(
			test_proxy_args_interval_is_as_the_proxy_takes_it),
		cmocka_unit_test(test_proof_behind_a_balancer_holds),
		cmocka_unit_test(test_proof_what_is_wrong_behind_a_balancer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
