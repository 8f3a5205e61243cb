/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue, second section: what commands other than join, the API, the
 * kubelets and the pods of the network say. Most of their texts come without
 * an exit status that means anything.
 */
#include "cause_priv.h"

#define LOG(t, a) { CAUSE_OF_COMMAND | CAUSE_OF_LOG, CAUSE_ANY_STATUS, t, a }
#define COMMAND(s, t, a) { CAUSE_OF_COMMAND, s, t, a }
#define EVERY(t, a) { CAUSE_OF_ANY, CAUSE_ANY_STATUS, t, a }

const struct cause cause_run[] = {
	/* Before the plain refusal, whose words it holds too. */
	{ "worker-lost-api",
	  "the node's own way to the API, 127.0.0.1:16443, was cut: the "
	  "address behind it is one this node cannot reach, or the API "
	  "restarts", "make --advertise-address the master's node_ip: muster "
	  "up does; at worst the node is back in a minute",
	  "microk8s#3756, microk8s#3957, microk8s#2123", CAUSE_RETRY,
	  { LOG("16443", "error from a previous attempt"),
	    LOG("16443", "connection reset by peer") } },
	{ "api-refused",
	  "nothing listens at 127.0.0.1:16443: the API server (on a worker: "
	  "its proxy) restarts, or is down",
	  "if it lasts beyond a minute, read the journal of "
	  "snap.microk8s.daemon-kubelite (on a worker: of "
	  "daemon-apiserver-proxy)",
	  "microk8s#2248, microk8s#3756", CAUSE_RETRY,
	  { LOG("16443", "connection refused"),
	    LOG("16443 was refused", NULL) } },
	{ "overlay-mtu-tls",
	  "a connection to a service opens, and TLS over it hangs: large "
	  "packets between nodes are lost",
	  "make the pods' MTU that of the network below less 50: "
	  "CALICO_VETH_MTU in args/cni-env, or veth_mtu in cni.yaml",
	  "microk8s#3654, microk8s#4142", CAUSE_NO_RETRY,
	  { LOG("TLS handshake timeout", "10.152.183.") } },
	{ "tls-handshake-timeout",
	  "the API server takes connections and does not answer: it is "
	  "starting, starved of disk or memory, or the address behind the "
	  "node's proxy is a wrong one",
	  "if it lasts beyond a minute: look at disk and memory of the master, "
	  "and run muster verify",
	  "microk8s#3756", CAUSE_RETRY,
	  { LOG("TLS handshake timeout", NULL) } },
	{ "service-address-unreachable",
	  "pods of this node do not reach the API at its service address: it "
	  "leads to an address of the master that this node cannot reach",
	  "make --advertise-address the master's node_ip and --node-ip each "
	  "node's: muster up does",
	  "microk8s#3101, microk8s#2123", CAUSE_NO_RETRY,
	  { LOG("10.152.183.1", "i/o timeout") } },
	{ "endpoints-empty",
	  "the worker's proxy has no address of an API server left",
	  "write the master's address into args/traefik/provider.yaml again: "
	  "muster up does",
	  "microk8s#3572, microk8s#4197, microk8s#3634", CAUSE_NO_RETRY,
	  { LOG("empty list of control plane endpoints", NULL) } },
	{ "node-ip-absent",
	  "kubelet refuses its --node-ip: no interface has it, as before a VPN "
	  "is up",
	  "bring the VPN up, and let kubelite start after it",
	  "microk8s#2402", CAUSE_NO_RETRY,
	  { LOG("failed to get node ip", NULL),
	    LOG("not found in the host's network interfaces", NULL) } },
	{ "certificate-not-yet-valid",
	  "a certificate is from the future: the clocks of two hosts differ",
	  "set the clocks by NTP: sudo timedatectl set-ntp true",
	  "microk8s#2088, microk8s#4033", CAUSE_NO_RETRY,
	  { LOG("not yet valid", " is before ") } },
	{ "certificate-expired", "a certificate has ended",
	  "sudo microk8s refresh-certs -e server.crt on the master; a worker "
	  "gets new ones by joining again",
	  "", CAUSE_NO_RETRY,
	  { LOG("certificate has expired", NULL) } },
	{ "certificate-without-address",
	  "a certificate does not name the address it is used at, so logs, "
	  "exec and metrics of that node fail",
	  "on the master sudo microk8s refresh-certs -e server.crt; a worker "
	  "gets new ones by joining again once its address is up; muster up "
	  "does both",
	  "microk8s#4369, microk8s#5383, microk8s#4561", CAUSE_NO_RETRY,
	  { LOG("certificate is valid for", ", not "),
	    LOG("contain any IP SANs", NULL) } },
	{ "ca-unknown",
	  "the certificate is from a CA that is not this cluster's: the CA was "
	  "changed, or another cluster answers",
	  "join the worker again; check that the address is the master's own",
	  "", CAUSE_NO_RETRY,
	  { LOG("certificate signed by unknown authority", NULL) } },
	{ "calico-address-taken",
	  "a node of another name still holds this address for Calico",
	  "remove the old node: sudo microk8s remove-node NAME --force",
	  "microk8s#3315, microk8s#4283, microk8s#1880", CAUSE_NO_RETRY,
	  { LOG("is already using the IPv4 address", NULL) } },
	{ "node-name-invalid",
	  "the host's name cannot be a node's: only a-z, 0-9, - and . can be "
	  "in it",
	  "sudo hostnamectl set-hostname NAME, before it joins",
	  "microk8s#444, microk8s#1736, microk8s#3755", CAUSE_NO_RETRY,
	  { LOG("a lowercase RFC 1123 subdomain", NULL) } },
	{ "dqlite-no-leader",
	  "the datastore has no leader: most of its members are gone, or this "
	  "host was renamed",
	  "give the host its old name back, or restore the quorum",
	  "microk8s#5524, microk8s#2348", CAUSE_NO_RETRY,
	  { LOG("no available dqlite leader server found", NULL) } },
	{ "dqlite-certificate",
	  "members of the datastore do not know each other's certificate: a "
	  "host has several addresses, or was joined twice",
	  "leave with this host and join it again",
	  "microk8s#4865", CAUSE_NO_RETRY,
	  { LOG("tls: bad certificate", NULL) } },
	{ "dqlite-own-database",
	  "the host kept a datastore of its own instead of joining",
	  "sudo microk8s leave on it, then join it again",
	  "microk8s#4584, microk8s#4713", CAUSE_NO_RETRY,
	  { EVERY("bootstrap node can't join a cluster", NULL) } },

	/* MicroK8s' own commands: the status says little */
	{ "not-in-a-cluster", "the host is in no cluster that it could leave",
	  "if a join broke off, join again; a node that is only left over: "
	  "remove-node on the master",
	  "", CAUSE_NO_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "is not acting as a node in a cluster",
		    NULL) } },
	{ "is-a-worker",
	  "the host is a worker: there most commands do nothing, with or "
	  "without an error",
	  "type it on the master",
	  "istvano/ansible_role_microk8s#30", CAUSE_NO_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "is acting as a node in a cluster",
		    NULL) } },
	{ "holds-the-only-datastore",
	  "the host holds the only copy of the cluster's datastore, so it "
	  "cannot leave", "reset it if the cluster is to go",
	  "", CAUSE_NO_RETRY,
	  { COMMAND(3, "only copy of the Kubernetes database", NULL) } },
	{ "node-still-in-dqlite",
	  "the datastore still counts on the node that was to be removed",
	  "sudo microk8s leave on it first, or remove-node --force for one "
	  "that is gone",
	  "microk8s#2144, microk8s#3694", CAUSE_NO_RETRY,
	  { COMMAND(1, "is registered with dqlite", NULL) } },
	{ "node-missing",
	  "the API does not know the node: its join ended, or said success, "
	  "and it never registered",
	  "read the journal of snap.microk8s.daemon-kubelite on it; muster up "
	  "joins it again",
	  "microk8s#1819, microk8s#1146, microk8s#4584", CAUSE_NO_RETRY,
	  { COMMAND(1, "does not exist in Kubernetes", NULL),
	    LOG("nodes \"", "\" not found") } },
	{ "several-nodes", "the cluster has other nodes, so it is not reset",
	  "remove them first", "", CAUSE_NO_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "multi-node MicroK8s deployment",
		    NULL) } },
	{ "stopped", "MicroK8s was stopped on this host",
	  "sudo microk8s start", "", CAUSE_NO_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "not running, try microk8s start",
		    NULL) } },
	{ "not-running",
	  "MicroK8s is not ready on this host: it starts, or a service is down",
	  "sudo microk8s inspect on it", "", CAUSE_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "microk8s is not running", NULL) } },
	{ "no-default-route",
	  "the host has no default route, so MicroK8s knows no address of it",
	  "give it a default route, or --advertise-address",
	  "microk8s#2814", CAUSE_NO_RETRY,
	  { LOG("https://none:16443", NULL) } },

	/* sudo and snapd */
	{ "sudo-refused",
	  "the user who logs in may not use sudo without a password",
	  "let him with a NOPASSWD line in /etc/sudoers.d, or give the "
	  "password with -K",
	  "microk8s#606, microk8s#4376", CAUSE_NO_RETRY,
	  { EVERY("a password is required", NULL),
	    EVERY("is not in the sudoers file", NULL),
	    EVERY("is not allowed to execute", NULL),
	    EVERY("a terminal is required", NULL) } },
	{ "snap-classic", "the snap needs classic confinement",
	  "sudo snap install microk8s --classic", "", CAUSE_NO_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "classic confinement", NULL) } },
	{ "snapd-seeding", "snapd is not done with its own first start",
	  "sudo snap wait system seed.loaded", "", CAUSE_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "device not yet seeded", NULL) } },
	{ "snapd-silent", "snapd does not answer",
	  "sudo systemctl restart snapd.socket snapd", "", CAUSE_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "cannot communicate with server",
		    NULL) } },
	{ "store-unreachable", "the host does not reach the snap store",
	  "check its DNS, its way out and its proxy", "", CAUSE_RETRY,
	  { COMMAND(CAUSE_ANY_STATUS, "unable to contact snap store",
		    NULL),
	    COMMAND(CAUSE_ANY_STATUS, "api.snapcraft.io", NULL) } },
	{ 0 },
};
