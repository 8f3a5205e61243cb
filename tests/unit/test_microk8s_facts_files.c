/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host's files become, and which are not believed.
 */
#include "playbooks/microk8s/facts.h"
#include "playbooks/microk8s/facts_files.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define EPOCH 1764000000

/* An answer with these lines and contents, parsed. */
static struct facts *parse(const char *lines, const char *contents,
			   size_t length, GError **error)
{
	g_autofree char *base64 = g_base64_encode((const guchar *)contents,
						  length);
	g_autofree char *text = g_strdup_printf(
		"hostname=x\nepoch=%d\n%scontents=%s\nend=1\n", EPOCH, lines,
		base64);

	return facts_parse(text, strlen(text), error);
}

#define FIELD(member) offsetof(struct facts, member)

static const char *text_at(struct facts *facts, size_t offset)
{
	return *(char **)(void *)((char *)facts + offset);
}

static gint64 number_at(struct facts *facts, size_t offset)
{
	return *(gint64 *)(void *)((char *)facts + offset);
}

static void test_facts_files_fill_their_fields(void **state)
{
	static const struct {
		const char *lines, *contents;
		size_t offset;
		const char *value;	/* NULL: not known */
	} cases[] = {
		{ "file=args/kubelet 3 1763999990\n", "--x",
		  FIELD(args_kubelet), "--x" },
		{ "file=args/kubelet 0 -\n", "", FIELD(args_kubelet), "" },
		{ "", "", FIELD(args_kubelet), NULL },
		{ "file=args/kubelet too_large 1763999990\n", "",
		  FIELD(args_kubelet), NULL },
		{ "file=args/kube-proxy 1 -\nfile=args/cluster-agent 1 -\n"
		  "file=args/apiserver-proxy 1 -\n", "abc",
		  FIELD(args_cluster_agent), "b" },
		{ "file=args/kube-proxy 1 -\nfile=args/kubelet too_large 5\n"
		  "file=args/of/tomorrow 2 -\n"
		  "file=args/traefik/provider.yaml 2 -\n", "abbcc",
		  FIELD(provider), "cc" },
		/* the later one counts */
		{ "file=args/kubelet 1 -\nfile=args/kubelet 2 -\n", "abb",
		  FIELD(args_kubelet), "bb" },
		{ "file=certs/ca.crt 4 -\n", "a\n b", FIELD(ca_sha256),
		  "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055"
		  "620603" },
		{ "file=certs/ca.crt 0 -\n", "", FIELD(ca_sha256),
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b78"
		  "52b855" },
		{ "file=certs/ca.remote.crt 2 -\n", "ab",
		  FIELD(ca_remote_sha256),
		  "fb8e20fc2e4c3f248c60c39bd652f3c1347298bb977b8b4d5903b85055"
		  "620603" },
		{ "file=certs/ca.remote.crt 2 -\n", "ab", FIELD(ca_sha256),
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct facts *facts = parse(cases[i].lines, cases[i].contents,
					    strlen(cases[i].contents), NULL);
		const char *value;

		assert_non_null(facts);
		value = text_at(facts, cases[i].offset);
		if (g_strcmp0(value, cases[i].value) != 0)
			fail_msg("%s: '%s'", cases[i].lines,
				 value ? value : "NULL");
		facts_free(facts);
	}
}

static void test_facts_files_text_ends_at_a_nul(void **state)
{
	struct facts *facts = parse("file=args/kubelet 3 -\n"
				    "file=args/kube-proxy 1 -\n", "a\0bc", 4,
				    NULL);

	(void)state;
	assert_string_equal(facts->args_kubelet, "a");
	assert_string_equal(facts->args_proxy, "c");
	facts_free(facts);
}

static void test_facts_files_ages_are_by_the_hosts_clock(void **state)
{
	static const struct {
		const char *line;
		size_t offset;
		gint64 age;
	} cases[] = {
		{ "file=var/lock/clustered.lock 0 1763999969\n",
		  FIELD(clustered_age_s), 31 },
		{ "file=args/traefik/provider.yaml 0 1763999999\n",
		  FIELD(provider_age_s), 1 },
		{ "file=args/traefik/provider.yaml too_large 1763999990\n",
		  FIELD(provider_age_s), 10 },
		{ "file=args/traefik/provider.yaml 0 1764000000\n",
		  FIELD(provider_age_s), 0 },
		/* its clock was set back since */
		{ "file=var/lock/clustered.lock 0 1764000005\n",
		  FIELD(clustered_age_s), 0 },
		{ "file=var/lock/clustered.lock 0 9223372036854775807\n",
		  FIELD(clustered_age_s), 0 },
		{ "file=var/lock/clustered.lock 0 -9223372036854775808\n",
		  FIELD(clustered_age_s), EPOCH },
		{ "file=var/lock/clustered.lock 0 -\n",
		  FIELD(clustered_age_s), FACTS_AGE_NONE },
		{ "", FIELD(clustered_age_s), FACTS_AGE_NONE },
	};
	static const char timeless[] =
		"hostname=x\nfile=var/lock/clustered.lock 0 5\ncontents=\nend=1\n";
	struct facts *facts;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		facts = parse(cases[i].line, "", 0, NULL);
		assert_non_null(facts);
		if (number_at(facts, cases[i].offset) != cases[i].age)
			fail_msg("%s", cases[i].line);
		facts_free(facts);
	}
	facts = facts_parse(timeless, strlen(timeless), NULL);
	assert_true(facts->clustered_age_s == FACTS_AGE_NONE);
	facts_free(facts);
}

