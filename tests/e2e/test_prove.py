# SPDX-License-Identifier: Apache-2.0
"""`muster verify`: a cluster that is well passes whenever it is asked; one
thing that is wrong is named, alone, and mending it by hand is enough.
"""
from __future__ import annotations

import os
import re
import signal
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

from muster_lab import DATA, MICROK8S, LabTest
from muster_run import events_of

KUBECTL = MICROK8S + " kubectl -n kube-system "
#: the lab's hosts live 20 times faster, so do their proxies
QUICK = ("--wait", "40s", "--count", "2", "--interval", "300ms")


class Prove(LabTest):
    """What all classes need: a cluster whose refreshes are held."""

    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()
        for host in cls.state()["hosts"]:
            cls.sh(host, "snap refresh --hold microk8s")

    def verify(self, *args: str, rc: int = 0, seconds: float = 150) -> dict:
        """`muster verify --json` with this exit code; its document."""
        done = self.muster("verify", "--json", *args, seconds=seconds)
        self.assertEqual(done.rc, rc, done)
        document = done.json()
        self.assertEqual(document["schema"], "muster.verify/1")
        self.assertEqual(document["exit_status"], rc)
        return document

    def assert_well(self, document: dict) -> None:
        """Everything was asked, and holds."""
        self.assertEqual({c["name"]: c["state"]
                          for c in document["conditions"]
                          if c["state"] != "holds"}, {})

    def pods_of_ours(self) -> str:
        return self.sh("node1", MICROK8S + " kubectl get pods,daemonsets,"
                       "services -l muster-proof -o name")


def causes(document: dict) -> dict[str, set[str]]:
    """condition -> causes of all that is at least warned of."""
    found: dict[str, set[str]] = {}
    for condition in document["conditions"]:
        for verdict in condition["verdicts"]:
            if verdict["state"] in ("fails", "warns"):
                found.setdefault(condition["name"], set()).add(
                    verdict.get("cause", "none"))
    return found


class HealthyTest(Prove):
    HOSTS = 10

    def test_ten_hosts_pass_many_times_in_a_row(self) -> None:
        """Five times; MUSTER_VERIFIES=20 asks as often as one likes."""
        for _ in range(int(os.environ.get("MUSTER_VERIFIES", "5"))):
            document = self.verify()
            self.assert_well(document)
        self.assertEqual(len(document["matrix"]), 10)
        self.assertEqual({cell for row in document["matrix"].values()
                          for cell in row.values()}, {"ok"})

    def test_each_host_is_sent_two_scripts_however_many_there_are(
            self) -> None:
        self.assert_two_scripts(self.verify())

    def test_nothing_is_changed_on_any_host(self) -> None:
        before = self.snapshots()
        starts = self.starts()
        self.verify()
        self.assertEqual(self.starts(), starts)
        self.assertEqual(self.snapshots(), before)

    def test_table_is_for_people_and_prints_the_wall_time(self) -> None:
        done = self.muster("verify", "--matrix")
        self.assertEqual((done.rc, done.err), (0, ""), done)
        self.assertRegex(done.out, r"(?m)^holds +overlay-full-size +90 ways$")
        self.assertRegex(done.out, r"(?m)^node10 +ok ")
        self.assertRegex(done.out.splitlines()[-1],
                         r"^31 conditions: 31 hold, 0 fail, 0 warn, 0 not "
                         r"asked; 10 hosts in \d+\.\d s$")


@dataclass(frozen=True)
class Row:
    """One thing that is wrong."""

    name: str
    wrong: tuple[str, str]          # host, and shell text or "knob=value"
    conditions: tuple[str, ...]
    cause: str
    cure: tuple[tuple[str, str], ...]   # the same, by hand
    rc: int = 3
    after: tuple[tuple[str, str], ...] = field(default=())


