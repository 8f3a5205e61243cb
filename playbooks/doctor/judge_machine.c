/* SPDX-License-Identifier: Apache-2.0
 *
 * What a host's surroundings mean for a cluster: ports, networks, kernel,
 * firewall, clock, proxy, memory. What could not be read is not judged.
 */
#include "doctor.h"

#include "playbooks/microk8s/args_file.h"

#include <string.h>

#define VXLAN_OVERHEAD 50		/* bytes around a packet */
#define MEMORY_MIN_KB (512 * 1024)
#define INOTIFY_MIN 1024
#define PODS "10.1.0.0/16"
#define SERVICES "10.152.183.0/24"

static const char *name_of(const struct node *node)
{
	return node->host->name;
}

/* Before MicroK8s is there nobody may listen at its ports; later it is one of
 * its own, unless it is stopped. Its files tell where snapd does not. */
static void judge_ports(const struct node *node, GPtrArray *findings)
{
	const struct facts *facts = node->facts;

	if ((facts->installed || facts->locks) &&
	    !(facts->locks & LOCK_STOPPED))
		return;
	for (guint i = 0; i < node->checks->listeners->len; i++) {
		const struct checks_listener *l =
			g_ptr_array_index(node->checks->listeners, i);
		g_autofree char *cure = NULL;
		bool is_named = strcmp(l->owner, "?") != 0;

		if (strcmp(l->owner, "microk8s") == 0)
			continue;
		cure = g_strdup_printf("stop what listens there; sudo ss "
				       "-ltnp 'sport = :%u' names it",
				       l->port);
		finding_add(findings, "port-taken", FINDING_BLOCKS,
			    name_of(node), cure, "%s listens at port %u",
			    is_named ? l->owner : "a program", l->port);
	}
}

static char *network_arg(const char *args, const char *key,
			 const char *fallback)
{
	char *value = args ? args_file_get(args, key) : NULL;

	return value ? value : g_strdup(fallback);
}

/* The pods' own cards and routes are within their network. */
static bool is_overlay(const char *iface)
{
	return g_str_has_prefix(iface, "cali") ||
		g_str_has_prefix(iface, "vxlan.calico") ||
		g_str_has_prefix(iface, "tunl") || strcmp(iface, "lo") == 0;
}

static void judge_overlap(const struct node *node, const char *what,
			  const char *network, const char *other,
			  const char *iface, GPtrArray *findings)
{
	guint32 a, b;
	unsigned a_prefix, b_prefix;

	if (is_overlay(iface) || !checks_net_parse(network, &a, &a_prefix) ||
	    !checks_net_parse(other, &b, &b_prefix) ||
	    !checks_nets_overlap(a, a_prefix, b, b_prefix))
		return;
	finding_add(findings, "cidr-overlap", FINDING_BLOCKS, name_of(node),
		    "give that network addresses of its own; the default for "
		    "pods is " PODS ", for services " SERVICES,
		    "%s on %s overlaps with the %s %s", other, iface, what,
		    network);
}

static void judge_networks(const struct cluster *cluster,
			   const struct node *node, GPtrArray *findings)
{
	const struct facts *master = cluster->master->facts;
	g_autofree char *pods = network_arg(
		master ? master->args_proxy : NULL, "--cluster-cidr", PODS);
	g_autofree char *services = network_arg(
		master ? master->args_apiserver : NULL,
		"--service-cluster-ip-range", SERVICES);

	for (guint i = 0; i < node->checks->routes->len; i++) {
		const struct checks_route *r =
			g_ptr_array_index(node->checks->routes, i);
		g_autofree char *net = g_strdup_printf(
			"%u.%u.%u.%u/%u", r->net >> 24, r->net >> 16 & 255,
			r->net >> 8 & 255, r->net & 255, r->prefix);

		judge_overlap(node, "pods'", pods, net, r->iface, findings);
		judge_overlap(node, "services'", services, net, r->iface,
			      findings);
	}
}

/* Pods' MTU as Calico has it, or will choose it by the card of the default
 * route: it does not look at VPNs. */
