# SPDX-License-Identifier: Apache-2.0
"""What runs behind the commands: API, kubelets, proxies, datastore, agent.

Each test holds one promise or one trap of a real cluster to the stand-in;
times in the comments are the lab's, 1/20 of life's.
"""
from __future__ import annotations

import json
import re
import unittest

from test_commands_lab import DATA, LabTest, quoted

API = "https://127.0.0.1:16443"


class ClusterTest(LabTest):
    """Helpers of the classes below."""

    def raw(self, host: str, path: str, *options: str):
        """curl on a host: the body, then the status in a line."""
        return self.sh(host, "curl -sk -m 5 -w '\\n%%{http_code}' %s %s%s"
                       % (" ".join(options), API, path))

    def node(self, name: str) -> dict:
        """A node's object."""
        return json.loads(self.mk("node1", "kubectl", "get", "node", name,
                                  "-o", "json").out)

    def ready(self, name: str) -> bool:
        """Whether the master has a node as Ready."""
        return self.nodes().get(name, (False, ""))[0]

    def append(self, host: str, name: str, line: str) -> None:
        """A line at the end of an args file."""
        self.sh(host, "echo %s >> %s/args/%s" % (quoted(line), DATA, name))

    def restart(self, host: str, service: str = "kubelite") -> None:
        """snap restart of one daemon."""
        done = self.on(host, "snap", "restart", "microk8s.daemon-" + service)
        self.assertEqual(done.rc, 0, done)

    def log(self, host: str) -> str:
        """What hostd has logged."""
        return self.on(host, "cat", "/var/log/hostd.log").out


