# SPDX-License-Identifier: Apache-2.0
"""The network's parts that need no lab: rules, names, certificates' words."""
from __future__ import annotations

import asyncio
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

from standin import apiserver_nodes, coredns, endpoints  # noqa: E402
from standin import kubeproxy, overlay, pods  # noqa: E402
from standin.kubeproxy import Services  # noqa: E402
from standin.store import Store  # noqa: E402


def table(ready: bool = True) -> Services:
    """kube-dns with two endpoints, and a headless service of the same."""
    made = Services()
    made.services = {
        ("kube-system", "kube-dns"): {"spec": {
            "clusterIP": "10.152.183.10",
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}]}},
        ("kube-system", "headless"): {"spec": {
            "clusterIP": "None", "ports": [{"port": 80}]}}}
    made.slices = {("kube-system", name + "-s"): {
        "metadata": {"labels": {"kubernetes.io/service-name": name}},
        "ports": [{"name": "dns", "port": 5353, "protocol": "UDP"}],
        "endpoints": [{"addresses": [address], "conditions": {
            "ready": ready}} for address in ("10.1.1.2", "10.1.1.1")]}
        for name in ("kube-dns", "headless")}
    return made


def asked(name: str, kind: int = 1) -> bytes:
    """A query as a resolver sends it."""
    return struct.pack("!HHHHHH", 7, 0x100, 1, 0, 0, 0) + b"".join(
        bytes([len(label)]) + label.encode() for label
        in name.split(".")) + struct.pack("!BHH", 0, kind, 1)


class Rules(unittest.TestCase):
    """kube-proxy's text for nft."""

    def test_service_with_endpoints_leads_to_them(self) -> None:
        text = kubeproxy.rules(table())
        self.assertIn("ip daddr 10.152.183.10 udp dport 53 dnat ip to numgen "
                      "random mod 2 map { 0 : 10.1.1.1 . 5353, 1 : 10.1.1.2 "
                      ". 5353 }", text)
        self.assertIn("{ 10.1.1.1 . 10.1.1.1, 10.1.1.2 . 10.1.1.2 } "
                      "masquerade", text)
        self.assertNotIn("reject", text)

    def test_service_without_endpoints_is_refused(self) -> None:
        text = kubeproxy.rules(table(ready=False))
        self.assertIn("ip daddr 10.152.183.10 udp dport 53 reject", text)
        self.assertNotIn("dnat to", text)


class Names(unittest.TestCase):
    """CoreDNS' answers."""

    def test_answer_of_known_and_unknown_names(self) -> None:
        for name, code, addresses in (
                ("kube-dns.kube-system.svc.cluster.local", 0,
                 ["10.152.183.10"]),
                ("KUBE-DNS.kube-system.svc.cluster.local", 0,
                 ["10.152.183.10"]),
                ("headless.kube-system.svc.cluster.local", 0,
                 ["10.1.1.1", "10.1.1.2"]),
                ("kube-dns.default.svc.cluster.local", 3, []),
                ("cluster.local", 3, []), ("example.org", 2, [])):
            reply = coredns.answer(table(), asked(name))
            self.assertEqual(reply[:2], b"\0\7")
            self.assertEqual(reply[3] & 15, code, name)
            count, = struct.unpack_from("!H", reply, 6)
            self.assertEqual([socket.inet_ntoa(reply[at:at + 4]) for at in
                              range(len(reply) - 16 * count + 12,
                                    len(reply), 16)], addresses, name)

    def test_answer_of_another_type_is_empty(self) -> None:
        reply = coredns.answer(table(), asked(
            "kube-dns.kube-system.svc.cluster.local", 28))
        self.assertEqual((reply[3] & 15, reply[6:8]), (0, b"\0\0"))

    def test_answer_of_rubbish_is_none(self) -> None:
        good = asked("a.b")
        for query in (b"", b"x" * 5, good[:14], good[:12] + b"\xff" * 20,
                      good[:2] + b"\x80" + good[3:]):
            self.assertEqual(coredns.answer(table(), query), b"", query)


