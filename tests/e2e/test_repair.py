# SPDX-License-Identifier: Apache-2.0
"""What has drifted or broken off is mended by the same `muster up`, and what
belongs to somebody else is left alone.

Each test breaks one thing in a cluster that is well, and leaves it well.
"""
from __future__ import annotations

from muster_lab import (DATA, MICROK8S, TOKENS, LabTest, changed_paths,
                        host_steps, of_host)
from muster_run import Done
from token_watch import TokenWatch

QUICK = ("-e", "microk8s_verify_timeout=8s")


class Repair(LabTest):
    """What both classes need."""

    def assert_only(self, document: dict, host: str, *steps: str,
                    others: tuple[str, ...] = ("node1", "node2", "node3")
                    ) -> None:
        """Just these steps changed something, on this host alone."""
        self.assertEqual(host_steps(document, host, "changed"), list(steps))
        for other in others:
            if other != host:
                self.assertEqual(host_steps(document, other, "changed"), [],
                                 other)

    def assert_well(self, count: int = 3) -> None:
        self.assertEqual(self.nodes(), self.well(count))

    def join_by_hand(self, host: str, master: str = "node1",
                     address: str = "10.8.0.4") -> Done:
        return self.on(host, MICROK8S, "join", self.mint(master, address),
                       "--worker")


class DriftTest(Repair):
    HOSTS = 3
    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()

    def test_node_ip_gone_from_a_workers_kubelet(self) -> None:
        self.sh("node2", "sed -i '/^--node-ip/d' %s/args/kubelet; "
                "snap restart microk8s.daemon-kubelite" % DATA)
        self.eventually("the wrong address", lambda: self.nodes().get(
            "node2", (0, ""))[1] == "10.0.0.192")
        starts = self.starts("node1", "node3")
        document = self.up()
        self.assert_only(document, "node2", "args kubelet", "restart")
        self.assertEqual(self.starts("node1", "node3"), starts)
        self.assertIn("--node-ip=10.8.0.5", self.args("node2", "kubelet"))
        self.assert_well()

    def test_edit_keeps_every_other_line_owner_mode_and_a_backup(
            self) -> None:
        path = DATA + "/args/kubelet"
        self.sh("node3", "sed -i '/^--node-ip/d' %s; printf '# mine\\n"
                "--max-pods=90\\n' >> %s; chmod 640 %s" % ((path,) * 3))
        old = self.read("node3", "args/kubelet")
        self.assert_only(self.up(), "node3", "args kubelet", "restart")
        self.assertEqual(self.read("node3", "args/kubelet"),
                         old + "--node-ip=10.8.0.6\n")
        said = self.sh("node3", "stat -c '%%a %%U %%G' %s; "
                       "cat $(ls -t %s.muster-* | head -n 1)" % (path, path))
        self.assertEqual(said, "640 root microk8s\n" + old)
        self.assert_well()

    def test_provider_yaml_on_a_dead_address(self) -> None:
        self.sh("node3", "f=%s/args/traefik/provider.yaml; "
                "sed 's/10.8.0.4/192.168.88.193/' $f > $f.new; "
                "mv $f.new $f" % DATA)
        self.eventually("NotReady", lambda: self.nodes().get(
            "node3", (True, ""))[0] is False)
        starts = self.starts()
        document = self.up()
        self.assert_only(document, "node3", "proxy")
        self.assertEqual(self.starts(), starts)
        self.assert_well()

    def test_stale_mark_of_a_join(self) -> None:
        self.sh("node2", "touch %s/var/lock/join-in-progress" % DATA)
        starts = self.starts()
        self.assert_only(self.up(), "node2", "join")
        self.assertFalse(self.has_lock("node2", "join-in-progress"))
        self.assertEqual(self.starts(), starts)

    def test_restart_owed_by_an_interrupted_run(self) -> None:
        self.sh("node2", "d=/var/snap/microk8s/common/muster/pending; "
                "mkdir -p $d; touch $d/kubelite")
        before = self.starts("node2")["node2"]
        self.assert_only(self.up(), "node2", "restart")
        self.assertEqual(self.starts("node2")["node2"],
                         before + ["kubelite"])
        self.assertEqual(self.sh("node2", "ls -A /var/snap/microk8s/common/"
                                 "muster 2>/dev/null || true"), "")
        self.assert_well()

    def test_masters_advertise_address_gone(self) -> None:
        self.sh("node1", "sed -i '/^--advertise-address/d' "
                "%s/args/kube-apiserver" % DATA)
        document = self.up()
        self.assert_only(document, "node1", "args kube-apiserver", "restart")
        self.assertIn("--advertise-address=10.8.0.4",
                      self.args("node1", "kube-apiserver"))
        self.assert_well()

    def test_stopped_worker_is_started(self) -> None:
        self.sh("node3", "snap stop --disable microk8s; touch "
                "%s/var/lock/stopped.lock" % DATA)
        self.assertIn("snap", host_steps(self.up(), "node3", "changed")[0])
        self.assertFalse(self.has_lock("node3", "stopped.lock"))
        self.assert_well()