class ApiOfAMaster(ClusterTest):
    """One host: who may ask what, and what a wrong args file does."""

    HOSTS = 1

    def wait_ready(self) -> None:
        got = self.mk("node1", "status", "--wait-ready", "--timeout", "600")
        self.assertEqual(got.rc, 0, got)

    def test_api_anonymous_sees_health_only(self) -> None:
        for path in ("/livez", "/readyz", "/healthz"):
            self.assertEqual(self.raw("node1", path).out, "ok\n200", path)
        self.assertIn('"gitVersion"', self.raw("node1", "/version").out)
        got = self.raw("node1", "/api/v1/nodes")
        self.assertTrue(got.out.endswith("\n401"), got)
        self.assertEqual(json.loads(got.out[:-4])["message"], "Unauthorized")

    def test_api_client_certificate_opens(self) -> None:
        pair = "--cert {0}/certs/client.crt --key {0}/certs/client.key"
        got = self.raw("node1", "/api/v1/nodes", pair.format(DATA))
        self.assertTrue(got.out.endswith("\n200"), got)
        self.assertEqual(json.loads(got.out[:-4])["kind"], "NodeList")

    def test_api_certificate_of_a_stranger_is_refused(self) -> None:
        self.sh("node1", "openssl req -x509 -newkey ec -pkeyopt "
                "ec_paramgen_curve:P-256 -nodes -subj /CN=admin -keyout "
                "/tmp/s.key -out /tmp/s.crt")
        got = self.raw("node1", "/api/v1/nodes", "--cert /tmp/s.crt --key "
                       "/tmp/s.key")
        self.assertNotIn("NodeList", got.out)
        self.assertNotIn("\n200", got.out)

    def test_readyz_verbose_names_its_checks(self) -> None:
        got = self.raw("node1", "/readyz?verbose")
        self.assertIn("[+]etcd ok\n", got.out)
        self.assertIn("readyz check passed\n", got.out)

    def test_unknown_flag_keeps_the_node_down(self) -> None:
        file = DATA + "/args/kube-apiserver"
        self.sh("node1", "cp -p {0} {0}.keep".format(file))
        self.append("node1", "kube-apiserver", "--advertize-address=1.2.3.4")
        self.restart("node1")
        self.eventually("a crash loop", lambda: self.log("node1").count(
            "unknown flag: --advertize-address") > 1)
        self.assertNotEqual(self.raw("node1", "/livez").rc, 0)
        self.sh("node1", "mv {0}.keep {0}".format(file))
        self.wait_ready()

    def test_wrong_value_keeps_the_node_down(self) -> None:
        file = DATA + "/args/kubelet"
        self.sh("node1", "cp -p {0} {0}.keep".format(file))
        self.append("node1", "kubelet", "--node-ip=10.8.0")
        self.restart("node1")
        self.eventually("a crash", lambda: 'invalid argument "10.8.0" for '
                        '"--node-ip" flag' in self.log("node1"))
        self.sh("node1", "mv {0}.keep {0}".format(file))
        self.wait_ready()

    def test_node_ip_moves_the_existing_node(self) -> None:
        uid = self.node("node1")["metadata"]["uid"]
        self.append("node1", "kubelet", "--node-ip=10.8.0.4")
        self.addCleanup(self.sh, "node1", "sed -i /--node-ip/d %s/args/"
                        "kubelet" % DATA)
        self.restart("node1")
        self.eventually("its new address", lambda: self.nodes().get(
            "node1") == (True, "10.8.0.4"))
        self.assertEqual(self.node("node1")["metadata"]["uid"], uid)

    def test_node_ip_not_local_leaves_the_address(self) -> None:
        before = self.nodes()["node1"][1]
        self.append("node1", "kubelet", "--node-ip=10.8.0.99")
        self.addCleanup(self.sh, "node1", "sed -i /--node-ip/d %s/args/"
                        "kubelet" % DATA)
        self.restart("node1")
        self.wait_ready()
        self.steadily("its address", lambda: self.nodes().get(
            "node1", ("", before))[1] == before, 2)

    def test_advertise_address_moves_the_endpoint(self) -> None:
        self.assertEqual(self.endpoints(), "192.168.88.193")
        self.append("node1", "kube-apiserver",
                    "--advertise-address=10.8.0.4")
        self.addCleanup(self.sh, "node1", "sed -i /--advertise-address/d "
                        "%s/args/kube-apiserver" % DATA)
        self.restart("node1")
        self.eventually("the endpoint", lambda: self.endpoints() ==
                        "10.8.0.4")
        got = self.mk("node1", "kubectl", "get", "endpointslices", "-o",
                      "jsonpath={.items[*].endpoints[*].addresses[*]}")
        self.assertEqual(got.out.strip(), "10.8.0.4")
        # A crash withdraws nothing: both are listed until the lease ends.
        self.sh("node1", "sed -i /--advertise-address/d %s/args/"
                "kube-apiserver" % DATA)
        self.lab("crash", "node1")
        self.lab("boot", "node1")
        self.wait_ready()
        self.eventually("the default route's endpoint alone",
                        lambda: self.endpoints() == "192.168.88.193")

    def test_api_hang_accepts_and_says_nothing(self) -> None:
        self.knob("node1", api_hang="1")
        self.addCleanup(self.knob, "node1", api_hang="0")
        got = self.mk("node1", "kubectl", "--request-timeout=1", "get",
                      "nodes")
        self.assertEqual((got.rc, got.out), (1, ""))
        self.assertIn("Unable to connect to the server: ", got.err)

    def test_objects_outlive_a_power_loss(self) -> None:
        done = self.mk("node1", "kubectl", "label", "node", "node1",
                       "kept=yes")
        self.assertEqual(done.rc, 0, done)
        self.sh("node1", "f=%s/var/kubernetes/backend/objects.json; until "
                "grep -q kept $f; do sleep 0.05; done" % DATA)
        self.lab("crash", "node1")
        self.lab("boot", "node1")
        self.wait_ready()
        self.assertEqual(self.node("node1")["metadata"]["labels"]["kept"],
                         "yes")


