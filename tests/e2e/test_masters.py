# SPDX-License-Identifier: Apache-2.0
"""Several masters: joined one by one, highly available by what the datastore
says, and gone on with when the first of them is lost.

The class's tests share one lab and one assembly, in the order of their names.
"""
from __future__ import annotations

import json
import re

from muster_lab import MICROK8S, LabTest, host_steps, of_host
from muster_run import Done, events_of, spans

EX_DATA, EX_UNAVAILABLE = 65, 69
MASTERS = ("node1", "node2", "node3")
ALL_VOTE = {"10.8.0.%d" % n: "voter" for n in (4, 5, 6)}
#: a host that is down is waited for no longer than that
SOON = ("-T", "2s")
#: a lie is found in no less time than this
WAIT = ("-e", "microk8s_master_wait=2s")

TOPOLOGY = """
[networks]
vpn = 10.8.0.0/24
home = 192.168.88.0/24
left = 10.0.0.0/24
right = 172.16.1.0/24
cloud = 172.16.2.0/24
field = 172.16.3.0/24
[laptop]
vpn = 10.8.0.2
""" + "".join("""
[host node%d]
%s = %s
vpn = 10.8.0.%d
default = %s
role = %s
""" % (number, network, address, number + 3, network, role)
    for number, network, address, role in (
        (1, "home", "192.168.88.193", "master"),
        (2, "left", "10.0.0.192", "master"),
        (3, "right", "172.16.1.58", "master"),
        (4, "cloud", "172.16.2.7", "worker"),
        (5, "field", "172.16.3.8", "worker")))
NODE5 = "node5 ansible_host=10.8.0.8 node_ip=10.8.0.8\n"


