# SPDX-License-Identifier: Apache-2.0
"""What is real behind a Ready node: VXLAN, pods, services, DNS, kubelets.

A cluster of three is assembled by hand in the order that works; then every
way is walked, and spoilt by its knob, and cured as a person would.
"""
from __future__ import annotations

import json
import os
import unittest

from test_commands_lab import DATA, MICROK8S, LabTest

KUBECTL = MICROK8S + " kubectl --request-timeout=10 "
HOSTS = ("node1", "node2", "node3")
TUNNEL = "projectcalico.org/IPv4VXLANTunnelAddr"
SPACE = "deep"
AGENTS = {"kind": "DaemonSet", "apiVersion": "apps/v1",
          "metadata": {"name": "deep", "namespace": SPACE},
          "spec": {"selector": {"matchLabels": {"app": "deep"}},
                   "template": {"metadata": {"labels": {"app": "deep"}},
                                "spec": {"containers": [{
                                    "name": "c", "image": "busybox"}]}}}}
SERVICE = {"kind": "Service", "apiVersion": "v1",
           "metadata": {"name": "deep", "namespace": SPACE},
           "spec": {"selector": {"app": "deep"},
                    "ports": [{"port": 80, "targetPort": 8080}]}}


class ClusterOfThree(LabTest):
    """node1 is the master and everybody is on the VPN."""

    HOSTS = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.prepare_master()
        for host in HOSTS[1:]:
            url = cls.mint()
            joined = cls.mk(host, "join", "--worker", url)
            if joined.rc != 0:
                raise AssertionError("join: %r" % joined)
        cls().eventually("three overlays", lambda: len(cls.tunnels()) == 3
                         and cls.settled(), 40)

    @classmethod
    def prepare_master(cls) -> None:
        """What muster does before the first join."""
        cls.sh("node1", "cd %s/args; echo --node-ip=10.8.0.4 >>kubelet; "
               "echo --advertise-address=10.8.0.4 >>kube-apiserver; sed -i "
               "s/first-found/kubernetes-internal-ip/ cni-network/cni.yaml; "
               "snap restart microk8s.daemon-kubelite; %s status "
               "--wait-ready --timeout 600; until %s apply -f cni-network/"
               "cni.yaml; do sleep 0.2; done" % (DATA, MICROK8S, KUBECTL))

    @classmethod
    def kubectl(cls, words: str):
        """kubectl on the master, in the shell."""
        return cls.sh("node1", KUBECTL + words)

    @classmethod
    def listed(cls, words: str) -> list[dict]:
        """The items of `get ... -o json`; none while the API is away."""
        got = cls.kubectl("get %s -o json" % words)
        return json.loads(got.out)["items"] if got.rc == 0 else []

    @classmethod
    def tunnels(cls) -> dict[str, str]:
        """node -> its tunnel's address."""
        return {node["metadata"]["name"]: notes[TUNNEL]
                for node in cls.listed("nodes")
                if TUNNEL in (notes := node["metadata"].get(
                    "annotations") or {})}

    @classmethod
    def settled(cls) -> bool:
        """Every host has a route to the two others' blocks."""
        return all(cls.sh(host, "ip route").out.count("dev vxlan.calico") == 2
                   for host in HOSTS)

    @classmethod
    def pods(cls, space: str = "kube-system") -> dict[str, dict[str, dict]]:
        """app -> node -> pod."""
        found: dict[str, dict[str, dict]] = {}
        for pod in cls.listed("pods -n " + space):
            labels = pod["metadata"]["labels"]
            app = labels.get("app") or labels.get("k8s-app")
            found.setdefault(app, {})[pod["spec"].get("nodeName")] = pod
        return found

    def ping(self, host: str, address: str, size: int = 56) -> bool:
        """Whether a packet of this size, not to be cut, comes back."""
        return self.sh(host, "ping -c 1 -W 1 -q -M do -s %d %s"
                       % (size, address)).rc == 0

    def turned(self, host: str, **knobs: str) -> None:
        """Turn knobs, and back at the end of the test."""
        self.addCleanup(self.knob, host, **{k: "" for k in knobs})
        self.knob(host, **knobs)


