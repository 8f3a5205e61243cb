/* SPDX-License-Identifier: Apache-2.0
 *
 * What ${name} means for a host, and in which order it is looked for; and the
 * typed values that steps get from it.
 */
#include "playbooks/run_priv.h"
#include "playbooks/vars.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char inventory_text[] =
	"[masters]\n"
	"m ansible_host=192.0.2.1 node_ip=10.8.0.4 color=red kernel=mine\n"
	"[workers]\n"
	"w ansible_host=192.0.2.2 node_ip=10.8.0.5\n"
	"[others]\n"
	"o ansible_host=192.0.2.3\n";

struct fixture {
	GPtrArray *problems;
	struct inventory *inventory;
	struct cluster *cluster;
	GHashTable *extra;
};

static int set_up(void **state)
{
	struct fixture *f = g_new0(struct fixture, 1);

	f->problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	f->inventory = inventory_parse(inventory_text, strlen(inventory_text),
				       "i", cluster_inventory_rules(),
				       f->problems, NULL);
	assert_non_null(f->inventory);
	f->cluster = cluster_new(f->inventory, NULL, f->problems, NULL);
	assert_non_null(f->cluster);
	f->extra = g_hash_table_new(g_str_hash, g_str_equal);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	g_hash_table_unref(f->extra);
	cluster_free(f->cluster);
	inventory_free(f->inventory);
	g_ptr_array_unref(f->problems);
	g_free(f);
	return 0;
}

static struct vars vars_of(const struct fixture *f, const char *name)
{
	const struct host *host = inventory_find(f->inventory, name);

	return (struct vars){
		.extra = f->extra,
		.host = host,
		.cluster = f->cluster,
		.node = cluster_find(f->cluster, host),
	};
}

static void test_vars_lookup_knows_the_host_and_its_cluster(void **state)
{
	static const struct { const char *host, *name, *value; } cases[] = {
		{ "m", "inventory_hostname", "m" },
		{ "m", "ansible_host", "192.0.2.1" },
		{ "m", "node_ip", "10.8.0.4" },
		{ "m", "role", "master" },
		{ "m", "master_ip", "10.8.0.4" },
		{ "m", "color", "red" },
		{ "w", "role", "worker" },
		{ "w", "node_ip", "10.8.0.5" },
		{ "w", "master_ip", "10.8.0.4" },
		{ "w", "color", NULL },
		{ "o", "role", "none" },
		{ "o", "node_ip", NULL },
		{ "o", "nothing", NULL },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct vars vars = vars_of(f, cases[i].host);
		const char *got = vars_lookup(cases[i].name, &vars);

		if (g_strcmp0(got, cases[i].value) != 0)
			print_error("%s.%s: %s\n", cases[i].host,
				    cases[i].name, got);
		assert_true(g_strcmp0(got, cases[i].value) == 0);
		assert_false(vars.used_fact);
	}
}

static void test_vars_lookup_command_line_wins_then_inventory(void **state)
{
	const struct fixture *f = *state;
	struct vars vars = vars_of(f, "m");

	assert_string_equal(vars_lookup("kernel", &vars), "mine");
	assert_false(vars.used_fact);
	g_hash_table_insert(f->extra, (char[]){ "color" }, (char[]){ "blue" });
	g_hash_table_insert(f->extra, (char[]){ "role" }, (char[]){ "x" });
	assert_string_equal(vars_lookup("color", &vars), "blue");
	assert_string_equal(vars_lookup("role", &vars), "x");
	vars.extra = NULL;
	assert_string_equal(vars_lookup("color", &vars), "red");
	assert_string_equal(vars_lookup("role", &vars), "master");
}

static void test_vars_lookup_facts_count_once_looked_at(void **state)
{
	struct fixture *f = *state;
	struct node *node = cluster_find(f->cluster,
					 inventory_find(f->inventory, "w"));
	struct vars vars = vars_of(f, "w");
	struct vars without_role = vars_of(f, "o");

	assert_null(vars_lookup("hostname", &vars));
	assert_null(vars_lookup("hostname", &without_role));
	vars.is_preview = true;
	vars.used_fact = false;
	assert_string_equal(vars_lookup("hostname", &vars), "");
	assert_true(vars.used_fact);
	vars.is_preview = false;
	node->facts = g_new0(struct facts, 1);
	node->facts->addresses = g_ptr_array_new();
	node->facts->hostname = g_strdup("node2");
	node->facts->node_name = g_strdup("node2.lan");
	assert_string_equal(vars_lookup("hostname", &vars), "node2");
	assert_string_equal(vars_lookup("node_name", &vars), "node2.lan");
	assert_null(vars_lookup("snap_channel", &vars));
}

/* --- values --- */

static const char *const choices[] = { "a", "b", NULL };
static const struct param params[] = {
	{ .name = "text", .type = PARAM_STRING },
	{ .name = "number", .type = PARAM_INT, .fallback = "6" },
	{ .name = "flag", .type = PARAM_BOOL, .fallback = "no" },
	{ .name = "time", .type = PARAM_DURATION, .fallback = "2m" },
	{ .name = "choice", .type = PARAM_ENUM, .choices = choices },
	{ .name = "map", .type = PARAM_MAP },
	{ .name = "where", .type = PARAM_STRING, .fallback = "${node_ip}" },
};
static const struct action action = {
	.name = "test", .params = params, .n_params = G_N_ELEMENTS(params)
};