static void judge_mtu(const struct node *node, GPtrArray *findings)
{
	const struct checks *c = node->checks;
	const struct facts_address *own =
		facts_find_address(node->facts, node->node_ip);
	unsigned pods = checks_mtu(c, "vxlan.calico");
	unsigned below = own ? checks_mtu(c, own->iface) : 0;
	unsigned def = node->facts->default_iface
		? checks_mtu(c, node->facts->default_iface) : 0;
	g_autofree char *cure = NULL;

	if (pods == 0 && def > VXLAN_OVERHEAD)
		pods = def - VXLAN_OVERHEAD;
	if (below <= VXLAN_OVERHEAD || pods <= below - VXLAN_OVERHEAD)
		return;
	cure = g_strdup_printf("on the master: echo CALICO_VETH_MTU=%u | sudo "
			       "tee -a /var/snap/microk8s/current/args/"
			       "cni-env, before the first join",
			       below - VXLAN_OVERHEAD);
	finding_add(findings, "overlay-mtu", FINDING_WARNS, name_of(node),
		    cure, "pods get an MTU of %u, and %s of node_ip carries "
		    "%u less %d for VXLAN", pods, own->iface, below,
		    VXLAN_OVERHEAD);
}

static void judge_kernel(const struct node *node, GPtrArray *findings)
{
	const struct checks *c = node->checks;

	if (c->cgroup_memory_off)
		finding_add(findings, "cgroup-memory-off", FINDING_BLOCKS,
			    name_of(node),
			    "add cgroup_enable=memory cgroup_memory=1 to "
			    "/boot/firmware/cmdline.txt, and reboot",
			    "the kernel has no memory cgroup");
	for (guint i = 0; i < c->missing_modules->len; i++)
		finding_add(findings, "kernel-module-missing", FINDING_BLOCKS,
			    name_of(node),
			    "sudo apt install linux-modules-extra-$(uname -r) "
			    "(Raspberry Pi: linux-modules-extra-raspi), and "
			    "reboot", "the kernel has no module %s",
			    (const char *)g_ptr_array_index(
				    c->missing_modules, i));
	if (c->container)
		finding_add(findings, "in-container", FINDING_WARNS,
			    name_of(node),
			    "lxc profile edit with MicroK8s' "
			    "tests/lxc/microk8s.profile",
			    "it is a container of %s", c->container);
	if (c->selinux_enforcing)
		finding_add(findings, "selinux-enforcing", FINDING_WARNS,
			    name_of(node), "sudo setenforce 0, to see whether "
			    "it matters", "SELinux is enforcing");
	if (c->inotify_instances > 0 && c->inotify_instances < INOTIFY_MIN)
		finding_add(findings, "inotify-low", FINDING_ADVISES,
			    name_of(node),
			    "echo fs.inotify.max_user_instances=1024 | sudo "
			    "tee /etc/sysctl.d/90-inotify.conf && sudo sysctl "
			    "--system",
			    "fs.inotify.max_user_instances is %"
			    G_GINT64_FORMAT, c->inotify_instances);
}

static void judge_firewall(const struct node *node, GPtrArray *findings)
{
	const struct checks *c = node->checks;

	if (c->ufw_drops_routed)
		finding_add(findings, "forward-dropped", FINDING_WARNS,
			    name_of(node), "sudo ufw default allow routed",
			    "ufw denies routed packets");
	else if (c->forward_rejects)
		finding_add(findings, "forward-dropped", FINDING_WARNS,
			    name_of(node),
			    "sudo iptables -S FORWARD, and take the rule out "
			    "that stops everything",
			    "a FORWARD rule stops all packets before "
			    "MicroK8s' own");
	else if (c->forward_policy_drop)
		finding_add(findings, "forward-dropped", FINDING_ADVISES,
			    name_of(node), "sudo iptables -P FORWARD ACCEPT",
			    "the policy of FORWARD is DROP");
}

/* Its clock against the master's, as intervals: each was read somewhere
 * between before_us and after_us of ours, and tells whole seconds. */