class Overlay(ClusterOfThree):
    """Node to node."""

    def test_tunnel_small_and_full_between_all(self) -> None:
        tunnels = self.tunnels()
        self.assertEqual(len(set(tunnels.values())), 3, tunnels)
        for host in HOSTS:
            mtu = int(self.sh(host, "cat /sys/class/net/vxlan.calico/mtu"
                              ).out)
            self.assertEqual(mtu, 1450)
            for address in tunnels.values():
                self.assertTrue(self.ping(host, address), (host, address))
                self.assertTrue(self.ping(host, address, mtu - 28))

    def test_udp4789_dropped_takes_the_tunnel_away(self) -> None:
        there = self.tunnels()["node2"]
        self.turned("node2", udp4789_drop="1")
        self.assertFalse(self.ping("node1", there))
        self.assertTrue(self.ping("node1", "10.8.0.5"))
        self.knob("node2", udp4789_drop="0")
        self.assertTrue(self.ping("node1", there))

    def test_path_mtu_takes_the_large_ones_until_veth_mtu_fits(self) -> None:
        there = self.tunnels()["node2"]
        self.turned("node2", path_mtu="1400")
        self.assertTrue(self.ping("node1", there))
        self.assertFalse(self.ping("node1", there, 1422))
        self.set_mtu("1350")
        self.addCleanup(self.set_mtu, "0")
        self.eventually("the large ones", lambda: self.ping("node1", there,
                                                            1322))

    def set_mtu(self, mtu: str) -> None:
        """The cure: veth_mtu in cni.yaml, apply, restart calico-node."""
        self.sh("node1", "cd %s/args/cni-network; sed -i 's/veth_mtu: "
                ".*/veth_mtu: \"%s\"/' cni.yaml; %s apply -f cni.yaml; %s -n "
                "kube-system rollout restart ds/calico-node" % (
                    DATA, mtu, KUBECTL, KUBECTL))
        wanted = mtu if mtu != "0" else "1450"
        self.eventually("MTU " + wanted, lambda: all(self.sh(
            host, "cat /sys/class/net/vxlan.calico/mtu").out.strip() == wanted
            for host in HOSTS) and self.settled(), 40)

    def test_wrong_card_is_cured_by_a_new_pod(self) -> None:
        there = self.tunnels()["node2"]
        self.turned("node2", calico_card="eth0")
        self.eventually("another address", lambda: self.calico_address(
            "node2") == "10.0.0.192/24")
        self.eventually("silence", lambda: not self.ping("node1", there))
        pod = self.pods()["calico-node"]["node2"]["metadata"]["name"]
        self.kubectl("-n kube-system delete pod " + pod)
        self.eventually("the address", lambda: self.calico_address(
            "node2") == "10.8.0.5/24")
        self.eventually("an answer", lambda: self.ping("node1", there))

    def calico_address(self, name: str) -> str:
        """What calico-node has told of its node."""
        return next((node["metadata"]["annotations"].get(
            "projectcalico.org/IPv4Address", "") for node
            in self.listed("nodes") if node["metadata"]["name"] == name), "")


