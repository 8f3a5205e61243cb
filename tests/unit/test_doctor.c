/* SPDX-License-Identifier: Apache-2.0
 *
 * The judgement of doctor: two hosts that are well, and one thing made wrong
 * at a time. Each has to be named, and nothing else with it.
 */
#include "told_facts.h"

#include "playbooks/doctor/doctor.h"
#include "playbooks/microk8s/kube_nodes.h"
#include "transport/error.h"
#include "transport/inventory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char inventory_text[] =
	"[masters]\nnode1 ansible_host=10.8.0.4 node_ip=10.8.0.4\n"
	"[workers]\nnode2 ansible_host=10.8.0.5 node_ip=10.8.0.5\n";

#define SURROUNDINGS(name) \
	"snap_path=/usr/bin/snap\ndefault_iface=eth0\n" \
	"memory_kb=2000000\nepoch=1764000000\n" \
	"check.loopback=127.0.1.1 " name "\n" \
	"check.mtu=eth0 1500\ncheck.mtu=wg0 1500\n" \
	"check.route=10.8.0.0/24 wg0\ncheck.inotify=8192\n"
#define MASTER \
	"hostname=node1\nmachine_id=aaaa\naddress=eth0 192.168.88.193/24\n" \
	"address=wg0 10.8.0.4/24\n" SURROUNDINGS("node1")
#define WORKER \
	"hostname=node2\nmachine_id=bbbb\naddress=eth0 10.0.0.192/24\n" \
	"address=wg0 10.8.0.5/24\n" SURROUNDINGS("node2")
#define SNAP(version, channel) \
	"snap_row=microk8s " version " 8136 " channel " canonical** " \
	"classic,held\n"
#define SNAP_132 SNAP("v1.32.8", "1.32/stable")
/* a master that was joined, and a worker that joined it */
#define ALIVE SNAP_132 "lock=no-cert-reissue\nsha256.ca=cafe\n" \
	"cert.server.san=DNS:kubernetes, IP Address:10.8.0.4\n" \
	"cert.server.end=2027-11-24T09:00:00Z\n" \
	"cert.kubelet.san=DNS:node1, IP Address:10.8.0.4\n" \
	"cert.kubelet.end=2035-11-24T09:00:00Z\n"
#define MEMBER SNAP_132 "lock=clustered.lock\nsha256.ca_remote=cafe\n" \
	"cert.kubelet.end=2035-11-24T09:00:00Z\n"
#define GOOD_SAN "cert.kubelet.san=DNS:node2, IP Address:10.8.0.5\n"

/* What node1 is and what is added to it, the same of node2; the codes that
 * are found on either, with their severity's first letter, sorted. */
