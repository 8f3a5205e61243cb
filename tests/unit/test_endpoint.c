/* SPDX-License-Identifier: Apache-2.0
 *
 * From inventory, command line and real ssh_config files to how a host is
 * reached. HOME is a directory of ours; ssh itself looks for its own files in
 * that of the user, so a wrapper of ours shows it the one in $HOME.
 */
#include "transport/cancel.h"
#include "transport/endpoint.h"
#include "transport/error.h"
#include "transport/ssh_config.h"

#include <glib/gstdio.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *home;
static struct cancel *cancel;
static GString *notes;

static char *write_file(const char *name, const char *text, int mode)
{
	char *path = g_build_filename(home, name, NULL);
	g_autofree char *dir = g_path_get_dirname(path);

	assert_int_equal(g_mkdir_with_parents(dir, 0700), 0);
	assert_true(g_file_set_contents(path, text, -1, NULL));
	assert_int_equal(g_chmod(path, (mode_t)mode), 0);
	return path;
}

static void on_note(const struct host *host, const char *text, void *data)
{
	(void)data;
	g_string_append_printf(notes, "%s: %s\n", host->name, text);
}

/* What a case gives beside the file. */
struct given {
	const char *user, *key, *jump;		/* command line */
	const char *host_user, *host_key, *args; /* inventory */
	unsigned host_port;
};

static void free_var(void *data)
{
	struct host_var *var = data;

	g_free(var->value);
	g_free(var);
}

static void set_var(struct host *host, const char *name, const char *value)
{
	struct host_var *var = g_new0(struct host_var, 1);

	var->value = g_strdup(value);
	g_hash_table_insert(host->vars, g_strdup(name), var);
}

static const struct endpoint *resolve(struct endpoints **endpoints,
				      const char *config,
				      const struct given *given,
				      GError **error)
{
	static char name[] = "web";
	struct endpoint_options options = {
		.config_file = config, .user = given->user,
		.private_key_file = given->key, .jump = given->jump,
		.cancel = cancel, .note = on_note,
	};
	struct host host = {
		.name = name, .address = name, .port = 22,
		.user = (char *)(guintptr)given->host_user,
		.private_key_file = (char *)(guintptr)given->host_key,
		.vars = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
					      free_var),
	};

	if (given->host_port) {
		g_autofree char *port = g_strdup_printf("%u",
							given->host_port);

		host.port = given->host_port;
		set_var(&host, "ansible_port", port);
	}
	if (given->args)
		set_var(&host, "ansible_ssh_common_args", given->args);
	*endpoints = endpoints_new(&options);
	const struct endpoint *endpoint = endpoints_host(
		*endpoints, &host, g_get_monotonic_time() +
		20 * G_TIME_SPAN_SECOND, error);

	g_hash_table_unref(host.vars);
	return endpoint;
}

/* One line of what matters; "-" for what is not set. */
static char *told(const struct endpoint *e)
{
	g_autofree char *keys = e->identity_files
		? g_strjoinv(",", e->identity_files) : g_strdup("");
	g_autofree char *certificates = e->certificate_files
		? g_strjoinv(",", e->certificate_files) : g_strdup("");
	g_autofree char *known = e->known_hosts
		? g_strjoinv(",", e->known_hosts) : g_strdup("");
	GString *line = g_string_new(NULL);

	g_string_printf(line, "%s@%s:%u keys=%s%s%s cert=%s known=%s alias=%s "
			"jump=%s proxy=%s agent=%s timeout=%u", e->user,
			e->address, e->port, keys,
			e->identities_named ? "!" : "",
			e->identities_only ? " only" : "", certificates,
			known, e->key_name ? e->key_name : "-",
			e->jump ? e->jump : "-",
			e->proxy_command ? e->proxy_command : "-",
			e->identity_agent ? e->identity_agent : "-",
			e->connect_timeout_s);
	/* so that cases need not know where HOME is */
	g_string_replace(line, home, "HOME", 0);
	return g_string_free(line, FALSE);
}

