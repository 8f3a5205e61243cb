# SPDX-License-Identifier: Apache-2.0
"""`muster doctor`: one thing wrong at a time, named with its cure.

A row a fault: what is done to a host, what doctor has to find there and
nothing beside it, and the cure, by hand, after which it finds nothing.
"""
from __future__ import annotations

import time
import unittest

from muster_lab import DATA, LabTest, changed_paths
from muster_run import Done, muster

#: severity and code -> the hosts it is found on
Found = dict[tuple[str, str], list[str]]
BLOCKED = 69


def renamed(name: str) -> str:
    """The cure of a wrong hostname, its own line of /etc/hosts included."""
    return ("hostname %s; sed 's/^127.0.1.1 .*/127.0.1.1 %s/' /etc/hosts "
            ">/etc/hosts.new; mv /etc/hosts.new /etc/hosts" % (name, name))


class DoctorLab(LabTest):
    """What the tables below have in common."""

    HOSTS = 3

    def doctor(self, *args: str, rc: int | None = None) -> Done:
        done = self.muster("doctor", *args)
        if rc is not None:
            self.assertEqual(done.rc, rc, done)
        return done

    def found(self, *args: str) -> Found:
        """What is found, advice left out; its exit code has to fit."""
        done = self.doctor("--json", *args)
        document = done.json()
        found: Found = {}
        for one in document["findings"]:
            self.assertTrue(one["evidence"] and one["cure"], one)
            if one["severity"] != "advises":
                found.setdefault((one["severity"], one["code"]),
                                 []).extend(one["hosts"])
        blocked = any(severity == "blocks" for severity, _ in found)
        self.assertEqual(done.rc, BLOCKED if blocked else 0, done)
        return {key: sorted(set(hosts)) for key, hosts in found.items()}

    def row(self, host: str, knobs: dict[str, object], expected: Found,
            cure: str) -> None:
        """Spoil, find, cure by hand, find nothing; the knobs go back.
        NOW in a cure is the time at which it is applied."""
        with self.subTest(host=host, **knobs):
            neutral = {key: "0" if str(value).isdigit() else ""
                       for key, value in knobs.items()}
            self.knob(host, **knobs)
            try:
                self.assertEqual(self.found(), expected)
                self.sh(host, cure.replace("NOW", "%d" % time.time()))
                self.assertEqual(self.found(), {})
            finally:
                self.knob(host, **neutral)


class BareTest(DoctorLab):
    """Hosts with nothing on them yet."""

    def test_1_hosts_that_are_well_are_left_alone(self) -> None:
        hosts = list(self.state()["hosts"])
        before = {host: self.snapshot(host, "") for host in hosts}
        done = self.doctor(rc=0)
        self.assertIn("0 stop a run, 0 are likely to hurt", done.out)
        self.assertIn("3 hosts looked at in ", done.out)
        for host in hosts:
            self.assertEqual(changed_paths(
                before[host], self.snapshot(host, "")), [], host)

    def test_2_each_fault_is_named_alone_and_its_cure_cures(self) -> None:
        self.row("node2", {"port_16443_taken": 1},
                 {("blocks", "port-taken"): ["node2"]},
                 "kill $(ss -ltnpH 'sport = :16443' | "
                 "sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p'); "
                 "while ss -ltnH 'sport = :16443' | grep -q .; "
                 "do sleep 0.05; done")
        self.row("node3", {"no_snapd": 1},
                 {("blocks", "snapd-missing"): ["node3"]},
                 "mv /var/lib/lab/away/usr/bin/snap /usr/bin/snap")
        self.row("node2", {"hostname": "node3"},
                 {("blocks", "hostname-duplicate"): ["node2", "node3"]},
                 renamed("node2"))
        self.row("node3", {"hostname": "node_3"},
                 {("blocks", "hostname-invalid"): ["node3"]},
                 renamed("node3"))
        self.row("node3", {"hostname": "Node3"},
                 {("warns", "hostname-uppercase"): ["node3"]},
                 renamed("node3"))
        self.row("node2", {"sudo": "missing"},
                 {("blocks", "sudo-missing"): ["node2"]},
                 "mv /var/lib/lab/away/usr/bin/sudo /usr/bin/sudo")
        self.row("node2", {"sudo": "password"},
                 {("blocks", "sudo-refused"): ["node2"]},
                 "echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' "
                 ">/etc/sudoers.d/90-ubuntu")
        self.row("node3", {"extra_address": "10.1.7.1/24"},
                 {("blocks", "cidr-overlap"): ["node3"]},
                 "ip link del tun0; ip link add tun0 type vxlan id 77 "
                 "dstport 4790; ip addr add 10.44.7.1/24 dev tun0; "
                 "ip link set tun0 up")

    def test_3_up_starts_with_the_fatal_part(self) -> None:
        self.knob("node2", port_16443_taken=1)
        self.knob("node3", extra_address="10.1.7.1/24")
        try:
            done = self.muster("up", "--json")
        finally:
            self.knob("node2", port_16443_taken=0)
            self.knob("node3", extra_address="")
        self.assertEqual(done.rc, BLOCKED, done)
        errors = {host["name"]: host["error"]
                  for host in done.json()["hosts"]}
        self.assertEqual(errors["node2"]["cause"], "port-taken")
        self.assertEqual(errors["node3"]["cause"], "cidr-overlap")

    def test_4_all_faults_of_all_hosts_are_in_one_report(self) -> None:
        self.knob("node2", hostname="Node2", no_snapd=1)
        self.knob("node3", sudo="missing")
        try:
            found = self.found()
            said = self.doctor(rc=BLOCKED).out
        finally:
            self.knob("node2", hostname="", no_snapd=0)
            self.knob("node3", sudo="")
        self.assertEqual(found, {
            ("warns", "hostname-uppercase"): ["node2"],
            ("blocks", "snapd-missing"): ["node2"],
            ("blocks", "sudo-missing"): ["node3"]})
        self.assertLess(said.index("snapd-missing"),
                        said.index("hostname-uppercase"))
        self.assertIn("cure: sudo apt-get install snapd\n", said)

    def test_5_a_host_that_is_down_stops_a_run(self) -> None:
        self.lab_must("crash", "node3")
        try:
            self.assertEqual(self.found("-T", "2"),
                             {("blocks", "unreachable"): ["node3"]})
            self.assertEqual(self.found("-l", "node1,node2"), {})
        finally:
            self.lab_must("boot", "node3")


