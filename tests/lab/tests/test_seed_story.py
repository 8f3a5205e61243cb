# SPDX-License-Identifier: Apache-2.0
"""The cluster of the blog post, by hand, as its author lived it.

Three hosts on private networks that cannot reach each other, joined by a
VPN.  Over the address `add-node` prints first the join hangs; over the VPN's
it works and dies after the proxy's refresh; the edits of args files make it
live.  If this story does not come out, the lab is wrong.
"""
from __future__ import annotations

import time
import unittest

from test_commands_lab import DATA, LabTest, quoted

VPN = {"node1": "10.8.0.4", "node2": "10.8.0.5", "node3": "10.8.0.6"}
PRIVATE = {"node1": "192.168.88.193", "node2": "10.0.0.192",
           "node3": "10.0.0.58"}


class SeedStory(LabTest):
    """One long test: each chapter stands on the one before."""

    HOSTS = 3

    def provider(self, host: str) -> str:
        """The one server of a worker's provider.yaml."""
        lines = [line.strip() for line in self.read(
            host, "args/traefik/provider.yaml").splitlines()]
        return " ".join(line.split(": ", 1)[1] for line in lines
                        if line.startswith("- address:"))

    def append_arg(self, host: str, name: str, line: str) -> None:
        """Add a line at the end of an args file, as with an editor."""
        done = self.sh(host, "echo %s >> %s/args/%s"
                       % (quoted(line), DATA, name))
        self.assertEqual(done.rc, 0, done)

    def all_well(self) -> bool:
        """Whether the three nodes are Ready on the VPN."""
        return self.nodes() == {name: (True, address)
                                for name, address in VPN.items()}

    def chapter_wrong_address(self) -> None:
        """What add-node prints first cannot be reached from node2."""
        got = self.mk("node1", "add-node")
        self.assertEqual(got.rc, 0, got)
        command = got.out.splitlines()[1]
        self.assertIn(PRIVATE["node1"], command)
        began = time.monotonic()
        gone = self.sh("node2", "timeout 3 /snap/bin/%s --worker" % command)
        self.assertEqual(gone.rc, 124, gone)
        self.assertGreater(time.monotonic() - began, 2.5)
        self.assertEqual(gone.out, "")
        self.assertIn("join-in-progress", self.locks("node2"))
        self.assertNotIn("clustered.lock", self.locks("node2"))

    def chapter_right_address(self) -> None:
        """Over the VPN both join and become Ready."""
        for host in ("node2", "node3"):
            url = self.mint()
            done = self.mk(host, "join", url, "--worker")
            self.assertEqual(done.rc, 0, done)
            self.assertTrue(done.out.endswith(
                "Successfully joined the cluster.\n"), done)
            self.eventually(host + " Ready", lambda: self.nodes().get(
                host, (False, ""))[0])
        self.assertEqual({n: a for n, (_, a) in self.nodes().items()},
                         PRIVATE)

    def chapter_refresh_kills(self) -> None:
        """The proxy learns the unreachable endpoint and the nodes die."""
        self.assertEqual(self.endpoints(), PRIVATE["node1"])
        for host in ("node2", "node3"):
            self.eventually(
                host + " on the master's private address",
                lambda: self.provider(host) == PRIVATE["node1"] + ":16443")
            self.eventually(host + " NotReady", lambda: self.nodes().get(
                host, (True, ""))[0] is False)
        self.assertTrue(self.nodes()["node1"][0])

    def chapter_edits(self) -> None:
        """advertise-address on the master, node-ip everywhere."""
        self.append_arg("node1", "kube-apiserver",
                        "--advertise-address=" + VPN["node1"])
        for host, address in VPN.items():
            self.append_arg(host, "kubelet", "--node-ip=" + address)
            done = self.on(host, "snap", "restart", "microk8s")
            self.assertEqual(done.rc, 0, done)
            self.assertEqual(done.out, "Restarted.\n")
        self.eventually("endpoints on the VPN",
                        lambda: self.endpoints() == VPN["node1"])
        self.assertFalse(self.nodes()["node2"][0])

    def chapter_provider(self) -> None:
        """A worker that lost the API cannot learn the better address."""
        for host in ("node2", "node3"):
            self.assertEqual(self.provider(host),
                             PRIVATE["node1"] + ":16443")
            done = self.sh(host, "f=%s/args/traefik/provider.yaml; "
                           "sed s/%s/%s/ $f > $f.new && mv $f.new $f"
                           % (DATA, PRIVATE["node1"], VPN["node1"]))
            self.assertEqual(done.rc, 0, done)
        self.eventually("three nodes on the VPN", self.all_well)
        # Two more refreshes (30 s each, scaled by 1/20) change nothing.
        self.steadily("three nodes on the VPN", self.all_well, 3.5)
        for host in ("node2", "node3"):
            self.assertEqual(self.provider(host), VPN["node1"] + ":16443")

    def test_seed_story_by_hand_dies_then_lives(self) -> None:
        """The chapters in their order."""
        self.chapter_wrong_address()
        self.chapter_right_address()
        self.chapter_refresh_kills()
        self.chapter_edits()
        self.chapter_provider()


if __name__ == "__main__":
    unittest.main()