static const struct {
	const char *master, *worker;
	const char *found;
} cases[] = {
	{ "", "", "" },
	{ SNAP_132, SNAP_132, "" },
	{ ALIVE, MEMBER GOOD_SAN, "" },

	{ "", "check.listen=16443 nginx\n", "b port-taken" },
	{ "", "check.listen=16443 ?\n", "b port-taken" },
	{ "", SNAP_132 "check.listen=16443 ?\n", "" },
	{ "", "check.listen=16443 microk8s\n", "" },
	{ "", SNAP_132 "lock=stopped.lock\ncheck.listen=25000 nginx\n",
	  "b port-taken" },
	{ "", "snap_error=cannot communicate\n", "b snapd-silent" },
	{ "", "snap_error=cannot communicate\nlock=installed.lock\n"
	  "check.listen=16443 kubelite\n", "b snapd-silent" },
	{ "", "hostname=Node2\n", "w hostname-uppercase" },
	{ "", "hostname=node_2\n", "b hostname-invalid" },
	{ "", "hostname=node1\n", "b hostname-duplicate" },
	{ "", "machine_id=aaaa\n", "w machine-id-duplicate" },
	{ "check.loopback=127.0.1.1 node2\n", "", "w hosts-file-loopback" },
	{ "", "check.route=10.1.0.0/24 tun0\n", "b cidr-overlap" },
	{ "", "check.route=10.152.0.0/16 eth1\n", "b cidr-overlap" },
	{ "", "check.route=10.1.54.0/26 vxlan.calico\n"
	  "check.route=10.1.54.1 cali0a1b2c\n", "" },
	{ "", "check.mtu=vxlan.calico 1450\n", "" },
	{ "", "check.mtu=vxlan.calico 1500\n", "w overlay-mtu" },
	{ "", "check.cgroup_memory_off=1\n", "b cgroup-memory-off" },
	{ "", "check.no_module=vxlan\n", "b kernel-module-missing" },
	{ "", "check.ufw_drops_routed=1\n", "w forward-dropped" },
	{ "", "check.forward_rejects=1\n", "w forward-dropped" },
	{ "", "check.forward_drop=1\n", "a forward-dropped" },
	{ "", "check.selinux=1\n", "w selinux-enforcing" },
	{ "", "check.container=lxc\n", "w in-container" },
	{ "", "check.inotify=128\n", "a inotify-low" },
	{ "", "systemd=1\n", "a vpn-boot-order" },
	{ "", "systemd=1\ncheck.vpn_ordered=1\n", "" },
	{ "", "memory_kb=400000\n", "w memory-small" },
	{ "memory_kb=400000\n", "", "b memory-small" },
	{ "", "proxy_environment=1\n", "w proxy-environment" },
	{ "", "proxy_environment=1\ncheck.no_proxy=10.8.0.0/24\n", "" },
	{ "", "epoch=1764000010\n", "b clock-skew" },
	{ "", "epoch=1763999990\n", "b clock-skew" },
	{ "", "epoch=1764000003\n", "w clock-skew" },
	{ "", "epoch=1764000001\n", "" },

	{ SNAP_132, SNAP("v1.31.9", "1.31/stable"), "b versions-differ" },
	{ SNAP_132, SNAP("v1.32.8", "1.32/candidate"), "w channels-differ" },
	{ SNAP("v1.32.8", "latest/stable"), SNAP("v1.32.8", "latest/stable"),
	  "w channel-latest" },
	{ "", "snap_row=microk8s v1.32.8 1 1.32/stable canonical classic\n",
	  "a refresh-not-held" },
	{ SNAP_132 "lock=clustered.lock\n", "", "b master-is-worker" },
	{ ALIVE, SNAP_132 "lock=clustered.lock\nsha256.ca_remote=beef\n",
	  "b foreign-worker" },
	{ ALIVE, SNAP_132 "lock=no-cert-reissue\n",
	  "b foreign-control-plane" },
	{ "", SNAP_132 "lock=join-in-progress\n", "w join-broke-off" },
	{ ALIVE, MEMBER "cert.kubelet.san=DNS:node2\n",
	  "w certificate-without-address" },
	{ ALIVE "cert.server.end=2025-11-23T09:00:00Z\n",
	  MEMBER GOOD_SAN, "b certificate-expired" },
	{ ALIVE "cert.server.end=2025-12-10T09:00:00Z\n",
	  MEMBER GOOD_SAN, "w certificate-ends-soon" },
	/* not joined yet: certificates are those of its own */
	{ ALIVE, SNAP_132 "cert.kubelet.end=2020-11-23T09:00:00Z\n", "" },
	/* servers: [{address: 192.168.88.193:16443}] */
	{ ALIVE, MEMBER GOOD_SAN
	  "file.provider=dGNwOgogIHNlcnZpY2VzOgogICAga3ViZS1hcGlzZXJ2Z"
	  "XI6CiAgICAgIGxvYWRCYWxhbmNlcjoKICAgICAgICBzZXJ2ZXJzOgogICAgI"
	  "CAgIC0gYWRkcmVzczogMTkyLjE2OC44OC4xOTM6MTY0NDMK\n", "w provider-address" },
};

struct pair {
	struct inventory *inventory;
	struct cluster *cluster;
	struct node *master, *worker;
};