class ClusterTest(DoctorLab):
    """A cluster that stands."""

    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()

    def test_1_a_cluster_that_is_well_has_no_findings(self) -> None:
        for _ in range(5):
            self.assertEqual(self.found(), {})

    def test_2_each_fault_is_named_alone_and_its_cure_cures(self) -> None:
        self.row("node2", {"clock_offset": 10},
                 {("blocks", "clock-skew"): ["node2"]},
                 "date -s @NOW")
        self.row("node3", {"clock_offset": -10},
                 {("blocks", "clock-skew"): ["node3"]},
                 "date -s @NOW")
        same = "0123456789abcdef0123456789abcdef"
        self.knob("node2", machine_id=same)
        self.row("node3", {"machine_id": same},
                 {("warns", "machine-id-duplicate"): ["node2", "node3"]},
                 "rm /etc/machine-id; tr -d - "
                 "</proc/sys/kernel/random/uuid >/etc/machine-id")
        self.row("node2", {"proxy": "http://10.9.9.9:3128"},
                 {("warns", "proxy-environment"): ["node2"]},
                 "echo 'no_proxy=10.8.0.0/24' >>/etc/environment")
        self.row("node1", {"hosts_line": "127.0.1.1 node2"},
                 {("warns", "hosts-file-loopback"): ["node1"]},
                 "sed '/^127.0.1.1 node2$/d' /etc/hosts >/etc/hosts.new; "
                 "mv /etc/hosts.new /etc/hosts")

    def fault(self, host: str, spoil: str, expected: Found, cure: str
              ) -> None:
        """As row(), for what no knob does."""
        with self.subTest(host=host, spoil=spoil):
            self.sh(host, spoil)
            try:
                self.assertEqual(self.found("-T", "20"), expected)
            finally:
                self.sh(host, cure)
            self.assertEqual(self.found(), {})

    def test_3_ways_are_tried_from_both_ends(self) -> None:
        drop = ("nft 'add table ip t; add chain ip t in { type filter hook "
                "input priority 0; }; add rule ip t in iifname wg0 "
                "tcp dport %s drop'")
        self.fault("node1", drop % "{ 25000, 16443 }",
                   {("blocks", "port-blocked"): ["node2", "node3"]},
                   "nft delete table ip t")
        self.fault("node3", drop % "10250",
                   {("blocks", "port-blocked"): ["node1"]},
                   "nft delete table ip t")
        self.fault("node2", "ip addr add 10.8.0.99/32 dev wg0; ip route add "
                   "10.8.0.4/32 dev wg0 src 10.8.0.99",
                   {("blocks", "wrong-source-address"): ["node2"]},
                   "ip route del 10.8.0.4/32; ip addr del 10.8.0.99/32 "
                   "dev wg0")

    def test_4_channels_and_versions_are_compared(self) -> None:
        refresh = "snap refresh microk8s --channel=%s; while [ $(snap " \
            "services microk8s | grep -c 'daemon-kubelite.* active') != 1 ]" \
            "; do sleep 0.1; done"
        for channel, expected in (
                ("1.32/candidate", ("warns", "channels-differ")),
                ("1.31/stable", ("blocks", "versions-differ"))):
            self.fault("node3", refresh % channel, {expected: ["node3"]},
                       refresh % "1.32/stable")

    def test_5_fix_applies_what_harms_nobody(self) -> None:
        mark = "%s/var/lock/join-in-progress" % DATA
        self.sh("node2", "touch %s" % mark)
        self.knob("node1", hosts_line="127.0.1.1 node2 other # kept")
        self.assertEqual(self.found(), {
            ("warns", "join-broke-off"): ["node2"],
            ("warns", "hosts-file-loopback"): ["node1"]})
        mode = self.sh("node1", "stat -c %a:%u:%g /etc/hosts")
        done = self.doctor("--fix=hosts,lock,hold", rc=0)
        self.assertIn("cured: node2: join-broke-off\n", done.err)
        self.assertIn("cured: node1: hosts-file-loopback\n", done.err)
        for host in ("node1", "node2", "node3"):
            self.assertIn("cured: %s: refresh-not-held\n" % host, done.err)
            self.assertIn("held", self.sh(host, "snap list microk8s"))
        self.assertEqual(self.sh("node2", "test ! -e %s; echo $?" % mark),
                         "0\n")
        hosts = self.read("node1", "/etc/hosts").splitlines()
        self.assertIn("127.0.1.1 other # kept", hosts)
        self.assertIn("10.8.0.5 node2", hosts)
        self.assertIn("127.0.0.1 localhost", hosts)
        self.assertIn("127.0.1.1 node1", hosts)
        self.assertEqual(mode, self.sh("node1",
                                       "stat -c %a:%u:%g /etc/hosts"))
        self.assertIn("127.0.1.1 node2", self.read("node1",
                                                   "/etc/hosts.muster"))
        self.assertEqual(self.found(), {})
        again = self.doctor("--fix=hosts,lock,hold", rc=0)
        self.assertNotIn("cured", again.err)

    def test_6_names_that_the_master_checks(self) -> None:
        """An API server that reaches kubelets by name first, as upgraded
        clusters have it."""
        path = "%s/args/kube-apiserver" % DATA
        self.sh("node1", "sed -i.kept s/InternalIP,Hostname,/Hostname,"
                "InternalIP,/ %s" % path)
        # node2 was given its line by the test before.
        self.sh("node1", "sed '/10.8.0.5 node2/d' /etc/hosts >/etc/h; "
                "mv /etc/h /etc/hosts")
        try:
            self.assertEqual(self.found(), {
                ("blocks", "hostname-unresolved"): ["node2", "node3"]})
            self.doctor("--fix=hosts", rc=0)
            self.assertIn("10.8.0.6 node3",
                          self.read("node1", "/etc/hosts").splitlines())
            self.assertEqual(self.found(), {})
        finally:
            self.sh("node1", "mv %s.kept %s" % (path, path))


    def test_7_certificates_and_the_run_that_renews_them(self) -> None:
        for host, knobs, expected in (
                ("node2", {"kubelet_cert": "no-address"},
                 ("warns", "certificate-without-address")),
                ("node3", {"kubelet_cert": "expired"},
                 ("blocks", "certificate-expired")),
                ("node1", {"server_cert": "expired"},
                 ("blocks", "certificate-expired"))):
            with self.subTest(host=host, **knobs):
                self.knob(host, **knobs)
                try:
                    self.assertEqual(self.found(), {expected: [host]})
                    done = self.muster("up")
                    self.assertEqual(done.rc, 0, done)
                    self.assertEqual(self.found(), {})
                finally:
                    self.knob(host, **{key: "" for key in knobs})


class ExplainTest(unittest.TestCase):
    """The catalogue, offline."""

    def test_a_code_is_explained(self) -> None:
        done = muster("explain", "worker-lost-api")
        self.assertEqual(done.rc, 0, done)
        self.assertIn("error from a previous attempt", done.out)
        self.assertIn("microk8s#3756", done.out)

    def test_every_code_of_the_list_is_explained(self) -> None:
        codes = [line for line in muster("explain", "causes").out.splitlines()
                 if line and not line.startswith(" ")]
        self.assertGreater(len(codes), 80)
        for code in codes:
            done = muster("explain", code)
            self.assertEqual(done.rc, 0, done)
            self.assertTrue(done.out.startswith(code + "\n"), done)
            self.assertIn("What to do:", done.out)

    def test_a_slip_is_told_with_the_nearest(self) -> None:
        done = muster("explain", "invalid-tokn")
        self.assertEqual(done.rc, 64, done)
        self.assertIn("did you mean invalid-token", done.err)


if __name__ == "__main__":
    unittest.main()