static const struct {
	const char *config;	/* NULL: -F none */
	struct given given;
	const char *want;	/* every word of it has to be there */
} orders[] = {
	{NULL, {0}, "ME@web:22 keys= cert= known= alias=- jump=- "
	 "proxy=- agent=- timeout=0"},
	{NULL, {.host_user = "h", .host_port = 2200, .host_key = "/k"},
	 "h@web:2200 keys=/k! only"},
	{NULL, {.user = "u", .key = "~/k", .jump = "gw",
		.host_user = "h", .host_key = "/hk"},
	 "u@web:22 keys=HOME/k! only jump=gw"},
	{NULL, {.args = "-J a,b -i /x -i /y"},
	 "keys=/x,/y! jump=a,b"},
	{NULL, {.args = "-J a", .jump = "b"}, "jump=b"},
	{NULL, {.args = "-J a", .jump = "none"}, "jump=-"},
	{"Host web\n HostName 10.0.0.9\n Port 2222\n User cfg\n", {0},
	 "cfg@10.0.0.9:2222 keys= "},
	{"Host other\n User cfg\n", {0}, "ME@web:22"},
	{"Host web\n HostName %h.example.com\n", {0},
	 "@web.example.com:22"},
	/* the inventory over the file, the command line over both */
	{"Host web\n Port 2222\n User cfg\n IdentityFile /cfg\n",
	 {.host_user = "h", .host_port = 22, .host_key = "/hk"},
	 "h@web:22 keys=/hk,/cfg! only"},
	{"Host web\n User cfg\n ProxyJump cfg-gw\n",
	 {.user = "u", .host_user = "h", .args = "-J args-gw",
	  .jump = "gw"}, "u@web:22 jump=gw"},
	{"Host web\n ProxyJump cfg-gw\n", {.args = "-J args-gw"},
	 "jump=args-gw"},
	{"Host web\n ProxyJump cfg-gw\n", {.jump = "none"}, "jump=-"},
	{"Host web\n User cfg\n", {.args = "-o User=args -o Port=99"},
	 "args@web:99"},
	/* keys */
	{"Host web\n IdentityFile ~/a\n IdentityFile %d/b-%r-%h\n"
	 " User u\n", {0}, "keys=HOME/a,HOME/b-u-web! "},
	{"Host web\n IdentitiesOnly yes\n", {0}, "keys= only "},
	{"Host web\n IdentityFile /a\n IdentitiesOnly yes\n", {0},
	 "keys=/a! only "},
	{"Host web\n IdentityFile none\n", {0}, "keys=! "},
	{"Host web\n CertificateFile ~/c\n CertificateFile /d\n", {0},
	 "keys= cert=HOME/c,/d "},
	{"Host web\n IdentityAgent none\n", {0}, "agent=none"},
	{"Host web\n IdentityAgent /a.sock\n", {0}, "agent=/a.sock"},
	/* ways */
	{"Host web\n ProxyJump u@a:2200,b\n", {0},
	 "jump=u@a:2200,b proxy=-"},
	{"Host web\n HostName x\n Port 7\n User u\n"
	 " ProxyCommand nc -X %% %h %p %n %r\n", {0},
	 "jump=- proxy=nc -X % x 7 web u "},
	{"Host web\n ProxyCommand none\n", {0}, "proxy=- "},
	{"Host web\n ProxyCommand nc %h %p\n", {.jump = "gw"},
	 "jump=gw proxy=- "},
	{"Host web\n ConnectTimeout 7\n", {0}, "timeout=7"},
	/* host keys */
	{"Host web\n UserKnownHostsFile /a /b\n HostKeyAlias al\n",
	 {0}, "known=/a,/b alias=al "},
	{"Host web\n UserKnownHostsFile /a-%h\n HostName x\n", {0},
	 "known=/a-x "},
	/* Match and Include */
	{"Match host web exec \"true\"\n User yes\n"
	 "Match host web exec \"false\"\n Port 1\n"
	 "Match originalhost web\n IdentityFile /m\n", {0},
	 "yes@web:22 keys=/m! "},
	{"Include INCLUDED\nHost web\n User late\n Port 5\n", {0},
	 "included@web:5"},
};

