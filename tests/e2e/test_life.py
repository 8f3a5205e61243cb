# SPDX-License-Identifier: Apache-2.0
"""The ways out of a cluster: hosts that leave it, alive or dead, the whole of
it taken apart, and put together again so often that anything that grows is
seen.

$MUSTER_REBUILDS says how often in a row (3).  Tests of a class go on where
the one before them ended.
"""
from __future__ import annotations

import json
import os
import pty
import re
import time
from collections import Counter

from muster_lab import MICROK8S, LabTest, changed_paths, host_steps
from muster_run import Done

REBUILDS = int(os.environ.get("MUSTER_REBUILDS", "3"))
#: one look after the proxies' refresh is test_up's matter
QUICK = ("-e", "microk8s_settle=1s")
COMMON = "/var/snap/microk8s/common/muster"
_RUN = re.compile(r"\d{8}T\d{6}-[0-9a-f]{4}")


def deployment(name: str, replicas: int) -> dict:
    """As much of a Deployment as the lab's scheduler asks for."""
    labels = {"app": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"replicas": replicas,
                     "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {
                         "containers": [{"name": name, "image": "x"}]}}}}


def budget(name: str, available: int) -> dict:
    """A PodDisruptionBudget for that Deployment."""
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"minAvailable": available,
                     "selector": {"matchLabels": {"app": name}}}}


class Life(LabTest):
    """What the classes need."""

    KNOBS = {"installed": 1}

    def kubectl(self, *args: str, host: str = "node1") -> Done:
        done = self.on(host, MICROK8S, "kubectl", *args)
        self.assertEqual(done.rc, 0, done)
        return done

    def apply(self, *items: dict) -> None:
        for item in items:
            self.sh("node1", "%s kubectl apply -f - <<'END'\n%s\nEND"
                    % (MICROK8S, json.dumps(item)))

    def pods_on(self, node: str, space: str = "default") -> list[str]:
        items = json.loads(self.kubectl("get", "pods", "-n", space, "-o",
                                        "json").out)["items"]
        return [p["metadata"]["name"] for p in items
                if p["spec"].get("nodeName") == node]

    def unschedulable(self, node: str) -> bool:
        item = json.loads(self.kubectl("get", "node", node, "-o",
                                       "json").out)
        return bool(item["spec"].get("unschedulable"))

    def remove(self, *args: str, rc: int = 0, **more: str) -> Done:
        done = self.muster("remove", *args, **more)
        self.assertEqual(done.rc, rc, done)
        return done

    def assert_alone(self, host: str) -> None:
        """A stand-alone MicroK8s that is ready and remembers nothing."""
        for lock in ("clustered.lock", "no-cert-reissue", "no-k8s-dqlite",
                     "join-in-progress"):
            self.assertFalse(self.has_lock(host, lock), (host, lock))
        self.assertEqual(self.read(host, "certs/ca.remote.crt"), "")
        for name in ("cluster-tokens", "certs-request-tokens",
                     "callback-token", "callback-tokens"):
            self.assertEqual(self.read(
                host, "credentials/%s.txt" % name), "", (host, name))
        self.assertEqual(self.sh(host, "find /var/snap/microk8s/current/ %s "
                                 "-name '*muster*' 2>/dev/null || true"
                                 % COMMON), "", host)
        nodes = self.nodes(host)
        self.assertEqual(list(nodes), [host])
        self.assertTrue(nodes[host][0], nodes)

    @classmethod
    def inventory_of(cls, name: str, master: str, *workers: str) -> str:
        """The lab's hosts in other roles."""
        with open(cls.inventory, encoding="utf-8") as source:
            text = source.read()
        lines = {line.split()[0]: line for line in text.splitlines()
                 if line.startswith("node")}
        return cls.write(name, "\n".join([
            "[masters]", lines[master], "[workers]",
            *(lines[worker] for worker in workers),
            text[text.index("[all:vars]"):]]))


