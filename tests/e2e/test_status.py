# SPDX-License-Identifier: Apache-2.0
"""`muster status`: the inventory beside the cluster; what has drifted is
named, alone and on its host, and nothing is changed by asking.

The class's tests share one lab and go on from each other, in the order of
their names.
"""
from __future__ import annotations

import re

from muster_lab import LabTest, changed_paths, of_host
from muster_run import Done

EX_DRIFT, EX_UNREACHABLE = 10, 4


class StatusTest(LabTest):
    HOSTS = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        done = cls.muster("up", "-l", "node1,node2")
        assert done.rc == 0, done

    def status(self, *args: str, rc: int = 0,
               inventory: str | None = None) -> Done:
        done = self.muster("status", *args, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return done

    @staticmethod
    def rows(done: Done) -> dict[str, dict[str, str]]:
        """host -> column -> cell."""
        lines = done.out.split("\n\n")[0].splitlines()
        rows = [re.split(r" {3,}", line.strip()) for line in lines]
        return {row[0]: dict(zip(rows[0], row)) for row in rows[1:]}

    def drift(self, *args: str, inventory: str | None = None
              ) -> list[tuple[str, list[str]]]:
        """What has drifted, and on which hosts; the exit code agrees."""
        document = self.status("--json", *args, inventory=inventory).json()
        found = [(d["name"], d["hosts"]) for d in document["drift"]]
        self.assertEqual(document["drifted"], bool(found))
        self.status("-q", "--exit-code", *args, inventory=inventory,
                    rc=EX_DRIFT if found else 0)
        return found

    def test_1_a_host_that_has_not_joined_yet(self) -> None:
        self.assertEqual(self.drift(), [("nodes-present", ["node3"])])
        row = self.rows(self.status())["node3"]
        self.assertEqual((row["STATUS"], row["INTERNAL-IP"], row["DRIFT"]),
                         ("-", "-", "nodes-present"))
        self.assertEqual(self.drift("-x", "node3"), [])

    def test_2_a_cluster_as_it_should_be(self) -> None:
        self.assemble()
        before = self.snapshots()
        done = self.status("--exit-code")
        self.assertTrue(done.out.endswith("\n\nNo drift.\n"), done)
        self.assertEqual(self.rows(done), {
            name: {"HOST": name, "ROLE": role, "NODE_IP": address,
                   "STATUS": "Ready", "VERSION": "v1.32.8",
                   "INTERNAL-IP": address, "DRIFT": "none"}
            for name, role, address in (
                ("node1", "master", "10.8.0.4"),
                ("node2", "worker", "10.8.0.5"),
                ("node3", "worker", "10.8.0.6"))})
        self.assertEqual(self.drift(), [])
        after = self.snapshots()
        for host, files in before.items():
            self.assertEqual(changed_paths(files, after[host]), [], host)

    def test_3_what_drifted_is_named_on_its_host(self) -> None:
        self.sh("node2", "sed -i.old /--node-ip/d "
                "/var/snap/microk8s/current/args/kubelet")
        self.assertEqual(self.drift(), [("arguments", ["node2"])])
        done = self.status()
        self.assertIn("arguments: node2: args/kubelet: --node-ip is not "
                      "there, and should be 10.8.0.5 [args-missing]",
                      done.out)
        self.assertEqual([row["DRIFT"] for row in self.rows(done).values()],
                         ["none", "arguments", "none"])
        self.assemble()
        self.assertEqual(self.drift(), [])

    def test_4_a_node_that_the_inventory_does_not_name(self) -> None:
        with open(self.inventory, encoding="utf-8") as source:
            lines = [line for line in source if not line.startswith("node3")]
        less = self.write("less.ini", "".join(lines))
        self.assertEqual(self.drift(inventory=less), [("no-strangers", [])])
        row = self.rows(self.status(inventory=less))["node3"]
        self.assertEqual((row["ROLE"], row["STATUS"], row["DRIFT"]),
                         ("-", "Ready", "not in the inventory"))
        document = self.status("--json", inventory=less).json()
        self.assertEqual([n["name"] for n in document["strangers"]],
                         ["node3"])

    def test_5_another_channel_than_the_inventory_has(self) -> None:
        with open(self.inventory, encoding="utf-8") as source:
            text = re.sub(r"(?m)^(node2 .*)$",
                          r"\1 microk8s_channel=1.31/stable", source.read())
        other = self.write("other.ini", text)
        self.assertEqual(self.drift(inventory=other),
                         [("channel", ["node2"])])

    def test_6_a_host_that_does_not_answer(self) -> None:
        gone = self.edited("gone.ini", ("ansible_host=10.8.0.6",
                                        "ansible_host=10.8.0.6 "
                                        "ansible_port=1"))
        done = self.status("--exit-code", inventory=gone, rc=EX_UNREACHABLE)
        row = self.rows(done)["node3"]
        self.assertEqual((row["STATUS"], row["DRIFT"]),
                         ("Ready", "not reached"))
        self.assertIn("node3: not reached: connect to 10.8.0.6 port 1: ",
                      done.out)
        document = self.status("--json", inventory=gone,
                               rc=EX_UNREACHABLE).json()
        self.assertFalse(of_host(document, "node3")["reached"])
        self.assertTrue(of_host(document, "node2")["reached"])