class Endpoints(unittest.TestCase):
    """Controllers of services and leftovers."""

    def pod(self, name: str, ready: str, owner: str = "") -> dict:
        refs = {"ownerReferences": [{"uid": owner}]} if owner else {}
        return {"metadata": {"name": name, "labels": {"app": "a"}, **refs},
                "spec": {"nodeName": "n"}, "status": {
                    "podIP": "10.1.1." + name[-1], "conditions": [
                        {"type": "Ready", "status": ready}]}}

    def test_publish_has_ready_pods_alone(self) -> None:
        async def run() -> None:
            store = Store()
            await store.create("services", "d", {
                "metadata": {"name": "s"}, "spec": {
                    "selector": {"app": "a"},
                    "ports": [{"port": 80, "targetPort": 8080}]}})
            for name, ready in (("p1", "True"), ("p2", "False")):
                await store.create("pods", "d", self.pod(name, ready))
            await endpoints.publish(store)
            found = store.get("endpoints", "d", "s") or {}
            self.assertEqual(found["subsets"], [{
                "addresses": [{"ip": "10.1.1.1"}],
                "ports": [{"port": 8080, "protocol": "TCP"}]}])
            part = store.get("endpointslices", "d", "s-s") or {}
            self.assertEqual([e["conditions"]["ready"]
                              for e in part["endpoints"]], [True, False])
            before = store.revision
            await endpoints.publish(store)
            self.assertEqual(store.revision, before)
            await store.delete("services", "d", "s")
            await endpoints.tidy(store, {})
            self.assertIsNone(store.get("endpoints", "d", "s"))
            self.assertIsNone(store.get("endpointslices", "d", "s-s"))
        asyncio.run(run())

    def test_tidy_drops_orphans_and_blocks_of_lost_nodes(self) -> None:
        async def run() -> None:
            store = Store()
            kept = await store.create("daemonsets", "d", {
                "metadata": {"name": "ds"}, "spec": {}})
            await store.create("pods", "d", self.pod(
                "p1", "True", kept["metadata"]["uid"]))
            await store.create("pods", "d", self.pod("p2", "True", "gone"))
            await store.create("pods", "d", self.pod("p3", "True"))
            for node in ("here", "lost"):
                await store.create("ipamblocks", "", {
                    "metadata": {"name": node},
                    "spec": {"affinity": "host:" + node}})
            await endpoints.tidy(store, {"here": {}})
            self.assertEqual([key[2] for key in sorted(store.keys("pods"))],
                             ["p1", "p3"])
            self.assertEqual([key[2] for key in store.keys("ipamblocks")],
                             ["here"])
        asyncio.run(run())


class Certificates(unittest.TestCase):
    """What is wrong with a kubelet's certificate, in Go's words."""

    def der(self, *options: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=n",
                "-keyout", folder + "/k", "-out", folder + "/c", *options],
                check=True, capture_output=True)
            with open(folder + "/c", encoding="ascii") as source:
                return ssl.PEM_cert_to_DER_cert(source.read())

    def test_why_names_the_addresses_it_is_valid_for(self) -> None:
        der = self.der("-addext",
                       "subjectAltName=IP:10.0.0.1,IP:127.0.0.1,DNS:n")
        self.assertEqual(apiserver_nodes.why(64, der, "10.8.0.5"), "x509: "
                         "certificate is valid for 10.0.0.1, 127.0.0.1, not "
                         "10.8.0.5")

    def test_why_without_any_address(self) -> None:
        der = self.der("-addext", "subjectAltName=DNS:n")
        self.assertEqual(apiserver_nodes.why(64, der, "10.8.0.5"), "x509: "
                         "cannot validate certificate for 10.8.0.5 because "
                         "it doesn't contain any IP SANs")

    def test_why_of_dates_and_strangers(self) -> None:
        der = self.der("-days", "1")
        self.assertRegex(apiserver_nodes.why(10, der, "n"), "^x509: "
                         "certificate has expired or is not yet valid: "
                         "current time .*Z is after .*Z$")
        self.assertIn("Z is before ", apiserver_nodes.why(9, der, "n"))
        self.assertEqual(apiserver_nodes.why(20, der, "n"), "x509: "
                         "certificate signed by unknown authority")


class Small(unittest.TestCase):
    """Rules of one line."""

    def test_block_name_and_mac_are_of_the_address(self) -> None:
        self.assertEqual(overlay.block_name("10.1.8.64/26"), "10-1-8-64-26")
        macs = {overlay.mac_of("10.1.8.%d" % low) for low in range(64)}
        self.assertEqual(len(macs), 64)
        self.assertTrue(all(len(mac) == 17 for mac in macs))

    def test_ports_declared_or_the_default(self) -> None:
        def pod(*ports: dict) -> dict:
            return {"spec": {"containers": [{"name": "c",
                                             "ports": list(ports)}]}}
        self.assertEqual(pods.ports_of(pod()), [pods.DEFAULT_PORT])
        self.assertEqual(pods.ports_of(pod(
            {"containerPort": 9, "protocol": "UDP"}, {"containerPort": 81},
            {"containerPort": 80})), [80, 81])

    def test_detect_unknown_card_is_said(self) -> None:
        with self.assertRaises(overlay.NotDetected):
            overlay.detect("interface=nosuch0", lambda: "")
        self.assertEqual(overlay.detect("kubernetes-internal-ip",
                                        lambda: "10.8.0.4"), "10.8.0.4")


if __name__ == "__main__":
    unittest.main()