ROWS = (
    Row("UDP 4789 dropped", ("node3", "udp4789_drop=1"), ("overlay",),
        "overlay-udp4789", (("node3", "udp4789_drop=0"),)),
    Row("MTU of the way too small", ("node2", "path_mtu=1400"),
        ("overlay-full-size",), "overlay-mtu",
        tuple(("node%d" % n, "ip link set vxlan.calico mtu 1350")
              for n in (1, 2, 3)),
        after=(("node2", "path_mtu=0"),
               *(("node%d" % n, "ip link set vxlan.calico mtu 1450")
                 for n in (1, 2, 3)))),
    Row("wrong interface", ("node2", "calico_card=eth0"),
        ("calico-address", "overlay"), "calico-ip-wrong",
        (("node1", KUBECTL + "rollout restart ds/calico-node"),)),
    Row("certificate without the address", ("node2",
                                            "kubelet_cert=no-address"),
        ("certificates-address", "kubelet-reachable"),
        "certificate-without-address", (("node2", "join"),)),
    Row("certificate that has ended", ("node3", "kubelet_cert=expired"),
        ("certificates-last", "kubelet-reachable"), "certificate-expired",
        (("node3", "join"),)),
    Row("the API's certificate", ("node1", "server_cert=no-address"),
        ("certificates-address",), "certificate-without-address",
        (("node1", MICROK8S + " refresh-certs -e server.crt"),)),
    Row("clock", ("node2", "clock_offset=10"), ("clocks",), "clock-skew",
        (("node2", "date -s @$NOW"),), after=(("node2", "clock_offset="),)),
    Row("duplicate hostname", ("node3", "hostname=node2"),
        ("nodes-present",), "hostname-duplicate",
        (("node3", "hostname="),)),
    Row("another channel", ("node2", "snap refresh microk8s "
                            "--channel=1.31/stable"),
        ("kubelet-version", "snap-equal"), "channels-differ",
        (("node2", "snap refresh microk8s --channel=1.32/stable"),)),
    Row("refreshes not held", ("node3", "snap refresh --unhold microk8s"),
        ("refresh-held",), "refresh-not-held",
        (("node3", "snap refresh --hold microk8s"),), rc=0),
    Row("a token left behind", ("node1", MICROK8S + " add-node --token-ttl "
                                "86400 --format token"), ("no-tokens",),
        "token-left", (("node1", "truncate -s 0 %s/credentials/"
                        "cluster-tokens.txt" % DATA),), rc=0),
    Row("a join that broke off", ("node2", "touch %s/var/lock/"
                                  "join-in-progress" % DATA),
        ("no-broken-join",), "join-broke-off",
        (("node2", "rm %s/var/lock/join-in-progress" % DATA),)),
    Row("an argument lost", ("node2", "sed -i s/^--node-ip/#--node-ip/ "
                             "%s/args/kubelet" % DATA), ("arguments",),
        "args-missing", (("node2", "sed -i s/^#--node-ip/--node-ip/ "
                          "%s/args/kubelet" % DATA),)),
    Row("cni.yaml not applied", ("node1", "sed -i s/kubernetes-internal-ip/"
                                 "can-reach=10.8.0.5/ %s/args/cni-network/"
                                 "cni.yaml" % DATA), ("calico-env",),
        "cni-env-differs", (("node1", "sed -i s/can-reach=10.8.0.5/"
                             "kubernetes-internal-ip/ %s/args/cni-network/"
                             "cni.yaml" % DATA),)),
    Row("two hosts cut apart", ("node2", "cut=node3"),
        ("node-ports",), "node-port-blocked", (("node2", "mend=node3"),)),
)