static void test_endpoint_settings_win_in_their_order(void **state)
{
	g_autofree char *included = write_file(
		"included", "Host web\n User included\n", 0600);
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(orders); i++) {
		g_autoptr(GString) text = g_string_new(orders[i].config);
		g_autoptr(GString) want = g_string_new(orders[i].want);
		struct endpoints *endpoints = NULL;
		g_autoptr(GError) error = NULL;

		g_string_replace(text, "INCLUDED", included, 0);
		g_string_replace(want, "ME", g_get_user_name(), 0);
		/* not the ME of HOME */
		g_autofree char *me = g_strconcat("HO", g_get_user_name(),
						  NULL);
		g_string_replace(want, me, "HOME", 0);
		g_autofree char *config = write_file("cfg", text->str, 0600);
		const struct endpoint *endpoint = resolve(
			&endpoints, orders[i].config ? config : "none",
			&orders[i].given, &error);

		if (!endpoint)
			fail_msg("case %zu: %s", i, error->message);
		g_autofree char *got = told(endpoint);
		g_auto(GStrv) words = g_strsplit(want->str, " ", -1);

		for (char **word = words; *word; word++)
			if (!strstr(got, *word))
				fail_msg("case %zu: no '%s' in %s", i, *word,
					 got);
		endpoints_free(endpoints);
	}
}

static void test_endpoint_file_that_does_not_parse_is_told(void **state)
{
	static const struct {
		const char *config;
		struct given given;
		const char *words;
	} cases[] = {
		{"Host web\n Prot 22\n", {0}, "Bad configuration option: prot"},
		{"Host web\n Port many\n", {0}, "ssh configuration for 'web'"},
		{"Host *\n ProxyJump web\n", {0}, "jumphost loop"},
		{"Host web\n ProxyCommand nc %z\n", {0}, "'%z'"},
		{"", {.args = "-o Nonsense=1"}, "nonsense"},
		{"", {.args = "-L 1:h:2"}, "ansible_ssh_common_args: '-L'"},
	};
	struct given plain = {0};
	struct endpoints *endpoints = NULL;
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *config = write_file("cfg", cases[i].config,
						     0600);
		g_autoptr(GError) error = NULL;

		if (resolve(&endpoints, config, &cases[i].given, &error))
			fail_msg("case %zu was taken", i);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		if (!strstr(error->message, cases[i].words))
			fail_msg("case %zu: %s", i, error->message);
		endpoints_free(endpoints);
	}
	g_autoptr(GError) error = NULL;

	assert_null(resolve(&endpoints, "/nonexistent/cfg", &plain, &error));
	assert_non_null(strstr(error->message, "/nonexistent/cfg"));
	endpoints_free(endpoints);
}

static void test_endpoint_weak_host_keys_are_noted_once(void **state)
{
	struct given given = {.args = "-o VerifyHostKeyDNS=yes"};
	struct endpoints *endpoints = NULL;
	g_autofree char *config = write_file(
		"cfg", "Host web\n StrictHostKeyChecking no\n"
		" UserKnownHostsFile /dev/null\n", 0600);
	(void)state;
	g_string_truncate(notes, 0);
	const struct endpoint *endpoint = resolve(&endpoints, config, &given,
						  NULL);

	assert_non_null(endpoint);
	assert_true(!endpoint->known_hosts || !*endpoint->known_hosts);
	assert_non_null(strstr(notes->str, "web: StrictHostKeyChecking=no is "
			       "not followed"));
	assert_non_null(strstr(notes->str, "web: UserKnownHostsFile=/dev/null "
			       "is not followed"));
	assert_non_null(strstr(notes->str, "web: VerifyHostKeyDNS=yes is not "
			       "followed"));
	assert_int_equal(g_strrstr(notes->str, "StrictHost") -
			 strstr(notes->str, "StrictHost"), 0);
	endpoints_free(endpoints);
}

