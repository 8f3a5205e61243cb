# SPDX-License-Identifier: Apache-2.0
"""What happens to a run while it goes on: another run, Ctrl-C, a network that
falls silent, a snapd that is busy, an API that goes away.

A join's own share takes 5 s here, so that there is a middle to it.
"""
from __future__ import annotations

import signal
import time

from muster_lab import (TOKENS, LabTest, host_steps, of_host)
from muster_run import Process, events_of, muster, steps
from token_watch import TokenWatch

JOIN_SECONDS = 100  # of life: 5 s here


class JoinFaults(LabTest):
    """An inventory that grows by a worker or two with every test."""

    HOSTS = 7
    KNOBS = {"installed": 1, "join_seconds": JOIN_SECONDS}

    @classmethod
    def first(cls, count: int) -> str:
        """The inventory of the first hosts."""
        with open(cls.inventory, encoding="utf-8") as source:
            lines = [line for line in source.read().splitlines()
                     if not line.startswith("node")
                     or int(line.split()[0][4:]) <= count]
        return cls.write("first-%d.ini" % count, "\n".join(lines) + "\n")

    def begin(self, count: int) -> tuple[Process, str]:
        """Start `up` with an event file."""
        inventory = self.first(count)
        path = self.file("events-%d.ndjson" % count)
        run = self.start("up", "--json", "--events", path,
                         inventory=inventory)
        self.addCleanup(lambda: run.running() and run.popen.kill())
        return run, path

    def until_joining(self, run: Process, path: str, *hosts: str) -> None:
        """Wait until these hosts are in the middle of their join: the
        agent has answered."""
        for host in hosts:
            self.until_event(run, path, host + " at its join",
                             lambda e, h=host: e["kind"] == "step_start"
                             and e["host"] == h and e["step"] == "join")
            self.eventually(host + " has the cluster's CA", lambda h=host:
                            self.read(h, "certs/ca.remote.crt"), 20)

    def assert_revoked(self, watch: TokenWatch) -> None:
        self.assertTrue(watch.tokens)
        self.assertEqual(watch.leaks(**{
            name: self.read("node1", name) for name in TOKENS}), [])

    def test_1_a_second_run_at_once_is_locked_out(self) -> None:
        run, path = self.begin(2)
        self.until_joining(run, path, "node2")
        inventory = self.first(2)
        # The same user on the same machine: before any connection.
        second = self.muster("up", inventory=inventory)
        self.assertEqual(second.rc, 75, second)
        self.assertRegex(second.err, r"another run works on this cluster: "
                         r"pid \d+, run 20\d{6}T")
        self.assertLess(second.seconds, 3)
        # From another state folder, as from another machine.
        elsewhere = self.muster_elsewhere(inventory)
        self.assertEqual(elsewhere.rc, 75, elsewhere)
        self.assertRegex(elsewhere.err, r"root@laptop pid \d+ since 20\d\d-"
                         r".* run 20\d{6}T")
        self.assertIn("fix: wait for that run to end", elsewhere.err)
        # Looking is always allowed.
        self.assertEqual(self.muster("plan", inventory=inventory).rc, 0)
        done = run.wait()
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(self.nodes(), self.well(2))

    def muster_elsewhere(self, inventory: str):
        argv = self.argv("up", inventory=inventory)
        argv[3:3] = ["env", "XDG_STATE_HOME=" + self.file("elsewhere")]
        return Process(argv, {"MUSTER_LAB": self.name}).wait()

    def test_2_ctrl_c_lets_joins_end_and_revokes_the_token(self) -> None:
        with TokenWatch(self.state()) as watch:
            run, path = self.begin(3)
            self.until_joining(run, path, "node3")
            run.send(signal.SIGINT)
            done = run.wait(30)
        self.assertEqual(done.rc, 130, done)
        self.assertIn("muster: stopping", done.err)
        self.assertIn("run it again to go on", done.err)
        self.assertTrue(done.json()["stopped"])
        self.assertEqual(host_steps(done.json(), "node3")[-1], "join")
        self.assert_revoked(watch)
        # It was let finish: no half-joined host is left.
        self.assertFalse(self.has_lock("node3", "join-in-progress"))
        self.assertTrue(self.has_lock("node3", "no-cert-reissue"))
        document = self.up(inventory=self.first(3))
        self.assertNotIn("join", host_steps(document, "node3", "changed"))
        self.assertEqual(self.nodes(), self.well(3))

    def test_3_term_is_143_and_the_second_signal_leaves_at_once(self) -> None:
        run, path = self.begin(4)
        self.until_joining(run, path, "node4")
        run.send(signal.SIGTERM)
        # Two signals at once may be delivered as one.
        self.eventually("it heard the first",
                        lambda: "muster: stopping" in run.said())
        run.send(signal.SIGTERM)
        done = run.wait(5)
        self.assertEqual(done.rc, 143, done)
        self.assertIn("leaving at once", done.err)
        # The join goes on without us, and the next run waits for its end.
        document = self.up(inventory=self.first(4))
        self.assertEqual(of_host(document, "node4")["error"], None)
        self.assertEqual(self.nodes(), self.well(4))

    def test_4_killed_outright_the_next_run_completes(self) -> None:
        run, path = self.begin(5)
        self.until_joining(run, path, "node5")
        run.send(signal.SIGKILL)
        self.assertEqual(run.wait(5).rc, -signal.SIGKILL)
        # Neither lock outlives it.
        document = self.up(inventory=self.first(5))
        self.assertEqual(document["exit_status"], 0)
        self.assertEqual(self.nodes(), self.well(5))

    def test_5_network_cut_in_a_join_and_mended_ends_joined(self) -> None:
        with TokenWatch(self.state()) as watch:
            run, path = self.begin(6)
            self.until_joining(run, path, "node6")
            self.lab_must("cut", "node6", "all")
            cut = time.monotonic()
            time.sleep(max(0.0, cut + 10 - time.monotonic()))
            self.assertTrue(run.running())
            self.lab_must("mend", "node6", "all")
            done = run.wait(120)
        self.assertEqual(done.rc, 0, done)
        self.assertIn("join", host_steps(done.json(), "node6", "changed"))
        self.assertEqual(self.nodes(), self.well(6))
        self.assert_revoked(watch)

    def test_6_snapd_busy_in_a_join_is_waited_out(self) -> None:
        self.knob("node7", snap_busy="auto-refresh", snap_busy_seconds=80)
        path = self.file("busy.ndjson")
        done = self.muster("up", "--json", "--events", path)
        self.assertEqual(done.rc, 0, done)
        notes = [e["message"] for e in events_of(path)
                 if e["kind"] == "note" and e["host"] == "node7"]
        self.assertTrue(any("failed, again" in note for note in notes),
                        notes)
        self.assertEqual(self.nodes(), self.well(7))