class Workloads(ClusterOfThree):
    """Pods, services and names, from pods and from hosts."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        for item in ({"kind": "Namespace", "apiVersion": "v1",
                      "metadata": {"name": SPACE}}, AGENTS, SERVICE):
            done = cls.sh("node1", "%s apply -f - <<'E'\n%s\nE" % (
                KUBECTL, json.dumps(item)))
            assert done.rc == 0, done
        cls().eventually("three pods", lambda: cls.ready_pods() == 3)

    @classmethod
    def ready_pods(cls) -> int:
        return sum(pod["status"].get("phase") == "Running" for pod
                   in cls.pods(SPACE).get("deep", {}).values())

    def inside(self, node: str, command: str):
        """A command in the pod of a node."""
        pod = self.pods(SPACE)["deep"][node]["metadata"]["name"]
        return self.kubectl("-n %s exec %s -- %s" % (SPACE, pod, command))

    def test_every_pod_reaches_every_pod(self) -> None:
        pods = self.pods(SPACE)["deep"]
        for source in HOSTS:
            for target in pods.values():
                got = self.inside(source, "wget -q -T 3 -t 1 -O- http://%s:"
                                  "8080/" % target["status"]["podIP"])
                self.assertEqual(got.out.strip(), target["metadata"]["name"],
                                 (source, got))

    def test_service_by_name_reaches_all_its_pods(self) -> None:
        names = {p["metadata"]["name"] for p
                 in self.pods(SPACE)["deep"].values()}
        self.assertEqual(len(names), 3)
        for source in HOSTS:
            got = self.inside(source, "bash -c 'for i in {1..24}; do wget -q "
                              "-T 3 -t 1 -O- http://deep.%s.svc.cluster.local"
                              "/; done'" % SPACE)
            self.assertEqual(set(got.out.split()), names, (source, got))

    def test_names_answer_and_unknown_ones_do_not(self) -> None:
        got = self.inside("node3", "nslookup kubernetes.default.svc.cluster."
                          "local")
        self.assertIn("Address: 10.152.183.1\n", got.out)
        got = self.inside("node3", "nslookup nobody.default.svc.cluster."
                          "local")
        self.assertEqual(got.rc, 1, got)
        self.assertIn("NXDOMAIN", got.out)

    def test_hosts_reach_services_and_pods_elsewhere(self) -> None:
        dns = next(iter(self.pods()["kube-dns"].values()))["status"]["podIP"]
        for host in HOSTS:
            for where in ("10.152.183.1/443", "10.152.183.10/53",
                          dns + "/53"):
                got = self.sh(host, "timeout 3 bash -c '</dev/tcp/%s'"
                              % where)
                self.assertEqual(got.rc, 0, (host, where, got))

    def test_coredns_gone_is_refused_at_once(self) -> None:
        self.kubectl("-n kube-system patch deployment coredns -p "
                     "'{\"spec\":{\"replicas\":0}}'")
        self.addCleanup(self.kubectl, "-n kube-system patch deployment "
                        "coredns -p '{\"spec\":{\"replicas\":1}}'")
        self.eventually("a refusal", lambda: "refused" in self.sh(
            "node2", "timeout 2 bash -c '</dev/tcp/10.152.183.10/53'").err)

    def test_command_of_a_container_really_runs(self) -> None:
        pod = {"containers": [{"name": "c", "image": "busybox", "command": [
            "sh", "-c", "echo says $HOSTNAME; exec httpd -f -p 9000 -h "
            "/etc"]}]}
        self.sh("node1", "%s apply -f - <<'E'\n%s\nE" % (KUBECTL, json.dumps(
            {**AGENTS, "metadata": {"name": "own", "namespace": SPACE},
             "spec": {"selector": {"matchLabels": {"app": "own"}},
                      "template": {"metadata": {"labels": {"app": "own"}},
                                   "spec": pod}}})))
        self.addCleanup(self.kubectl, "-n %s delete ds own" % SPACE)
        own = self.eventually("its pods", lambda: self.all_running("own"))
        for node, one in own.items():
            name = one["metadata"]["name"]
            self.eventually("its words", lambda: "says " + name in
                            self.kubectl("-n %s logs %s" % (SPACE, name)).out)
            got = self.inside("node1", "wget -q -T 3 -O- http://%s:9000/hosts"
                              % one["status"]["podIP"])
            self.assertIn(name, got.out, node)

    def all_running(self, app: str) -> dict[str, dict] | None:
        """Its pods by node once all three run."""
        pods = self.pods(SPACE).get(app, {})
        good = [p for p in pods.values()
                if p["status"].get("phase") == "Running"]
        return pods if len(good) == 3 else None

    def test_zz_namespace_takes_everything_along(self) -> None:
        cards = "ip -o link | grep -c cali"
        self.kubectl("delete namespace " + SPACE)
        self.eventually("no pod", lambda: not self.pods(SPACE))
        self.eventually("no rule", lambda: "8080" not in self.sh(
            "node2", "nft list ruleset").out)
        self.eventually("no card", lambda: self.sh(
            "node3", cards).out.strip() <= "2")


class Kubelets(ClusterOfThree):
    """10250, as the API server sees it."""

    def logs(self, node: str):
        """A line of a pod of this node, through the API."""
        pod = self.pods()["calico-node"][node]["metadata"]["name"]
        return self.kubectl("-n kube-system logs --tail=1 " + pod)

    def test_logs_come_from_every_node(self) -> None:
        for node in HOSTS:
            got = self.logs(node)
            self.assertEqual(got.rc, 0, got)
            self.assertIn("autodetected IPv4 address", got.out)

    def test_strangers_are_unauthorized(self) -> None:
        got = self.sh("node1", "curl -sk -w '%{http_code}' https://10.8.0.5:"
                      "10250/pods")
        self.assertEqual(got.out, "Unauthorized401")
        got = self.sh("node1", "curl -sk -w '%%{http_code}' --cert %s/certs/"
                      "apiserver-kubelet-client.crt --key %s/certs/apiserver-"
                      "kubelet-client.key https://10.8.0.5:10250/healthz"
                      % (DATA, DATA))
        self.assertEqual(got.out, "ok200")

    def test_certificate_without_the_address(self) -> None:
        for node, address in (("node1", "10.8.0.4"), ("node2", "10.8.0.5")):
            self.turned(node, kubelet_cert="no-address")
            got = self.logs(node)
            self.assertEqual(got.rc, 1, got)
            self.assertIn("tls: failed to verify certificate: x509: "
                          "certificate is valid for 127.0.0.1, not "
                          + address, got.err)
            self.assertEqual(self.logs("node3").rc, 0)
            self.knob(node, kubelet_cert="")
            self.assertEqual(self.logs(node).rc, 0)

    def test_certificate_expired(self) -> None:
        self.turned("node2", kubelet_cert="expired")
        got = self.logs("node2")
        self.assertIn("x509: certificate has expired or is not yet valid",
                      got.err)
        end = self.sh("node2", "openssl x509 -checkend 0 -noout -in %s/certs/"
                      "kubelet.crt" % DATA)
        self.assertEqual(end.rc, 1, end)
        # By hand: the node joins again.
        again = self.mk("node2", "join", "--worker", self.mint())
        self.assertEqual(again.rc, 0, again)
        self.eventually("a log", lambda: self.logs("node2").rc == 0)

    def test_kubelet_away_is_said(self) -> None:
        self.sh("node3", "snap stop microk8s.daemon-kubelite")
        self.addCleanup(self.sh, "node3", "snap start microk8s.daemon-"
                        "kubelite")
        self.assertIn("dial tcp 10.8.0.6:10250: connect: connection refused",
                      self.logs("node3").err)

    def test_server_certificate_without_the_address(self) -> None:
        shown = ("echo | openssl s_client -connect 10.8.0.4:16443 2>&1 "
                 "</dev/null | openssl x509 -noout -ext subjectAltName")
        self.assertIn("10.8.0.4", self.sh("node2", shown).out)
        self.turned("node1", server_cert="no-address")
        self.assertNotIn("10.8.0.4", self.sh("node2", shown).out)
        got = self.mk("node1", "refresh-certs", "-e", "server.crt")
        self.assertEqual(got.rc, 0, got)
        self.eventually("its address", lambda: "10.8.0.4" in self.sh(
            "node2", shown).out)


class RemovedSnap(LabTest):
    """Nothing of the network is left with the snap."""

    HOSTS = 1

    def test_remove_takes_cards_and_rules(self) -> None:
        self.eventually("pods", lambda: "cali" in self.sh(
            "node1", "ip -o link").out)
        got = self.on("node1", "snap", "remove", "microk8s")
        self.assertEqual(got.rc, 0, got)
        left = self.sh("node1", "ip -o link; ip route; nft list ruleset").out
        for word in ("cali", "10.1.", "kube-proxy"):
            self.assertNotIn(word, left)


if __name__ == "__main__":
    if os.geteuid() != 0:
        raise SystemExit("a lab needs root")
    unittest.main()
