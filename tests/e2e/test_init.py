# SPDX-License-Identifier: Apache-2.0
"""`muster init`: the inventory that it writes is one, has the addresses at
which the hosts reach each other, and makes a cluster.

The class's tests share one lab, on which nothing is installed.
"""
from __future__ import annotations

import os
import tempfile
import unittest

from muster_lab import LabTest, changed_paths
from muster_run import TOP, Done, Process, muster

EX_UNREACHABLE, EX_USAGE, EX_CANTCREAT = 4, 64, 73
HOSTS = ("ubuntu@10.8.0.4", "ubuntu@10.8.0.5", "ubuntu@10.8.0.6")


class InitTest(LabTest):
    HOSTS = 3

    @classmethod
    def init(cls, *args: str) -> Done:
        """As `muster`, which gives an inventory to all others."""
        argv = cls.argv("init", *args)[:-2]
        return Process(argv, {"MUSTER_LAB": cls.name}, cwd=cls.folder
                       ).wait(60)

    def must(self, *args: str, rc: int = 0) -> Done:
        done = self.init(*args)
        self.assertEqual(done.rc, rc, done)
        return done

    @staticmethod
    def lines(text: str) -> list[str]:
        """Without comments and empty lines."""
        return [line for line in text.splitlines()
                if line and not line.startswith(";")]

    def assert_is_inventory(self, path: str) -> None:
        done = muster("inventory", "lint", "-i", path)
        self.assertEqual((done.rc, done.err), (0, ""), done)

    def test_1_the_network_that_all_share(self) -> None:
        before = self.snapshots()
        self.must("-o", "made.ini", *HOSTS)
        with open(self.file("made.ini"), encoding="utf-8") as source:
            text = source.read()
        self.assertEqual(self.lines(text), [
            "[masters]", "node1 ansible_host=10.8.0.4 node_ip=10.8.0.4",
            "[workers]", "node2 ansible_host=10.8.0.5 node_ip=10.8.0.5",
            "node3 ansible_host=10.8.0.6 node_ip=10.8.0.6",
            "[all:vars]", "ansible_user=ubuntu",
            "microk8s_channel=1.32/stable"])
        self.assert_is_inventory(self.file("made.ini"))
        after = self.snapshots()
        for host, files in before.items():
            self.assertEqual(changed_paths(files, after[host]), [], host)

    def test_2_networks_that_only_look_alike(self) -> None:
        """node2 and node3 both have an address in a 10.0.0.0/24."""
        done = self.must("-u", "ubuntu", "10.8.0.5", "10.8.0.6")
        self.assertIn("node2 ansible_host=10.8.0.5 node_ip=10.8.0.5",
                      done.out.splitlines())
        comments = " ".join(line.lstrip("; ")
                            for line in done.out.splitlines())
        self.assertIn("Not 10.0.0.0/24 (10.0.0.192, 10.0.0.58), though all "
                      "have an address there: they do not reach each other",
                      comments)

    def test_3_bridges_and_an_address_that_two_have(self) -> None:
        for host in ("node1", "node2", "node3"):
            self.sh(host, "for card in docker0 shared; do "
                    "ip link add $card type bridge; "
                    "ip link set $card up; done; "
                    "ip addr add 172.17.0.1/16 dev docker0; "
                    "ip addr add 172.30.0.1/24 dev shared")
        done = self.must(*HOSTS)
        self.assertIn("node3 ansible_host=10.8.0.6 node_ip=10.8.0.6",
                      done.out.splitlines())
        self.assertNotIn("172.17", done.out)
        self.assertIn("Not 172.30.0.0/24: two hosts have 172.30.0.1 there",
                      done.out.replace("\n; ", " "))

    def test_4_no_network_in_which_they_reach_each_other(self) -> None:
        self.lab_must("cut", "node1", "node2")
        self.addCleanup(self.lab_must, "mend", "node1", "node2")
        done = self.must("-o", "none.ini", *HOSTS[:2])
        self.assertIn("the hosts share no network", done.err)
        with open(self.file("none.ini"), encoding="utf-8") as source:
            text = source.read()
        self.assertIn("node2 ansible_host=10.8.0.5 # node_ip=10.8.0.5",
                      text.splitlines())
        self.assertIn("It is left open", text)
        self.assert_is_inventory(self.file("none.ini"))

    def test_5_who_does_not_answer_is_written_with_the_reason(self) -> None:
        done = self.must("-T", "1s", "-o", "down.ini", HOSTS[0],
                         "ubuntu@10.8.0.5:1", HOSTS[2], rc=EX_UNREACHABLE)
        self.assertIn("ubuntu@10.8.0.5:1: connect to 10.8.0.5 port 1: ",
                      done.err)
        with open(self.file("down.ini"), encoding="utf-8") as source:
            text = source.read()
        self.assertIn("; node2 did not answer: connect to 10.8.0.5 port 1: ",
                      text)
        self.assertIn("node2 ansible_host=10.8.0.5 ansible_port=1 "
                      "node_ip=10.8.0.5", text.splitlines())
        self.assert_is_inventory(self.file("down.ini"))

    def test_6_keys_that_are_not_known(self) -> None:
        """Nobody is there to confirm them: nothing is sent."""
        empty = self.write("known_hosts", "")
        done = self.must("--known-hosts", empty, *HOSTS, rc=EX_UNREACHABLE)
        self.assertIn("node_ip=\n", done.out)
        self.assertIn("no host answered", done.out.replace("\n; ", " "))
        with open(empty, encoding="utf-8") as source:
            self.assertEqual(source.read(), "")
        done = self.must("--known-hosts", empty, "--host-key", "accept-new",
                         *HOSTS)
        self.assertIn("node2 ansible_host=10.8.0.5 node_ip=10.8.0.5",
                      done.out)

    def test_7_a_cluster_of_it(self) -> None:
        self.must("-o", "made.ini", "--force", *HOSTS)
        done = self.muster("plan", inventory=self.file("made.ini"))
        self.assertEqual(done.rc, 0, done)


