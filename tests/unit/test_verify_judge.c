/* SPDX-License-Identifier: Apache-2.0
 *
 * What a proof concludes of the API, the nodes and their files. Each case
 * spoils one thing in a healthy cluster and names the conditions and the cause
 * that alone must come of it.
 */
#include "playbooks/microk8s/kube_nodes.h"
#include "playbooks/microk8s/kube_workloads.h"
#include "proof_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void unreached(struct world *w)
{
	world_node(w, 2)->failed = true;
	facts_free(world_node(w, 2)->facts);
	world_node(w, 2)->facts = NULL;
	g_ptr_array_index(w->proof->unreached, 2) = g_strdup("no route");
	g_clear_pointer(&w->probes[2], g_free);
	/* Nobody was sent there. */
	for (guint i = 0; i < 2; i++)
		world_edit(w, i, "peer=10.8.0.6", "unknown=10.8.0.6");
	/* What else the API says of it is true and known. */
	g_ptr_array_remove_index(w->proof->pods, 0);
}

static void unhealthy(struct world *w)
{
	w->proof->api_ready = false;
	w->proof->api_problem = g_strdup("these checks fail: etcd");
}

static void no_way_to_api(struct world *w)
{
	world_edit(w, 1, "answer=200", "answer=000");
}

static void missing(struct world *w)
{
	g_ptr_array_remove_index(w->cluster->seen, 1);
}

static void twins(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->node_name, "w");
	g_ptr_array_remove_index(w->cluster->seen, 1);
}

/* Its Node of old stays under the old name. */
static void renamed(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->node_name, "new");
}

static void not_ready(struct world *w)
{
	world_seen(w, 1)->ready = KUBE_NOT_READY;
	world_seen(w, 1)->ready_reason = g_strdup("KubeletNotReady: no CNI");
}

static void internal_ip(struct world *w)
{
	world_reset(&world_seen(w, 1)->internal_ip, "10.0.0.192");
}

static void calico_ip(struct world *w)
{
	world_reset(&world_seen(w, 1)->calico_ip, "10.0.0.192");
}

static void version(struct world *w)
{
	world_reset(&world_seen(w, 2)->version, "v1.31.9");
}

static void stranger(struct world *w)
{
	struct kube_node *seen = g_new0(struct kube_node, 1);

	seen->name = g_strdup("x");
	g_ptr_array_add(w->cluster->seen, seen);
}

static void endpoints_later(struct world *w)
{
	g_ptr_array_unref(w->proof->endpoints[1]);
	w->proof->endpoints[1] = world_just("192.168.88.193");
}

static void endpoints_empty(struct world *w)
{
	g_ptr_array_unref(w->proof->endpoints[0]);
	w->proof->endpoints[0] = world_just(NULL);
}

static void provider(struct world *w)
{
	world_reset(&world_node(w, 2)->facts->provider,
		    WORLD_PROVIDER("192.168.88.193"));
}

static void provider_later(struct world *w)
{
	g_autofree char *coded = g_base64_encode(
		(const guchar *)WORLD_PROVIDER("192.168.88.193"),
		strlen(WORLD_PROVIDER("192.168.88.193")));
	g_autofree char *line = g_strdup_printf("provider=%s\nend=1", coded);

	world_edit(w, 1, "end=1", line);
}

static void node_ip_gone(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->args_kubelet, "--v=2\n");
}

static void advertise_gone(struct world *w)
{
	world_reset(&world_node(w, 0)->facts->args_apiserver, "");
}

static void set_var(struct world *w, guint i, const char *name,
		    const char *value)
{
	struct host_var *var = g_new0(struct host_var, 1);

	var->value = g_strdup(value);
	g_hash_table_insert(world_node(w, i)->host->vars, g_strdup(name), var);
}

/* Flags that are as asked, of services that do not run there, and in files
 * that nobody has read say nothing. */
static void flag_not_as_asked(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->args_kubelet,
		    "--node-ip=10.8.0.5\n--v=2\n--fail-swap-on\n--max-pods=9");
	set_var(w, 1, "microk8s_kubelet_args",
		"--v=2 --fail-swap-on --x- --max-pods=200");
	set_var(w, 1, "microk8s_kube_apiserver_args", "--v=2");
	set_var(w, 1, "microk8s_containerd_args", "--log-level=warn");
}

static void flag_not_gone(struct world *w)
{
	world_reset(&world_node(w, 0)->facts->args_kubelet,
		    "--node-ip=10.8.0.4\n--v=2\n");
	set_var(w, 0, "microk8s_kubelet_args", "--v-");
}

static void cert_without_address(struct world *w)
{
	world_set_cert(&world_node(w, 1)->facts->kubelet_cert, "10.0.0.192");
	g_hash_table_insert(w->proof->logs, g_strdup("v"), g_strdup(
		"Get \"https://10.8.0.5:10250/containerLogs/kube-system/c/"
		"calico-node?tailLines=1\": tls: failed to verify "
		"certificate: x509: certificate is valid for 10.0.0.192, not "
		"10.8.0.5"));
}