static struct step *step_new(void)
{
	struct step *step = g_new0(struct step, 1);

	step->action = &action;
	step->mark = (struct mark){ 3, 7 };
	step->arguments = g_ptr_array_new_with_free_func(
		(GDestroyNotify)argument_free);
	return step;
}

static void step_free(struct step *step)
{
	g_ptr_array_unref(step->arguments);
	g_free(step);
}

static struct argument *give(struct step *step, size_t param,
			     const char *text)
{
	struct argument *argument = g_new0(struct argument, 1);

	argument->param = &params[param];
	argument->mark = (struct mark){ 4, 9 + (unsigned)param };
	argument->text = g_strdup(text);
	g_ptr_array_add(step->arguments, argument);
	return argument;
}

static void test_values_resolve_types_and_defaults(void **state)
{
	const struct fixture *f = *state;
	struct vars vars = vars_of(f, "w");
	struct step *step = step_new();
	struct argument *map = give(step, 5, NULL);
	struct mark where;
	const struct value *v;

	map->keys = g_ptr_array_new();
	map->values = g_ptr_array_new();
	g_ptr_array_add(map->keys, (char[]){ "--node-ip" });
	g_ptr_array_add(map->values, (char[]){ "${node_ip}" });
	g_ptr_array_add(map->keys, (char[]){ "--gone" });
	g_ptr_array_add(map->values, NULL);
	give(step, 2, "Yes");
	give(step, 3, "${patience:-500ms}");
	g_autoptr(GArray) values = values_resolve(step, &vars, &where, NULL);

	assert_non_null(values);
	assert_int_equal(values->len, G_N_ELEMENTS(params));
	v = (const struct value *)(gconstpointer)values->data;
	assert_null(v[0].text);
	assert_int_equal(v[1].number, 6);
	assert_int_equal(v[2].number, 1);
	assert_int_equal(v[3].number, 500 * G_TIME_SPAN_MILLISECOND);
	assert_null(v[4].text);
	assert_string_equal(g_ptr_array_index(v[5].map_values, 0), "10.8.0.5");
	assert_null(g_ptr_array_index(v[5].map_values, 1));
	assert_string_equal(v[6].text, "10.8.0.5");
	step_free(step);
}

static void test_values_resolve_mistake_has_the_arguments_place(void **state)
{
	static const struct {
		size_t param;
		const char *text, *words;
	} cases[] = {
		{ 0, "${nothing}", "no variable 'nothing'" },
		{ 1, "${color}", "'number' takes a whole number, not 'red'" },
		{ 3, "${color}", "'time' takes a time" },
		{ 4, "${color}", "'choice' takes one of a, b, not 'red'" },
	};
	const struct fixture *f = *state;

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct vars vars = vars_of(f, "m");
		struct step *step = step_new();
		struct mark where = { 0, 0 };
		g_autoptr(GError) error = NULL;

		give(step, cases[i].param, cases[i].text);
		assert_null(values_resolve(step, &vars, &where, &error));
		assert_int_equal(error->code, MUSTER_ERROR_DATA);
		assert_non_null(strstr(error->message, cases[i].words));
		assert_int_equal(where.line, 4);
		assert_int_equal(where.column, 9 + cases[i].param);
		step_free(step);
	}
}

static void test_values_resolve_default_mistake_is_at_the_step(void **state)
{
	const struct fixture *f = *state;
	struct vars vars = vars_of(f, "o");	/* has no node_ip */
	struct step *step = step_new();
	struct mark where = { 0, 0 };
	g_autoptr(GError) error = NULL;

	assert_null(values_resolve(step, &vars, &where, &error));
	assert_int_equal(where.line, 3);
	assert_int_equal(where.column, 7);
	step_free(step);
}

static void test_values_resolve_preview_leaves_facts_open(void **state)
{
	const struct fixture *f = *state;
	struct vars vars = vars_of(f, "w");
	struct step *step = step_new();
	struct mark where;
	g_autoptr(GError) error = NULL;

	give(step, 4, "${hostname}");
	vars.is_preview = true;
	g_autoptr(GArray) values = values_resolve(step, &vars, &where, &error);

	assert_non_null(values);
	vars.is_preview = false;
	assert_null(values_resolve(step, &vars, &where, &error));
	step_free(step);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_vars_lookup_knows_the_host_and_its_cluster),
		TEST(test_vars_lookup_command_line_wins_then_inventory),
		TEST(test_vars_lookup_facts_count_once_looked_at),
		TEST(test_values_resolve_types_and_defaults),
		TEST(test_values_resolve_mistake_has_the_arguments_place),
		TEST(test_values_resolve_default_mistake_is_at_the_step),
		TEST(test_values_resolve_preview_leaves_facts_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
