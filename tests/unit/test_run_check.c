/* SPDX-License-Identifier: Apache-2.0
 *
 * A playbook held against an inventory, before anything is connected to.
 */
#include "playbooks/embedded.h"
#include "playbooks/run.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define ALL "- on: all\n  do:\n"

static const char inventory_text[] =
	"[masters]\n"
	"m ansible_host=192.0.2.1 node_ip=10.8.0.4 color=red wait=5s\n"
	"[workers]\n"
	"w1 ansible_host=192.0.2.2 node_ip=10.8.0.5 wait=soon\n"
	"w2 ansible_host=192.0.2.3 node_ip=10.8.0.6 wait=5s\n";

static const char lonely_text[] = "[masters]\nm ansible_host=192.0.2.1\n";

/* Whether it fits, and in *lines every problem as it is printed. */
static bool check(const char *inventory_ini, const char *playbook_yaml,
		  const char *extra_name, char **lines)
{
	static char seven[] = "7s";
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	g_autoptr(GHashTable) extra = g_hash_table_new(g_str_hash,
						       g_str_equal);
	g_autoptr(GString) text = g_string_new(NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(Inventory) inventory = inventory_parse(
		inventory_ini, strlen(inventory_ini), "i",
		cluster_inventory_rules(), problems, NULL);
	assert_non_null(inventory);
	struct cluster *cluster = cluster_new(inventory, NULL, problems, NULL);
	assert_non_null(cluster);
	g_autoptr(Playbook) playbook = playbook_parse(
		playbook_yaml, strlen(playbook_yaml), "p", problems, NULL);
	assert_non_null(playbook);
	if (extra_name)
		g_hash_table_insert(extra, (gpointer)(guintptr)extra_name,
				    seven);
	bool fits = run_check(playbook, inventory, cluster,
			      extra_name ? extra : NULL, problems, &error);

	assert_int_equal(fits, error == NULL);
	if (error)
		assert_int_equal(error->code, MUSTER_ERROR_DATA);
	for (guint i = 0; i < problems->len; i++) {
		g_autofree char *line =
			problem_format(g_ptr_array_index(problems, i));

		g_string_append_printf(text, "%s\n", line);
	}
	*lines = g_strdup(text->str);
	cluster_free(cluster);
	return fits;
}

static const struct { const char *playbook, *lines; } mistakes[] = {
	{ ALL "    - run: \"echo ${colour}\"\n",
	  "p:3:12: for host 'm': no variable 'colour' (set it in the inventory "
	  "or with -e colour=VALUE)\n" },
	/* only where it is missing */
	{ ALL "    - run: \"echo ${color}\"\n",
	  "p:3:12: for host 'w1': no variable 'color' (set it in the inventory "
	  "or with -e color=VALUE)\n" },
	{ "- on: workers\n  do:\n    - run: {command: x, timeout: \"${wait}\"}"
	  "\n", "p:3:34: for host 'w1': 'timeout' takes a time such as 35, "
	  "35s, 2m or 500ms, not 'soon'\n" },
	{ ALL "    - run: \"${\"\n",
	  "p:3:12: for host 'm': '${' has no closing brace\n" },
	{ ALL "    - run: \"${x y}\"\n",
	  "p:3:12: for host 'm': '${x y}' is no variable (write ${name}, or "
	  "${name:-default}; $${ stands for ${)\n" },
	/* every step's, but one a step */
	{ ALL "    - run: \"${a}\"\n    - run: \"${b}\"\n",
	  "p:3:12: for host 'm': no variable 'a' (set it in the inventory or "
	  "with -e a=VALUE)\n"
	  "p:4:12: for host 'm': no variable 'b' (set it in the inventory or "
	  "with -e b=VALUE)\n" },
	/* patterns */
	{ "- on: \"zz*\"\n  do: [run: x]\n", "p:1:7: no host matches 'zz*' "
	  "(muster inventory list shows hosts and groups)\n" },
	{ "- on: \"~(\"\n  do: [run: x]\n", "p:1:7: host pattern '~(': " },
	{ "- on: wrokers\n  do: [run: x]\n", "p:1:7: no host or group "
	  "'wrokers' in the inventory (did you mean workers?)\n" },
	{ "- on: \"masters:!wrker\"\n  do: [run: x]\n", "p:1:7: no host or "
	  "group 'wrker' in the inventory (muster inventory list shows hosts "
	  "and groups)\n" },
	{ "- on: \"all:&worker\"\n  do: [run: x]\n", "p:1:7: no host or "
	  "group 'worker' in the inventory (did you mean workers?)\n" },
	{ "- on: m,nobody\n  do: [run: x]\n", "p:1:7: no host or group "
	  "'nobody' in the inventory (muster inventory list shows hosts and "
	  "groups)\n" },
};

static void test_run_check_mistake_has_place_host_and_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autofree char *lines = NULL;
		bool fits = check(inventory_text, mistakes[i].playbook, NULL,
				  &lines);

		if (fits || !g_str_has_prefix(lines, mistakes[i].lines))
			print_error("%s-> %s\n", mistakes[i].playbook, lines);
		assert_false(fits);
		assert_true(g_str_has_prefix(lines, mistakes[i].lines));
	}
}

static const char *const good[] = {
	ALL "    - run: \"echo ${node_ip} ${role} $${x} ${nope:-y}\"\n",
	"- on: masters\n  do: [run: \"${color}\"]\n",
	"- on: \"workers:!w1\"\n  do:\n"
	"    - run: {command: x, timeout: \"${wait}\"}\n",
	/* known only once the host was looked at */
	ALL "    - run: \"echo ${snap_version} ${hostname}\"\n",
	ALL "    - run: {command: x, timeout: \"${kernel}\"}\n",
	"- on: \"w*:!w1\"\n  do: [run: x]\n",
	ALL "    - run: x\n- on: \"zz*\"\n  do: [run: x]\n",
	ALL "    - run: x\n- on: \"workers[7]\"\n  do: [run: x]\n",
	"- on: \"~w[12]:&workers\"\n  do: [run: x]\n",
};

static void test_run_check_what_fits_passes(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autofree char *lines = NULL;
		bool fits = check(inventory_text, good[i], NULL, &lines);

		if (!fits)
			print_error("%s-> %s\n", good[i], lines);
		assert_true(fits);
		assert_string_equal(lines, "");
	}
}

static void test_run_check_extra_variables_count(void **state)
{
	g_autofree char *without = NULL, *with = NULL;
	static const char text[] = ALL "    - run: {command: x, timeout: "
				       "\"${wait}\"}\n";

	(void)state;
	assert_false(check(inventory_text, text, NULL, &without));
	assert_true(check(inventory_text, text, "wait", &with));
}

static void test_run_check_up_fits_with_and_without_workers(void **state)
{
	g_autofree char *many = NULL, *one = NULL;

	(void)state;
	assert_true(check(inventory_text, embedded_text("up.yaml"), NULL,
			  &many));
	assert_string_equal(many, "");
	assert_true(check(lonely_text, embedded_text("up.yaml"), NULL, &one));
	assert_string_equal(one, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_run_check_mistake_has_place_host_and_words),
		cmocka_unit_test(test_run_check_what_fits_passes),
		cmocka_unit_test(test_run_check_extra_variables_count),
		cmocka_unit_test(
			test_run_check_up_fits_with_and_without_workers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
