# SPDX-License-Identifier: Apache-2.0
"""`muster exec` on the lab: one command on hosts of several networks, their
answers folded; hosts that are gone, refuse, or have another key.

No test changes what another one looks at.
"""
from __future__ import annotations

import os
import signal
import stat
import subprocess
import time

from muster_lab import LAB, LabTest
from muster_run import MUSTER, Done, Process

RULE = "---------------\n"
FAST = ("-T", "3")


def folded(names: str, text: str, *, end: str = "") -> str:
    """What is printed for one group."""
    count = 1
    if "[" in names:
        first, last = names[names.index("[") + 1:-1].split("-")
        count = int(last) - int(first) + 1
    return "%s%s (%d)%s\n%s%s" % (RULE, names, count, end, RULE, text)


class ExecTest(LabTest):
    HOSTS = 5

    def words(self, options: tuple[str, ...], command: tuple[str, ...],
              inventory: str | None) -> list[str]:
        return [LAB, "run", "--", MUSTER, "exec", *FAST, *options, "-i",
                inventory or self.inventory, "--", *command]

    def begin(self, *command: str, options: tuple[str, ...] = (),
              inventory: str | None = None) -> Process:
        return Process(self.words(options, command, inventory),
                       {"MUSTER_LAB": self.name}, cwd=self.folder)

    def exec(self, *command: str, options: tuple[str, ...] = (),
             inventory: str | None = None, rc: int = 0) -> Done:
        done = self.begin(*command, options=options,
                          inventory=inventory).wait()
        self.assertEqual(done.rc, rc, done)
        return done

    def exec_with(self, text: str, *command: str) -> Done:
        """With something on standard input."""
        argv, begun = self.words((), command, None), time.monotonic()
        done = subprocess.run(argv, input=text, text=True, timeout=60,
                              capture_output=True, cwd=self.folder,
                              env={**os.environ, "MUSTER_LAB": self.name})
        return Done(argv, done.returncode, done.stdout, done.stderr,
                    time.monotonic() - begun)

    # --- answers ---

    def test_same_answers_are_told_once(self) -> None:
        done = self.exec("uname", "-s")
        self.assertEqual(done.out, folded("node[1-5]", "Linux\n"))
        self.assertRegex(done.err, r"\Amuster exec: 5 hosts in \d+\.\d s: "
                         r"ok=5 failed=0 unreachable=0 unfinished=0\n\Z")

    def test_each_host_answers_for_itself(self) -> None:
        done = self.exec("uname", "-n")
        self.assertEqual(done.out, "".join(
            folded("node%d" % n, "node%d\n" % n) for n in range(1, 6)))

    def test_diff_is_against_what_most_say(self) -> None:
        self.sh("node4", "echo other >/tmp/release")
        for host in ("node1", "node2", "node3", "node5"):
            self.sh(host, "echo usual >/tmp/release")
        done = self.exec("cat", "/tmp/release", options=("--diff",))
        self.assertEqual(done.out, "%snode[1-3,5] (4)\n%susual\n"
                         "%snode4 (1)\n%s--- node[1-3,5]\n+++ node4\n"
                         "@@ -1 +1 @@\n-usual\n+other\n" % ((RULE,) * 4))

    def test_no_fold_prints_lines_as_they_come(self) -> None:
        done = self.exec("uname -n; echo oops >&2", options=("--no-fold",))
        self.assertEqual(sorted(done.out.splitlines()), [
            "node%d: node%d" % (n, n) for n in range(1, 6)])
        for n in range(1, 6):
            self.assertIn("node%d: oops\n" % n, done.err)

    def test_any_inventory_will_do(self) -> None:
        path = self.write("plain.ini", (
            "a ansible_host=10.8.0.4\nb ansible_host=10.8.0.5\n"
            "[all:vars]\nansible_user=ubuntu\n"))
        done = self.exec("id", "-un", inventory=path)
        self.assertEqual(done.out, "%sa,b (2)\n%subuntu\n" % (RULE, RULE))

    def test_who_runs_it(self) -> None:
        for options, user in (((), "ubuntu"), (("--become",), "root"),
                              (("-u", "root"), "root"),
                              (("--become", "-l", "node1:node2"), "root")):
            done = self.exec("id -un; pwd", options=("-q", *options))
            home = "/root" if user == "root" else "/home/" + user
            names = "node[1-2]" if "-l" in options else "node[1-5]"
            self.assertEqual(done.out, folded(names, "%s\n%s\n" % (
                user, home)), options)
            self.assertEqual(done.err, "")

    def test_json_has_every_host_once(self) -> None:
        document = self.exec("uname", "-n", options=("--json",)).json()
        self.assertEqual((document["schema"], document["command"],
                          document["exit_status"], document["totals"]["ok"]),
                         ("muster.exec/1", "uname -n", 0, 5))
        self.assertEqual({group["names"]: group["stdout"]
                          for group in document["groups"]},
                         {"node%d" % n: "node%d\n" % n for n in range(1, 6)})

    def test_out_dir_has_the_files_of_each_host(self) -> None:
        folder = self.file("outs")
        self.exec("uname -n; pwd >&2", options=("--out-dir", folder))
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        self.assertEqual(len(os.listdir(folder)), 10)
        with open(folder + "/node3.out", encoding="ascii") as source:
            self.assertEqual(source.read(), "node3\n")
        with open(folder + "/node3.err", encoding="ascii") as source:
            self.assertEqual(source.read(), "/home/ubuntu\n")

    def test_standard_input_goes_to_all(self) -> None:
        text = "".join("line %d\n" % n for n in range(50000))
        done = self.exec_with(text, "cat >/tmp/given; wc -l </tmp/given")
        self.assertEqual((done.rc, done.out),
                         (0, folded("node[1-5]", "50000\n")), done)
        for n in range(1, 6):
            self.assertEqual(self.read("node%d" % n, "/tmp/given"), text)

    # --- when it does not go well ---

    def test_failed_on_one_host_is_2(self) -> None:
        done = self.exec("[ $(uname -n) != node3 ] || "
                         "{ echo no >&2; exit 7; }", rc=2)
        self.assertIn("%snode3 (1): exit status 7\n%s! no\n" % (RULE, RULE),
                      done.out)
        self.assertIn("node[1-2,4-5] (4): no output\n", done.out)
        self.assertIn(" ok=4 failed=1 ", done.err)

    def test_ways_of_not_being_there_are_4_and_told_apart(self) -> None:
        path = self.edited("away.ini", (
            "node2 ansible_host=10.8.0.5", "node2 ansible_host=10.8.0.98"),
            ("node3 ansible_host=10.8.0.6", "node3 ansible_host=10.8.0.99"),
            ("node5 ansible_host=10.8.0.8", "node5 ansible_host=10.8.0.8 "
             "ansible_port=2223"))
        done = self.exec("echo here", inventory=path, rc=4)
        self.assertEqual(done.out, "%snode[1,4] (2)\n%shere\n" % (RULE, RULE))
        self.assertRegex(done.err, r"(?m)^muster exec: node\[2-3\] \(2\): "
                         r"unreachable: connect to %h port 22: ")
        self.assertRegex(done.err, r"(?m)^muster exec: node5 \(1\): "
                         r"unreachable: connect to 10\.8\.0\.8 port 2223: ")
        self.assertIn(" ok=2 failed=0 unreachable=3 ", done.err)
        self.exec("[ $(uname -n) != node1 ]", inventory=path, rc=6)

    def test_refused_keys_and_sudo(self) -> None:
        empty = self.write("empty", "")
        done = self.exec("echo", options=("--known-hosts", empty), rc=4)
        self.assertEqual(done.out, "")
        self.assertIn("--host-key=accept-new", done.err)
        done = self.exec("echo", options=("-u", "admin", "--become"), rc=77)
        self.assertEqual(done.out, "")
        self.assertIn("sudo refused user 'admin'", done.err)

    def test_changed_host_key_is_76_and_others_answer(self) -> None:
        with open("/run/muster-lab/%s/laptop/home/.ssh/known_hosts"
                  % self.name, encoding="ascii") as source:
            lines = source.read().splitlines()
        keys = {line.split()[1]: line.split()[2]
                for line in lines if ",node3 " in line}
        path = self.write("changed", "".join(
            " ".join((*line.split()[:2], keys[line.split()[1]])) + "\n"
            if ",node2 " in line else line + "\n" for line in lines))
        done = self.exec("touch /tmp/been-here", rc=76, options=(
            "--known-hosts", path, "-l", "node2:node4"))
        self.assertIn("node4 (1): no output", done.out)
        self.assertIn("node2 (1): unreachable: ", done.err)
        self.assertEqual(self.on("node2", "test", "-e",
                                 "/tmp/been-here").rc, 1)

    def test_usage(self) -> None:
        for options, command in (((), ()), (("-C",), ("true",)),
                                 (("-l", "nobody"), ("true",)),
                                 (("--no-fold", "--json"), ("true",))):
            done = self.exec(*command, options=options, rc=64)
            self.assertEqual(done.out, "")
            self.assertIn("muster exec: ", done.err)

    def test_interrupt_names_who_did_not_finish(self) -> None:
        folder = self.file("cut")
        run = self.begin("echo begun; [ $(uname -n) != node2 ] || "
                         "exec sleep 300", options=("--out-dir", folder))
        for n in range(1, 6):
            def begun() -> bool:
                try:
                    with open("%s/node%d.out" % (folder, n),
                              encoding="ascii") as source:
                        return source.read() == "begun\n"
                except FileNotFoundError:
                    return False
            self.eventually("node%d begins" % n, begun)
        run.send(signal.SIGINT)
        run.send(signal.SIGTERM)
        done = run.wait(30)
        self.assertEqual(done.rc, 130, done)
        # one that had said its word may not have ended yet either
        self.assertRegex(done.err, r"node2|node\[2")
        self.assertIn(": unfinished: command: interrupted", done.err)
        self.assertIn("begun\n", done.out)
        self.eventually("the command ended with its connection",
                        lambda: not self.sh("node2", "pgrep -fx 'sleep 300'"
                                            " || true"))