static void fill(struct node *node, const char *base, const char *more)
{
	g_autofree char *text = g_strconcat(base, more, "end=1\n", NULL);
	g_autoptr(GError) error = NULL;

	node->facts = told_facts(text, &error);
	if (!node->facts)
		fail_msg("%s: %s", text, error->message);
	node->checks = checks_parse(text, strlen(text));
	/* asked at the same time, and answered within 200 ms */
	node->checks->before_us = 1764000000 * G_TIME_SPAN_SECOND;
	node->checks->after_us = node->checks->before_us + 200000;
}

static struct pair pair_new(const char *master, const char *worker)
{
	g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(
		(GDestroyNotify)problem_free);
	struct pair pair = { 0 };

	pair.inventory = inventory_parse(
		inventory_text, strlen(inventory_text), "test",
		cluster_inventory_rules(), problems, NULL);
	pair.cluster = cluster_new(pair.inventory, NULL, problems, NULL);
	assert_non_null(pair.cluster);
	pair.master = g_ptr_array_index(pair.cluster->nodes, 0);
	pair.worker = g_ptr_array_index(pair.cluster->nodes, 1);
	fill(pair.master, MASTER, master);
	fill(pair.worker, WORKER, worker);
	return pair;
}

static void pair_clear(struct pair *pair)
{
	cluster_free(pair->cluster);
	inventory_free(pair->inventory);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "b port-taken,w clock-skew" */
static char *summary(const GPtrArray *findings)
{
	g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

	for (guint i = 0; i < findings->len; i++) {
		const struct finding *f = g_ptr_array_index(findings, i);

		assert_true(*f->evidence && f->hosts->len > 0);
		assert_true(*f->cure || *f->cause->fix);
		g_ptr_array_add(words, g_strdup_printf(
			"%c %s", *finding_severity_name(f->severity),
			f->cause->code));
	}
	g_ptr_array_sort(words, by_text);
	g_ptr_array_add(words, NULL);
	return g_strjoinv(",", (char **)words->pdata);
}

static void test_doctor_judge_names_the_one_thing(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		struct pair p = pair_new(cases[i].master, cases[i].worker);
		g_autoptr(GPtrArray) findings = findings_new();
		g_autofree char *found = NULL;

		doctor_judge_node(p.cluster, p.master, findings);
		doctor_judge_node(p.cluster, p.worker, findings);
		found = summary(findings);
		if (strcmp(found, cases[i].found) != 0)
			fail_msg("case %zu (%s): '%s'", i, cases[i].found,
				 found);
		pair_clear(&p);
	}
}

static void test_doctor_judge_clones_are_one_finding(void **state)
{
	struct pair p = pair_new("", "hostname=node1\n");
	g_autoptr(GPtrArray) findings = findings_new();
	const struct finding *f;

	(void)state;
	doctor_judge_node(p.cluster, p.master, findings);
	doctor_judge_node(p.cluster, p.worker, findings);
	f = g_ptr_array_index(findings, 0);
	assert_int_equal(findings->len, 1);
	assert_int_equal(f->hosts->len, 2);
	assert_non_null(strstr(f->evidence, "node1, node2"));
	pair_clear(&p);
}

static void test_doctor_judge_adopt_takes_foreign_hosts(void **state)
{
	struct pair p = pair_new(ALIVE, SNAP_132 "lock=no-cert-reissue\n");
	g_autoptr(GPtrArray) findings = findings_new();

	(void)state;
	p.cluster->adopt = true;
	doctor_judge_node(p.cluster, p.worker, findings);
	assert_int_equal(findings->len, 0);
	pair_clear(&p);
}