static void judge_clock(const struct cluster *cluster,
			const struct node *node, GPtrArray *findings)
{
	const struct node *master = cluster->master;
	const struct checks *own = node->checks, *ref = master->checks;
	const gint64 second = G_TIME_SPAN_SECOND;
	gint64 low, high, skew = 0;

	if (node == master || !ref || !master->facts ||
	    node->facts->epoch == 0 || master->facts->epoch == 0)
		return;
	low = node->facts->epoch * second - own->after_us -
		((master->facts->epoch + 1) * second - ref->before_us);
	high = (node->facts->epoch + 1) * second - own->before_us -
		(master->facts->epoch * second - ref->after_us);
	if (low > 0)
		skew = low;
	else if (high < 0)
		skew = high;
	if (ABS(skew) < DOCTOR_SKEW_WARNS_S * second)
		return;
	finding_add(findings, "clock-skew",
		    ABS(skew) >= DOCTOR_SKEW_BLOCKS_S * second
		    ? FINDING_BLOCKS : FINDING_WARNS, name_of(node),
		    "sudo timedatectl set-ntp true",
		    "its clock is at least %" G_GINT64_FORMAT " s %s the "
		    "master's", ABS(skew) / second,
		    skew > 0 ? "ahead of" : "behind");
}

static void judge_proxy(const struct cluster *cluster,
			const struct node *node, GPtrArray *findings)
{
	const char *master_ip = cluster->master->node_ip;
	g_autofree char *cure = NULL;

	if (!node->facts->proxy_environment ||
	    checks_no_proxy_has(node->checks->no_proxy, master_ip))
		return;
	cure = g_strdup_printf("add %s and the other nodes' addresses to "
			       "no_proxy in /etc/environment", master_ip);
	finding_add(findings, "proxy-environment", FINDING_WARNS,
		    name_of(node), cure,
		    "/etc/environment sets a proxy, and no_proxy lacks the "
		    "master's %s", master_ip);
}

static void judge_memory(const struct node *node, GPtrArray *findings)
{
	guint64 kb = node->facts->memory_kb;

	if (kb > 0 && kb < MEMORY_MIN_KB)
		finding_add(findings, "memory-small", node->role ==
			    NODE_MASTER ? FINDING_BLOCKS : FINDING_WARNS,
			    name_of(node), "give it more memory",
			    "it has %" G_GUINT64_FORMAT " MB", kb / 1024);
}

static const struct {
	const char *prefix, *unit;
} vpns[] = {
	{ "wg", "wg-quick@%s.service" },
	{ "tailscale", "tailscaled.service" },
	{ "zt", "zerotier-one.service" },
};

static void judge_boot_order(const struct node *node, GPtrArray *findings)
{
	const struct facts_address *own =
		facts_find_address(node->facts, node->node_ip);

	if (!own || !node->facts->has_systemd || node->checks->vpn_ordered)
		return;
	for (size_t i = 0; i < G_N_ELEMENTS(vpns); i++) {
		g_auto(GStrv) parts = g_strsplit(vpns[i].unit, "%s", 2);
		g_autofree char *unit = g_strjoinv(own->iface, parts);
		g_autofree char *cure = g_strdup_printf(
			"printf '[Unit]\\nAfter=%s\\nWants=%s\\n' | sudo "
			"install -D /dev/stdin /etc/systemd/system/snap."
			"microk8s.daemon-kubelite.service.d/10-vpn.conf && "
			"sudo systemctl daemon-reload", unit, unit);

		if (g_str_has_prefix(own->iface, vpns[i].prefix))
			finding_add(findings, "vpn-boot-order",
				    FINDING_ADVISES, name_of(node), cure,
				    "node_ip is on %s, and kubelite does not "
				    "wait for it at boot", own->iface);
	}
}

void doctor_judge_machine(const struct cluster *cluster,
			  const struct node *node, GPtrArray *findings)
{
	judge_ports(node, findings);
	judge_networks(cluster, node, findings);
	judge_mtu(node, findings);
	judge_kernel(node, findings);
	judge_firewall(node, findings);
	judge_clock(cluster, node, findings);
	judge_proxy(cluster, node, findings);
	judge_memory(node, findings);
	judge_boot_order(node, findings);
}
