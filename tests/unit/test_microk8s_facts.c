/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host's key=value answer becomes, which answers are refused, and what
 * follows from the facts of a host and its master.
 */
#include "told_facts.h"

#include "playbooks/microk8s/facts.h"
#include "transport/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define HOST "hostname=Node-2\n"
#define SNAP "snap_row=microk8s  v1.31.9  8136  1.31/stable  canonical**  " \
	     "classic,held\n"
#define END "end=1\n"

static struct facts *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	struct facts *facts = told_facts(text, &error);

	if (!facts)
		print_error("%s -> %s\n", text, error->message);
	assert_non_null(facts);
	return facts;
}

#define FIELD(member) offsetof(struct facts, member)

static void test_facts_text_fills_its_field(void **state)
{
	static const struct {
		const char *line;
		size_t offset;
		const char *value;	/* NULL: not known */
	} cases[] = {
		{ "", FIELD(node_name), "node-2" },
		{ "os=Ubuntu 24.04.1 LTS\n", FIELD(os),
		  "Ubuntu 24.04.1 LTS" },
		{ "kernel=a=b\n", FIELD(kernel), "a=b" },
		{ "arch=x86_64\narch=aarch64\n", FIELD(arch), "aarch64" },
		{ "kernels=6\n", FIELD(kernel), NULL },
		{ SNAP, FIELD(version), "v1.31.9" },
		{ SNAP, FIELD(revision), "8136" },
		{ SNAP, FIELD(channel), "1.31/stable" },
		{ SNAP, FIELD(notes), "classic,held" },
		{ "snap_row=microk8s v1.31.9 x1 - - classic\n", FIELD(channel),
		  NULL },
		/* the first address of the interface of the default route */
		{ "address=eth1 10.0.0.9/24\naddress=eth0 10.0.0.58/24\n"
		  "address=eth0 10.0.0.59/24\ndefault_iface=eth0\n",
		  FIELD(default_src), "10.0.0.58" },
		{ "address=eth0 10.0.0.58/24\ndefault_iface=eth0\n"
		  "default_src=10.0.0.60\n", FIELD(default_src),
		  "10.0.0.60" },
		{ "default_iface=eth0\n", FIELD(default_src), NULL },
		{ "cni_method=first-found\n", FIELD(cni_method),
		  "first-found" },
		{ "cni_method=\"first-found\" \n", FIELD(cni_method),
		  "first-found" },
		{ "cni_method='can-reach=10.0.0.2' # x\n", FIELD(cni_method),
		  "can-reach=10.0.0.2" },
		{ "cni_method=kubernetes-internal-ip # x\n",
		  FIELD(cni_method), "kubernetes-internal-ip" },
		{ "cni_method=\"interface=eth\\\\d\\\"\"\n",
		  FIELD(cni_method), "interface=eth\\d\"" },
		{ "cni_method='it''s'\n", FIELD(cni_method), "it's" },
		{ "cni_method=\"first\n", FIELD(cni_method), NULL },
		{ "cni_method=\"\"\n", FIELD(cni_method), NULL },
		{ "cni_method=# none\n", FIELD(cni_method), NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strconcat(HOST, cases[i].line, END,
						    NULL);
		struct facts *facts = parse(text);
		const char *value = *(char **)(void *)((char *)facts +
						       cases[i].offset);

		if (g_strcmp0(value, cases[i].value) != 0)
			fail_msg("%s: '%s'", cases[i].line,
				 value ? value : "NULL");
		facts_free(facts);
	}
}

static void test_facts_number_fills_its_field(void **state)
{
	static const struct {
		const char *line;
		size_t offset;
		gint64 value;
	} cases[] = {
		{ "", FIELD(epoch), 0 },
		{ "epoch=1764000000\n", FIELD(epoch), 1764000000 },
		{ "uptime=61\n", FIELD(uptime_s), 61 },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strconcat(HOST, cases[i].line, END,
						    NULL);
		struct facts *facts = parse(text);
		gint64 value = *(gint64 *)(void *)((char *)facts +
						   cases[i].offset);

		if (value != cases[i].value)
			fail_msg("%s: %" G_GINT64_FORMAT, cases[i].line,
				 value);
		facts_free(facts);
	}
}

static void test_facts_of_a_worker_are_all_read(void **state)
{
	struct facts *facts = parse(
		HOST "epoch=1764000000\nmemory_kb=4045356\n"
		"address=lo 127.0.0.1/8\naddress=ens18 10.0.0.58/24\n"
		"address=tun0 10.8.0.6\nsystemd=1\nopenssl=1\n"
		"snap_path=/usr/bin/snap\n" SNAP
		"lock=clustered.lock\nlock=no-cert-reissue\nlock=ha-cluster\n"
		"lock=some-new.lock\npending=kubelite\npending=future\n"
		"pending=containerd\npending=cluster-agent\n"
		"cert.kubelet.san=DNS:node-2, IP Address:10.0.0.58, "
		"IP Address:10.8.0.6\n" "a_key_of_tomorrow=1\n\n" END);

	(void)state;
	assert_string_equal(facts->hostname, "Node-2");
	assert_int_equal(facts->memory_kb, 4045356);
	assert_true(facts->has_systemd && facts->has_openssl);
	assert_false(facts->proxy_environment);
	assert_true(facts->installed && facts->held);
	assert_int_equal(facts->locks, LOCK_CLUSTERED | LOCK_NO_CERT_REISSUE |
			 LOCK_HA_CLUSTER);
	assert_int_equal(facts->pending, FACTS_PENDING_KUBELITE |
			 FACTS_PENDING_CONTAINERD | FACTS_PENDING_AGENT);
	assert_int_equal(facts->addresses->len, 3);
	assert_int_equal(facts_find_address(facts, "10.0.0.58")->prefix, 24);
	/* the near end of a point-to-point link has no prefix of its own */
	assert_int_equal(facts_find_address(facts, "10.8.0.6")->prefix, 32);
	assert_string_equal(facts_find_address(facts, "10.8.0.6")->iface,
			    "tun0");
	assert_false(facts_has_address(facts, "10.8.0"));
	assert_true(facts_san_has_ip(&facts->kubelet_cert, "10.8.0.6"));
	assert_false(facts_san_has_ip(&facts->kubelet_cert, "10.8.0.60"));
	assert_false(facts_san_has_ip(&facts->kubelet_cert, "node-2"));
	assert_false(facts_san_has_ip(&facts->server_cert, "10.8.0.6"));
	assert_true(facts_san_has_name(&facts->kubelet_cert, "10.8.0.6"));
	assert_true(facts_san_has_name(&facts->kubelet_cert, "Node-2"));
	assert_false(facts_san_has_name(&facts->kubelet_cert, "node-20"));
	facts_free(facts);
}

static void test_facts_of_a_bare_host_are_few(void **state)
{
	struct facts *facts = parse(HOST "snap_error=error: cannot connect\n"
				    END);

	(void)state;
	assert_false(facts->installed);
	assert_null(facts->version);
	assert_string_equal(facts->snap_error, "error: cannot connect");
	assert_int_equal(facts->locks, 0);
	assert_int_equal(facts->addresses->len, 0);
	assert_null(facts->kubelet_cert.sans[0]);
	facts_free(facts);
}

static void test_facts_wrong_answer_is_refused(void **state)
{
	static const struct { const char *text, *what; } cases[] = {
		{ "", "cut short" },
		{ "end=1", "cut short" },
		{ HOST, "cut short" },
		{ HOST "epoch=17640", "cut short" },
		{ HOST END "x=1\n", "line 3: text behind the end" },
		{ END, "hostname" },
		{ HOST "Welcome to node2\n" END, "line 2: not of the form" },
		{ HOST "epoch=soon\n" END, "line 2: epoch" },
		{ HOST "epoch=\n" END, "line 2: epoch" },
		{ HOST "address=eth0\n" END, "address" },
		{ HOST "address=eth0 x/24\n" END, "address" },
		{ HOST "address=eth0 10.0.0.1/33\n" END, "address" },
		{ HOST "address=eth0 10.0.0.1/\n" END, "address" },
		{ HOST "snap_row=lxd 5 1 - - -\n" END, "snap_row" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		if (facts_parse(cases[i].text, strlen(cases[i].text), &error))
			fail_msg("accepted: %s", cases[i].text);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_PROTOCOL));
		if (!strstr(error->message, cases[i].what))
			fail_msg("%s: %s", cases[i].text, error->message);
	}
	assert_null(facts_parse("end=1\n\0", 7, NULL));
}