static void test_doctor_judge_names_where_the_address_is(void **state)
{
	struct pair p = pair_new("", "");
	g_autoptr(GPtrArray) findings = findings_new();
	const struct finding *f;

	(void)state;
	p.worker->node_ip = "10.8.0.50";
	doctor_judge_node(p.cluster, p.worker, findings);
	f = g_ptr_array_index(findings, 0);
	assert_int_equal(findings->len, 1);
	assert_string_equal(f->cause->code, "address-not-local");
	assert_non_null(strstr(f->evidence, "10.0.0.192 on eth0, 10.8.0.5 on "
			       "wg0"));
	pair_clear(&p);
}

/* --- the ways --- */

#define WAYS "route 10.8.0.5 10.8.0.4\ntcp 10.8.0.5 10250 "
#define WAYS_TO_MASTER "route 10.8.0.4 10.8.0.5\ntcp 10.8.0.4 25000 "

static const struct {
	bool by_master;
	const char *kubelite;		/* facts of both */
	const char *reach, *found;
} ways[] = {
	{ true, "", WAYS "refused\ntcp 10.8.0.5 25000 refused\nend\n", "" },
	{ true, SNAP_132, WAYS "open\ntcp 10.8.0.5 25000 open\nend\n", "" },
	{ true, SNAP_132, WAYS "refused\ntcp 10.8.0.5 25000 open\nend\n",
	  "w kubelet-unreachable" },
	{ true, "", WAYS "timeout\ntcp 10.8.0.5 25000 timeout\nend\n",
	  "b port-blocked" },
	{ true, "", WAYS "unreachable\nend\n", "b port-blocked" },
	{ true, "", "route 10.8.0.5 192.168.88.193\n"
	  "tcp 10.8.0.5 10250 timeout\nend\n", "b wrong-source-address" },
	{ true, "", "route 10.8.0.5 none\ntcp 10.8.0.5 10250 unreachable\n"
	  "end\n", "b no-way-to-peer" },
	{ true, "", "name node2 10.8.0.5\nend\n", "" },
	{ true, "", "name node2 127.0.1.1\nend\n", "b hostname-unresolved" },
	{ true, "", "name node2 none\nend\n", "b hostname-unresolved" },
	{ false, SNAP_132, WAYS_TO_MASTER "open\ntcp 10.8.0.4 16443 open\n"
	  "health 10.8.0.4 ok\nend\n", "" },
	{ false, SNAP_132, WAYS_TO_MASTER "open\ntcp 10.8.0.4 16443 open\n"
	  "health 10.8.0.4 untold\nend\n", "" },
	{ false, SNAP_132, WAYS_TO_MASTER "open\ntcp 10.8.0.4 16443 open\n"
	  "health 10.8.0.4 bad\nend\n", "b agent-silent" },
	{ false, SNAP_132, WAYS_TO_MASTER "refused\ntcp 10.8.0.4 16443 open\n"
	  "health 10.8.0.4 bad\nend\n", "b agent-silent" },
	{ false, "", WAYS_TO_MASTER "refused\ntcp 10.8.0.4 16443 refused\n"
	  "health 10.8.0.4 bad\nend\n", "" },
	{ false, SNAP_132, WAYS_TO_MASTER "open\ntcp 10.8.0.4 16443 "
	  "refused\nhealth 10.8.0.4 ok\nend\n", "w api-refused" },
	/* both ports in one finding; a mute agent is not judged beside */
	{ false, SNAP_132, WAYS_TO_MASTER "timeout\ntcp 10.8.0.4 16443 "
	  "timeout\nhealth 10.8.0.4 bad\nend\n", "b port-blocked" },
};

static void test_doctor_judge_reach_names_the_one_thing(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
		struct pair p = pair_new(ways[i].kubelite, ways[i].kubelite);
		g_autoptr(GPtrArray) findings = findings_new();
		g_autoptr(GPtrArray) reach = reach_parse(
			ways[i].reach, strlen(ways[i].reach), NULL);
		g_autofree char *found = NULL;

		assert_non_null(reach);
		doctor_judge_reach(p.cluster, ways[i].by_master ? p.master
				   : p.worker, reach, findings);
		found = summary(findings);
		if (strcmp(found, ways[i].found) != 0)
			fail_msg("case %zu (%s): '%s'", i, ways[i].found,
				 found);
		pair_clear(&p);
	}
}

