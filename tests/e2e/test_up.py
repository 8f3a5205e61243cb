# SPDX-License-Identifier: Apache-2.0
"""`muster up` on the seed's three hosts, from nothing to a proved cluster.

The class's tests share one lab and go on from each other, in the order of
their names: the first run, what it left on the laptop, the second run, other
ways of telling, and a fourth host.
"""
from __future__ import annotations

import os
import pty
import re
import stat
import subprocess
import unittest

from muster_lab import LabTest, changed_paths, host_steps, of_host
from muster_run import ESCAPE, Done, events_of, muster, spans, steps
from token_watch import TokenWatch

SEED = {"node1": "10.8.0.4", "node2": "10.8.0.5", "node3": "10.8.0.6"}
STATUSES = {"ok", "changed", "skipped", "failed", "unreachable"}
RFC3339 = r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z"
#: what a join itself writes on the master, below SNAP_DATA
MASTERS_OWN = {"credentials/" + name for name in (
    "cluster-tokens.txt", "certs-request-tokens.txt",
    "callback-tokens.txt")} | {"certs/ca.srl"}
#: a line of the story: elapsed time, then what happened
STORY = r"\A *\d+\.\ds  \S"


class UpTest(LabTest):
    HOSTS = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.events = cls.file("events.ndjson")
        cls.watch = TokenWatch(cls.state())
        with cls.watch:
            cls.first = cls.muster("up", "--events", cls.events)
        cls.run_logs = "%s/.local/state/muster" % cls.home()

    @classmethod
    def home(cls) -> str:
        return "/run/muster-lab/%s/laptop/home" % cls.name

    @classmethod
    def log_folder(cls) -> str:
        """Of the first run: the oldest."""
        runs = sorted(name for name in os.listdir(cls.run_logs)
                      if name.startswith("20"))
        return os.path.join(cls.run_logs, runs[0])

    def on_a_terminal(self, *args: str, **env: str) -> str:
        """What muster writes to a terminal."""
        master, slave = pty.openpty()
        child = subprocess.Popen(
            self.argv(*args), stdin=slave, stdout=slave, stderr=slave,
            cwd=self.folder, env={**os.environ, "MUSTER_LAB": self.name,
                                  "TERM": "xterm", **env})
        os.close(slave)
        said = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: nobody has it open any more
                break
            said += part
        os.close(master)
        text = said.decode(errors="replace")
        self.assertEqual(child.wait(60), 0, text)
        return text

    # --- the first run ---

    def test_10_ends_with_every_node_ready_on_its_vpn_address(self) -> None:
        self.assertEqual(self.first.rc, 0, self.first)
        table = self.first.table()
        self.assertEqual({name: (row["STATUS"], row["INTERNAL-IP"],
                                 row["NODE_IP"])
                          for name, row in table.items()},
                         {name: ("Ready", address, "ok")
                          for name, address in SEED.items()})
        for row in table.values():
            self.assertRegex(row["VERSION"], r"\Av1\.32\.")
            self.assertRegex(row["AGE"], r"\A\d+[sm]")
            self.assertTrue(row["ROLES"])

    def test_11_the_cluster_itself_says_the_same(self) -> None:
        self.assertEqual(self.nodes(), self.well(3))
        for host in ("node2", "node3"):
            self.assertIn("- address: 10.8.0.4:16443",
                          self.read(host, "args/traefik/provider.yaml"))
        self.assertIn("--advertise-address=10.8.0.4",
                      self.args("node1", "kube-apiserver"))

    def test_12_recap_counts_each_host_and_the_total(self) -> None:
        recap = self.first.recap()
        self.assertEqual(set(recap), {*SEED, "total"})
        for counts in recap.values():
            self.assertEqual(set(counts), STATUSES)
            self.assertEqual(counts["failed"] + counts["unreachable"], 0)
            self.assertGreater(counts["changed"], 0)
        for status in STATUSES:
            self.assertEqual(recap["total"][status], sum(
                recap[host][status] for host in SEED))

    def test_13_story_is_on_stderr_a_line_for_each_transition(self) -> None:
        lines = self.first.err.splitlines()
        self.assertRegex(lines[0], r"\Amuster up: .*, 3 hosts, run \d{8}T")
        for line in lines[1:]:
            if line and "fix: " not in line:
                self.assertRegex(line, STORY)
        for end in steps(events_of(self.events)):
            if end["status"] in ("changed", "ok"):
                wanted = r"(?m)^ *\d+\.\ds  %s +%s +%s" % (
                    end["host"], end["status"], re.escape(end["step"]))
                self.assertRegex(self.first.err, wanted)
        self.assertNotIn("INTERNAL-IP", self.first.err)

    def test_14_no_colour_and_no_cursor_play_off_a_terminal(self) -> None:
        for text in (self.first.out, self.first.err):
            self.assertNotIn(ESCAPE, text)
            self.assertNotIn("\r", text)

    def test_15_events_are_one_object_a_line(self) -> None:
        events = events_of(self.events)
        self.assertEqual({e["schema"] for e in events}, {"muster.event/1"})
        self.assertEqual(len({e["run_id"] for e in events}), 1)
        self.assertEqual((events[0]["kind"], events[-1]["kind"]),
                         ("run_start", "run_end"))
        at = [e["since_start_ms"] for e in events]
        # threads hand in theirs, a moment after they looked at the clock
        self.assertEqual((at[0], at[-1]), (min(at), max(at)))
        for event in events:
            self.assertRegex(event["time"], RFC3339)
        begun = [(e["host"], e["step"]) for e in events
                 if e["kind"] == "step_start"]
        ended = [(e["host"], e["step"]) for e in steps(events)]
        self.assertEqual(sorted(begun), sorted(ended))
        for end in steps(events):
            self.assertIn(end["status"], STATUSES)
            self.assertGreaterEqual(end["elapsed_ms"], 0)
            self.assertGreaterEqual(end["remote_ms"], 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.events).st_mode), 0o600)

    def test_16_plays_are_barriers_hosts_run_free_within(self) -> None:
        events = events_of(self.events)
        open_play = ""
        for event in events:
            if event["kind"] == "play_start":
                self.assertEqual(open_play, "")
                open_play = event["play"]
            elif event["kind"] == "play_end":
                self.assertEqual(open_play, event["play"])
                open_play = ""
            elif "play" in event:
                self.assertEqual(open_play, event["play"])
        joins = [spans([e for e in events if e.get("step") == "join"]
                       )[host][0] for host in ("node2", "node3")]
        self.assertLess(max(begin for begin, _ in joins),
                        min(end for _, end in joins))

    def test_17_master_is_prepared_before_with_one_restart(self) -> None:
        """So each worker comes out right from the join itself."""
        events = events_of(self.events)
        changed = [e["step"] for e in steps(events, "node1")
                   if e["status"] == "changed"]
        self.assertEqual(changed.count("restart"), 1)
        self.assertLess(changed.index("restart"), changed.index("token"))
        for host in ("node2", "node3"):
            for step in ("args", "proxy", "restart"):
                self.assertEqual([e["status"] for e
                                  in steps(events, host, step)], ["ok"])
        for check in ("verify", "settle"):
            self.assertTrue(steps(events, "node1", check), check)
        self.assertEqual([e["status"] for e in steps(events, "node1",
                                                     "verify")], ["ok"])

    def test_17_it_ends_with_the_proof(self) -> None:
        """After the proxies' refresh, and asked from every host."""
        events = events_of(self.events)
        settled = steps(events, "node1", "settle")[0]["since_start_ms"]
        joined = max(e["since_start_ms"] for e in steps(events, step="join"))
        self.assertGreaterEqual(settled - joined, 3000)
        for host in SEED:
            asked = steps(events, host, "ask_host")
            self.assertEqual({e["status"] for e in asked}, {"ok"}, host)
            self.assertGreaterEqual(asked[0]["since_start_ms"], settled)
        self.assertRegex(self.first.out, r"(?m)^\d+ conditions: \d+ hold, 0 "
                         r"fail, 1 warn, 0 not asked; 3 hosts in ")

    def test_18_logs_are_the_owners_alone(self) -> None:
        for path in (self.run_logs, self.log_folder()):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o700,
                             path)
        names = sorted(os.listdir(self.log_folder()))
        self.assertEqual(names, ["%s.log" % host for host in sorted(SEED)])
        for name in names:
            path = os.path.join(self.log_folder(), name)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            with open(path, encoding="utf-8") as source:
                self.assertIn("look at the host: status 0", source.read())

    def test_19_join_token_is_nowhere_and_revoked(self) -> None:
        self.assertTrue(self.watch.tokens, "the watch saw no token: it "
                        "cannot tell whether one leaked")
        self.assertIn("muster", self.watch.programs)
        texts = {"stdout": self.first.out, "stderr": self.first.err}
        with open(self.events, encoding="utf-8") as source:
            texts["events"] = source.read()
        for folder, _, names in os.walk(self.home()):
            for name in names:
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8",
                          errors="replace") as source:
                    texts[path] = source.read()
        self.assertEqual(self.watch.leaks(**texts), [])
        self.assert_no_token()
        for host in SEED:
            self.assertEqual(self.files_with(host, self.watch.tokens), [])

    def files_with(self, host: str, words: set[str]) -> list[str]:
        """Files of a host in which one of these stands, outside MicroK8s'
        own folder."""
        root, found = self.root(host), []
        tops = [self.disk(host), root + "/run"]
        for top in tops:
            for folder, names, files in os.walk(top):
                names[:] = [name for name in names if os.path.join(
                    folder, name) != top + "/var/snap"]
                for name in files:
                    path = os.path.join(folder, name)
                    if os.path.isfile(path) and not os.path.islink(path):
                        with open(path, encoding="utf-8",
                                  errors="replace") as source:
                            text = source.read()
                        found += [path for word in words if word in text]
        return found

    def test_20_jobs_leave_nothing_on_the_hosts(self) -> None:
        for host in SEED:
            self.assertEqual(self.sh(host, "ls /run/muster/jobs "
                                     "2>/dev/null || true"), "")
            self.assertEqual(self.sh(host, "ls -A /var/snap/microk8s/common/"
                                     "muster 2>/dev/null || true"), "")

    # --- again ---

    def test_30_second_run_changes_and_restarts_nothing(self) -> None:
        before, starts = self.snapshots(), self.starts()
        with TokenWatch(self.state()) as watch:
            document = self.up()
        self.assertEqual(document["totals"]["changed"], 0)
        self.assertEqual(document["totals"]["failed"], 0)
        self.assertEqual(self.starts(), starts)
        after = self.snapshots()
        for host in SEED:
            self.assertEqual(changed_paths(before[host], after[host]), [])
        self.assertEqual(watch.tokens, set(), "a token was minted")

    def test_31_answer_of_the_second_run_says_changed_0(self) -> None:
        done = self.muster("up")
        self.assertEqual(done.rc, 0, done)
        self.assertRegex(done.out, r"(?m)^total .* changed=0 ")
        self.assertEqual({n: r["STATUS"] for n, r in done.table().items()},
                         dict.fromkeys(SEED, "Ready"))

    def test_32_json_is_one_document_of_a_stable_shape(self) -> None:
        done = self.muster("up", "--json")
        found = done.json()
        self.assertEqual(found["schema"], "muster.run/1")
        self.assertEqual((found["command"], found["check"],
                          found["stopped"], found["exit_status"]),
                         ("up", False, False, 0))
        self.assertEqual(found["inventory"], self.inventory)
        self.assertRegex(found["started"], RFC3339)
        self.assertEqual(set(found["totals"]), STATUSES)
        self.assertGreater(found["critical_path_ms"], 0)
        self.assertGreaterEqual(found["wall_ms"], found["critical_path_ms"])
        self.assertLessEqual(found["wall_ms"], done.seconds * 1000 + 1)
        self.assertEqual([h["name"] for h in found["hosts"]], list(SEED))
        for host in found["hosts"]:
            self.assertEqual(host["node_ip"], SEED[host["name"]])
            self.assertEqual(host["role"], "master" if host["name"]
                             == "node1" else "worker")
            self.assertIsNone(host["error"])
            self.assertTrue(os.path.exists(host["log"]))
            for status in STATUSES:
                self.assertEqual(host["counts"][status], len(
                    host_steps(found, host["name"], status)))
            for step in host["steps"]:
                self.assertLessEqual(
                    {"play", "step", "status", "message", "elapsed_ms",
                     "remote_ms"}, set(step))
        self.assertEqual(
            {n["name"]: (n["status"], n["internal_ip"], n["node_ip"],
                         n["node_ip_matches"]) for n in found["nodes"]},
            {name: ("Ready", a, a, True) for name, a in SEED.items()})
        self.assertNotIn(ESCAPE, done.out + done.err)

    def test_33_colour_on_a_terminal_but_not_with_no_color(self) -> None:
        self.assertIn(ESCAPE, self.on_a_terminal("up"))
        self.assertNotIn(ESCAPE, self.on_a_terminal("up", NO_COLOR="1"))
        self.assertNotIn(ESCAPE, self.on_a_terminal("plan", TERM="dumb"))

    def test_34_one_fork_is_one_host_at_a_time(self) -> None:
        path = self.file("forks.ndjson")
        done = self.muster("up", "-f", "1", "--events", path)
        self.assertEqual(done.rc, 0, done)
        ways = sorted(span for one in spans(events_of(path)).values()
                      for span in one)
        for (_, end), (begin, _) in zip(ways, ways[1:]):
            self.assertLessEqual(end, begin)

    def test_35_quiet_and_verbose(self) -> None:
        quiet = self.muster("up", "-q").err
        self.assertNotIn(" ok ", quiet)
        self.assertIn(" skipped ", self.muster("up", "-v").err)
        self.assertNotIn(" skipped ", self.first.err)

    # --- a fourth host ---

    def test_40_a_fourth_host_touches_itself_and_the_masters_tokens(
            self) -> None:
        self.lab_must("add", "1")
        before, starts = self.snapshots(*SEED), self.starts(*SEED)
        with TokenWatch(self.state()) as watch:
            done = self.muster("up", "--json", "--events",
                               self.file("fourth.ndjson"))
        self.assertEqual(done.rc, 0, done)
        document = done.json()
        self.assertEqual(host_steps(document, "node1", "changed"),
                         ["token", "revoke"])
        for host in ("node2", "node3"):
            self.assertEqual(of_host(document, host)["counts"]["changed"], 0)
        self.assertIn("join", host_steps(document, "node4", "changed"))
        self.assertEqual(self.starts(*SEED), starts)
        after = self.snapshots(*SEED)
        for host in ("node2", "node3"):
            self.assertEqual(changed_paths(before[host], after[host]), [])
        own = {path.split("/", 5)[-1] for path
               in changed_paths(before["node1"], after["node1"])}
        self.assertLessEqual(own, MASTERS_OWN)
        self.assertEqual(self.nodes(), self.well(4))
        self.assertTrue(watch.tokens)
        self.assertEqual(watch.leaks(out=done.out, err=done.err), [])
        self.assert_no_token()


