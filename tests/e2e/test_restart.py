# SPDX-License-Identifier: Apache-2.0
"""`muster restart`: masters before workers, workers at once, only those that
were asked for, and none after a control plane that did not come back.

The class's tests share one lab, in the order of their names.
"""
from __future__ import annotations

from muster_lab import LabTest, host_steps, of_host
from muster_run import Done, events_of, spans

EX_USAGE, EX_UNAVAILABLE = 64, 69


class RestartTest(LabTest):
    HOSTS = 3

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()

    def restart(self, *args: str, rc: int = 0,
                inventory: str | None = None) -> Done:
        done = self.muster("restart", *args, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return done

    def started(self, before: dict[str, list[str]]) -> dict[str, list[str]]:
        """What each host has started since, in order; hosts without
        anything are left out."""
        found = {host: names[len(before[host]):]
                 for host, names in self.starts().items()}
        return {host: names for host, names in found.items() if names}

    def test_1_masters_first_then_all_workers_at_once(self) -> None:
        before, path = self.starts(), self.file("events")
        self.restart("--events", path)
        self.assertEqual(self.started(before), {
            host: ["kubelite"] for host in ("node1", "node2", "node3")})
        self.assertEqual(self.nodes(), self.well(3))
        at = spans(events_of(path))
        # a host's last two steps are the restart and the gate
        ends = {host: at[host][-1][1] for host in at}
        begins = {host: at[host][-2][0] for host in at}
        self.assertLessEqual(ends["node1"], min(begins["node2"],
                                                begins["node3"]))
        self.assertLess(max(begins["node2"], begins["node3"]),
                        min(ends["node2"], ends["node3"]))

    def test_2_only_who_was_asked_for(self) -> None:
        before = self.starts()
        document = self.restart("-l", "node2", "--json").json()
        self.assertEqual(self.started(before), {"node2": ["kubelite"]})
        self.assertEqual([h["name"] for h in document["hosts"]],
                         ["node1", "node2"])
        self.assertEqual(of_host(document, "node1")["counts"]["changed"], 0)
        self.assertIn("node_ready", " ".join(
            host_steps(document, "node2", "ok")))
        self.restart("-l", "nobody", rc=EX_USAGE)

    def test_3_a_service_where_there_is_one(self) -> None:
        before = self.starts()
        self.restart("--service", "apiserver-proxy")
        self.assertEqual(self.started(before), {
            "node2": ["apiserver-proxy"], "node3": ["apiserver-proxy"]})
        before = self.starts()
        done = self.restart("--service", "kubelet", rc=EX_USAGE)
        self.assertIn("kubelite, containerd, ", done.err)
        self.restart("--check")
        self.assertEqual(self.started(before), {})
        self.assertEqual(self.nodes(), self.well(3))

    def test_4_a_host_that_is_not_of_the_cluster_is_not_touched(self
                                                               ) -> None:
        self.sh("node3", "mv /var/snap/microk8s/current/var/lock/"
                "clustered.lock /tmp/")
        self.addCleanup(self.sh, "node3", "mv /tmp/clustered.lock "
                        "/var/snap/microk8s/current/var/lock/")
        before = self.starts()
        done = self.restart("-l", "workers", rc=EX_UNAVAILABLE)
        self.assertIn("no worker of this cluster", done.err)
        self.assertEqual(self.started(before), {"node2": ["kubelite"]})

    def test_5_nobody_after_a_master_that_did_not_come_back(self) -> None:
        self.sh("node1", "echo --no-such-flag >>/var/snap/microk8s/current/"
                "args/kubelet")
        before = self.starts("node2", "node3")
        done = self.restart("-e", "microk8s_verify_timeout=4s", rc=2)
        self.assertIn("it has not come back", done.err)
        self.assertEqual(self.starts("node2", "node3"), before)
        self.sh("node1", "sed -i /no-such-flag/d "
                "/var/snap/microk8s/current/args/kubelet")
        self.restart()
        self.assertEqual(self.nodes(), self.well(3))
