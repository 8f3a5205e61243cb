# SPDX-License-Identifier: Apache-2.0
"""`muster plan`: what `up` would do, told and not done.

On hosts with nothing, on a cluster that is well, and on one that has
drifted.  "Changes nothing anywhere" is held to checksums of every host.
"""
from __future__ import annotations

from muster_lab import DATA, LabTest, changed_paths
from muster_run import ESCAPE, Done, events_of

NOTHING = "0 steps would change something; nothing was changed.\n"


class PlanTest(LabTest):
    """One lab; the tests go on from each other in the order of names."""

    HOSTS = 3

    def plan(self, *args: str, rc: int = 0) -> Done:
        """A plan that has to leave every host as it was."""
        hosts = list(self.state()["hosts"])
        before = {host: self.snapshot(host, "") for host in hosts}
        starts = self.starts()
        done = self.muster("plan", *args)
        self.assertEqual(done.rc, rc, done)
        for host in hosts:
            self.assertEqual(changed_paths(
                before[host], self.snapshot(host, "")), [], host)
            self.assertEqual(self.sh(host, "ls /run/muster/jobs 2>/dev/null "
                                     "|| true"), "")
        self.assertEqual(self.starts(), starts)
        self.assertNotIn(ESCAPE, done.out + done.err)
        return done

    def break_workers(self) -> None:
        """The same in both, and one more thing in node2."""
        for host in ("node2", "node3"):
            self.sh(host, "f=%s/args/traefik/provider.yaml; "
                    "sed 's/10.8.0.4/192.168.88.193/' $f > $f.new; "
                    "mv $f.new $f" % DATA)
        self.sh("node2", "sed -i '/^--node-ip/d' %s/args/kubelet" % DATA)

    def test_1_on_bare_hosts_everything_is_ahead(self) -> None:
        done = self.plan()
        self.assertIn("  node1, node2, node3: snap: install MicroK8s from "
                      "1.32/stable\n", self.in_order(done))
        self.assertIn("install MicroK8s\n", done.out)
        self.assertIn("  node2, node3: join: as worker of 10.8.0.4: not "
                      "joined yet\n", self.in_order(done))
        self.assertIn("node1: token: for 2 joins\n", done.out)
        self.assertRegex(done.out, r"(?m)^\d+ steps would change something; "
                         r"nothing was changed\.\n\Z")
        self.assertLess(done.out.index("install MicroK8s"),
                        done.out.index("join: as worker"))
        for host in self.state()["hosts"]:
            self.assertEqual(self.sh(host, "ls -A /snap /var/snap | "
                                     "grep -v ':$' || true").strip(), "")

    @staticmethod
    def in_order(done: Done) -> str:
        """The answer with the hosts of each line sorted: they are named in
        the order in which they came."""
        lines = []
        for line in done.out.splitlines():
            head, colon, rest = line.partition(": ")
            if line.startswith("  node") and colon:
                line = "  " + ", ".join(sorted(head.strip().split(", "))) \
                    + colon + rest
            lines.append(line + "\n")
        return "".join(lines)

    def test_2_exit_code_tells_that_something_would_change(self) -> None:
        self.plan("--exit-code", rc=10)

    def test_3_on_a_healthy_cluster_nothing_would(self) -> None:
        self.assertEqual(self.muster("up").rc, 0)
        self.assertEqual(self.plan("--exit-code").out, NOTHING)

    def test_4_drift_is_shown_as_folded_diffs(self) -> None:
        self.break_workers()
        done = self.plan("--exit-code", rc=10)
        said = self.in_order(done)
        path = "/args/traefik/provider.yaml"
        self.assertIn("  node2, node3: proxy: API at 10.8.0.4:16443 instead "
                      "of 192.168.88.193:16443\n", said)
        # Folded: the same diff of two hosts is there once.
        self.assertEqual(said.count("+++ "), 2, done)
        self.assertRegex(said, r"(?m)^ +--- .*%s" % path)
        self.assertRegex(said, r"(?m)^ +-        - address: 192\.168\.88\.193"
                         r":16443\n +\+        - address: 10\.8\.0\.4:16443$")
        self.assertRegex(said, r"(?m)^ +@@ -\d+,\d+ \+\d+,\d+ @@")
        self.assertIn("  node2: args kubelet: ", said)
        self.assertRegex(said, r"(?m)^ +\+--node-ip=10\.8\.0\.5$")
        self.assertIn("  node2: restart: kubelite\n", said)
        self.assertNotIn("node3: args", said)
        self.assertIn("3 steps would change something; nothing was "
                      "changed.\n", said)

    def test_5_json_and_events_of_a_plan(self) -> None:
        path = self.file("plan.ndjson")
        done = self.plan("--json", "--events", path)
        found = done.json()
        self.assertEqual((found["command"], found["check"]), ("plan", True))
        self.assertEqual(found["totals"]["changed"], 4)
        self.assertEqual(sum("diff" in e for e in events_of(path)), 3)

    def test_6_up_check_is_the_same_plan(self) -> None:
        planned, checked = self.plan(), self.muster("up", "--check")
        self.assertEqual(checked.rc, 0, checked)
        self.assertEqual(sorted(self.in_order(checked).splitlines()),
                         sorted(self.in_order(planned).splitlines()))

    def test_7_up_does_what_the_plan_said(self) -> None:
        planned = self.plan("--json").json()
        done = self.up()
        for doc in (planned, done):
            doc["did"] = sorted(
                (host["name"], step["step"], step.get("diff"))
                for host in doc["hosts"] for step in host["steps"]
                if step["status"] == "changed")
        self.assertEqual(done["did"], planned["did"])
        self.assertEqual(self.plan("--exit-code").out, NOTHING)


