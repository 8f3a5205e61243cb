/* SPDX-License-Identifier: Apache-2.0
 *
 * What a proof concludes of the ways between nodes: each pattern of what fails
 * and what does not has one cause, and nothing that follows from it is told
 * beside it.
 */
#include "proof_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void port_blocked(struct world *w)
{
	world_edit_peer(w, 1, "10.8.0.4", "agent=ok", "agent=lost");
}

static void agent_silent(struct world *w)
{
	world_edit_peer(w, 2, "10.8.0.4", "agent=ok", "agent=refused");
}

static void source(struct world *w)
{
	world_edit_peer(w, 1, "10.8.0.6", "src=10.8.0.5", "src=10.0.0.192");
}

/* Nothing in VXLAN reaches w or leaves it, and CoreDNS is there. */
static void udp_dropped(struct world *w)
{
	static const char *const ips[] = { "10.8.0.4", "10.8.0.5" };

	for (guint i = 0; i < 2; i++) {
		world_edit_peer(w, i, "10.8.0.6", "small=ok full=ok tunnel=ok "
			  "pod=ok", "small=lost pod=lost");
		world_edit(w, i, "dns_service=ok", "dns_service=lost");
		world_edit(w, i, "dns=" WORLD_DNS_ANSWER, "dns=lost");
		world_edit_peer(w, 2, ips[i], "small=ok full=ok tunnel=ok",
			  "small=lost");
	}
}

static void udp_dropped_everywhere(struct world *w)
{
	for (guint i = 0; i < WORLD_N; i++)
		world_edit(w, i, "small=ok full=ok tunnel=ok", "small=lost");
}

static void wrong_interface(struct world *w)
{
	world_edit(w, 2, "vxlan_local=10.8.0.6", "vxlan_local=10.0.0.58");
	udp_dropped(w);
}

static void mtu(struct world *w)
{
	world_edit(w, 1, "card_mtu=1500", "card_mtu=1420");
	world_edit(w, 1, "full=ok tunnel=ok", "full=lost tunnel=ok");
	world_edit_peer(w, 0, "10.8.0.5", "full=ok", "full=lost");
	world_edit_peer(w, 2, "10.8.0.5", "full=ok", "full=lost");
}

/* Somewhere on the way, on no card that can be seen. */
static void path_mtu(struct world *w)
{
	world_edit_peer(w, 1, "10.8.0.6", "full=ok", "full=lost");
	world_edit_peer(w, 2, "10.8.0.5", "full=ok", "full=lost");
}

static void offload(struct world *w)
{
	world_edit_peer(w, 0, "10.8.0.6", "tunnel=ok pod=ok",
		  "tunnel=lost pod=lost");
	world_edit_peer(w, 1, "10.8.0.6", "tunnel=ok pod=ok",
		  "tunnel=lost pod=lost");
	for (guint i = 0; i < 2; i++)
		world_edit(w, i, "dns=" WORLD_DNS_ANSWER, "dns=lost");
}

static void forward_dropped(struct world *w)
{
	for (guint i = 0; i < 2; i++) {
		world_edit_peer(w, i, "10.8.0.6", "pod=ok", "pod=lost");
		world_edit(w, i, "dns_service=ok", "dns_service=lost");
	}
}

/* Two hosts that nothing passes between: the rest follows from that. */
static void apart(struct world *w)
{
	world_edit_peer(w, 1, "10.8.0.6", "kubelet=ok small=ok full=ok "
			"tunnel=ok pod=ok", "kubelet=lost small=lost "
			"pod=lost");
	world_edit_peer(w, 2, "10.8.0.5", "kubelet=ok small=ok full=ok "
			"tunnel=ok", "kubelet=lost small=lost");
	world_edit(w, 1, "dns=" WORLD_DNS_ANSWER, "dns=lost");
}

static void service(struct world *w)
{
	world_edit(w, 1, "api_service=ok", "api_service=lost");
}

static void name_unknown(struct world *w)
{
	world_edit(w, 1, "dns=12348180", "dns=12348183");
}

static const struct world_case cases[] = {
	{ "port blocked", port_blocked, VERDICT_FAILS, "node-ports",
	  "node-port-blocked", "v: 10.8.0.4:25000 of m: no answer" },
	{ "agent", agent_silent, VERDICT_FAILS, "node-ports", "agent-silent",
	  "w: 10.8.0.4:25000 of m: nobody listens" },
	{ "source", source, VERDICT_WARNS, "routes", "wrong-source-address",
	  "v: it sends to others from 10.0.0.192 instead of 10.8.0.5" },
	{ "UDP 4789 of one", udp_dropped, VERDICT_FAILS, "overlay",
	  "overlay-udp4789", "w: the nodes reach each other, and nothing "
	  "passes in VXLAN between it and m, v" },
	{ "UDP 4789 of all", udp_dropped_everywhere, VERDICT_FAILS, "overlay",
	  "overlay-udp4789", ": the nodes reach each other, and nothing "
	  "passes in VXLAN between all nodes" },
	{ "interface", wrong_interface, VERDICT_FAILS, "overlay",
	  "overlay-interface", "w: its VXLAN sends from 10.0.0.58 on wg0 "
	  "instead of 10.8.0.6" },
	{ "MTU", mtu, VERDICT_FAILS, "overlay-full-size", "overlay-mtu",
	  "v: vxlan.calico has MTU 1450, and wg0 below it 1420: 1370 is the "
	  "most" },
	{ "MTU of the way", path_mtu, VERDICT_FAILS, "overlay-full-size",
	  "overlay-mtu", ": small packets pass in VXLAN and full ones are "
	  "lost from v to w" },
	{ "offload", offload, VERDICT_FAILS, "overlay", "overlay-offload",
	  "w: pings pass in VXLAN, and TCP hangs between it and m, v" },
	{ "FORWARD", forward_dropped, VERDICT_FAILS, "pods",
	  "pod-unreachable", "w: TCP to pods gets no answer between it and "
	  "m, v" },
	{ "apart", apart, VERDICT_FAILS, "node-ports", "node-port-blocked",
	  "v: 10.8.0.6:10250 of w: no answer" },
	{ "service", service, VERDICT_FAILS, "services",
	  "service-unreachable", "v: 10.152.183.1:443: lost" },
	{ "name", name_unknown, VERDICT_FAILS, "dns", "dns-fails",
	  "v: 10.152.183.10: it does not know the name" },
};

static void test_judge_mesh_pattern_has_one_cause(void **state)
{
	(void)state;
	world_run_cases(cases, G_N_ELEMENTS(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge_mesh_pattern_has_one_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