static void test_endpoint_ssh_is_asked_once(void **state)
{
	static char name[] = "web";
	struct host host = {.name = name, .address = name, .port = 22};
	g_autofree char *config = write_file("cfg", "Host web\n Port 7\n",
					     0600);
	struct endpoint_options options = {.config_file = config,
					   .cancel = cancel};
	struct endpoints *endpoints = endpoints_new(&options);
	gint64 soon = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;
	(void)state;
	assert_int_equal(endpoints_host(endpoints, &host, soon, NULL)->port,
			 7);
	/* asked again, ssh would say 8 */
	g_free(write_file("cfg", "Host web\n Port 8\n", 0600));
	assert_int_equal(endpoints_host(endpoints, &host, soon, NULL)->port,
			 7);
	endpoints_free(endpoints);
}

static void test_endpoint_without_ssh_is_noted(void **state)
{
	struct given given = {.host_user = "h"};
	struct endpoints *endpoints = NULL;
	g_autofree char *config = write_file("cfg", "Host web\n Port 7\n",
					     0600);
	g_autofree char *path = g_strdup(g_getenv("PATH"));
	(void)state;
	g_string_truncate(notes, 0);
	g_setenv("PATH", "/nonexistent", TRUE);
	const struct endpoint *endpoint = resolve(&endpoints, config, &given,
						  NULL);

	g_setenv("PATH", path, TRUE);
	assert_non_null(endpoint);
	assert_string_equal(endpoint->user, "h");
	assert_int_equal(endpoint->port, 22);
	assert_non_null(strstr(notes->str, "there is no ssh program"));
	endpoints_free(endpoints);
}

static void test_endpoint_jump_specs_are_read(void **state)
{
	static const struct {
		const char *spec, *want;	/* NULL: DATA */
	} cases[] = {
		{"gw", "ME@gw:22"},
		{"u@gw", "u@gw:22"},
		{"u@gw:2200", "u@gw:2200"},
		{"ssh://u@gw:2200", "u@gw:2200"},
		{"[fd00::1]:7", "ME@fd00::1:7"},
		{"u@[fd00::1]", "u@fd00::1:22"},
		{"fd00::1", "ME@fd00::1:22"},
		{"a@b@gw", "a@b@gw:22"},
		{"aliased", "cfg@10.1.1.1:77"},
		{"x@aliased:78", "x@10.1.1.1:78"},
		{"", NULL}, {"@gw", NULL}, {"gw:", NULL}, {"gw:0", NULL},
		{"gw:x", NULL}, {"gw:65536", NULL}, {"u@", NULL},
	};
	g_autofree char *config = write_file(
		"cfg", "Host aliased\n HostName 10.1.1.1\n Port 77\n"
		" User cfg\n", 0600);
	struct endpoint_options options = {.config_file = config,
		.user = "not-for-jumps", .cancel = cancel};
	struct endpoints *endpoints = endpoints_new(&options);
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		const struct endpoint *e = endpoints_jump(
			endpoints, cases[i].spec, g_get_monotonic_time() +
			20 * G_TIME_SPAN_SECOND, &error);

		if (!cases[i].want) {
			if (e)
				fail_msg("'%s' was taken", cases[i].spec);
			assert_int_equal(error->code, MUSTER_ERROR_DATA);
			continue;
		}
		if (!e)
			fail_msg("%s: %s", cases[i].spec, error->message);
		g_autofree char *got = g_strdup_printf("%s@%s:%u", e->user,
						       e->address, e->port);
		g_autoptr(GString) want = g_string_new(cases[i].want);

		g_string_replace(want, "ME", g_get_user_name(), 0);
		assert_string_equal(got, want->str);
	}
	endpoints_free(endpoints);
}