class PlayTest(LabTest):
    """A playbook of the user's own, and its steps `run` and `copy`."""

    HOSTS = 2
    KNOBS = {"installed": 1}
    TEXT = """\
- name: mine
  on: workers
  do:
    - copy:
        dest: /etc/mine
        content: "I am ${inventory_hostname}, served by ${master_ip}\\n"
        mode: "0640"
    - run:
        command: "echo ${colour:-green} >>/root/ran"
        creates: /root/ran
    - run: {command: "exit 3", unless: "true"}
"""

    def test_1_check_changes_nothing_a_run_does_and_once(self) -> None:
        playbook = self.write("mine.yaml", self.TEXT)
        before = self.snapshot("node2", "")
        done = self.muster("play", playbook, "--check")
        self.assertEqual(done.rc, 0, done)
        self.assertIn("+I am node2, served by 10.8.0.4", done.out)
        self.assertEqual(changed_paths(before, self.snapshot(
            "node2", "")), [])
        done = self.muster("play", playbook, "-e", "colour=red")
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(done.recap()["node2"]["changed"], 2, done)
        self.assertEqual(self.read("node2", "/etc/mine"),
                         "I am node2, served by 10.8.0.4\n")
        self.assertEqual(self.read("node2", "/root/ran"), "red\n")
        again = self.muster("play", playbook)
        self.assertEqual(again.recap()["node2"]["changed"], 0, again)
        self.assertEqual(self.read("node1", "/root/ran"), "")

    def test_2_a_failing_command_is_told_in_full(self) -> None:
        playbook = self.write("bad.yaml", "- on: all\n  do:\n    - run: "
                              "echo gone wrong >&2; exit 3\n    - run: "
                              "touch /root/never\n")
        done = self.muster("play", playbook)
        self.assertEqual(done.rc, 2, done)
        self.assertIn("What went wrong:\n", done.err)
        self.assertIn("exit status 3", done.err)
        self.assertIn("gone wrong", done.err)
        for host in ("node1", "node2"):
            log = [line.split("log: ")[1] for line in done.err.splitlines()
                   if "log: " in line and line.endswith(host + ".log")]
            self.assertEqual(len(log), 1, done)
            with open(log[0], encoding="utf-8") as source:
                self.assertIn("  ! gone wrong\n", source.read())
            self.assertNotIn("/root/never", self.snapshot(host, "/root"))

    def test_3_a_command_killed_by_a_signal_is_told_apart(self) -> None:
        playbook = self.write("kill.yaml", "- on: workers\n  do:\n    - run: "
                              "kill -9 $$\n")
        done = self.muster("play", playbook, "--json")
        self.assertEqual(done.rc, 2, done)
        error = done.json()["hosts"][0]["error"]
        self.assertRegex(error["message"], r"signal|137", error)

    def test_4_a_deadline_is_told_apart(self) -> None:
        playbook = self.write("slow.yaml", "- on: workers\n  do:\n    - run: "
                              "{command: sleep 30, timeout: 2s}\n")
        done = self.muster("play", playbook, "--json")
        self.assertEqual(done.rc, 2, done)
        self.assertLess(done.seconds, 15)
        self.assertEqual(done.json()["hosts"][0]["error"]["code"],
                         "deadline")