class InitAloneTest(unittest.TestCase):
    """What needs no host."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_the_template(self) -> None:
        done = muster("init")
        with open(os.path.join(TOP, "inventory.example.ini"),
                  encoding="utf-8") as source:
            self.assertEqual((done.rc, done.out), (0, source.read()), done)

    def test_nothing_is_written_over(self) -> None:
        path = os.path.join(self.folder, "mine.ini")
        with open(path, "w", encoding="utf-8") as out:
            out.write("mine\n")
        done = muster("init", "-o", path)
        self.assertEqual(done.rc, EX_CANTCREAT, done)
        self.assertIn("--force", done.err)
        with open(path, encoding="utf-8") as source:
            self.assertEqual(source.read(), "mine\n")
        done = muster("init", "-o", path, "--force")
        self.assertEqual((done.rc, done.out), (0, ""), done)
        done = muster("inventory", "lint", "-i", path)
        self.assertEqual((done.rc, done.err), (0, ""), done)
        done = muster("init", "-o", self.folder + "/no/such/folder.ini")
        self.assertEqual(done.rc, EX_CANTCREAT, done)

    def test_words_that_are_no_hosts(self) -> None:
        for args, says in (
                (("a", "b", "a"), "'a' is given twice"),
                (("a", "[::1"), "'[::1' is no host: expected "
                 "[user@]host[:port]"),
                (("--masters", "2", "a", "b"), "--masters takes 1, 3, 5"),
                (("--masters", "3", "a"), "there is only 1 host"),
                (("-i", "x.ini"), "-i")):
            with self.subTest(args=args):
                done = muster("init", *args)
                self.assertEqual(done.rc, EX_USAGE, done)
                self.assertIn(says, done.err)
                self.assertEqual(done.out, "")