static void test_endpoint_config_matters_if_it_says_something(void **state)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{"", false},
		{"# User x\n\n", false},
		{"Host *\n\tSendEnv LANG\n HashKnownHosts yes\r\n", false},
		{"ServerAliveInterval=5\n", false},
		{"Host web\n User x\n", true},
		{"USER=x\n", true},
		{"Match all\n", true},
		{"Include ~/none-*\n", false},
		{"Include idle\n", false},
		{"Include \"telling\"\n", true},
		{"Include idle telling\n", true},
		{"Include config\n", true},	/* itself, for ever */
	};
	(void)state;
	g_free(write_file(".ssh/idle", "Host *\n SendEnv LANG\n", 0600));
	g_free(write_file(".ssh/telling", "Host *\n Port 7\n", 0600));
	assert_false(ssh_config_matters("none"));
	assert_true(ssh_config_matters("/any/file"));
	bool system_matters = ssh_config_matters(NULL);

	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_free(write_file(".ssh/config", cases[i].text, 0600));
		if (ssh_config_matters(NULL) !=
		    (cases[i].want || system_matters))
			fail_msg("case %zu", i);
	}
	g_autofree char *config = g_build_filename(home, ".ssh/config", NULL);

	g_unlink(config);
}

/* Where no -F is given ssh's own file counts, and is not asked if idle. */
static void test_endpoint_own_config_is_followed(void **state)
{
	struct given given = {0};
	struct endpoints *endpoints = NULL;
	g_autofree char *bin = g_build_filename(home, "bin", NULL);
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	g_autofree char *path = g_strconcat(bin, ":", before, NULL);
	g_autofree char *script = g_strdup_printf(
		"#!/bin/sh\nPATH='%s'\nexec ssh -F '%s/.ssh/config' \"$@\"\n",
		before, home);
	(void)state;
	g_free(write_file("bin/ssh", script, 0755));
	g_free(write_file(".ssh/config", "Host web\n Port 7\n", 0600));
	g_setenv("PATH", path, TRUE);
	const struct endpoint *endpoint = resolve(&endpoints, NULL, &given,
						  NULL);

	assert_non_null(endpoint);
	assert_int_equal(endpoint->port, 7);
	endpoints_free(endpoints);
	endpoint = resolve(&endpoints, "none", &given, NULL);
	assert_int_equal(endpoint->port, 22);
	endpoints_free(endpoints);
	g_setenv("PATH", before, TRUE);
}

static int tear_down(void **state)
{
	char *argv[] = {(char[]){"rm"}, (char[]){"-rf"}, home, NULL};
	(void)state;
	cancel_free(cancel);
	g_string_free(notes, TRUE);
	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
		     NULL, NULL, NULL);
	g_free(home);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint_settings_win_in_their_order),
		cmocka_unit_test(
			test_endpoint_file_that_does_not_parse_is_told),
		cmocka_unit_test(test_endpoint_weak_host_keys_are_noted_once),
		cmocka_unit_test(test_endpoint_ssh_is_asked_once),
		cmocka_unit_test(test_endpoint_without_ssh_is_noted),
		cmocka_unit_test(test_endpoint_jump_specs_are_read),
		cmocka_unit_test(
			test_endpoint_config_matters_if_it_says_something),
		cmocka_unit_test(test_endpoint_own_config_is_followed),
	};
	/* before GLib looks at HOME, which it does once */
	home = g_dir_make_tmp("muster-home-XXXXXX", NULL);
	g_setenv("HOME", home, TRUE);
	cancel = cancel_new();
	notes = g_string_new(NULL);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
