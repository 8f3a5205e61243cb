/* SPDX-License-Identifier: Apache-2.0
 *
 * ${name} in the values of a playbook.
 */
#include "playbooks/playbook.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char *lookup(const char *name, void *data)
{
	unsigned *asked = data;

	(*asked)++;
	if (strcmp(name, "node_ip") == 0)
		return "10.8.0.4";
	if (strcmp(name, "empty") == 0)
		return "";
	if (strcmp(name, "_x1") == 0)
		return "${node_ip}";
	return NULL;
}

static const struct { const char *text, *becomes; } values[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "${node_ip}", "10.8.0.4" },
	{ "a${node_ip}b${node_ip}c", "a10.8.0.4b10.8.0.4c" },
	{ "${empty}", "" },
	{ "${empty:-no}", "" },		/* set, if to nothing */
	{ "${none:-yes}", "yes" },
	{ "${none:-}", "" },
	{ "${none:-a:-b}", "a:-b" },
	{ "${node_ip:-other}", "10.8.0.4" },
	{ "${_x1}", "${node_ip}" },	/* values are not read again */
	{ "$", "$" },
	{ "$$", "$$" },
	{ "$node_ip", "$node_ip" },
	{ "{node_ip}", "{node_ip}" },
	{ "}", "}" },
	{ "$(date)", "$(date)" },
	{ "$${node_ip}", "${node_ip}" },
	{ "$${", "${" },
	{ "$$${node_ip}", "$${node_ip}" },
	{ "${node_ip}$${x}", "10.8.0.4${x}" },
	{ "${node_ip}}", "10.8.0.4}" },
	{ "cost: 5$ {x}", "cost: 5$ {x}" },
};

static void test_interpolate_text_gives_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
		g_autoptr(GError) error = NULL;
		unsigned asked = 0;
		g_autofree char *got = playbook_interpolate(
			values[i].text, lookup, &asked, &error);

		if (!got)
			print_error("%s: %s\n", values[i].text,
				    error->message);
		assert_non_null(got);
		assert_string_equal(got, values[i].becomes);
	}
}

static const struct { const char *text, *words; } mistakes[] = {
	{ "${none}", "no variable 'none' (set it in the inventory or with -e "
	  "none=VALUE)" },
	{ "a ${none} b", "no variable 'none'" },
	{ "${", "'${' has no closing brace" },
	{ "a ${node_ip", "'${node_ip' has no closing brace" },
	{ "${}", "'${}' is no variable" },
	{ "${ node_ip }", "'${ node_ip }' is no variable" },
	{ "${1x}", "is no variable" },
	{ "${a-b}", "is no variable" },
	{ "${a.b}", "is no variable" },
	{ "${:-x}", "is no variable" },
	{ "${node_ip:=x}", "is no variable" },
	{ "${none:-${node_ip}}", "a default cannot hold ${...} itself" },
	{ "${none:-a$${b}", "a default cannot hold ${...} itself" },
};

static void test_interpolate_mistake_is_data_and_says_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(mistakes); i++) {
		g_autoptr(GError) error = NULL;
		unsigned asked = 0;
		g_autofree char *got = playbook_interpolate(
			mistakes[i].text, lookup, &asked, &error);

		if (got)
			print_error("%s -> %s\n", mistakes[i].text, got);
		assert_null(got);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (!strstr(error->message, mistakes[i].words))
			print_error("%s: %s\n", mistakes[i].text,
				    error->message);
		assert_non_null(strstr(error->message, mistakes[i].words));
	}
}

static void test_interpolate_escapes_are_not_looked_up(void **state)
{
	unsigned asked = 0;
	g_autofree char *got = playbook_interpolate("$${a} $${b}", lookup,
						    &asked, NULL);

	(void)state;
	assert_non_null(got);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interpolate_text_gives_value),
		cmocka_unit_test(test_interpolate_mistake_is_data_and_says_why),
		cmocka_unit_test(test_interpolate_escapes_are_not_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