static void test_doctor_judge_reach_is_silent_on_a_wrong_address(void **state)
{
	static const char text[] = WAYS_TO_MASTER "timeout\nend\n";
	g_autoptr(GPtrArray) reach = reach_parse(text, strlen(text), NULL);
	g_autoptr(GPtrArray) findings = findings_new();
	struct pair p = pair_new("", "");

	(void)state;
	p.master->node_ip = "10.8.0.40";
	doctor_judge_reach(p.cluster, p.worker, reach, findings);
	assert_int_equal(findings->len, 0);
	pair_clear(&p);
}

static void test_reach_parse_wants_it_whole(void **state)
{
	static const char *const wrong[] = {
		"", "route 10.8.0.5 10.8.0.4\n", "route 10.8.0.5\nend\n",
		"tcp 10.8.0.5 0 open\nend\n", "tcp 10.8.0.5 open\nend\n",
		"sudo: no\nend\n",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
		g_autoptr(GError) error = NULL;

		if (reach_parse(wrong[i], strlen(wrong[i]), &error))
			fail_msg("case %zu is taken", i);
		assert_true(g_error_matches(error, MUSTER_ERROR,
					    MUSTER_ERROR_PROTOCOL));
	}
}

/* --- names that the master checks, nodes that are left, errors --- */

static void test_doctor_master_checks_names_by_its_args(void **state)
{
	static const struct { const char *args; bool checks; } args[] = {
		{ "", false },		/* no such file: nothing is known */
		/* --secure-port=16443 */
		{ "file.args_apiserver=LS1zZWN1cmUtcG9ydD0xNjQ0Mwo=\n", true },
		/* --kubelet-preferred-address-types=InternalIP,Hostname */
		{ "file.args_apiserver=LS1rdWJlbGV0LXByZWZlcnJlZC1hZGRyZXNz"
		  "LXR5cGVzPUludGVybmFsSVAsSG9zdG5hbWUK\n", false },
		/* ...=Hostname,InternalIP */
		{ "file.args_apiserver=LS1rdWJlbGV0LXByZWZlcnJlZC1hZGRyZXNz"
		  "LXR5cGVzPUhvc3RuYW1lLEludGVybmFsSVAK\n", true },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(args); i++) {
		struct pair p = pair_new(args[i].args, "");

		if (doctor_master_checks_names(p.cluster) != args[i].checks)
			fail_msg("case %zu", i);
		pair_clear(&p);
	}
}

static void test_doctor_judge_seen_finds_what_is_left_of_a_host(void **state)
{
	static const char json[] =
		"{\"kind\":\"NodeList\",\"items\":["
		"{\"metadata\":{\"name\":\"node1\"}},"
		"{\"metadata\":{\"name\":\"node2\"}}]}";
	struct pair p = pair_new(ALIVE, SNAP_132);
	struct pair member = pair_new(ALIVE, MEMBER GOOD_SAN);
	g_autoptr(GPtrArray) findings = findings_new();
	g_autofree char *found = NULL;

	(void)state;
	member.cluster->seen = kube_nodes_parse(json, strlen(json), NULL);
	doctor_judge_seen(member.cluster, findings);
	assert_int_equal(findings->len, 0);
	doctor_judge_seen(p.cluster, findings);		/* not asked */
	assert_int_equal(findings->len, 0);
	p.cluster->seen = kube_nodes_parse(json, strlen(json), NULL);
	doctor_judge_seen(p.cluster, findings);
	found = summary(findings);
	assert_string_equal(found, "w node-stale");
	pair_clear(&p);
	pair_clear(&member);
}