class JoinTest(Repair):
    """node4 and node5 come late, broken in several ways; node6 and node7
    are another cluster."""

    HOSTS = 7
    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.three = cls.with_hosts(3)
        cls.assemble(cls.three)

    @classmethod
    def with_hosts(cls, count: int, *more: int) -> str:
        """An inventory of the first hosts, and some more."""
        wanted = [*range(1, count + 1), *more]
        with open(cls.inventory, encoding="utf-8") as source:
            lines = [line for line in source.read().splitlines()
                     if not line.startswith("node")
                     or int(line.split()[0][4:]) in wanted]
        return cls.write("hosts-%s.ini" % "-".join(map(str, wanted)),
                         "\n".join(lines) + "\n")

    def break_join(self, host: str, mark: str) -> None:
        """Kill a join by hand as soon as this file is there."""
        self.knob(host, join_seconds=60)
        url = self.mint()
        self.sh(host, "setsid sh -c 'exec %s join %s --worker' "
                ">/tmp/join.log 2>&1 </dev/null & "
                "n=0; until [ -e %s/%s ]; do sleep 0.05; n=$((n+1)); "
                "[ $n -lt 400 ]; done; kill -9 -$!; cat /tmp/join.log"
                % (MICROK8S, url, DATA, mark))
        self.knob(host, join_seconds=20)
        self.assertTrue(self.has_lock(host, "join-in-progress"))
        self.assertFalse(self.has_lock(host, "no-cert-reissue"))

    def test_1_join_killed_before_it_took_hold(self) -> None:
        self.break_join("node4", "certs/ca.remote.crt")
        self.assertFalse(self.has_lock("node4", "clustered.lock"))
        document = self.up(inventory=self.with_hosts(4))
        self.assertEqual(host_steps(document, "node4", "changed")[0], "join")
        for host in ("node2", "node3"):
            self.assertEqual(host_steps(document, host, "changed"), [])
        self.assertFalse(self.has_lock("node4", "join-in-progress"))
        self.assert_well(4)

    def test_2_join_killed_when_half_a_worker(self) -> None:
        self.break_join("node5", "var/lock/clustered.lock")
        document = self.up(inventory=self.with_hosts(5))
        self.assertEqual(host_steps(document, "node5", "changed")[0], "join")
        self.assertTrue(self.has_lock("node5", "no-cert-reissue"))
        self.assertFalse(self.has_lock("node5", "join-in-progress"))
        self.assert_well(5)

    def leave(self, host: str) -> None:
        """Make a worker a stand-alone host again, by hand."""
        self.sh(host, MICROK8S + " leave", seconds=120)
        self.sh("node1", MICROK8S + " kubectl delete node %s "
                "--ignore-not-found" % host)
        self.sh(host, MICROK8S + " status --wait-ready --timeout 60 "
                ">/dev/null")

    def test_3_a_join_that_lies_is_not_believed(self) -> None:
        five = self.with_hosts(5)
        self.leave("node5")
        self.knob("node5", lie_join_success=1)
        with TokenWatch(self.state()) as watch:
            done = self.muster("up", *QUICK, inventory=five)
        self.assertEqual(done.rc, 3, done)
        self.assertIn("node5 is not among the nodes", done.err)
        self.assertRegex(done.err, r"fix: ")
        self.assertTrue(watch.tokens)
        self.assertEqual(watch.leaks(**{
            name: self.read("node1", name) for name in TOKENS}), [])
        self.knob("node5", lie_join_success=0)
        document = self.up(inventory=five)
        self.assertEqual(host_steps(document, "node5", "changed")[0], "join")
        self.assert_well(5)

    def test_4_members_of_another_cluster_are_refused(self) -> None:
        self.sh("node6", "echo --advertise-address=10.8.0.9 >> %s/args/"
                "kube-apiserver; snap restart microk8s" % DATA)
        self.sh("node6", MICROK8S + " status --wait-ready --timeout 90 "
                ">/dev/null")
        done = self.join_by_hand("node7", "node6", "10.8.0.9")
        self.assertEqual(done.rc, 0, done)
        self.eventually("node7 in its cluster", lambda: self.nodes(
            "node6").get("node7", (False, ""))[0])
        before, starts = self.snapshots(), self.starts()
        done = self.muster("up", "--json", inventory=self.with_hosts(3, 6, 7))
        self.assertEqual(done.rc, 2, done)
        document = done.json()
        after = self.snapshots()
        for host in before:
            self.assertEqual(changed_paths(before[host], after[host]), [])
        self.assertEqual(self.starts(), starts)
        self.assertEqual(document["totals"]["changed"], 0)
        for host, what in (("node6", "control plane of another cluster"),
                           ("node7", "worker of another cluster")):
            error = of_host(document, host)["error"]
            self.assertEqual((error["code"], error["step"]),
                             ("foreign-cluster", "preflight"))
            self.assertIn(what, error["message"])
            self.assertIn("microk8s leave", error["hint"])
            self.assertIn("--adopt", error["hint"])
            self.assertIn(error["hint"], done.err)
        # The rest of the cluster was looked after all the same.
        self.assertEqual({n["name"] for n in document["nodes"]},
                         {"node%d" % n for n in range(1, 6)})

    def test_5_adopt_takes_the_worker_over(self) -> None:
        done = self.muster("up", "--adopt", inventory=self.with_hosts(3, 7))
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(done.table()["node7"]["INTERNAL-IP"], "10.8.0.10")
        self.assertEqual(self.nodes()["node7"], (True, "10.8.0.10"))

    def test_6_strangers_in_the_cluster_are_only_named(self) -> None:
        done = self.muster("up", inventory=self.three)
        self.assertEqual(done.rc, 0, done)
        self.assertIn("node 'node4' (10.8.0.7) is in the cluster but not in "
                      "the inventory", done.err)
        self.assertEqual(done.table()["node4"]["NODE_IP"],
                         "not in the inventory")
        self.assertEqual(done.recap()["total"]["changed"], 0)