static void append(GString *text, const char *line, size_t times)
{
	for (size_t i = 0; i < times; i++)
		g_string_append(text, line);
}

static void assert_refused(GString *text)
{
	g_string_append(text, END);
	assert_null(facts_parse(text->str, text->len, NULL));
	g_string_assign(text, HOST);
}

static void test_facts_limits_are_refused(void **state)
{
	g_autoptr(GString) text = g_string_new(HOST);

	(void)state;
	append(text, "x=1\n", FACTS_LINES_MAX);
	assert_refused(text);
	g_string_append(text, "kernel=");
	append(text, "k", FACTS_VALUE_MAX + 1);
	g_string_append_c(text, '\n');
	assert_refused(text);
	append(text, "address=eth0 10.0.0.1/24\n", FACTS_ADDRESSES_MAX + 1);
	assert_refused(text);
	g_string_append(text, "x=");
	append(text, "x", FACTS_SIZE_MAX);
	g_string_append_c(text, '\n');
	assert_refused(text);
}

#define CA(c) "sha256.ca=" c "\n"
#define REMOTE(c) "sha256.ca_remote=" c "\n"
#define WORKER HOST SNAP "lock=clustered.lock\n"
/* cluster.yaml with one member, 127.0.0.1, and with two */
#define ALONE "file.backend_cluster=LSBBZGRyZXNzOiAxMjcuMC4wLjE6MTkwMDEK" \
	      "ICBJRDogMQogIFJvbGU6IDAK\n"