static void test_doctor_judge_error_by_its_kind(void **state)
{
	static const struct { int code; const char *text, *found; } errors[] = {
		{ MUSTER_ERROR_SUDO, "sudo: no", "b sudo-refused" },
		{ MUSTER_ERROR_SUDO, "sudo refused user 'x': it is not "
		  "installed (log in as root)", "b sudo-missing" },
		{ MUSTER_ERROR_CONNECT_TIMEOUT, "no answer", "b unreachable" },
		{ MUSTER_ERROR_HOST_KEY_CHANGED, "changed", "b unreachable" },
		{ MUSTER_ERROR_COMMAND, "odd", "b unknown" },
	};
	struct pair p = pair_new("", "");

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		g_autoptr(GError) error = g_error_new_literal(
			MUSTER_ERROR, errors[i].code, errors[i].text);
		g_autoptr(GPtrArray) findings = findings_new();
		g_autofree char *found = NULL;

		doctor_judge_error(p.worker, error, findings);
		found = summary(findings);
		assert_string_equal(found, errors[i].found);
	}
	pair_clear(&p);
}

static void test_doctor_judge_api_error_is_not_told_twice(void **state)
{
	g_autoptr(GError) ended = g_error_new_literal(
		MUSTER_ERROR, MUSTER_ERROR_HTTP, "TLS: SSL certificate "
		"problem: certificate has expired");
	g_autoptr(GError) other = g_error_new_literal(
		MUSTER_ERROR, MUSTER_ERROR_HTTP, "no answer");
	g_autoptr(GPtrArray) findings = findings_new();
	g_autofree char *found = NULL;
	struct pair p = pair_new(ALIVE
				 "cert.server.end=2025-11-23T09:00:00Z\n", "");

	(void)state;
	doctor_judge_node(p.cluster, p.master, findings);
	doctor_judge_api_error(p.master, ended, findings);
	assert_int_equal(findings->len, 1);
	doctor_judge_api_error(p.master, other, findings);
	found = summary(findings);
	assert_string_equal(found, "b certificate-expired,w api-unavailable");
	pair_clear(&p);
}

static void test_doctor_fixes_are_those_asked_for(void **state)
{
	g_autoptr(GPtrArray) findings = findings_new();
	g_autoptr(GError) error = NULL;
	const struct finding *f = finding_add(
		findings, "join-broke-off", FINDING_WARNS, "a", NULL, "x");

	(void)state;
	assert_int_equal(doctor_fixes_parse("hosts,hold", NULL),
			 DOCTOR_FIX_HOSTS | DOCTOR_FIX_HOLD);
	assert_int_equal(doctor_fix_of(f, DOCTOR_FIX_LOCK | DOCTOR_FIX_HOLD),
			 DOCTOR_FIX_LOCK);
	assert_int_equal(doctor_fix_of(f, DOCTOR_FIX_HOLD), 0);
	f = finding_add(findings, "cidr-overlap", FINDING_BLOCKS, "a", NULL,
			"x");
	assert_int_equal(doctor_fix_of(f, ~0U), 0);
	assert_int_equal(doctor_fixes_parse("hosts,all", &error), 0);
	assert_true(g_error_matches(error, MUSTER_ERROR, MUSTER_ERROR_USAGE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_doctor_judge_names_the_one_thing),
		cmocka_unit_test(test_doctor_judge_clones_are_one_finding),
		cmocka_unit_test(test_doctor_judge_adopt_takes_foreign_hosts),
		cmocka_unit_test(test_doctor_judge_names_where_the_address_is),
		cmocka_unit_test(test_doctor_judge_reach_names_the_one_thing),
		cmocka_unit_test(
			test_doctor_judge_reach_is_silent_on_a_wrong_address),
		cmocka_unit_test(test_reach_parse_wants_it_whole),
		cmocka_unit_test(test_doctor_master_checks_names_by_its_args),
		cmocka_unit_test(
			test_doctor_judge_seen_finds_what_is_left_of_a_host),
		cmocka_unit_test(test_doctor_judge_error_by_its_kind),
		cmocka_unit_test(
			test_doctor_judge_api_error_is_not_told_twice),
		cmocka_unit_test(test_doctor_fixes_are_those_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
