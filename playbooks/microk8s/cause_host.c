/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue, third section: what is seen by looking at hosts before a run,
 * and at a cluster's nodes. No output tells these; muster concludes them.
 */
#include "cause_priv.h"

#define SEEN(code, meaning, fix, upstream) \
	{ code, meaning, fix, upstream, CAUSE_NO_RETRY, { { 0 } } }

const struct cause cause_host[] = {
	SEEN("unreachable", "the host cannot be reached over SSH",
	     "check address, port, key and user as ssh would use them", ""),
	SEEN("sudo-missing",
	     "there is no sudo, and the user who logs in is not root",
	     "install sudo, or log in as root", ""),
	SEEN("snapd-missing", "there is no snapd, which brings MicroK8s",
	     "install snapd", ""),
	SEEN("address-not-local",
	     "node_ip is on none of the host's interfaces",
	     "bring its VPN up, or correct node_ip in the inventory",
	     "microk8s#2402, microk8s#3363"),
	SEEN("wrong-source-address",
	     "packets to another node leave with another address than node_ip, "
	     "so the other end sees a stranger",
	     "correct the route to it: with WireGuard, AllowedIPs has to name "
	     "each peer's address",
	     "microk8s#2402, microk8s#3688, microk8s#3957"),
	SEEN("no-way-to-peer", "the host has no route to another node_ip",
	     "bring its VPN up; with WireGuard, AllowedIPs has to name each "
	     "peer's address", ""),
	SEEN("port-blocked",
	     "a port that nodes need of each other gets no answer: a firewall "
	     "drops it, or nobody is there",
	     "open 25000/tcp and 16443/tcp on the master, 10250/tcp and "
	     "4789/udp on every node",
	     "microk8s#3242, microk8s#946, microk8s#3815"),
	SEEN("agent-silent",
	     "the master's cluster agent, which takes joins, does not answer",
	     "sudo snap restart microk8s.daemon-cluster-agent", ""),
	SEEN("port-taken",
	     "another program listens at a port that MicroK8s needs",
	     "stop that program, or let it listen elsewhere", ""),

	SEEN("hostname-invalid",
	     "the host's name cannot be a node's: only a-z, 0-9, - and . can "
	     "be in it",
	     "sudo hostnamectl set-hostname NAME, before it joins",
	     "microk8s#368, microk8s#444, microk8s#1736"),
	SEEN("hostname-uppercase",
	     "the host's name has capitals: the node's will not, and kubelet "
	     "may look for itself under the wrong one",
	     "sudo hostnamectl set-hostname NAME, before it joins",
	     "microk8s#368, microk8s#3755"),
	SEEN("hostname-duplicate",
	     "two hosts have one name, and one node would take the other's "
	     "place",
	     "give every host a name of its own, then join it again",
	     "microk8s#1807, microk8s#2273, microk8s#2065"),
	SEEN("machine-id-duplicate",
	     "two hosts have one machine-id, as cloned machines do: DHCP may "
	     "give both one address",
	     "rm /etc/machine-id && systemd-machine-id-setup, and a reboot",
	     ""),
	SEEN("hosts-file-loopback",
	     "/etc/hosts maps a node's name to a 127 address: what asks for "
	     "that node by its name reaches the asking host itself",
	     "put that node's address there instead",
	     "microk8s#1369, microk8s#2562"),

	SEEN("foreign-worker", "the host is a worker of another cluster",
	     "sudo microk8s leave on it first, or --adopt to take it over",
	     "microk8s#1127, microk8s#3131"),
	SEEN("foreign-control-plane",
	     "the host is the control plane of another cluster",
	     "sudo microk8s leave on it first, or --adopt to take it over, "
	     "which gives up its cluster", ""),
	SEEN("control-plane-as-worker",
	     "the inventory has a control plane of this cluster as a worker",
	     "put it into [masters]; or muster remove it first, to join it as "
	     "a worker", ""),
	SEEN("master-is-worker",
	     "the inventory's master is a worker of some cluster",
	     "put the control plane into [masters], or sudo microk8s leave "
	     "here first", ""),
	SEEN("join-broke-off",
	     "an earlier join left its mark and never ended",
	     "muster up joins again; the mark alone goes with --fix=lock",
	     "microk8s#2144"),
	SEEN("node-stale",
	     "the API has a node of this name or address already, and the host "
	     "is not it", "remove it on the master before this host joins",
	     "microk8s#1127, microk8s#2212, microk8s#4311"),

	SEEN("certificate-ends-soon", "a certificate ends within 30 days",
	     "sudo microk8s refresh-certs -e server.crt on the master; a "
	     "worker gets new ones by joining again", ""),
	SEEN("versions-differ",
	     "two hosts run different minor versions of MicroK8s; join does "
	     "not compare them",
	     "bring both to one channel", "microk8s#3694"),
	SEEN("channels-differ",
	     "two hosts follow different channels, and will come to differ at "
	     "the next refresh", "bring both to one channel",
	     "microk8s#3694, microk8s#2447"),
	SEEN("channel-latest",
	     "the host follows latest, which jumps between minor versions",
	     "follow a numbered track", "microk8s#1608"),
	SEEN("refresh-not-held",
	     "snapd may refresh MicroK8s at any time, which restarts the node",
	     "sudo snap refresh --hold microk8s",
	     "microk8s#1022, microk8s#4691, microk8s#4775"),
	SEEN("provider-address",
	     "the worker looks for the API at an address that is not the "
	     "master's node_ip",
	     "muster up corrects it",
	     "microk8s#4579, microk8s#4619, microk8s#2951"),

	SEEN("cgroup-memory-off", "the kernel does not account memory",
	     "add cgroup_enable=memory cgroup_memory=1 to the kernel's command "
	     "line (/boot/firmware/cmdline.txt), and reboot",
	     "microk8s#1691, microk8s#778"),
	SEEN("kernel-module-missing",
	     "the kernel lacks a module that pods' network needs",
	     "on a Raspberry Pi: sudo apt install linux-modules-extra-raspi, "
	     "and reboot",
	     "microk8s#2680, microk8s#2712, microk8s#2801"),
	SEEN("memory-small", "the host has less than 512 MB of memory",
	     "give it more", ""),
	SEEN("cidr-overlap",
	     "a network of the host overlaps with that of pods or services",
	     "move that network; 10.1.0.0/16 and 10.152.183.0/24 are "
	     "MicroK8s' own unless told otherwise", ""),
	SEEN("proxy-environment",
	     "proxy variables are set without the nodes' addresses in "
	     "no_proxy: joins sign their certificates through that proxy",
	     "put the nodes' addresses into no_proxy",
	     "microk8s#1146, microk8s#3152, microk8s#3611"),
	SEEN("clock-skew",
	     "the host's clock differs from the master's: certificates and "
	     "leases are judged by it",
	     "set the clocks by NTP: sudo timedatectl set-ntp true",
	     "microk8s#2088, microk8s#4033"),
	SEEN("vpn-boot-order",
	     "node_ip is a VPN's, and kubelite does not wait for it at boot: "
	     "kubelet refuses an address that is not there",
	     "let the service start after the VPN's", "microk8s#2402"),
	SEEN("inotify-low",
	     "the kernel allows few inotify instances; kubelet and pods need "
	     "many",
	     "raise fs.inotify.max_user_instances and max_user_watches in "
	     "/etc/sysctl.d", ""),
	SEEN("forward-dropped",
	     "the firewall drops forwarded packets before MicroK8s' own rules "
	     "can let them pass",
	     "sudo iptables -P FORWARD ACCEPT; with ufw: sudo ufw default "
	     "allow routed", "microk8s#4310, microk8s#68"),
	SEEN("selinux-enforcing", "SELinux is enforcing",
	     "see MicroK8s' notes on SELinux if pods are denied something",
	     ""),
	SEEN("in-container",
	     "the host is a system container, which needs a profile of its own",
	     "apply MicroK8s' LXD profile (tests/lxc/microk8s.profile)",
	     "microk8s#1425"),
	{ 0 },
};