static void cert_ends(struct world *w)
{
	world_node(w, 0)->facts->server_cert.not_after =
		WORLD_TODAY + 29 * WORLD_DAY;
}

static void cert_ended(struct world *w)
{
	world_node(w, 2)->facts->kubelet_cert.not_after =
		WORLD_TODAY - WORLD_DAY;
}

static void no_logs(struct world *w)
{
	g_hash_table_insert(w->proof->logs, g_strdup("w"), g_strdup(
		"Get \"https://10.8.0.6:10250/...\": dial tcp "
		"10.8.0.6:10250: connect: connection refused"));
}

static struct kube_workload *workload(GPtrArray *list, guint i)
{
	return g_ptr_array_index(list, i);
}

static void calico_unready(struct world *w)
{
	workload(w->proof->daemons, 0)->ready = 2;
}

static void no_controllers(struct world *w)
{
	g_ptr_array_remove_index(w->proof->deployments, 0);
}

static void cni_differs(struct world *w)
{
	world_reset(&workload(w->proof->daemons, 0)->method, "first-found");
}

static void clock_off(struct world *w)
{
	world_edit(w, 1, "begin=1700000000.5", "begin=1700000010.5");
	world_edit(w, 1, "finish=1700000001.5", "finish=1700000011.5");
}

static void clock_a_little_off(struct world *w)
{
	world_edit(w, 0, "begin=1700000000.5", "begin=1699999998.5");
	world_edit(w, 0, "finish=1700000001.5", "finish=1699999999.5");
}

static void channel(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->channel, "1.31/stable");
}

/* The other channel's revision and version follow from it. */
static void channel_and_all(struct world *w)
{
	channel(w);
	world_reset(&world_node(w, 1)->facts->revision, "8136");
	world_reset(&world_seen(w, 1)->version, "v1.31.9");
}

static void revision(struct world *w)
{
	world_reset(&world_node(w, 1)->facts->revision, "8136");
}

static void not_held(struct world *w)
{
	world_node(w, 1)->facts->held = world_node(w, 2)->facts->held = false;
}

static void token(struct world *w)
{
	world_edit(w, 0, "tokens=0\ntokens_left=0",
		   "tokens=1\ntokens_left=3000");
}

static void broken_join(struct world *w)
{
	world_node(w, 2)->facts->locks |= LOCK_JOIN_IN_PROGRESS;
}

