# SPDX-License-Identifier: Apache-2.0
"""`--limit` and `--exclude`: only those hosts take part, and the others are
neither touched, waited for nor called strangers.

The class's tests share one lab and go on from each other, in the order of
their names.
"""
from __future__ import annotations

from muster_lab import LAB, LabTest, changed_paths, of_host
from muster_run import MUSTER, Process

EX_USAGE, EX_NOINPUT = 64, 66


class LimitTest(LabTest):
    HOSTS = 3

    def refused(self, *args: str, rc: int = EX_USAGE) -> str:
        """What muster says of a limit that cannot be; no host is reached."""
        done = self.muster(*args)
        self.assertEqual((done.rc, done.out), (rc, ""), done)
        self.assertNotIn("look at every host", done.err)
        return done.err

    def test_1_a_slip_is_told_before_anything_is_reached(self) -> None:
        self.assertIn("no host matches 'node9' (did you mean node",
                      self.refused("up", "-l", "node1,node9"))
        self.assertIn("no host matches '!wokers' (did you mean workers?)",
                      self.refused("up", "-l", "all:!wokers"))
        self.assertIn("no host is left",
                      self.refused("up", "-l", "node1", "-x", "masters"))
        self.assertIn("@nowhere", self.refused("up", "-l", "@nowhere",
                                               rc=EX_NOINPUT))

    def test_2_up_and_plan_need_the_master(self) -> None:
        for command in ("up", "plan"):
            for args in (("-l", "workers"), ("-x", "masters")):
                self.assertIn("needs the master 'node1'",
                              self.refused(command, *args))

    def test_3_who_is_left_out_is_not_touched(self) -> None:
        before = self.snapshot("node3", "")
        document = self.up("-x", "node3")
        self.assertEqual([host["name"] for host in document["hosts"]],
                         ["node1", "node2"])
        self.well(2)
        self.assertEqual(changed_paths(before, self.snapshot("node3", "")),
                         [])

    def test_4_a_file_of_patterns_joins_the_rest(self) -> None:
        names = self.write("names", "node3\n\n# the master\nnode1\n")
        starts = self.starts("node2")
        document = self.up("-l", "@" + names)
        self.assertEqual([host["name"] for host in document["hosts"]],
                         ["node1", "node3"])
        self.well(3)
        self.assertEqual(self.starts("node2"), starts)

    def test_5_members_left_out_are_no_strangers(self) -> None:
        done = self.muster("up", "-l", "masters")
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(done.table().keys(), {"node1", "node2", "node3"})
        self.assertNotIn("not in the inventory", done.out + done.err)
        self.assertIn(", 1 host, run ", done.err)
        self.assertEqual(of_host(self.up("-l", "masters"),
                                 "node1")["counts"]["changed"], 0)

    def test_6_a_playbook_of_ones_own_needs_no_master(self) -> None:
        book = self.write("touch.yaml", (
            "- name: touch\n  on: all\n  do:\n"
            "    - run: {command: touch /tmp/limited}\n"))
        done = self.muster("play", book, "-l", "workers", "-x", "node2")
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(done.recap().keys() - {"total"}, {"node3"})
        for host, there in (("node1", 1), ("node2", 1), ("node3", 0)):
            self.assertEqual(self.on(host, "test", "-e",
                                     "/tmp/limited").rc, there, host)

    def test_7_a_playbook_for_none_of_them_is_a_slip(self) -> None:
        book = self.write("masters.yaml", (
            "- name: masters\n  on: masters\n  do:\n    - look\n"))
        self.assertIn("no play of ", self.refused("play", book, "-l",
                                                  "workers"))

    def test_8_a_command_goes_to_those_hosts_only(self) -> None:
        done = Process([LAB, "run", "--", MUSTER, "exec", "-x", "node2",
                        "-i", self.inventory, "--", "uname", "-n"],
                       {"MUSTER_LAB": self.name}).wait()
        self.assertEqual(done.rc, 0, done)
        self.assertIn("node1", done.out)
        self.assertIn("node3", done.out)
        self.assertNotIn("node2", done.out)