class Workers(ClusterTest):
    """A master prepared for joins, and a worker."""

    HOSTS = 3
    KNOBS = {"join_seconds": "2"}

    def setUp(self) -> None:
        """Both joined; each test leaves them Ready."""
        if "clustered.lock" not in self.locks("node3"):
            self.append("node1", "kube-apiserver",
                        "--advertise-address=10.8.0.4")
            self.append("node1", "kubelet", "--node-ip=10.8.0.4")
            self.restart("node1")
            self.mk("node1", "status", "--wait-ready", "--timeout", "600")
            for host in ("node2", "node3"):
                done = self.mk(host, "join", "--worker", self.mint())
                self.assertEqual(done.rc, 0, done)
        self.eventually("all Ready", lambda: self.ready("node2")
                        and self.ready("node3"))

    def test_cut_worker_goes_not_ready_and_returns(self) -> None:
        self.lab("cut", "node1", "node2")
        self.eventually("NotReady", lambda: not self.ready("node2"))
        condition = next(
            c for c in self.node("node2")["status"]["conditions"]
            if c["type"] == "Ready")
        self.assertEqual((condition["status"], condition["reason"]),
                         ("Unknown", "NodeStatusUnknown"))
        self.assertTrue(self.ready("node3"))
        self.lab("mend", "node1", "node2")
        self.eventually("Ready again", lambda: self.ready("node2"))

    def test_provider_edit_acts_at_once_and_is_undone(self) -> None:
        file = DATA + "/args/traefik/provider.yaml"
        self.sh("node2", "echo '- address: 10.8.0.6:16443' > /tmp/more; cat "
                "{0} > /tmp/p; sed 's/^/        /' /tmp/more >> /tmp/p; mv "
                "/tmp/p {0}".format(file))
        self.eventually("the log", lambda: "endpoints: 10.8.0.4:16443 "
                        "10.8.0.6:16443" in self.log("node2"))
        self.eventually("the refresh", lambda: "10.8.0.6" not in self.read(
            "node2", "args/traefik/provider.yaml"))

    def test_provider_empty_ends_the_proxy(self) -> None:
        file = DATA + "/args/traefik/provider.yaml"
        keep = self.read("node2", "args/traefik/provider.yaml")
        self.sh("node2", ": > " + file)
        self.eventually("a crash loop", lambda: self.log("node2").count(
            "empty list of control plane endpoints") > 1)
        self.sh("node2", "printf %%s %s > %s.new; mv %s.new %s" % (
            quoted(keep), file, file, file))
        self.eventually("Ready again", lambda: self.raw(
            "node2", "/livez").out == "ok\n200")

    def test_removed_node_returns_after_a_restart_only(self) -> None:
        done = self.mk("node1", "remove-node", "node3")
        self.assertEqual((done.rc, done.out), (0, ""), done)
        self.steadily("no node3", lambda: "node3" not in self.nodes(), 2)
        self.restart("node3")
        self.eventually("a zombie", lambda: self.ready("node3"))

    def test_calico_follows_the_joined_address(self) -> None:
        def address() -> str:
            return self.node("node2")["metadata"].get("annotations", {}).get(
                "projectcalico.org/IPv4Address", "")
        # The agent has put can-reach=<first joiner> in first-found's place.
        self.assertIn("can-reach=10.8.0.5", self.read(
            "node1", "args/cni-network/cni.yaml"))
        self.eventually("the VPN's address",
                        lambda: address() == "10.8.0.5/24")
        got = self.mk("node1", "kubectl", "-n", "kube-system", "rollout",
                      "status", "ds/calico-node", "--timeout=20s")
        self.assertEqual(got.rc, 0, got)

    def test_parallel_signings_race_for_the_serial(self) -> None:
        """Signings at once share ca.srl: each gives a certificate or the
        known words, and nothing else."""
        script = (
            "import json,ssl,sys,http.client,concurrent.futures as f\n"
            "c=ssl._create_unverified_context()\n"
            "def one(i):\n"
            " h=http.client.HTTPSConnection('10.8.0.4',25000,context=c)\n"
            " h.request('POST','/cluster/api/v1.0/sign-cert',json.dumps("
            "{'token':'t%d'%i,'request':open('/tmp/r.csr').read()}))\n"
            " r=h.getresponse();b=r.read().decode()\n"
            " return r.status,b\n"
            "for s,b in f.ThreadPoolExecutor(8).map(one,range(24)):\n"
            " print(s,'certificate' if '\"certificate\"' in b else b)\n")
        self.knob("node1", sign_race_percent="40")
        self.addCleanup(self.knob, "node1", sign_race_percent="2")
        self.sh("node1", "cd %s/credentials; seq 0 23 | sed s/^/t/ > "
                "certs-request-tokens.txt" % DATA)
        self.sh("node2", "openssl req -new -nodes -newkey ec -pkeyopt "
                "ec_paramgen_curve:P-256 -keyout /tmp/r.key -out /tmp/r.csr "
                "-subj /CN=x")
        got = self.on("node2", "python3", "-c", script)
        lines = [line for line in got.out.splitlines() if line]
        self.assertEqual(len(lines), 24, got)
        good = "200 certificate"
        bad = ('500 {"error":"Failed to sign certificate: sign_certificate '
               'failed: exit status 1"}')
        for line in lines:
            self.assertIn(line, (good, bad))
        self.assertIn(good, lines)
        self.assertIn(bad, lines)

    def test_drain_moves_what_no_daemonset_owns(self) -> None:
        def homes() -> list[str]:
            got = self.mk("node1", "kubectl", "get", "pods", "-A", "-o",
                          "json")
            return [(p["metadata"]["name"].rsplit("-", 1)[0],
                     p["spec"].get("nodeName")) for p
                    in json.loads(got.out)["items"]]
        home = dict(homes())["coredns"]
        done = self.mk("node1", "kubectl", "drain", home,
                       "--ignore-daemonsets")
        self.assertEqual(done.rc, 0, done)
        self.addCleanup(self.mk, "node1", "kubectl", "uncordon", home)
        self.eventually("another home", lambda: dict(homes()).get(
            "coredns") not in (home, None))
        self.assertIn(("calico-node", home), homes())