class SecondLookTest(LabTest):
    """The author's first attempt: the API announces the address of the
    default route.  The workers live until their proxies refresh; the second
    look must not take that for success."""

    HOSTS = 2
    KNOBS = {"installed": 1}

    def test_wrong_address_is_found_though_all_joined(self) -> None:
        text = muster("playbook", "show", "up").out
        begin = text.index("    - args:  ")
        end = text.index("    - args:", begin + 1)
        self.assertIn("--advertise-address", text[begin:end])
        text = text[:begin] + text[end:]
        text, count = re.subn(
            r"(    - api:.*\n        address: )\S+", r"\g<1>192.168.88.193",
            text)
        self.assertEqual(count, 1)
        done = self.muster("play", self.write("author.yaml", text))
        self.assertEqual(done.rc, 0, done)
        done = self.muster("verify", "--json")
        self.assertEqual(done.rc, 3, done)
        endpoints, = [c for c in done.json()["conditions"]
                      if c["name"] == "endpoints"]
        verdict, = endpoints["verdicts"]
        self.assertEqual((verdict["state"], verdict["cause"]),
                         ("fails", "endpoints-wrong"))
        self.assertEqual(verdict["evidence"], "it announces 192.168.88.193 "
                         "instead of 10.8.0.4")
        self.assertIn("--advertise-address", verdict["fix"])
        # And `up` makes it right.
        self.assertEqual(self.muster("up").rc, 0)
        self.assertEqual(self.nodes(), self.well(2))


class SingleTest(LabTest):
    """A master alone is a cluster too, and -i - reads the inventory."""

    HOSTS = 1
    KNOBS = {"installed": 1}

    def test_master_alone_by_way_of_standard_input(self) -> None:
        with open(self.inventory, encoding="utf-8") as source:
            done = subprocess.run(
                self.argv("up", inventory="-"), stdin=source, text=True,
                capture_output=True, timeout=120, check=False,
                env={**os.environ, "MUSTER_LAB": self.name})
        done = Done(["up", "-i", "-"], done.returncode, done.stdout,
                    done.stderr, 0)
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(done.table()["node1"]["INTERNAL-IP"], "10.8.0.4")
        self.assertEqual(self.nodes(), self.well(1))


if __name__ == "__main__":
    unittest.main()