static void test_facts_files_certificate_is_read(void **state)
{
	/* CN=x, DNS:node-2, IP:10.8.0.5, until 2035-11-24 09:00:00 */
	static const char pem[] =
		"-----BEGIN CERTIFICATE-----\n"
		"MIIBADCBs6ADAgECAgEBMAUGAytlcDAMMQowCAYDVQQDDAF4MB4XDTI1MDEw"
		"MTAw\n"
		"MDAwMFoXDTM1MTEyNDA5MDAwMFowDDEKMAgGA1UEAwwBeDAqMAUGAytlcAMh"
		"AOc5\n"
		"18muj7z9WEwZ5zdD1RFhds7UVDdGFc2/VMAgxLjEozowODAXBgNVHREEEDAO"
		"ggZu\n"
		"b2RlLTKHBAoIAAUwHQYDVR0OBBYEFAsRyOqdv5VDQpVQblmOcBIV/3SBMAUG"
		"Aytl\n"
		"cANBAC/pf3drWV3oloZAiuRLgCkWp6pM+1MFBNh06albi4eZyq0t25QNG0D4"
		"YrxO\n"
		"QIIsgnSce3iLKpQ657yZXXCZXgQ=\n"
		"-----END CERTIFICATE-----\n";
	g_autofree char *lines = g_strdup_printf(
		"file=certs/server.crt 4 -\nfile=certs/kubelet.crt %zu -\n",
		strlen(pem));
	g_autofree char *contents = g_strconcat("none", pem, NULL);
	struct facts *facts = parse(lines, contents, strlen(contents), NULL);

	(void)state;
	assert_non_null(facts);
	assert_string_equal(facts->kubelet_cert.sans[0], "DNS:node-2");
	assert_string_equal(facts->kubelet_cert.sans[1],
			    "IP Address:10.8.0.5");
	assert_null(facts->kubelet_cert.sans[2]);
	assert_true(facts->kubelet_cert.not_after == 2079507600);
	assert_null(facts->server_cert.sans[0]);
	assert_int_equal(facts->server_cert.not_after, 0);
	facts_free(facts);
}

static void test_facts_files_wrong_are_refused(void **state)
{
	static const struct { const char *lines, *contents, *what; } cases[] = {
		{ "file=args/kubelet 3 -\n", "--", "2 bytes of 3" },
		{ "file=args/kubelet 3 -\n", "----", "4 bytes of 3" },
		{ "file=args/kubelet 3 -\n", "", "0 bytes of 3" },
		{ "", "x", "1 bytes of 0" },
		{ "file=args/kubelet too_large -\n", "x", "1 bytes of 0" },
		{ "file=\n", "", "line 3: file" },
		{ "file=args/kubelet\n", "", "line 3: file" },
		{ "file=args/kubelet 0\n", "", "line 3: file" },
		{ "file=args/kubelet x -\n", "", "line 3: file" },
		{ "file=args/kubelet -1 -\n", "", "line 3: file" },
		{ "file=args/kubelet 0 x\n", "", "line 3: file" },
		{ "file=args/kubelet 0 5 5\n", "", "line 3: file" },
		{ "file=args/kubelet 18446744073709551615 5\n", "",
		  "line 3: file" },
		{ "file=args/kubelet 524289 -\n", "", "line 3: file" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (parse(cases[i].lines, cases[i].contents,
			  strlen(cases[i].contents), &error))
			fail_msg("accepted: %s", cases[i].lines);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_PROTOCOL));
		if (!strstr(error->message, cases[i].what))
			fail_msg("%s: %s", cases[i].lines, error->message);
	}
}

static void test_facts_files_without_contents_are_refused(void **state)
{
	static const char text[] =
		"hostname=x\nfile=args/kubelet 3 -\nend=1\n";

	(void)state;
	assert_null(facts_parse(text, strlen(text), NULL));
}

static void test_facts_files_too_many_are_refused(void **state)
{
	g_autoptr(GString) lines = g_string_new(NULL);
	struct facts *facts;

	(void)state;
	for (int i = 0; i < FACTS_FILES_MAX; i++)
		g_string_append(lines, "file=x 0 -\n");
	facts = parse(lines->str, "", 0, NULL);
	assert_non_null(facts);
	facts_free(facts);
	g_string_append(lines, "file=x 0 -\n");
	assert_null(parse(lines->str, "", 0, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_files_fill_their_fields),
		cmocka_unit_test(test_facts_files_text_ends_at_a_nul),
		cmocka_unit_test(
			test_facts_files_ages_are_by_the_hosts_clock),
		cmocka_unit_test(test_facts_files_certificate_is_read),
		cmocka_unit_test(test_facts_files_wrong_are_refused),
		cmocka_unit_test(
			test_facts_files_without_contents_are_refused),
		cmocka_unit_test(test_facts_files_too_many_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
