/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh's options in the inventory: what is taken, what is refused by name, and
 * what would weaken the check of host keys and is not done.
 */
#include "transport/error.h"
#include "transport/ssh_args.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* "options|jump|file|keys" */
static char *told(const struct ssh_args *args)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < args->options->len; i++)
		g_string_append_printf(text, "%s;", (const char *)
				       g_ptr_array_index(args->options, i));
	g_string_append_printf(text, "|%s|%s|",
			       args->jump ? args->jump : "",
			       args->config_file ? args->config_file : "");
	for (guint i = 0; i < args->identity_files->len; i++)
		g_string_append_printf(text, "%s;", (const char *)
				       g_ptr_array_index(
					       args->identity_files, i));
	return g_string_free(text, FALSE);
}

static void test_ssh_args_words_are_taken(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{NULL, "|||"},
		{"", "|||"},
		{"  \t ", "|||"},
		{"# nothing", "|||"},
		{"-J gw", "|gw||"},
		{"-Jgw", "|gw||"},
		{"-J a,b -J c", "|c||"},
		{"-F ~/x -i k1 -ik2", "||~/x|k1;k2;"},
		{"-F none", "||none|"},
		{"-o User=u", "User=u;|||"},
		{"-oUser=u -o 'Port 22'", "User=u;Port=22;|||"},
		{"-o \"ProxyCommand=ssh -W %h:%p gw\"",
		 "ProxyCommand=ssh -W %h:%p gw;|||"},
		{"-o 'Key = a=b'", "Key=a=b;|||"},
		{"-C -o ControlMaster=auto -o ControlPersist=60s -q",
		 "ControlMaster=auto;ControlPersist=60s;|||"},
		{"-o StrictHostKeyChecking=yes",
		 "StrictHostKeyChecking=yes;|||"},
		{"-o UserKnownHostsFile=/k", "UserKnownHostsFile=/k;|||"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ssh_args args;
		g_autoptr(GError) error = NULL;

		ssh_args_init(&args);
		bool good = ssh_args_parse(&args, cases[i].text, &error);
		g_autofree char *got = told(&args);

		if (!good || strcmp(got, cases[i].want) != 0)
			fail_msg("%s: %s", cases[i].text,
				 good ? got : error->message);
		assert_int_equal(args.notes->len, 0);
		ssh_args_clear(&args);
	}
}

static void test_ssh_args_others_are_refused_by_name(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{"-L 1:h:2", "'-L'"},
		{"-o A=b -N", "'-N'"},
		{"-vvv", "'-vvv'"},
		{"host", "'host'"},
		{"-", "'-'"},
		{"--", "'--'"},
		{"-J", "'-J' lacks its value"},
		{"-i k -o", "'-o' lacks its value"},
		{"-o Key", "'Key'"},
		{"-o Key=", "'Key='"},
		{"-o =x", "'=x'"},
		{"-o ''", "''"},
		{"-o 'open", "quot"},
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct ssh_args args;
		g_autoptr(GError) error = NULL;

		ssh_args_init(&args);
		if (ssh_args_parse(&args, cases[i].text, &error))
			fail_msg("'%s' was taken", cases[i].text);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (!strstr(error->message, cases[i].words))
			fail_msg("%s: %s", cases[i].text, error->message);
		ssh_args_clear(&args);
	}
}

static void test_ssh_args_host_keys_stay_checked(void **state)
{
	static const char *const words[] = {
		"StrictHostKeyChecking=no", "stricthostkeychecking=off",
		"StrictHostKeyChecking=accept-new",
		"UserKnownHostsFile=/dev/null", "UserKnownHostsFile none",
		"UserKnownHostsFile=/dev/null /dev/null",
		"UserKnownHostsFile=\"/dev/null\"",
		"GlobalKnownHostsFile=/dev/null", "VerifyHostKeyDNS=yes",
		"NoHostAuthenticationForLocalhost=yes",
	};
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
		g_autofree char *text = g_strdup_printf("-o '%s'", words[i]);
		struct ssh_args args;

		ssh_args_init(&args);
		assert_true(ssh_args_parse(&args, text, NULL));
		if (args.options->len != 0 || args.notes->len != 1)
			fail_msg("%s is followed", words[i]);
		assert_non_null(strstr(g_ptr_array_index(args.notes, 0),
				       "is not followed"));
		ssh_args_clear(&args);
	}
}

static void test_ssh_args_several_texts_add_up(void **state)
{
	struct ssh_args args;
	(void)state;

	ssh_args_init(&args);
	assert_true(ssh_args_parse(&args, "-o A=1 -i x", NULL));
	assert_true(ssh_args_parse(&args, "-o B=2 -i y -J gw", NULL));
	g_autofree char *got = told(&args);

	assert_string_equal(got, "A=1;B=2;|gw||x;y;");
	ssh_args_clear(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ssh_args_words_are_taken),
		cmocka_unit_test(test_ssh_args_others_are_refused_by_name),
		cmocka_unit_test(test_ssh_args_host_keys_stay_checked),
		cmocka_unit_test(test_ssh_args_several_texts_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