class LifeTest(Life):
    """A cluster that goes on, and last of all is rebuilt."""

    HOSTS = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()

    def test_1_check_changes_nothing(self) -> None:
        before, starts = self.snapshots(), self.starts()
        done = self.remove("node3", "--check")
        for step in ("drain", "leave", "remove_node"):
            self.assertRegex(done.out, r"(?m)^  node\d: %s: " % step)
        after = self.snapshots()
        for host in before:
            self.assertEqual(changed_paths(before[host], after[host]), [])
        self.assertEqual(self.starts(), starts)
        self.assertFalse(self.unschedulable("node3"))
        self.assertEqual(self.nodes(), self.well(3))

    def test_2_what_does_harm_is_refused(self) -> None:
        for args, rc, words in (
                (["node1"], 64, "'node1' is the only master"),
                (["node1", "--unreachable"], 64, "is the only master"),
                (["node9"], 64, "'node9' is not in "),
                (["node9", "--unreachable"], 2, "nor a node of the cluster"),
                (["10.8.0.4", "--unreachable"], 2, "of the only master"),
                (["node3", "--unreachable"], 2, "'node3' is Ready"),
                (["node2", "node9"], 64, "'node9' is not in "),
                (["node3", "-l", "node3"], 64, "named one by one"),
                ([], 64, "argument is missing")):
            with self.subTest(args=args):
                self.assertIn(words, self.remove(*args, rc=rc).err)
        self.assertEqual(self.nodes(), self.well(3))
        self.assertFalse(self.unschedulable("node3"))

    def test_3_a_budget_that_is_spent_holds_all_back(self) -> None:
        self.apply(deployment("web", 6))
        self.eventually("pods on all workers", lambda: self.pods_on("node2")
                        and self.pods_on("node3"))
        self.eventually("all Ready", lambda: json.loads(self.kubectl(
            "get", "deployment", "web", "-o", "json").out).get(
                "status", {}).get("readyReplicas") == 6)
        self.apply(budget("web", 6))
        done = self.remove("node2", "node3", "--drain-timeout", "10s", rc=2)
        self.assertIn("disruption budget", done.err)
        self.assertIn("PodDisruptionBudget, or give it longer", done.err)
        self.assertEqual(self.nodes(), self.well(3))
        for host in ("node2", "node3"):
            self.assertTrue(self.has_lock(host, "clustered.lock"))
            self.assertFalse(self.unschedulable(host))

    def test_4_remove_leaves_the_others_alone(self) -> None:
        self.kubectl("delete", "pdb", "web")
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": "lone", "namespace": "default"},
            "spec": {"nodeName": "node3", "containers": [
                {"name": "lone", "image": "x"}]}})
        self.assertIn("declare no controller",
                      self.remove("node3", rc=2).err)
        self.assertEqual(self.nodes(), self.well(3))
        before, starts = self.snapshots("node2"), self.starts("node2")
        done = self.remove("node3", "--force")
        self.assertEqual(list(done.table()), ["node1", "node2"])
        self.assertEqual(self.nodes(), self.well(2))
        self.assert_alone("node3")
        self.assertEqual(self.pods_on("node3"), [])
        self.eventually("all of it elsewhere", lambda: len(
            self.pods_on("node1") + self.pods_on("node2")) == 6)
        self.assertEqual(changed_paths(
            before["node2"], self.snapshot("node2")), [])
        self.assertEqual(self.starts("node2"), starts)

    def test_5_once_more_changes_nothing(self) -> None:
        done = self.remove("node3")
        self.assertEqual(done.recap()["total"]["changed"], 0, done)

    def test_6_it_joins_again(self) -> None:
        document = self.up(*QUICK)
        self.assertEqual(host_steps(document, "node2", "changed"), [])
        self.assertEqual(self.nodes(), self.well(3))
        self.assertTrue(self.has_lock("node3", "clustered.lock"))

    def test_7_the_dead_go_without_being_reached(self) -> None:
        self.lab_must("crash", "node3")
        self.eventually("NotReady", lambda: self.nodes().get(
            "node3", (True, ""))[0] is False)
        done = self.remove("node3", "-T", "1s", rc=4)
        self.assertIn("muster remove --unreachable node3", done.err)
        self.assertIn("node3", self.nodes())
        # Even one that is no longer in the inventory.
        two = self.inventory_of("two.ini", "node1", "node2")
        done = self.remove("--unreachable", "node3", inventory=two)
        self.assertRegex(done.err, "'node3' was not reached.*microk8s leave")
        self.assertNotIn("connect to", done.err)
        self.assertEqual(self.nodes(), self.well(2))

    def test_8_back_from_the_dead_it_is_removed_again(self) -> None:
        self.lab_must("boot", "node3")
        self.eventually("the zombie", lambda: self.nodes() == self.well(3))
        self.remove("node3")
        self.assertEqual(self.nodes(), self.well(2))
        self.assert_alone("node3")

    def census(self, host: str) -> dict[str, list[str]]:
        """Whatever could grow, run ids taken out of the names."""
        names = {_RUN.sub("RUN", path) for path in self.snapshot(
            host, "/var/snap", "/snap", "/root", "/home", "/tmp", "/etc")}
        return {
            "names": sorted(n for n in names if "/pods/" not in n),
            "counts": self.sh(host, """
                find /var/snap -name '*.muster*' | wc -l
                ls -A /run/muster/jobs 2>/dev/null | wc -l
                cat /var/snap/microk8s/current/credentials/*tokens.txt \\
                    2>/dev/null | wc -l
                wc -l </etc/hosts""").split(),
            # What looks, and what logs in, comes and goes.
            "processes": [line for line in self.sh(
                host, "ps -eo comm= | sort").splitlines()
                if line not in ("ps", "sort", "bash", "sh", "sshd", "sudo")]}

    def changes(self, before: dict[str, list[str]], host: str) -> dict:
        """What has come and gone since that census."""
        now = {key: Counter(found) for key, found
               in self.census(host).items()}
        return {key: (now[key] - Counter(found), Counter(found) - now[key])
                for key, found in before.items()
                if now[key] != Counter(found)}

    def assert_nothing_grew(self, before: dict, host: str) -> None:
        """Processes that end may take their moment."""
        end = time.monotonic() + 10
        while self.changes(before, host) and time.monotonic() < end:
            time.sleep(0.2)
        self.assertEqual(self.changes(before, host), {}, host)

    def test_9_rebuilt_again_and_again_nothing_grows(self) -> None:
        first: dict[str, dict] = {}
        for number in range(1, REBUILDS + 1):
            with self.subTest(number=number):
                done = self.muster("rebuild", "--confirm", "node1", *QUICK)
                self.assertEqual(done.rc, 0, done)
                self.assertEqual(self.nodes(), self.well(3))
                self.assert_no_token()
                for phase in ("reset", "up", "both", "  reset the workers",
                              "  join the workers"):
                    self.assertRegex(done.out, r"(?m)^%s +\d+\.\ds$" % phase)
                for host in self.state()["hosts"]:
                    if number == 1:
                        first[host] = self.census(host)
                    self.assert_nothing_grew(first[host], host)
        document = self.up(*QUICK)
        self.assertEqual(document["totals"]["changed"], 0)
        self.assertIn("--cluster-dns=10.152.183.10",
                      self.args("node2", "kubelet"))