class FaultTest(Prove):
    HOSTS = 3

    def act(self, host: str, what: str) -> None:
        """Does something to a host: a knob, a cut, a join, or shell text."""
        if what == "join":
            self.sh(host, "%s join %s --worker" % (MICROK8S, self.mint()))
        elif what.startswith(("cut=", "mend=")):
            verb, _, other = what.partition("=")
            self.lab_must(verb, host, other)
        elif re.fullmatch(r"\w+=\S*", what):
            self.lab_must("knob", host, what)
        else:
            self.sh(host, what.replace("$NOW", "%d" % time.time()))

    def test_what_is_wrong_is_named_alone_and_its_cure_cures(self) -> None:
        self.assert_well(self.verify(*QUICK))
        for row in ROWS:
            with self.subTest(row.name):
                self.act(*row.wrong)
                wanted = {name: {row.cause} for name in row.conditions}
                document = self.eventually(
                    "only %s" % wanted, lambda: self.found(row, wanted), 20)
                self.assert_cure_is_told(document)
                for cure in row.cure:
                    self.act(*cure)
                self.assert_well(self.verify(*QUICK))
                for act in row.after:
                    self.act(*act)
                if row.after:
                    self.assert_well(self.verify(*QUICK))

    def found(self, row: Row, wanted: dict[str, set[str]]) -> dict | None:
        """What verify says, once it says just that: some things take the
        cluster a moment to suffer from."""
        done = self.muster("verify", "--json")
        document = done.json()
        if done.rc != row.rc or causes(document) != wanted:
            return None
        return document

    def assert_cure_is_told(self, document: dict) -> None:
        for condition in document["conditions"]:
            for verdict in condition["verdicts"]:
                if verdict["state"] in ("fails", "warns"):
                    self.assertTrue(verdict["fix"], verdict)
                    self.assertTrue(verdict["meaning"], verdict)

    def test_wait_ends_when_all_has_held_so_often_in_a_row(self) -> None:
        self.lab_must("knob", "node3", "udp4789_drop=1")
        run = self.start("verify", "--wait", "60s", "--count", "3",
                         "--interval", "200ms", "--events",
                         self.file("wait"))
        self.until_event(run, self.file("wait"), "a round that failed",
                         lambda e: e["kind"] == "run_end")
        self.lab_must("knob", "node3", "udp4789_drop=0")
        done = run.wait()
        self.assertEqual(done.rc, 0, done)
        self.assertIn("waiting for overlay", done.err)
        self.assertIn("all well, 2 of 3 in a row", done.err)
        rounds = sum(e["kind"] == "run_end"
                     for e in events_of(self.file("wait")))
        self.assertGreaterEqual(rounds, 4)
        self.assertIn("%d rounds, the last 3 all well" % rounds, done.out)

    def test_wait_that_is_over_is_no_proof(self) -> None:
        self.lab_must("knob", "node2", "clock_offset=30")
        document = self.verify("--wait", "2s", "--interval", "200ms", rc=3)
        self.assertGreater(document["rounds"], 1)
        self.lab_must("knob", "node2", "clock_offset=")
        # All holds, but never three times within the time.
        document = self.verify("--wait", "1s", "--interval", "10s", rc=3)
        self.assertEqual((document["rounds"], document["in_a_row"]), (1, 1))
        self.assert_well(self.verify())

    def test_junit_has_a_failure_for_a_condition_that_fails(self) -> None:
        self.lab_must("knob", "node3", "udp4789_drop=1")
        path = self.file("proof.xml")
        done = self.muster("verify", "--junit", path)
        self.lab_must("knob", "node3", "udp4789_drop=0")
        self.assertEqual(done.rc, 3, done)
        suite = ElementTree.parse(path).getroot()
        self.assertEqual((suite.get("tests"), suite.get("failures")),
                         ("31", "1"))
        bad = {case.get("name"): case.find("failure").text  # type: ignore
               for case in suite if case.find("failure") is not None}
        self.assertEqual(list(bad), ["overlay"])
        self.assertRegex(bad["overlay"] or "",
                         r"^node3: .*\[overlay-udp4789\]$")
        done = self.muster("verify", "--junit", self.folder + "/none/x")
        self.assertEqual(done.rc, 73, done)
        self.assertIn("none/x", done.err)

    def test_host_that_is_gone_is_named_and_the_others_are_asked(
            self) -> None:
        self.lab_must("crash", "node3")
        try:
            document = self.verify("-T", "3s", rc=4)
        finally:
            self.lab_must("boot", "node3")
        found = causes(document)
        self.assertEqual(found["reached"], {"unreachable"})
        self.assertEqual(document["matrix"]["node1"],
                         {"node2": "ok", "node3": "-"})
        self.assert_well(self.verify(*QUICK))

    def test_host_without_perl_leaves_it_to_the_others(self) -> None:
        self.sh("node2", "mv /usr/bin/perl /usr/bin/perl.away")
        try:
            document = self.verify(*QUICK)
        finally:
            self.sh("node2", "mv /usr/bin/perl.away /usr/bin/perl")
        self.assertEqual(document["matrix"]["node2"],
                         {"node1": "-", "node3": "-"})
        self.assertEqual(document["matrix"]["node1"],
                         {"node2": "ok", "node3": "ok"})

    def test_options_that_do_not_fit_are_refused(self) -> None:
        for args, what in ((("--count", "2"), "are of --wait"),
                           (("--wait", "soon"), "--wait takes a time"),
                           (("--image", "x"), "--image is of --deep"),
                           (("--check",), "--check"),
                           (("--wait", "9s", "--count", "-1"), "--count")):
            with self.subTest(args):
                done = self.muster("verify", *args)
                self.assertEqual(done.rc, 64, done)
                self.assertIn(what, done.err)


class DeepTest(Prove):
    HOSTS = 3

    def test_pods_of_all_nodes_reach_each_other_and_are_gone(self) -> None:
        document = self.verify("--deep")
        self.assert_well(document)
        said = {c["name"]: c["verdicts"][0]["evidence"]
                for c in document["conditions"]
                if c["name"].startswith("deep-")}
        self.assertEqual(said, {"deep-pods": "9 answers",
                                "deep-service": "3 answers",
                                "deep-dns": "3 answers"})
        self.eventually("no pods of ours", lambda: not self.pods_of_ours())

    def test_ctrl_c_leaves_no_pod_behind(self) -> None:
        run = self.start("verify", "--deep")
        self.eventually("pods of ours", self.pods_of_ours)
        run.send(signal.SIGINT)
        done = run.wait()
        self.assertEqual(done.rc, 130, done)
        self.eventually("no pods of ours", lambda: not self.pods_of_ours())

    def test_overlay_that_is_cut_is_the_one_cause_of_all(self) -> None:
        self.lab_must("knob", "node2", "udp4789_drop=1")
        try:
            document = self.verify("--deep", rc=3)
        finally:
            self.lab_must("knob", "node2", "udp4789_drop=0")
        # Its consequences are told as such, not as causes.
        self.assertEqual(causes(document), {"overlay": {"overlay-udp4789"}})
        states = {c["name"]: c["state"] for c in document["conditions"]}
        self.assertEqual(states["deep-pods"], "skipped")
        # A service may have led each pod to the one on its own node.
        for name in ("deep-service", "deep-dns"):
            self.assertIn(states[name], ("skipped", "holds"))
        self.eventually("no pods of ours", lambda: not self.pods_of_ours())
        self.assert_well(self.verify("--deep"))
