/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster's access put into other people's files: what is there stays to
 * the byte, whatever the layout, and a second time changes nothing.
 */
#include "playbooks/microk8s/kubeconfig_merge.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

/* base64 of "CA", "CRT" and "KEY" */
#define B_CA "Q0E="
#define B_CRT "Q1JU"
#define B_KEY "S0VZ"
#define SERVER "https://10.8.0.4:16443"

static char ca[] = "CA", crt[] = "CRT", key[] = "KEY";
static struct kubeconfig config = {
	.ca_pem = ca, .cert_pem = crt, .key_pem = key,
};
static const struct kubeconfig_entry lab = {
	.name = "lab", .server = SERVER, .config = &config,
};

#define CLUSTER(in) "name: lab\n" in "  cluster:\n" in \
	"    certificate-authority-data: " B_CA "\n" in \
	"    server: " SERVER "\n"
#define CONTEXT(in) "name: lab\n" in "  context:\n" in \
	"    cluster: lab\n" in "    user: lab\n"
#define USER(in) "name: lab\n" in "  user:\n" in \
	"    client-certificate-data: " B_CRT "\n" in \
	"    client-key-data: " B_KEY "\n"
#define WHOLE "apiVersion: v1\nkind: Config\nclusters:\n- " CLUSTER("") \
	"contexts:\n- " CONTEXT("") "users:\n- " USER("") \
	"current-context: lab\n"
#define F_CLUSTER "{\"name\": \"lab\", \"cluster\": {" \
	"\"certificate-authority-data\": \"" B_CA "\", \"server\": \"" \
	SERVER "\"}}"
#define F_CONTEXT "{\"name\": \"lab\", \"context\": {" \
	"\"cluster\": \"lab\", \"user\": \"lab\"}}"
#define F_USER "{\"name\": \"lab\", \"user\": {" \
	"\"client-certificate-data\": \"" B_CRT "\", \"client-key-data\": \"" \
	B_KEY "\"}}"

static const struct { const char *name, *in, *out; } cases[] = {
	{ "no file", "", WHOLE },
	{ "nothing but a comment", "# mine\n", WHOLE },
	{ "what kubectl writes first",
	  "apiVersion: v1\nclusters: null\ncontexts: []\n"
	  "current-context: \"\"\nkind: Config\nusers:\n",
	  "apiVersion: v1\nclusters: \n- " CLUSTER("")
	  "contexts: \n- " CONTEXT("") "current-context: lab\nkind: Config\n"
	  "users:\n- " USER("") },
	{ "beside others, with comments and indents",
	  "# work\nclusters:\n- cluster: # one\n    server: https://a\n"
	  "  name: a # its name\n# end of clusters\ncontexts:\n"
	  "  - context: {cluster: a, user: a}\n    name: a\n\n"
	  "current-context: a\nusers:\n- name: a\n  user:\n"
	  "    exec:\n      args: [x]\n",
	  "# work\nclusters:\n- cluster: # one\n    server: https://a\n"
	  "  name: a # its name\n- " CLUSTER("")
	  "# end of clusters\ncontexts:\n"
	  "  - context: {cluster: a, user: a}\n    name: a\n  - "
	  CONTEXT("  ") "\ncurrent-context: a\nusers:\n- name: a\n  user:\n"
	  "    exec:\n      args: [x]\n- " USER("") },
	{ "no newline at the end, a list missing",
	  "clusters:\n- name: a\ncurrent-context: a\nusers:\n- name: a",
	  "clusters:\n- name: a\n- " CLUSTER("") "current-context: a\nusers:\n"
	  "- name: a\n- " USER("") "contexts:\n- " CONTEXT("") },
	{ "in place of an older one, whose namespace stays",
	  "clusters:\n- cluster:\n    insecure-skip-tls-verify: true\n"
	  "    server: https://old\n  name: lab # old\n- name: b\ncontexts:\n"
	  "- context:\n    cluster: lab\n    namespace: mine\n    user: lab\n"
	  "  name: lab\ncurrent-context: b\nusers:\n- name: lab\n"
	  "  user: {token: old}\n- name: b\n",
	  "clusters:\n- name: lab\n  cluster:\n"
	  "    certificate-authority-data: " B_CA "\n    server: " SERVER
	  " # old\n- name: b\ncontexts:\n"
	  "- context:\n    cluster: lab\n    namespace: mine\n    user: lab\n"
	  "  name: lab\ncurrent-context: b\nusers:\n- " USER("")
	  "- name: b\n" },
	{ "JSON",
	  "{\"kind\": \"Config\", \"clusters\": [{\"name\": \"a\"}],\n"
	  " \"users\": []}\n",
	  "{\"kind\": \"Config\", \"clusters\": [{\"name\": \"a\"}, " F_CLUSTER
	  "],\n \"users\": [" F_USER "], \"contexts\": [" F_CONTEXT "], "
	  "\"current-context\": \"lab\"}\n" },
	{ "lists on one line",
	  "clusters: [{name: a}, {name: lab, cluster: {server: x}}] # c\n"
	  "contexts: []\nusers: [{name: a}]\ncurrent-context: a\n",
	  "clusters: [{name: a}, " F_CLUSTER "] # c\ncontexts: \n- "
	  CONTEXT("") "users: [{name: a}, " F_USER "]\ncurrent-context: a\n" },
	{ "a document's marks, and a block scalar last",
	  "---\ncurrent-context: a\nclusters: []\ncontexts: []\nusers:\n"
	  "- name: a\n  user:\n    token: |\n      x\n...\n",
	  "---\ncurrent-context: a\nclusters: \n- " CLUSTER("")
	  "contexts: \n- " CONTEXT("") "users:\n"
	  "- name: a\n  user:\n    token: |\n      x\n- " USER("") "...\n" },
	{ "letters of more than a byte before it",
	  "# für alle\nclusters:\n- name: ü\ncontexts:\n- name: ü\nusers:\n"
	  "- name: ü\ncurrent-context: ü\n",
	  "# für alle\nclusters:\n- name: ü\n- " CLUSTER("")
	  "contexts:\n- name: ü\n- " CONTEXT("") "users:\n- name: ü\n- "
	  USER("") "current-context: ü\n" },
};