class ResetTest(Life):
    """A cluster that ends, and another that its hosts join."""

    HOSTS = 4

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.three = cls.inventory_of("three.ini", "node1", "node2", "node3")
        cls.assemble(cls.three)

    def test_1_asks_for_the_right_name(self) -> None:
        starts = self.starts()
        for args, words in (
                (["--confirm", "node2"], "'node2' is not the cluster's name"),
                ([], "--confirm NAME"),
                (["--confirm", "node1", "-l", "node2"], "no --limit")):
            done = self.muster("reset", *args, inventory=self.three)
            self.assertEqual(done.rc, 64, done)
            self.assertIn(words, done.err)
        before = self.snapshots("node1", "node2")
        done = self.muster("reset", "--check", inventory=self.three)
        self.assertEqual(done.rc, 0, done)
        self.assertIn("an empty datastore", done.out)
        after = self.snapshots("node1", "node2")
        for host in before:
            self.assertEqual(changed_paths(before[host], after[host]), [])
        self.assertEqual(self.starts(), starts)

    def typed(self, answer: str, *args: str) -> tuple[int, str]:
        """Exit code and terminal of a muster that asks one question."""
        argv = self.argv(*args, inventory=self.three)
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ["MUSTER_LAB"] = self.name
            os.execv(argv[0], argv)
        said = b""
        try:
            while b"Type its name" not in said:
                said += os.read(terminal, 4096)
            os.write(terminal, answer.encode() + b"\n")
            while True:
                said += os.read(terminal, 4096)
        except OSError:     # its end, on Linux
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said.decode()

    def test_1_asks_at_a_terminal(self) -> None:
        rc, said = self.typed("yes", "reset", "--purge")
        self.assertEqual(rc, 64, said)
        self.assertIn("the cluster of 3 hosts", said)
        self.assertIn("removes MicroK8s from them", said)
        self.assertIn("'yes' is not the cluster's name", said)
        # The right one lets it go on: to the first host, whom nobody knows.
        rc, said = self.typed(" node1 ", "reset", "--known-hosts",
                              self.write("nobody", ""))
        self.assertEqual(rc, 4, said)
        self.assertIn("not reset: node1, node2, node3", said)
        self.assertEqual(self.nodes(), self.well(3))

    def test_2_a_host_that_is_down_holds_up_nobody(self) -> None:
        self.lab_must("crash", "node3")
        self.sh("node2", "touch /var/snap/microk8s/current/var/lock/"
                "join-in-progress; mkdir -p %s/pending; touch %s/pending/"
                "kubelite" % (COMMON, COMMON))
        done = self.muster("reset", "--confirm", "node1", "-T", "1s",
                           inventory=self.three)
        self.assertEqual(done.rc, 4, done)
        self.assertIn("not reached, so not reset: node3\n", done.err)
        for host in ("node1", "node2"):
            self.assert_alone(host)
        # What a master is handed by a fresh install, workers get from it.
        self.assertIn("--cluster-dns=10.152.183.10",
                      self.args("node1", "kubelet"))
        self.assertNotIn("advertise", self.read("node1",
                                                "args/kube-apiserver"))
        self.lab_must("boot", "node3")

    def test_3_its_hosts_join_another_cluster(self) -> None:
        # The master of old as well, as a worker.
        other = self.inventory_of("other.ini", "node4", "node1", "node2")
        done = self.muster("up", *QUICK, inventory=other)
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(self.nodes("node4"), {
            "node4": (True, "10.8.0.7"), "node1": (True, "10.8.0.4"),
            "node2": (True, "10.8.0.5")})

    def test_4_an_orphan_is_only_reset_by_adoption(self) -> None:
        orphan = self.inventory_of("orphan.ini", "node4", "node3")
        self.eventually("node3", lambda: self.on("node3", "true").rc == 0)
        done = self.muster("remove", "node3", inventory=orphan)
        self.assertEqual(done.rc, 2, done)
        self.assertIn("a member of another cluster", done.err)
        self.assertTrue(self.has_lock("node3", "clustered.lock"))

    def test_5_without_its_master_a_cluster_ends_by_adoption(self) -> None:
        other = self.inventory_of("other.ini", "node4", "node1", "node2")
        self.lab_must("crash", "node4")
        args = ("reset", "--confirm", "node4", "-T", "1s")
        done = self.muster(*args, inventory=other)
        self.assertEqual(done.rc, 6, done)
        self.assertRegex(done.err, "belongs: .*the master was not reached")
        for host in ("node1", "node2"):
            self.assertTrue(self.has_lock(host, "clustered.lock"))
        done = self.muster(*args, "--adopt", inventory=other)
        self.assertEqual(done.rc, 4, done)
        for host in ("node1", "node2"):
            self.assert_alone(host)
        self.lab_must("boot", "node4")

    def test_6_purge_leaves_nothing(self) -> None:
        every = self.inventory_of("every.ini", "node4", "node1", "node2",
                                  "node3")
        done = self.muster("reset", "--purge", "--confirm", "node4",
                           inventory=every)
        self.assertEqual(done.rc, 2, done)
        self.assertIn("node3: belongs: it is a worker of another cluster",
                      done.err)
        self.assertTrue(self.has_lock("node3", "clustered.lock"))
        done = self.muster("reset", "--purge", "--confirm", "node4",
                           "--adopt", inventory=every)
        self.assertEqual(done.rc, 0, done)
        for host in self.state()["hosts"]:
            self.assertEqual(self.sh(host, "ls -d /var/snap/microk8s /snap/"
                                     "bin/microk8s /run/muster/jobs/* 2>"
                                     "/dev/null || true"), "", host)