class BusyInstallTest(LabTest):
    """snapd refreshes itself while MicroK8s is to be installed, and the
    store is away for good on one host."""

    HOSTS = 3
    KNOBS = {"seed_seconds": 40}

    def test_install_waits_for_snapd_and_the_store_is_told(self) -> None:
        self.knob("node2", snap_busy="auto-refresh", snap_busy_seconds=80)
        self.knob("node3", install_fail=1)
        path = self.file("install.ndjson")
        done = self.muster("up", "--json", "--events", path)
        self.assertEqual(done.rc, 2, done)
        notes = [e["message"] for e in events_of(path)
                 if e["kind"] == "note" and e["host"] == "node2"]
        self.assertTrue(any("change in progress" in note for note in notes),
                        notes)
        self.assertEqual([e["status"] for e in steps(
            events_of(path), "node2", "snap")], ["changed"])
        error = of_host(done.json(), "node3")["error"]
        self.assertEqual(error["step"], "snap")
        self.assertIn("snap install microk8s: exit status", error["message"])
        self.assertEqual(self.nodes(), self.well(2))


class UnpreparedTest(LabTest):
    """A playbook that leaves the master as it is: the first join moves its
    datastore and takes the API away, so it goes alone."""

    HOSTS = 4
    KNOBS = {"installed": 1}

    def playbook(self) -> str:
        """`up` without the steps that prepare the datastore and Calico."""
        text = muster("playbook", "show", "up").out
        begin = text.index("    - datastore:")
        end = text.index("    - certificates:")
        text = text[:begin] + text[end:]
        self.assertIn("    - cni_apply\n", text)
        return self.write("plain.yaml", text.replace("    - cni_apply\n",
                                                     ""))

    def test_first_join_goes_alone_the_others_follow(self) -> None:
        path = self.file("plain.ndjson")
        done = self.muster("play", self.playbook(), "--json", "--events",
                           path)
        self.assertEqual(done.rc, 0, done)
        joins = sorted((e["since_start_ms"], e["remote_ms"], e["elapsed_ms"])
                       for e in steps(events_of(path), step="join"))
        self.assertEqual(len(joins), 3)
        first, *others = joins
        for end, remote, elapsed in others:
            self.assertGreaterEqual(end - first[0], remote)
            self.assertGreater(elapsed - remote, first[1])
        self.assertEqual(self.nodes(), self.well(4))
        self.assertIn("can-reach=", self.sh(
            "node1", "grep -A1 IP_AUTODETECTION_METHOD /var/snap/microk8s/"
            "current/args/cni-network/cni.yaml"))
        self.assertNotIn("127.0.0.1", self.read(
            "node1", "var/kubernetes/backend/info.yaml"))
        self.assert_no_token()