static const struct world_case cases[] = {
	{ "unreached", unreached, VERDICT_FAILS, "reached", "unreachable",
	  "w: no route" },
	{ "unhealthy", unhealthy, VERDICT_FAILS, "api-healthy",
	  "api-not-ready", ": these checks fail: etcd" },
	{ "no way to the API", no_way_to_api, VERDICT_FAILS,
	  "api-from-workers", "worker-lost-api",
	  "v: no answer through its own 127.0.0.1:16443" },
	{ "missing", missing, VERDICT_FAILS, "nodes-present", "node-missing",
	  "v: the API has no node 'v'" },
	{ "twins", twins, VERDICT_FAILS, "nodes-present",
	  "hostname-duplicate", "v,w: all are called 'w'" },
	{ "renamed", renamed, VERDICT_FAILS, "nodes-present", "node-missing",
	  "v: the API has no node 'new'" },
	{ "not Ready", not_ready, VERDICT_FAILS, "nodes-ready",
	  "node-not-ready", "v: KubeletNotReady: no CNI" },
	{ "InternalIP", internal_ip, VERDICT_FAILS, "nodes-address",
	  "internal-ip-wrong", "v: 10.0.0.192 instead of 10.8.0.5" },
	{ "Calico's address", calico_ip, VERDICT_FAILS, "calico-address",
	  "calico-ip-wrong", "v: 10.0.0.192 instead of 10.8.0.5" },
	{ "version", version, VERDICT_FAILS, "kubelet-version",
	  "versions-differ", "w: v1.31.9, and the master v1.32.8" },
	{ "stranger", stranger, VERDICT_WARNS, "no-strangers",
	  "node-unknown", ": node 'x' (no address)" },
	{ "endpoints after the refresh", endpoints_later, VERDICT_FAILS,
	  "endpoints", "endpoints-wrong",
	  ": it announces 192.168.88.193 instead of 10.8.0.4" },
	{ "no endpoints", endpoints_empty, VERDICT_FAILS, "endpoints",
	  "endpoints-empty", ": it announces nothing instead of 10.8.0.4" },
	{ "provider.yaml", provider, VERDICT_FAILS, "proxy-endpoints",
	  "provider-address", "w: its proxy is sent to 192.168.88.193:16443 "
	  "instead of 10.8.0.4:16443" },
	{ "provider.yaml after the refresh", provider_later, VERDICT_FAILS,
	  "proxy-endpoints", "provider-address", "v: its proxy is sent to "
	  "192.168.88.193:16443 instead of 10.8.0.4:16443" },
	{ "--node-ip", node_ip_gone, VERDICT_FAILS, "arguments",
	  "args-missing", "v: args/kubelet: --node-ip is not there, and "
	  "should be 10.8.0.5" },
	{ "--advertise-address", advertise_gone, VERDICT_FAILS, "arguments",
	  "args-missing", "m: args/kube-apiserver: --advertise-address is "
	  "not there, and should be 10.8.0.4" },
	{ "a flag", flag_not_as_asked, VERDICT_WARNS, "arguments",
	  "args-not-as-asked", "v: args/kubelet: --max-pods is 9, and the "
	  "inventory says 200" },
	{ "a flag that should go", flag_not_gone, VERDICT_WARNS, "arguments",
	  "args-not-as-asked", "m: args/kubelet: --v is 2, and the inventory "
	  "says not there" },
	{ "certificate's address", cert_without_address, VERDICT_FAILS,
	  "certificates-address, kubelet-reachable",
	  "certificate-without-address",
	  "v: certs/kubelet.crt does not name 10.8.0.5" },
	{ "certificate ends", cert_ends, VERDICT_FAILS, "certificates-last",
	  "certificate-ends-soon", "m: certs/server.crt ends in 29 days" },
	{ "certificate ended", cert_ended, VERDICT_FAILS,
	  "certificates-last", "certificate-expired",
	  "w: certs/kubelet.crt ended 1 day ago" },
	{ "kubelet", no_logs, VERDICT_FAILS, "kubelet-reachable",
	  "kubelet-unreachable", "w: Get \"https://10.8.0.6:10250/...\": "
	  "dial tcp 10.8.0.6:10250: connect: connection refused" },
	{ "calico-node", calico_unready, VERDICT_FAILS, "calico-node",
	  "rollout-unfinished", ": 2 of 3 ready" },
	{ "controllers", no_controllers, VERDICT_FAILS,
	  "calico-controllers", "rollout-unfinished",
	  ": there is no calico-kube-controllers in kube-system" },
	{ "cni.yaml", cni_differs, VERDICT_FAILS, "calico-env",
	  "cni-env-differs", "m: IP_AUTODETECTION_METHOD is first-found, in "
	  "cni.yaml kubernetes-internal-ip" },
	{ "clock", clock_off, VERDICT_FAILS, "clocks", "clock-skew",
	  "v: its clock is 10.0 s ahead of the others'" },
	{ "clock, a little", clock_a_little_off, VERDICT_WARNS, "clocks",
	  "clock-skew", "m: its clock is 2.0 s behind the others'" },
	{ "channel", channel, VERDICT_FAILS, "snap-equal",
	  "channels-differ", "v: channel 1.31/stable, and the master "
	  "1.32/stable" },
	{ "channel and what follows", channel_and_all, VERDICT_FAILS,
	  "kubelet-version, snap-equal", "channels-differ",
	  "v: v1.31.9, and the master v1.32.8" },
	{ "revision", revision, VERDICT_FAILS, "snap-equal",
	  "revisions-differ", "v: revision 8136, and the master 8511" },
	{ "refresh", not_held, VERDICT_WARNS, "refresh-held",
	  "refresh-not-held", "v,w: snapd may refresh it at any time" },
	{ "token", token, VERDICT_WARNS, "no-tokens", "token-left",
	  "m: 1 live on, the longest for 50 min" },
	{ "join", broken_join, VERDICT_FAILS, "no-broken-join",
	  "join-broke-off", "w: var/lock/join-in-progress is there" },
};

static void test_judge_healthy_cluster_holds_in_everything(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_judge(&w);
	for (int c = 0; c < CONDITION_N; c++) {
		/* of one master there is no loss to bear */
		bool is_unasked = c == CONDITION_REDUNDANT ||
			c == CONDITION_API_ENDPOINT ||
			(c >= CONDITION_DEEP_PODS && c <= CONDITION_DEEP_DNS);
		enum verdict_state got = proof_state(w.proof,
						     (enum condition)c);

		if (got != (is_unasked ? VERDICT_SKIPPED : VERDICT_HOLDS))
			fail_msg("%s: %s", condition_texts[c].name,
				 verdict_state_name(got));
	}
	world_clear(&w);
}

static void test_judge_one_thing_spoilt_has_one_cause(void **state)
{
	(void)state;
	world_run_cases(cases, G_N_ELEMENTS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			test_judge_healthy_cluster_holds_in_everything),
		cmocka_unit_test(test_judge_one_thing_spoilt_has_one_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