class MastersTest(LabTest):
    TOPOLOGY = TOPOLOGY
    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.whole = cls.inventory
        cls.inventory = cls.edited("four.ini", (NODE5, ""))

    # --- helpers ---

    def members(self, host: str) -> dict[str, str]:
        """address -> role, as the datastore's leader has them."""
        text = self.on(host, MICROK8S, "status", "--format", "yaml").out
        return dict(re.findall(
            r"- address: ([\d.]+):19001\n +role: (\w+)", text))

    def run_muster(self, *args: str, rc: int = 0,
                   inventory: str | None = None) -> Done:
        done = self.muster(*args, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return done

    def ready(self, host: str) -> list[str]:
        return [name for name, (ready, _) in self.nodes(host).items()
                if ready]

    # --- built ---

    def test_10_two_masters_are_refused_unless_meant(self) -> None:
        two = self.edited("two.ini", (
            "node3 ansible_host=10.8.0.6 node_ip=10.8.0.6\n", ""))
        done = self.run_muster("up", inventory=two, rc=EX_DATA)
        self.assertRegex(done.err, r"two\.ini:5:1: hosts 'node1' and 'node2' "
                         r"are two masters: only one of two votes")
        self.assertIn("--allow-two-masters", done.err)
        self.run_muster("plan", "--allow-two-masters", inventory=two)

    def test_11_up_joins_one_by_one_and_believes_no_success(self) -> None:
        self.knob("node3", lie_join_success="once")
        path = self.file("up")
        done = self.run_muster("up", "--events", path, *WAIT)
        self.assertIn("join said success, but the host is no member",
                      done.err)
        self.assertEqual(self.members("node1"), ALL_VOTE)
        self.assertEqual(self.nodes("node3"), self.well(4))
        # by their order: two lines may well fall into one millisecond
        order = [(e["kind"], e.get("host"), e.get("step"))
                 for e in events_of(path)]
        for gate, joins in (("node2", "node3"), ("node3", "node4")):
            self.assertLess(order.index(("step_end", gate, "member")),
                            order.index(("step_start", joins, "join")))

    def test_12_every_master_is_right_from_its_join(self) -> None:
        """Its own address, and none of what the join would have written;
        the join started kubelite, so nothing else has."""
        for number, host in enumerate(MASTERS, 4):
            address = "10.8.0.%d" % number
            self.assertIn("--advertise-address=" + address,
                          self.args(host, "kube-apiserver"))
            self.assertIn("--node-ip=" + address, self.args(host, "kubelet"))
            self.assertIn('value: "kubernetes-internal-ip"', self.read(
                host, "args/cni-network/cni.yaml"))
            self.assertFalse(self.has_lock(host, "join-in-progress"))
        slices = json.loads(self.on(
            "node2", MICROK8S, "kubectl", "get", "endpointslices", "-n",
            "default", "-o", "json").out)
        self.assertEqual(sorted(
            a for item in slices["items"] for e in item["endpoints"]
            for a in e["addresses"]), sorted(ALL_VOTE))
        self.assert_no_token()

    def test_13_second_run_changes_nothing(self) -> None:
        before, starts = self.snapshots(), self.starts()
        document = self.up()
        for host in document["hosts"]:
            self.assertEqual(host["counts"]["changed"], 0, host)
        self.assertEqual(self.snapshots(), before)
        self.assertEqual(self.starts(), starts)

    def test_14_it_is_told_as_highly_available(self) -> None:
        done = self.run_muster("verify")
        self.assertRegex(done.out, r"holds +high-availability +voters "
                         r"node1, node2, node3\n")
        self.assertRegex(done.out, r"holds +endpoints +10\.8\.0\.4, "
                         r"10\.8\.0\.5, 10\.8\.0\.6\n")
        done = self.run_muster("status", "--exit-code")
        self.assertRegex(done.out, r"node2 +master, voter +10\.8\.0\.5 +Ready")

    def test_15_masters_restart_one_by_one(self) -> None:
        before, path = self.starts(*MASTERS), self.file("restart")
        self.run_muster("restart", "-l", "masters", "--events", path)
        at = spans(events_of(path))
        for first, second in zip(MASTERS, MASTERS[1:]):
            self.assertLessEqual(at[first][-1][1], at[second][-2][0])
        for host in MASTERS:
            self.assertEqual(self.starts(host)[host][len(before[host]):],
                             ["kubelite"])

    def test_16_none_after_one_that_did_not_come_back(self) -> None:
        file = "/var/snap/microk8s/current/args/kubelet"
        self.sh("node2", "echo --no-such-flag >>" + file)
        before = self.starts("node3")
        done = self.run_muster("restart", "-l", "masters", "-e",
                               "microk8s_verify_timeout=8s", rc=2)
        self.assertIn("not restarted: the control plane node2 has not come "
                      "back", done.err)
        self.assertEqual(self.starts("node3"), before)
        self.sh("node2", "sed -i /no-such-flag/d " + file)
        self.run_muster("restart", "-l", "node2")
        self.assertEqual(self.nodes("node2"), self.well(4))

    # --- without the first ---

    def test_20_the_first_is_lost_and_the_cluster_answers(self) -> None:
        self.lab_must("crash", "node1")
        self.eventually("node1 is missed", lambda: "node1" not in
                        self.ready("node2") and self.ready("node2"))
        done = self.run_muster("kubeconfig", *SOON)
        self.assertIn("server: https://10.8.0.5:16443", done.out)
        self.assertIn("current-context: microk8s-node1", done.out)
        self.assertIn("node2 speaks for the cluster", done.err)
        done = self.run_muster("status", *SOON, rc=4)
        self.assertRegex(done.out, r"node1 +master, voter +10\.8\.0\.4 +"
                         r"NotReady .* not reached")
        self.assertRegex(done.out, r"node3 .* Ready .* none")

    def test_21_verify_names_what_is_lost(self) -> None:
        document = self.muster("verify", "--json", *SOON).json()
        found = {c["name"]: c for c in document["conditions"]}
        for name, cause in (("reached", "unreachable"),
                            ("high-availability", "datastore-member-down")):
            self.assertEqual(found[name]["state"], "fails", found[name])
            verdict = found[name]["verdicts"][0]
            self.assertEqual((verdict["hosts"], verdict["cause"]),
                             (["node1"], cause))
        for name in ("api-healthy", "api-from-workers", "nodes-ready",
                     "endpoints", "proxy-endpoints", "overlay"):
            self.assertEqual(found[name]["state"], "holds", found[name])

    def test_22_a_worker_joins_through_another(self) -> None:
        done = self.run_muster("up", *SOON, inventory=self.whole, rc=4)
        self.assertIn("join: as worker of 10.8.0.5: not joined yet", done.err)
        self.assertIn("node5", self.ready("node3"))
        self.assert_no_token("node2")

    def test_23_what_would_stand_still_is_refused(self) -> None:
        before = self.starts("node2", "node3")
        done = self.run_muster("remove", "node3", *SOON, rc=2)
        self.assertIn("without node3 only 1 of the datastore's 3 voters "
                      "stays and runs", done.err)
        done = self.run_muster("restart", "-l", "node3", "--service",
                               "k8s-dqlite", *SOON, rc=EX_UNAVAILABLE)
        self.assertIn("of 3 voters of the datastore only 2 run", done.err)
        self.assertEqual(self.starts("node2", "node3"), before)
        self.assertEqual(self.members("node2"), ALL_VOTE)
        # a worker's node is none of them
        self.run_muster("restart", "-l", "node4", *SOON)

    def test_24_the_dead_is_taken_off_the_datastore_too(self) -> None:
        done = self.run_muster("remove", "--unreachable", "node1")
        self.assertIn("the loss of one more master ends the cluster",
                      done.err)
        self.assertEqual(sorted(self.members("node3").values()),
                         ["spare", "voter"])
        self.assertNotIn("node1", self.nodes("node2"))

    def test_25_back_again_it_joins_those_who_know_better(self) -> None:
        """It was first, and its files say that it is a member."""
        self.lab_must("boot", "node1")
        done = self.run_muster("up", inventory=self.whole)
        self.assertIn("join: as control plane of 10.8.0.5: the datastore "
                      "does not list it", done.err)
        self.assertEqual(self.members("node1"), ALL_VOTE)
        self.assertEqual(self.nodes("node1"), self.well(5))

    def test_26_masters_are_upgraded_one_by_one(self) -> None:
        path = self.file("upgrade")
        self.run_muster("upgrade", "--channel", "1.33/stable",
                        "--max-unavailable", "2", "--events", path,
                        inventory=self.whole)
        at = spans([e for e in events_of(path) if e.get("step", "").split()[
            :1] in (["upgrade"], ["member"])])
        for first, second in zip(MASTERS, MASTERS[1:]):
            # the second begins behind the first one's gate
            self.assertLessEqual(at[first][-1][1], at[second][0][0])
        self.assertLessEqual(at["node3"][-1][1], at["node4"][0][0])
        self.assertEqual(self.members("node1"), ALL_VOTE)
        nodes = self.on("node1", MICROK8S, "kubectl", "get", "nodes").out
        self.assertEqual(nodes.count(" v1.33."), 5, nodes)

    def test_27_without_most_voters_it_stands_still_and_says_so(self) -> None:
        self.lab_must("crash", "node2")
        self.lab_must("crash", "node3")
        self.eventually("nobody to write", lambda: self.on(
            "node1", MICROK8S, "kubectl", "--request-timeout=2s", "label",
            "--overwrite", "node", "node1", "alone=yes").rc)
        play = self.write("api.yaml", """
- on: masters
  run_once: yes
  do:
    - look
    - api: {address: 10.8.0.4, timeout: 3s}
""")
        done = self.run_muster("play", play, "-l", "node1", *SOON, rc=2)
        self.assertIn("the API is not ready", done.err)
        self.assertIn("the datastore of node1 has voters beside it "
                      "(10.8.0.5:19001, 10.8.0.6:19001)", done.err)
        self.lab_must("boot", "node2")
        self.lab_must("boot", "node3")
        self.eventually("all vote again",
                        lambda: self.members("node1") == ALL_VOTE)
        self.eventually("all well again", lambda: self.muster(
            "verify", *SOON, inventory=self.whole).rc == 0, seconds=60)

    # --- taken out ---

    def test_30_an_older_member_is_taken_off_first(self) -> None:
        self.sh("node3", "/usr/bin/snap remove --purge microk8s")
        done = self.run_muster("up", "-e", "microk8s_channel=1.33/stable",
                               inventory=self.whole)
        self.assertIn("the datastore has an older member at 10.8.0.6: taken "
                      "off", done.err)
        self.assertEqual(self.members("node2"), ALL_VOTE)

    def test_31_two_of_three_are_not_removed_at_once(self) -> None:
        done = self.run_muster("remove", "node1", "node2", rc=2)
        self.assertIn("without node1, node2 only 1 of the datastore's 3 "
                      "voters", done.err)
        self.assertEqual(self.members("node2"), ALL_VOTE)
        done = self.run_muster("remove", *MASTERS, rc=64)
        self.assertIn("these are all 3 masters", done.err)

    def test_32_a_master_is_removed_through_another(self) -> None:
        document = self.run_muster("remove", "node1", "--json").json()
        self.assertIn("leave", host_steps(document, "node1", "changed"))
        self.assertEqual(of_host(document, "node3")["counts"]["changed"], 0)
        self.assertEqual(set(self.members("node2")),
                         {"10.8.0.5", "10.8.0.6"})
        self.assertEqual(sorted(self.nodes("node2")),
                         ["node2", "node3", "node4", "node5"])
        self.assertEqual(self.members("node1"), {"127.0.0.1": "voter"})

    def test_40_reset_takes_masters_last_and_the_voter_last_of_all(self
                                                                    ) -> None:
        self.run_muster("reset", "--confirm", "node1", inventory=self.whole)
        for host in MASTERS:
            self.assertFalse(self.has_lock(host, "no-cert-reissue"), host)
            self.assertEqual(self.members(host), {"127.0.0.1": "voter"})
            self.assertEqual(sorted(self.nodes(host)), [host])

    def test_41_no_second_cluster_beside_a_first_that_is_down(self) -> None:
        self.lab_must("crash", "node1")
        before = self.snapshots("node2", "node3", "node4")
        done = self.run_muster("up", *SOON, rc=4)
        self.assertIn("no second one is built beside it", done.err)
        done = self.run_muster("up", "-x", "node1", *SOON, rc=EX_UNAVAILABLE)
        self.assertIn("no second one is built beside it", done.err)
        self.assertEqual(self.snapshots("node2", "node3", "node4"), before)