static void test_kubeconfig_merge_keeps_the_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *out = kubeconfig_merge(cases[i].in, &lab,
							&error);

		if (!out)
			fail_msg("%s: %s", cases[i].name, error->message);
		if (strcmp(out, cases[i].out) != 0)
			fail_msg("%s: got\n%s\ninstead of\n%s", cases[i].name,
				 out, cases[i].out);
	}
}

static void test_kubeconfig_merge_twice_changes_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *again = kubeconfig_merge(cases[i].out, &lab,
							  NULL);

		assert_non_null(again);
		assert_string_equal(again, cases[i].out);
	}
}

static void test_kubeconfig_merge_of_odd_names_can_be_read(void **state)
{
	static const char *const names[] = {
		"null", "YES", "1e3", "a b", "a: b", "# a", "\"", "'", "ü",
		"a\nb", "~", "-", "[a]", "admin@microk8s"
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		const struct kubeconfig_entry entry = {
			.name = names[i], .server = SERVER, .config = &config,
		};
		g_autofree char *whole = kubeconfig_text(&entry);
		g_autofree char *same = kubeconfig_merge(whole, &entry, NULL);
		g_autofree char *both = kubeconfig_merge(WHOLE, &entry, NULL);
		g_autofree char *back = both
			? kubeconfig_merge(both, &lab, NULL) : NULL;

		assert_non_null(both);
		assert_non_null(back);
		assert_string_equal(same, whole);
		assert_string_equal(back, both);
	}
}

static void test_kubeconfig_merge_into_what_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"secret\n", "- secret\n", "clusters: secret\n",
		"clusters: {secret: 1}\n", "clusters: [secret\n",
		"a: &x secret\nclusters: *x\n", "a: secret\n---\nb: 1\n",
		"current-context: [secret]\n", "a: \xff secret\n",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *out = kubeconfig_merge(texts[i], &lab,
							&error);

		if (out)
			fail_msg("accepted: %s", texts[i]);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_DATA));
		assert_null(strstr(error->message, "secret"));
	}
}

static void test_kubeconfig_merge_beyond_the_limits_is_refused(void **state)
{
	g_autofree char *large = g_strnfill(KUBECONFIG_MERGE_SIZE_MAX + 1,
					    '\n');
	g_autofree char *deep = g_strnfill(4096, '[');

	(void)state;
	assert_null(kubeconfig_merge(large, &lab, NULL));
	assert_null(kubeconfig_merge(deep, &lab, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kubeconfig_merge_keeps_the_rest),
		cmocka_unit_test(test_kubeconfig_merge_twice_changes_nothing),
		cmocka_unit_test(
			test_kubeconfig_merge_of_odd_names_can_be_read),
		cmocka_unit_test(
			test_kubeconfig_merge_into_what_is_none_is_refused),
		cmocka_unit_test(
			test_kubeconfig_merge_beyond_the_limits_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
