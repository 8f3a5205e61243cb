# SPDX-License-Identifier: Apache-2.0
"""`muster upgrade`: the master, then the workers in their window; what stops
it, what becomes of a node that fails, and the same command once more.  And
`microk8s_hold`.

The class's tests share one lab, in the order of their names.
"""
from __future__ import annotations

import json

from muster_lab import MICROK8S, changed_paths, host_steps, of_host
from muster_run import Done, events_of
from test_life import QUICK, Life, budget, deployment

EX_USAGE = 64
NEXT = ("--channel", "1.31/stable")
WORKERS = ("node2", "node3", "node4")


class UpgradeTest(Life):
    HOSTS = 4
    KNOBS = {"installed": 1, "channel": "1.30/stable", "install_seconds": 8}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble(cls.edited("held.ini", (
            "[all:vars]", "[all:vars]\nmicrok8s_hold=yes")))

    def upgrade(self, *args: str, rc: int = 0) -> Done:
        done = self.muster("upgrade", *args)
        self.assertEqual(done.rc, rc, done)
        return done

    def snap(self, host: str) -> list[str]:
        """Version, channel and notes, as `snap list` has them."""
        row = self.sh(host, "snap list microk8s").splitlines()[1].split()
        return [row[1], row[3], row[5]]

    def kubelets(self) -> dict[str, str]:
        """Node -> version, as the API has it."""
        items = json.loads(self.kubectl("get", "nodes", "-o",
                                        "json").out)["items"]
        return {i["metadata"]["name"]: i["status"]["nodeInfo"][
            "kubeletVersion"] for i in items}

    def versions(self, **others: str) -> dict[str, str]:
        """All nodes at one version but for `others`."""
        usual = others.pop("usual")
        return {host: others.get(host, usual)
                for host in ("node1",) + WORKERS}

    def cordoned(self) -> list[str]:
        return [host for host in self.state()["hosts"]
                if self.unschedulable(host)]

    def assert_unmarked(self) -> None:
        """No node carries the mark of an upgrade."""
        self.assertNotIn("muster/upgrade", self.kubectl(
            "get", "nodes", "-o", "json").out)

    def test_1_refused_before_anything_is_touched(self) -> None:
        before, starts = self.snapshots(), self.starts()
        for args, rc, words in (
                ([], EX_USAGE, "to which channel?"),
                (["--channel", "1.31/x"], EX_USAGE, "such as 1.33/stable"),
                ([*NEXT, "--max-unavailable", "0"], EX_USAGE, "such as 25%"),
                ([*NEXT, "--drain-timeout", "x"], EX_USAGE, "such as 5m"),
                (["--channel", "1.32/stable"], 2,
                 "node1, node2, node3, node4: MicroK8s v1.30.14, and "
                 "Kubernetes is upgraded one minor version at a time"),
                (["--channel", "1.32"], 2,
                 "muster upgrade --channel 1.31/stable first"),
                (["--channel", "latest/stable"], 2, "one minor version"),
                (["--channel", "1.29/stable"], 2, "does not go back"),
                (["--channel", "1.31-strict/stable"], 2, "the store has no"),
                (["--channel", "1.77/stable"], 2,
                 "the store has no MicroK8s in channel 1.77/stable"),
                ([*NEXT, "-l", "node2"], 2, "masters first")):
            with self.subTest(args=args):
                self.assertIn(words, self.upgrade(*args, rc=rc).err)
        self.knob("node1", store_away=1)
        self.assertIn("names no version", self.upgrade(
            "--channel", "latest/stable", rc=2).err)
        self.knob("node1", store_away=0)
        self.assertEqual(self.starts(), starts)
        for host, was in before.items():
            self.assertEqual(changed_paths(was, self.snapshot(host)), [])

    def test_2_check_tells_and_changes_nothing(self) -> None:
        before, starts = self.snapshots(), self.starts()
        done = self.upgrade(*NEXT, "--check")
        self.assertIn("upgrade: from v1.30.14 to v1.31.9 (1.31/stable)",
                      done.out)
        self.assertEqual(self.starts(), starts)
        for host, was in before.items():
            self.assertEqual(changed_paths(was, self.snapshot(host)), [])
        self.assertEqual(self.cordoned(), [])
        self.assert_unmarked()

    def test_3_a_budget_stops_it_at_its_node(self) -> None:
        others = ("node1", "node2", "node4")
        self.kubectl("cordon", *others)
        self.apply(deployment("web", 2))
        self.eventually("pods on node3", lambda: json.loads(self.kubectl(
            "get", "deployment", "web", "-o", "json").out).get(
                "status", {}).get("readyReplicas") == 2)
        self.kubectl("uncordon", *others)
        self.apply(budget("web", 2))
        done = self.upgrade(*NEXT, "--drain-timeout", "10s", "-v", rc=2)
        self.assertRegex(done.err, "node3: upgrade: not upgraded: .*"
                         "disruption budget")
        self.assertIn("give it longer with --drain-timeout", done.err)
        self.assertIn("not begun: node3 failed", done.err)
        self.assertEqual(self.kubelets(), self.versions(
            usual="v1.30.14", node1="v1.31.9", node2="v1.31.9"))
        self.assertEqual(self.cordoned(), [])
        self.assert_unmarked()
        self.assertEqual(len(self.pods_on("node3")), 2)

    def test_4_a_refresh_that_fails_half_way(self) -> None:
        self.kubectl("delete", "pdb", "web")
        self.knob("node3", refresh_fail=1)
        document = self.upgrade(*NEXT, "--json", rc=2).json()
        self.knob("node3", refresh_fail=0)
        for host in ("node1", "node2"):
            self.assertIn("upgrade", host_steps(document, host, "ok"))
        self.assertEqual(of_host(document, "node3")["counts"]["failed"], 1)
        self.assertEqual(of_host(document, "node4")["counts"]["changed"], 0)
        said = json.dumps(of_host(document, "node3"))
        self.assertIn("snapd went back to v1.30.14 (revision 8291)", said)
        self.assertIn("it runs v1.30.14 as before, and takes pods", said)
        self.assertEqual(self.snap("node3"), ["v1.30.14", "1.30/stable",
                                              "classic,held"])
        self.assertEqual(self.kubelets(), self.versions(
            usual="v1.30.14", node1="v1.31.9", node2="v1.31.9"))
        self.assertEqual(self.nodes(), self.well(4))
        self.assertEqual(self.cordoned(), [])
        self.assert_unmarked()

    def test_5_a_node_that_does_not_come_back(self) -> None:
        self.knob("node3", refresh_dead=1)
        starts = self.starts("node4")
        done = self.upgrade(*NEXT, "-e", "microk8s_verify_timeout=4s", rc=2)
        self.assertIn("node3: upgrade: it has not come back: ", done.err)
        self.assertIn("node3 runs v1.31.9 and takes no new pods (cordoned)",
                      done.err)
        self.assertIn("snap revert microk8s", done.err)
        self.assertEqual(self.cordoned(), ["node3"])
        self.assertEqual(self.starts("node4"), starts)
        self.assertEqual(self.kubelets()["node4"], "v1.30.14")
        # Not while it is down, nor past it.
        done = self.upgrade(*NEXT, "-e", "microk8s_verify_timeout=4s", rc=2)
        self.assertIn("it has not come back: ", done.err)
        self.assertEqual(self.starts("node4"), starts)

    def test_6_once_more_it_goes_on_where_it_stopped(self) -> None:
        self.knob("node3", refresh_dead=0)
        self.kubectl("cordon", "node4")
        self.eventually("node3", lambda: self.nodes()["node3"][0])
        before = self.starts("node1", "node2", "node3")
        done = self.upgrade(*NEXT)
        self.assertRegex(done.err, "node3 +changed +upgrade: v1.31.9 from "
                         "1.31/stable, takes pods again")
        self.assertEqual(done.recap()["total"]["changed"], 2, done)
        self.assertEqual(self.starts("node1", "node2", "node3"), before)
        self.assertEqual(self.kubelets(), self.versions(usual="v1.31.9"))
        self.assertEqual(self.nodes(), self.well(4))
        # Somebody else's cordon stays.
        self.assertEqual(self.cordoned(), ["node4"])
        self.kubectl("uncordon", "node4")
        self.assert_unmarked()
        for host in self.state()["hosts"]:
            self.assertEqual(self.snap(host), ["v1.31.9", "1.31/stable",
                                               "classic,held"])
        done = self.upgrade(*NEXT)
        self.assertEqual(done.recap()["total"]["changed"], 0, done)

    def away(self, events: list[dict]) -> dict[str, tuple[int, int]]:
        """Host -> when its pods were moved and when its step was over."""
        begun, found = {}, {}
        for event in events:
            host, text = event.get("host"), event.get("message") or ""
            if event["kind"] == "note" and "moving its pods" in text:
                begun[host] = event["since_start_ms"]
            elif event["kind"] == "step_end" and host in begun:
                found[host] = (begun[host], event["since_start_ms"])
        return found

    def test_7_workers_in_a_window_behind_a_busy_snapd(self) -> None:
        path = self.file("events")
        self.knob("node2", snap_busy="auto-refresh", snap_busy_seconds=60)
        done = self.upgrade("--channel", "1.32", "--max-unavailable", "67%",
                            "--events", path)
        self.assertNotIn("muster upgrade: set microk8s_channel", done.err)
        events = events_of(path)
        self.assertTrue(any("change in progress; trying again" in (
            e.get("message") or "") for e in events))
        away = self.away(events)
        self.assertEqual(sorted(away), ["node1", *WORKERS])
        self.assertLessEqual(away["node1"][1],
                             min(away[host][0] for host in WORKERS))
        at_once = [sum(a <= away[host][0] < b for a, b in away.values())
                   for host in WORKERS]
        self.assertEqual(max(at_once), 2, away)
        self.assertEqual(sorted(away, key=away.get)[-1], "node4", away)
        self.assertEqual(self.kubelets(), self.versions(usual="v1.32.8"))
        self.assertEqual(self.nodes(), self.well(4))
        self.assertEqual(self.cordoned(), [])

    def test_8_pods_stay_where_no_other_node_takes_them(self) -> None:
        self.kubectl("cordon", *WORKERS)
        newer = self.edited("newer.ini", (
            "[all:vars]", "[all:vars]\nmicrok8s_channel=1.32/stable"))
        path = self.file("events")
        done = self.muster("upgrade", "-l", "node1", "--channel", "1.33",
                           "--events", path, inventory=newer)
        self.assertEqual(done.rc, 0, done)
        self.assertTrue(any("no other node takes its pods" in (
            e.get("message") or "") for e in events_of(path)))
        self.assertRegex(done.err, r"set microk8s_channel=1.33 at .*newer"
                         r"\.ini:\d+:\d+, or muster up will refuse")
        self.assertEqual(self.kubelets(), self.versions(
            usual="v1.32.8", node1="v1.33.4"))
        self.assertEqual(self.cordoned(), list(WORKERS))
        self.kubectl("uncordon", *WORKERS)
        self.upgrade("-x", "node1", "--channel", "1.33",
                     "--max-unavailable", "3")
        self.assertEqual(self.kubelets(), self.versions(usual="v1.33.4"))

    def test_9_refreshes_are_held_or_not(self) -> None:
        for word, changed, notes in (("no", 4, "classic"),
                                     ("no", 0, "classic"),
                                     ("yes", 4, "classic,held"),
                                     ("yes", 0, "classic,held")):
            document = self.up("-e", "microk8s_hold=" + word, *QUICK)
            self.assertEqual(sum("hold" in host_steps(
                document, host, "changed") for host
                in self.state()["hosts"]), changed, word)
            for host in self.state()["hosts"]:
                self.assertEqual(self.snap(host)[2], notes)
        document = self.up(*QUICK)
        self.assertEqual(document["totals"]["changed"], 0)
        self.assertIn("hold", host_steps(document, "node2", "skipped"))
        done = self.muster("verify")
        self.assertEqual(done.rc, 0, done)
        self.assertNotIn("refresh-not-held", done.out)
        self.assertEqual(self.sh("node1", MICROK8S + " version"),
                         "MicroK8s v1.33.4 revision 8512\n")