#define AMONG "file.backend_cluster=LSBBZGRyZXNzOiAxMC4wLjAuMToxOTAwMQog" \
	      "IElEOiAxCiAgUm9sZTogMAotIEFkZHJlc3M6IDEwLjAuMC4yOjE5MDAx" \
	      "CiAgSUQ6IDIKICBSb2xlOiAwCg==\n"

static void test_facts_membership_follows_files(void **state)
{
	static const struct {
		const char *name, *text;
		enum facts_membership membership;
	} cases[] = {
		{ "no snap", HOST, FACTS_NOT_INSTALLED },
		{ "fresh", HOST SNAP "lock=ha-cluster\n"
		  "lock=no-apiserver-proxy\n" ALONE CA("b"), FACTS_FRESH },
		{ "join broke off early", HOST SNAP "lock=join-in-progress\n",
		  FACTS_FRESH },
		{ "ours", WORKER "lock=no-cert-reissue\n" REMOTE("a"),
		  FACTS_MEMBER },
		/* a worker's old datastore stays behind its join */
		{ "ours, once in another", WORKER REMOTE("a") AMONG,
		  FACTS_MEMBER },
		{ "another's", WORKER REMOTE("b"), FACTS_FOREIGN_WORKER },
		{ "no CA", WORKER, FACTS_FOREIGN_WORKER },
		{ "its own CA is ours", WORKER CA("a"),
		  FACTS_FOREIGN_WORKER },
		{ "accepted a join", HOST SNAP "lock=no-cert-reissue\n",
		  FACTS_CONTROL_PLANE },
		{ "in a datastore", HOST SNAP AMONG, FACTS_CONTROL_PLANE },
	};
	struct facts *master = parse(HOST SNAP "lock=no-cert-reissue\n"
				     CA("a") END);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *text = g_strconcat(cases[i].text, END, NULL);
		struct facts *facts = parse(text);
		enum facts_membership found = facts_membership(facts, master);

		if (found != cases[i].membership)
			fail_msg("%s: %d", cases[i].name, (int)found);
		if (found == FACTS_MEMBER)
			assert_int_equal(facts_membership(facts, NULL),
					 FACTS_FOREIGN_WORKER);
		assert_int_equal(facts_is_member_of(facts, master),
				 found == FACTS_MEMBER);
		facts_free(facts);
	}
	assert_int_equal(facts_membership(master, master), FACTS_MEMBER);
	facts_free(master);
}

static void test_facts_certificate_days_are_rounded_down(void **state)
{
	static const struct { gint64 end, days; } cases[] = {
		{ 1764000000 + 86400, 1 }, { 1764000000 + 86399, 0 },
		{ 1764000000, 0 }, { 1764000000 - 1, -1 },
		{ 1764000000 - 86400, -1 }, { 1764000000 - 86401, -2 },
		{ 0, G_MAXINT64 },
	};
	struct facts *facts = parse(HOST "epoch=1764000000\n" END);

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		const struct facts_cert cert = { NULL, cases[i].end };

		assert_true(facts_cert_days_left(facts, &cert) ==
			    cases[i].days);
	}
	facts_free(facts);
	facts_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts_text_fills_its_field),
		cmocka_unit_test(test_facts_number_fills_its_field),
		cmocka_unit_test(test_facts_of_a_worker_are_all_read),
		cmocka_unit_test(test_facts_of_a_bare_host_are_few),
		cmocka_unit_test(test_facts_wrong_answer_is_refused),
		cmocka_unit_test(test_facts_limits_are_refused),
		cmocka_unit_test(test_facts_membership_follows_files),
		cmocka_unit_test(test_facts_certificate_days_are_rounded_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
