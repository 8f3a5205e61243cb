/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue, fourth section: what the proof of a standing cluster finds,
 * at its API, on its nodes and between them.
 */
#include "cause_priv.h"

#define SEEN(code, meaning, fix, upstream) \
	{ code, meaning, fix, upstream, CAUSE_NO_RETRY, { { 0 } } }

const struct cause cause_overlay[] = {
	SEEN("api-not-ready",
	     "the API server answers, and says that it is not ready",
	     "wait for what it names; read the journal of "
	     "snap.microk8s.daemon-kubelite", ""),
	SEEN("node-not-ready", "the node is registered and not Ready",
	     "read its reason, and the journal of "
	     "snap.microk8s.daemon-kubelite on it", "microk8s#1475"),
	SEEN("node-unknown", "the API has a node that the inventory does not",
	     "add it to the inventory, or remove-node it on the master", ""),
	SEEN("internal-ip-wrong",
	     "the node's INTERNAL-IP is not its node_ip, and others cannot "
	     "reach it there",
	     "--node-ip in args/kubelet of that node, and a restart of "
	     "kubelite: muster up does",
	     "microk8s#2402, microk8s#3363, microk8s#3957"),
	SEEN("calico-ip-wrong",
	     "Calico uses another address of the node than node_ip: it found "
	     "the wrong interface",
	     "IP_AUTODETECTION_METHOD: kubernetes-internal-ip in the master's "
	     "cni.yaml: muster up does",
	     "microk8s#1511, microk8s#1545, microk8s#3458"),
	SEEN("datastore-not-redundant",
	     "the datastore has fewer than three voters, so that the loss of "
	     "one ends the cluster",
	     "three masters or more in [masters], then muster up; a voter is "
	     "promoted within 30 s",
	     "microk8s#4584, microk8s#4713"),
	SEEN("datastore-member-missing",
	     "a control plane is no member of the cluster's datastore, "
	     "whatever its join said",
	     "muster up, which joins it again",
	     "microk8s#4584, microk8s#4713"),
	SEEN("datastore-other-address",
	     "a control plane is in the datastore at an address that is not "
	     "its node_ip: the members reach each other there, or not at all",
	     "muster remove it and muster up, one after the other, which "
	     "joins it at its node_ip", ""),
	SEEN("datastore-member-down",
	     "a member of the datastore is down: if most voters are, the "
	     "cluster stands still",
	     "bring the host back, or take it off with muster remove "
	     "--unreachable",
	     ""),
	SEEN("endpoints-wrong",
	     "the API announces other addresses than the masters' node_ip: "
	     "workers lose it within 30 s",
	     "--advertise-address in args/kube-apiserver of the master: muster "
	     "up does",
	     "microk8s#3957, microk8s#3363, microk8s#2123"),
	SEEN("endpoint-silent",
	     "nothing answers at microk8s_api_endpoint from this node, and its "
	     "way to the API leads through it",
	     "look at the load balancer: it has to pass TCP to port 16443 of "
	     "the masters, and be reached from every node", ""),
	SEEN("endpoint-unresolved",
	     "the name in microk8s_api_endpoint does not resolve on this node",
	     "give the node a DNS that knows it or a line in /etc/hosts, or "
	     "write an address", ""),
	SEEN("endpoint-untrusted",
	     "the certificate shown at microk8s_api_endpoint does not name it "
	     "or is of another CA: the balancer must pass TLS through, and the "
	     "masters' certificates name it",
	     "muster up renews the masters' certificates; let the balancer "
	     "pass TCP, not end TLS", ""),
	SEEN("args-missing", "an argument that MicroK8s needs here is not set",
	     "muster up sets it", "microk8s#3184, microk8s#2402"),
	SEEN("args-not-as-asked",
	     "a flag of a service is not as the inventory's microk8s_..._args "
	     "say",
	     "muster up sets it, and restarts what it belongs to", ""),
	SEEN("kubelet-unreachable",
	     "the API does not reach the node's kubelet, port 10250",
	     "open 10250/tcp on the node for the master", "microk8s#1369"),
	SEEN("rollout-unfinished",
	     "a part of the cluster's own is not running everywhere",
	     "microk8s kubectl -n kube-system describe its pods",
	     "microk8s#2680"),
	SEEN("cni-env-differs",
	     "Calico does not run as the master's cni.yaml says: it was never "
	     "applied",
	     "microk8s kubectl apply -f /var/snap/microk8s/current/args/"
	     "cni-network/cni.yaml", "microk8s#1511"),
	SEEN("overlay-mtu",
	     "small packets pass between nodes' pods and large ones do not: "
	     "the pods' MTU is above that of the network below less 50",
	     "CALICO_VETH_MTU in args/cni-env (or veth_mtu in cni.yaml), then "
	     "restart ds/calico-node and the pods",
	     "microk8s#4142, microk8s#2072, microk8s#1709"),
	SEEN("overlay-udp4789",
	     "nodes reach each other, and nothing of VXLAN passes: 4789/udp "
	     "is dropped on the way",
	     "open 4789/udp between all nodes; on ESXi with NSX another "
	     "vxlanPort",
	     "microk8s#4423, microk8s#4310"),
	SEEN("overlay-offload",
	     "pings pass between nodes' pods and TCP hangs: the network card "
	     "miscomputes checksums inside VXLAN",
	     "microk8s kubectl patch felixconfigurations default --type=merge "
	     "--patch '{\"spec\":{\"featureDetectOverride\":"
	     "\"ChecksumOffloadBroken=true\"}}'",
	     "microk8s#3085, microk8s#3718, microk8s#2438"),
	SEEN("overlay-interface",
	     "VXLAN goes out by another interface than that of node_ip",
	     "IP_AUTODETECTION_METHOD: kubernetes-internal-ip in the master's "
	     "cni.yaml: muster up does",
	     "microk8s#1545, microk8s#1737, microk8s#1892"),
	SEEN("node-port-blocked",
	     "a port of a node gets no answer from another node",
	     "open 10250/tcp on every node, 25000/tcp and 16443/tcp on the "
	     "master", "microk8s#3815"),
	SEEN("pod-unreachable", "a pod of another node does not answer",
	     "see what the conditions before it say; else look at FORWARD "
	     "rules of both nodes", "microk8s#4310, microk8s#3133"),
	SEEN("service-unreachable", "a service's address does not answer",
	     "look at the node's kube-proxy: the journal of "
	     "snap.microk8s.daemon-kubelite", "microk8s#3101"),
	SEEN("dns-fails", "the cluster's DNS does not answer from a node",
	     "microk8s kubectl -n kube-system get pods -l k8s-app=kube-dns; "
	     "microk8s enable dns", "microk8s#4423"),
	SEEN("image-pull", "the test pod's image cannot be had",
	     "give one that the nodes can pull with --image", ""),
	SEEN("token-left", "a join token of an earlier run is still valid",
	     "muster up revokes its own; else empty "
	     "credentials/cluster-tokens.txt on the master", ""),
	SEEN("revisions-differ", "nodes run different revisions of the snap",
	     "sudo snap refresh microk8s on the older ones", "microk8s#2447"),
	{ 0 },
};