class ControlPlanes(ClusterTest):
    """Three control planes, of which the first is lost."""

    HOSTS = 3
    KNOBS = {"join_seconds": "2"}

    def test_third_control_plane_makes_it_redundant(self) -> None:
        def status(host: str) -> str:
            return self.mk(host, "status").out
        url = self.mint("node1", "10.8.0.4", "--token-ttl", "600")
        done = self.mk("node2", "join", url)
        self.assertEqual(done.rc, 0, done)
        self.assertTrue(done.out.endswith("Successfully joined the "
                                          "cluster.\n"), done)
        self.eventually("one voter of two", lambda: "high-availability: no\n"
                        "  datastore master nodes: 10.8.0.4:19001\n"
                        in status("node2"))
        self.assertEqual(self.mk("node3", "join", url).rc, 0)
        self.eventually("three voters", lambda: "high-availability: yes\n"
                        in status("node3"))
        self.eventually("three Ready", lambda: len(self.nodes()) == 3
                        and all(self.ready(n) for n in self.nodes()))
        again = self.mk("node3", "join", url)
        self.assertEqual(again.rc, 6, again)
        self.assertIn("the joining node (10.8.0.6) is already known to "
                      "dqlite (500).", again.out)
        self.lab("crash", "node1")

        def seen() -> dict[str, str]:
            got = self.mk("node2", "kubectl", "--request-timeout=5", "get",
                          "nodes", "--no-headers")
            return {row.split()[0]: row.split()[1]
                    for row in got.out.splitlines()}
        self.eventually("life without node1", lambda: seen() == {
            "node1": "NotReady", "node2": "Ready", "node3": "Ready"})
        self.lab("boot", "node1")
        self.eventually("node1 back", lambda: seen().get(
            "node1") == "Ready")

    def members(self, host: str) -> dict[str, str]:
        """address -> role, as the yaml of `status` on this host has them."""
        got = self.mk(host, "status", "--format", "yaml").out
        return dict(re.findall(r"- address: ([\d.]+):19001\n +role: (\w+)",
                               got))

    def test_who_leaves_or_is_taken_out_is_no_member(self) -> None:
        """In this order: a lie, a leave, one taken out while it is down."""
        everybody = {"10.8.0.4", "10.8.0.5", "10.8.0.6"}
        self.eventually("three", lambda: set(self.members("node2"))
                        == everybody)
        done = self.mk("node3", "leave")
        self.assertEqual(done.rc, 0, done)
        self.eventually("two are left", lambda: self.members("node1") and
                        sorted(self.members("node1").values()) ==
                        ["spare", "voter"])
        self.assertEqual(self.mk("node1", "remove-node", "node3").rc, 0)
        self.knob("node3", lie_join_success="once")
        url = self.mint("node1", "10.8.0.4", "--token-ttl", "600")
        done = self.mk("node3", "join", url)
        self.assertEqual(done.rc, 0, done)
        self.assertIn("Successfully joined the cluster.", done.out)
        self.assertNotIn("10.8.0.6", self.members("node1"))
        self.assertEqual(self.mk("node3", "join", url).rc, 0)
        self.eventually("all vote", lambda: self.members("node1") == dict.
                        fromkeys(everybody, "voter"))
        self.lab("crash", "node3")
        # It worked, and says that it did not: the API has another address.
        done = self.mk("node1", "remove-node", "10.8.0.6", "--force")
        self.assertEqual(done.rc, 1, done)
        self.assertIn("Removing node entry found in dqlite.", done.out)
        self.assertEqual(set(self.members("node2")),
                         everybody - {"10.8.0.6"})
        self.lab("boot", "node3")
        self.eventually("it runs, without a datastore", lambda: (
            "running: False" in self.mk("node3", "status", "--format",
                                        "yaml").out))
        self.assertNotIn("10.8.0.6", self.members("node1"))


if __name__ == "__main__":
    unittest.main()
