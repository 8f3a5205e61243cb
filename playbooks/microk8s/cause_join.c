/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue, first section: everything a `microk8s join` is known to end
 * with. Sources of the texts: microk8s scripts/wrappers/join.py, the cluster
 * agent's pkg/api/v2/join.go, snapd. join.py prints most errors on standard
 * output, tracebacks on standard error.
 */
#include "cause_priv.h"

#define JOIN(s, t, a) { CAUSE_OF_JOIN, s, t, a }
#define EITHER(s, t, a) { CAUSE_OF_JOIN | CAUSE_OF_COMMAND, s, t, a }

const struct cause cause_join[] = {
	/* exit 4: before the token was sent */
	{ "fingerprint-mismatch",
	  "the master's certificate is not the one the token was made for: it "
	  "changed in between, or another machine answers",
	  "if a fresh token meets it too, restart the cluster agent on the "
	  "master, and check that node_ip is the master's own",
	  "microk8s#4010, microk8s#3086, microk8s#2420", CAUSE_RETRY_NEW_TOKEN,
	  { JOIN(4, "Could not verify the identity of", NULL) } },
	{ "tls-failed",
	  "the master's cluster agent did not complete a TLS handshake",
	  "check that port 25000 of the master is its cluster agent",
	  "", CAUSE_RETRY,
	  { JOIN(4, NULL, NULL) } },

	/* exit 6: the agent's answer, in the order of its checks */
	{ "invalid-token",
	  "the master does not know the token: used, expired or lost",
	  "use a new token; make no tokens while joins run",
	  "microk8s#4513, microk8s#3225, microk8s#4582", CAUSE_RETRY_NEW_TOKEN,
	  { JOIN(6, "Invalid token", NULL), JOIN(6, "invalid token", NULL) } },
	{ "already-known-to-dqlite",
	  "the datastore still lists a member with this host's address",
	  "remove the old member with microk8s remove-node --force",
	  "microk8s#2212, microk8s#2465, microk8s#1880", CAUSE_NO_RETRY,
	  { JOIN(6, "is already known to dqlite", NULL) } },
	{ "bind-address-not-local",
	  "the address the join went to is not the master's own, so its "
	  "datastore cannot be moved there",
	  "set node_ip of the master to an address of its interfaces",
	  "microk8s#4122", CAUSE_NO_RETRY,
	  { JOIN(6, "address", "was not found in any host interface") } },
	{ "not-ha-cluster", "the master runs without dqlite",
	  "enable ha-cluster on the master", "microk8s#5089", CAUSE_NO_RETRY,
	  { JOIN(6, "not an HA MicroK8s cluster", NULL) } },
	{ "joiner-not-ha", "this host runs without dqlite, the master with it",
	  "enable ha-cluster on this host", "microk8s#5089", CAUSE_NO_RETRY,
	  { JOIN(6, "This is an HA MicroK8s cluster", NULL) } },
	{ "agent-port-differs",
	  "the cluster agents of both hosts use different ports",
	  "set the same --bind in args/cluster-agent on both",
	  "", CAUSE_NO_RETRY,
	  { JOIN(6, "port of the cluster agent port has to be set to",
		 NULL) } },
	{ "same-ip",
	  "the master sees this host with the master's own address",
	  "check node_ip of both hosts and that no NAT lies between",
	  "", CAUSE_NO_RETRY,
	  { JOIN(6, "has the same IP", "as the node we contact") } },
	{ "hostname-unresolved",
	  "the master cannot resolve this host's name to its address, and its "
	  "API server is set to reach kubelets by name",
	  "add the host to /etc/hosts of the master",
	  "microk8s#2967, microk8s#3225, microk8s#3152", CAUSE_NO_RETRY,
	  { JOIN(6, "does not resolve to the IP", NULL),
	    JOIN(6, "should resolve to", "but it did not") } },
	{ "api-unavailable", "the master's API server was not answering",
	  "check that the master is ready", "microk8s#2248", CAUSE_RETRY,
	  { JOIN(6, "Failed to retrieve list of control plane nodes",
		 NULL) } },
	{ "dqlite-unavailable",
	  "the master's datastore was not ready for a join",
	  "check k8s-dqlite on the master", "microk8s#1401", CAUSE_RETRY,
	  { JOIN(6, "Failed to retrieve dqlite cluster nodes", NULL) } },
	{ "agent-deadline",
	  "the master did not finish within its own deadline",
	  "check that the master is ready", "", CAUSE_RETRY,
	  { JOIN(6, "context deadline exceeded", NULL) } },
	{ "agent-refused", "the master's cluster agent refused the join",
	  "read the journal of snap.microk8s.daemon-cluster-agent on the "
	  "master", "", CAUSE_NO_RETRY,
	  { JOIN(6, NULL, NULL) } },

	{ "http-failed",
	  "the talk with the master's cluster agent broke off",
	  "check that port 25000 of the master is its cluster agent",
	  "", CAUSE_RETRY,
	  { JOIN(5, NULL, NULL) } },
	{ "unknown-auth-mode",
	  "the master asks for an authentication this host lacks",
	  "run the same MicroK8s channel on both", "", CAUSE_NO_RETRY,
	  { JOIN(7, NULL, NULL) } },
	{ "worker-unsupported",
	  "this MicroK8s is too old to be a worker: it knows no --worker",
	  "bring it to a channel of 1.23 or newer with snap refresh",
	  "microk8s#3005", CAUSE_NO_RETRY,
	  { JOIN(CAUSE_ANY_STATUS, "no such option: --worker", NULL) } },
	{ "usage", "this MicroK8s does not understand the join command",
	  "check the MicroK8s version of this host", "", CAUSE_NO_RETRY,
	  { JOIN(2, NULL, NULL) } },
	/* of timeout(1), which muster runs join under: the agent accepted and
	 * never answered, and join has no timeout of its own */
	{ "timed-out",
	  "the join did not end in its time: the master's cluster agent does "
	  "not answer, or a service of this host does not restart",
	  "read the journal of snap.microk8s.daemon-cluster-agent on the "
	  "master", "microk8s#3242", CAUSE_RETRY,
	  { JOIN(124, NULL, NULL), JOIN(137, NULL, NULL) } },

	/* exit 1: everything else, told by text alone. The text of a proxy's
	 * refusal quotes why the proxy was not reached. */
	{ "proxy-in-the-way",
	  "the request for a certificate went to an HTTP proxy",
	  "put the master's address into no_proxy on this host",
	  "microk8s#1146, microk8s#3152, microk8s#3611", CAUSE_NO_RETRY,
	  { JOIN(1, "ProxyError", NULL),
	    JOIN(1, "Failed to sign", "certificate (403)") } },
	{ "sign-cert-failed",
	  "the master could not sign this host's certificate: several joins at "
	  "once disturb each other there, or a proxy is set",
	  "if it persists, join fewer hosts at once, and put the master's "
	  "address into no_proxy",
	  "microk8s#1970, microk8s#3350", CAUSE_RETRY,
	  { JOIN(1, "Failed to sign", "certificate"),
	    { CAUSE_OF_LOG, CAUSE_ANY_STATUS,
	      "Unable to load number from", "ca.srl" } } },
	{ "snapd-busy",
	  "snapd was busy with another change on this host",
	  "wait for `snap changes` to settle; hold refreshes",
	  "microk8s#2065, charm-microk8s#124", CAUSE_RETRY,
	  { EITHER(CAUSE_ANY_STATUS, "change in progress", NULL) } },
	{ "service-slow",
	  "a service of this host took longer to restart than snapd allows",
	  "check load and disk of this host", "", CAUSE_RETRY,
	  { EITHER(1, "command is taking too long", NULL) } },
	{ "file-immutable",
	  "a file of MicroK8s could not be written: it was made immutable, or "
	  "the file system is read-only",
	  "take the attribute off: sudo chattr -i "
	  "/var/snap/microk8s/current/args/kubelet",
	  "microk8s#2402", CAUSE_NO_RETRY,
	  { JOIN(1, "PermissionError", NULL),
	    EITHER(CAUSE_ANY_STATUS, "Read-only file system", NULL) } },
	{ "connection-refused", "nothing listens where the join went to",
	  "check the cluster agent of the master, port 25000",
	  "microk8s#946, microk8s#1255", CAUSE_RETRY,
	  { JOIN(1, "ConnectionRefusedError", NULL),
	    JOIN(1, "Connection refused", NULL) } },
	/* muster asks for the port before each attempt: what is cut off for
	 * good is found there, so this was cut off in between */
	{ "connection-timeout",
	  "the master did not answer this host at all",
	  "check node_ip of the master, the route to it and firewalls for port "
	  "25000", "microk8s#3242, microk8s#1255", CAUSE_RETRY,
	  { JOIN(1, "TimeoutError", NULL),
	    JOIN(1, "Connection timed out", NULL) } },
	{ "no-route", "this host has no route to the master's address",
	  "check node_ip of the master and the route to it",
	  "", CAUSE_RETRY,
	  { JOIN(1, "No route to host", NULL),
	    JOIN(1, "Network is unreachable", NULL) } },
	{ "agent-closed",
	  "the master's cluster agent went away during the join",
	  "restart no services on the master while hosts join",
	  "microk8s#2248", CAUSE_RETRY,
	  { JOIN(1, "Remote end closed connection", NULL),
	    JOIN(1, "ConnectionResetError", NULL),
	    JOIN(1, "Please ensure the master node is reachable", NULL) } },
	{ "role-mismatch",
	  "the master answered as to a control plane, this host asked to be a "
	  "worker", "run the same MicroK8s channel on both",
	  "", CAUSE_NO_RETRY,
	  { JOIN(1, "Joining process failed", NULL) } },
	{ "invalid-url", "join did not accept the address it was given",
	  "node_ip of the master must be an IPv4 address",
	  "microk8s#4396, microk8s#4777", CAUSE_NO_RETRY,
	  { JOIN(1, "Invalid connection", NULL) } },
	{ "low-memory",
	  "this host has too little memory for a control plane",
	  "give it more memory, or join it as a worker",
	  "", CAUSE_NO_RETRY,
	  { EITHER(1, "does not have enough RAM", NULL) } },
	{ "no-permission", "the command was not run as root",
	  "check sudo on this host", "microk8s#606, microk8s#4376",
	  CAUSE_NO_RETRY,
	  { EITHER(1, "Insufficient permissions", NULL),
	    EITHER(1, "Elevated permissions are needed", NULL) } },
	{ "snapctl-failed",
	  "snapd could not restart a service of this host",
	  "read the journal of snapd and of the service",
	  "microk8s#5487", CAUSE_RETRY,
	  { EITHER(1, "error running snapctl", NULL) } },
	{ "command-not-found",
	  "there is no microk8s command on this host, or no sudo that it "
	  "needs", "install the snap; install sudo",
	  "istvano/ansible_role_microk8s#47", CAUSE_NO_RETRY,
	  { EITHER(127, NULL, NULL) } },
	{ 0 },
};

const struct cause cause_killed = {
	.code = "killed",
	.meaning = "the command was ended by a signal",
	.fix = "check memory and shutdowns of this host",
	.upstream = "",
	.retry = CAUSE_RETRY,
};

const struct cause cause_unknown = {
	.code = "unknown",
	.meaning = "it failed in a way muster does not know",
	.fix = "read the output; a new run tries again",
	.upstream = "",
};
