# SPDX-License-Identifier: Apache-2.0
"""Behind a load balancer (microk8s_api_endpoint): the workers find the API
through it and nowhere else, and all of it goes back when the word is gone.

node4 is the balancer and no host of the inventories.  The class's tests share
one lab and go on from each other, in the order of their names.
"""
from __future__ import annotations

import re

from muster_lab import LabTest, host_steps
from muster_run import Done, events_of, steps

EX_UNPROVED, EX_USAGE, EX_DATA, EX_ABSENT = 3, 64, 65, 69
BALANCER = "10.8.0.7"
MASTER = "10.8.0.4:16443"
WORKERS = ("node2", "node3")
PROVIDER = "args/traefik/provider.yaml"


class EndpointTest(LabTest):
    HOSTS = 4

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.knob("node4", balancer="16443=" + MASTER)
        cls.plain = cls.write("plain.ini", cls.without_node4())
        cls.named = cls.behind("lb.example:16443")

    @classmethod
    def without_node4(cls) -> str:
        with open(cls.inventory, encoding="utf-8") as source:
            return re.sub(r"(?m)^node4 .*\n", "", source.read())

    @classmethod
    def behind(cls, endpoint: str) -> str:
        """An inventory with this endpoint."""
        text = cls.without_node4().replace(
            "[all:vars]\n", "[all:vars]\nmicrok8s_api_endpoint=%s\n"
            % endpoint)
        return cls.write("%s.ini" % endpoint.replace(":", "-"), text)

    def servers(self, host: str) -> list[str]:
        return re.findall(r"address: (\S+)", self.read(host, PROVIDER))

    def intervals(self) -> list[str]:
        """--refresh-interval of each worker."""
        return [value for host in WORKERS for value in re.findall(
            r"--refresh-interval[ =](\S+)",
            self.read(host, "args/apiserver-proxy"))]

    def names(self) -> str:
        """What the master's certificate names."""
        return self.sh("node1", "openssl x509 -noout -ext subjectAltName -in "
                       "/var/snap/microk8s/current/certs/server.crt")

    def passed(self) -> int:
        """How many connections the balancer has led to the master."""
        return self.read("node4", "/var/log/lab-balancer.log").count(MASTER)

    def verdicts(self, name: str, inventory: str, rc: int) -> list[dict]:
        """What verify says of a condition; its exit code."""
        done = self.muster("verify", "--json", inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return next(c["verdicts"] for c in done.json()["conditions"]
                    if c["name"] == name)

    def failed(self, *args: str, inventory: str, rc: int) -> Done:
        done = self.muster(*args, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return done

    def test_1_mistakes_are_told_before_anything(self) -> None:
        for endpoint, says in (
                ("lb.example", "is not a name or IPv4 address and a port"),
                ("10.8.0.5:16443", "leads to its own proxy")):
            done = self.failed("up", inventory=self.behind(endpoint),
                               rc=EX_DATA)
            self.assertRegex(done.err, r"(?m)\.ini:\d+:\d+: .*"
                             + re.escape(says))
        done = self.failed("up", "-e", "microk8s_api_endpoint=lb:1",
                           inventory=self.plain, rc=EX_USAGE)
        self.assertIn("below [all:vars]", done.err)

    def test_2_a_name_that_the_workers_do_not_know(self) -> None:
        done = self.failed("doctor", inventory=self.named, rc=EX_ABSENT)
        self.assertIn("endpoint-unresolved", done.out)
        self.assertIn("node[2-3]", done.out)
        for host in ("node1", *WORKERS):
            self.knob(host, hosts_line=BALANCER + " lb.example")
        done = self.muster("doctor", inventory=self.named)
        self.assertEqual(done.rc, 0, done)

    def test_3_every_worker_asks_the_balancer_and_nobody_else(self) -> None:
        path = self.file("up.ndjson")
        self.up("--events", path, inventory=self.named)
        self.assertEqual(self.nodes(), self.well(3))
        self.assertEqual([self.servers(host) for host in WORKERS],
                         [["lb.example:16443"]] * 2)
        self.assertEqual(self.intervals(), ["0s", "0s"])
        self.assertIn("DNS:lb.example", self.names())
        self.assertGreater(self.passed(), 0)
        self.assertEqual(
            {e["message"] for e in steps(events_of(path), step="settle")},
            {"nothing changed that a refresh could undo"})

    def test_4_the_second_run_changes_nothing(self) -> None:
        before = self.starts()
        document = self.up(inventory=self.named)
        for host in ("node1", *WORKERS):
            self.assertEqual(host_steps(document, host, "changed"), [])
        self.assertEqual(self.starts(), before)
        self.assertEqual(
            [v["state"] for v in self.verdicts("api-endpoint", self.named,
                                               rc=0)], ["holds"])

    def test_5_a_wrong_list_is_put_right_where_it_stands(self) -> None:
        self.sh("node2", "cd /var/snap/microk8s/current/args/traefik; "
                "sed 's/lb.example:16443/192.168.88.193:16443 # mine/' "
                "provider.yaml >new; cat new >provider.yaml; rm new")
        found = self.verdicts("proxy-endpoints", self.named, rc=EX_UNPROVED)
        self.assertEqual([v["hosts"] for v in found], [["node2"]])
        before = self.starts("node2")
        self.up(inventory=self.named)
        self.assertIn("address: lb.example:16443 # mine",
                      self.read("node2", PROVIDER))
        self.assertEqual(self.starts("node2"), before)

    def test_6_a_balancer_that_is_down_is_named(self) -> None:
        self.knob("node4", balancer="")
        found = self.verdicts("api-endpoint", self.named, rc=EX_UNPROVED)
        self.assertEqual([(v["hosts"], v["cause"]) for v in found],
                         [(["node1", "node2", "node3"], "endpoint-silent")])
        self.knob("node4", balancer="16443=" + MASTER)
        self.eventually("the workers are Ready again",
                        lambda: self.nodes() == self.well(3))

    def test_7_nobody_is_sent_to_where_nobody_answers(self) -> None:
        done = self.failed("up", inventory=self.behind("gone.example:16443"),
                           rc=EX_ABSENT)
        self.assertIn("gone.example:16443 does not resolve here", done.err)
        self.assertIn("endpoint-unresolved", done.err)
        for host in WORKERS:
            self.assertEqual(self.servers(host), ["lb.example:16443"])
        self.assertEqual(self.nodes(), self.well(3))

    def test_8_another_endpoint_and_kubectl_from_here(self) -> None:
        other = self.behind(BALANCER + ":16443")
        self.up(inventory=other)
        self.assertEqual([self.servers(host) for host in WORKERS],
                         [[BALANCER + ":16443"]] * 2)
        self.assertRegex(self.names(), r"IP Address:%s\b"
                         % re.escape(BALANCER))
        done = self.muster("kubeconfig", inventory=other)
        self.assertEqual(done.rc, 0, done)
        self.assertIn("server: https://%s:16443\n" % BALANCER, done.out)
        done = self.muster("status", "--exit-code", inventory=other)
        self.assertEqual(done.rc, 0, done)
        done = self.muster("remove", "node3", inventory=other)
        self.assertEqual(done.rc, 0, done)
        self.assertEqual(self.intervals(), ["0s", "30s"])

    def test_9_without_it_all_goes_back(self) -> None:
        done = self.failed("verify", inventory=self.plain, rc=EX_UNPROVED)
        self.assertIn("--refresh-interval is 0s, and should be 30s",
                      done.out)
        self.up(inventory=self.plain)
        self.assertEqual([self.servers(host) for host in WORKERS],
                         [[MASTER]] * 2)
        self.assertEqual(self.intervals(), ["30s", "30s"])
        self.knob("node4", balancer="")
        done = self.muster("verify", inventory=self.plain)
        self.assertEqual(done.rc, 0, done)
        document = self.up(inventory=self.plain)
        for host in ("node1", *WORKERS):
            self.assertEqual(host_steps(document, host, "changed"), [])
