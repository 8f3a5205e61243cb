/* SPDX-License-Identifier: Apache-2.0
 *
 * What fits a parameter's type, the words for what does not, and that the
 * tables of all actions hold together.
 */
#include "playbooks/action.h"
#include "playbooks/param.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char *const choices[] = { "kubelet", "kube-apiserver", NULL };

/* `words` NULL: it fits. */
static const struct {
	enum param_type type;
	const char *text, *words;
} cases[] = {
	{ PARAM_STRING, "", NULL },
	{ PARAM_STRING, "anything: at all", NULL },
	{ PARAM_INT, "0", NULL },
	{ PARAM_INT, "-2147483648", NULL },
	{ PARAM_INT, "2147483647", NULL },
	{ PARAM_INT, "2147483648",
	  "'x' takes a whole number, not '2147483648'" },
	{ PARAM_INT, "", "'x' takes a whole number, not ''" },
	{ PARAM_INT, "1.0", "'x' takes a whole number, not '1.0'" },
	{ PARAM_INT, " 1", "'x' takes a whole number, not ' 1'" },
	{ PARAM_INT, "0x10", "'x' takes a whole number, not '0x10'" },
	{ PARAM_BOOL, "yes", NULL },
	{ PARAM_BOOL, "Off", NULL },
	{ PARAM_BOOL, "maybe", "'x' takes yes or no, not 'maybe'" },
	{ PARAM_DURATION, "90s", NULL },
	{ PARAM_DURATION, "500ms", NULL },
	{ PARAM_DURATION, "soon",
	  "'x' takes a time such as 35, 35s, 2m or 500ms, not 'soon'" },
	{ PARAM_ENUM, "kubelet", NULL },
	{ PARAM_ENUM, "Kubelet",
	  "'x' takes one of kubelet, kube-apiserver, not 'Kubelet'" },
	{ PARAM_ENUM, "", "'x' takes one of kubelet, kube-apiserver, not ''" },
	{ PARAM_MAP, "anything", NULL },
};

static void test_param_check_text_fits_or_says_what_would(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct param param = { .name = "x",
					     .type = cases[i].type,
					     .choices = choices };
		g_autoptr(GError) error = NULL;
		bool fits = param_check(&param, cases[i].text, &error);

		if (fits != (cases[i].words == NULL))
			print_error("'%s'\n", cases[i].text);
		assert_int_equal(fits, cases[i].words == NULL);
		if (fits)
			continue;
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		assert_string_equal(error->message, cases[i].words);
	}
}

static void test_param_type_name_every_type_has_one(void **state)
{
	static const char *const names[] = { "string", "integer", "boolean",
					     "duration", "choice", "map" };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
		assert_string_equal(param_type_name((enum param_type)i),
				    names[i]);
}

/* What `explain` prints and the parser relies on. */
static void check_param(const struct action *action, const struct param *p)
{
	g_autoptr(GError) error = NULL;

	if (!p->help || !g_str_has_suffix(p->help, "."))
		print_error("%s.%s\n", action->name, p->name);
	assert_non_null(p->help);
	assert_true(g_str_has_suffix(p->help, "."));
	assert_int_equal(p->type == PARAM_ENUM, p->choices != NULL);
	assert_false(p->required && p->fallback);
	if (p->fallback && !strstr(p->fallback, "${"))
		assert_true(param_check(p, p->fallback, &error));
}

static void test_param_tables_of_all_actions_hold(void **state)
{
	(void)state;
	for (size_t i = 0; action_table[i]; i++) {
		const struct action *action = action_table[i];

		assert_ptr_equal(action_find(action->name), action);
		assert_non_null(action->summary);
		assert_non_null(action->run);
		assert_true(action->timeout_us > 0);
		if (i > 0)
			assert_true(strcmp(action_table[i - 1]->name,
					   action->name) < 0);
		for (size_t k = 0; k < action->n_params; k++)
			check_param(action, &action->params[k]);
	}
	assert_null(action_find("nothing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_param_check_text_fits_or_says_what_would),
		cmocka_unit_test(test_param_type_name_every_type_has_one),
		cmocka_unit_test(test_param_tables_of_all_actions_hold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
