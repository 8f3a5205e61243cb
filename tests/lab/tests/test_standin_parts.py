# SPDX-License-Identifier: Apache-2.0
"""The stand-in's parts that need no lab: args files, members, objects.

Whoever changes one of them learns here, in a second, what it promised.
"""
from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))

from standin import core, dqlite, kubeargs, provider  # noqa: E402
from standin import httpio, resources  # noqa: E402
from standin.kubeargs import Flags  # noqa: E402
from standin.store import Store, StoreError  # noqa: E402


class ArgsFiles(unittest.TestCase):
    """Flags as Kubernetes' own parser takes them, and as it does not."""

    def test_flags_known_forms_are_read(self) -> None:
        got = Flags("kubelet", ["--node-ip=10.0.0.1", "--v", "2",
                                "--fail-swap-on", "--node-ip=10.0.0.2",
                                "--node-labels=a=b,c=d", ""])
        self.assertEqual(got.get("--node-ip"), "10.0.0.2")
        self.assertEqual(got.get("--v"), "2")
        self.assertEqual(got.get("--fail-swap-on"), "true")
        self.assertEqual(got.get("--node-labels"), "a=b,c=d")
        self.assertEqual(got.get("--max-pods"), "")

    def test_flags_wrong_ones_end_the_component(self) -> None:
        for component, words, said in (
                ("kubelet", ["--nod-ip=1.2.3.4"], "unknown flag: --nod-ip"),
                ("kubelet", ["--node-ip=nowhere"], "invalid argument"),
                ("kubelet", ["--max-pods=many"], "strconv.ParseInt"),
                ("kubelet", ["--node-ip"], "flag needs an argument"),
                ("kubelet", ["x"], "unknown command"),
                ("kube-apiserver", ["--node-ip=1.2.3.4"], "unknown flag"),
                ("kube-apiserver", ["--advertise-address=10.8.0.4/24"],
                 "failed to parse IP"),
                ("kube-apiserver", ["--profiling=nope"], "ParseBool"),
                ("kube-proxy", ["--cluster-cidr=10.1.0.0"],
                 "invalid CIDR address"),
                ("kube-scheduler", ["--leader-elect-lease-duration=60"],
                 "invalid duration")):
            with self.assertRaises(core.ServiceFailed, msg=words) as raised:
                Flags(component, words)
            self.assertIn(said, str(raised.exception))

    def test_shipped_args_are_all_known(self) -> None:
        from standin import defaults
        for name in ("kube-apiserver", "kubelet", "kube-proxy",
                     "kube-scheduler", "kube-controller-manager"):
            words = [word.replace('"', "").replace("'", "")
                     for line in defaults.FILES[name].splitlines()
                     if line and not line.startswith("#")
                     for word in line.split(" ")]
            Flags(name, words)

    def test_duration_go_forms(self) -> None:
        for text, seconds in (("30s", 30), ("0s", 0), ("0", 0), ("1m30s", 90),
                              ("1.5h", 5400), ("250ms", 0.25)):
            self.assertEqual(kubeargs.duration(text), seconds, text)
        for text in ("", "30", "s", "1d", "30 s"):
            with self.assertRaises(ValueError, msg=text):
                kubeargs.duration(text)


class Members(unittest.TestCase):
    """go-dqlite's roles."""

    def test_roles_below_three_one_votes(self) -> None:
        members = [dqlite.Member("a:1", 1, dqlite.VOTER)]
        members = dqlite.add_member(members, "b:1")
        self.assertEqual([m.role for m in members],
                         [dqlite.VOTER, dqlite.SPARE])
        members = dqlite.add_member(members, "c:1")
        self.assertEqual([m.role for m in members], [dqlite.VOTER] * 3)
        members = dqlite.add_member(members, "d:1")
        self.assertEqual([m.role for m in members],
                         [dqlite.VOTER] * 3 + [dqlite.STANDBY])

    def test_roles_lost_voter_is_replaced(self) -> None:
        members = [dqlite.Member(name, 1, role) for name, role in (
            ("a:1", dqlite.VOTER), ("b:1", dqlite.VOTER),
            ("d:1", dqlite.STANDBY))]
        self.assertEqual([m.role for m in dqlite.adjust(members)],
                         [dqlite.VOTER] * 3)


class Objects(unittest.TestCase):
    """The store and what URLs and selectors mean."""

    def write(self, *operation) -> dict:
        return asyncio.run(self.store.write(*operation))

    def setUp(self) -> None:
        self.store = Store()

    def test_store_stale_update_is_a_conflict(self) -> None:
        first = self.write("create", "nodes", "", "n", {
            "metadata": {"name": "n"}})
        second = self.write("update", "nodes", "", "n", {
            **first, "spec": {"a": 1}})
        self.assertGreater(int(second["metadata"]["resourceVersion"]),
                           int(first["metadata"]["resourceVersion"]))
        self.assertEqual(second["metadata"]["uid"], first["metadata"]["uid"])
        with self.assertRaises(StoreError) as raised:
            self.write("update", "nodes", "", "n", {**first, "spec": {}})
        self.assertEqual(raised.exception.status, 409)

    def test_store_missing_and_double_are_refused(self) -> None:
        self.write("create", "nodes", "", "n", {"metadata": {"name": "n"}})
        for operation, status in (
                (("create", "nodes", "", "n", {"metadata": {}}), 409),
                (("update", "nodes", "", "m", {"metadata": {}}), 404),
                (("delete", "nodes", "", "m"), 404)):
            with self.assertRaises(StoreError) as raised:
                self.write(*operation)
            self.assertEqual(raised.exception.status, status, operation)

    def test_store_template_change_is_a_generation(self) -> None:
        made = self.write("create", "daemonsets", "s", "d", {
            "metadata": {"name": "d"}, "spec": {"x": 1}})
        same = self.write("update", "daemonsets", "s", "d", {
            **made, "status": {"n": 1}})
        self.assertEqual(same["metadata"]["generation"], 1)
        more = self.write("update", "daemonsets", "s", "d", {
            **same, "spec": {"x": 2}})
        self.assertEqual(more["metadata"]["generation"], 2)

    def test_store_mirror_equals_its_leader(self) -> None:
        copy = Store()
        copy.load(self.store.snapshot())
        self.store.watchers.append(copy.mirror)
        self.write("create", "nodes", "", "n", {"metadata": {"name": "n"}})
        self.write("create", "nodes", "", "m", {"metadata": {"name": "m"}})
        self.write("delete", "nodes", "", "n")
        self.assertEqual(copy.snapshot(), self.store.snapshot())

    def test_locate_urls(self) -> None:
        for path, wanted in (
                ("/api/v1/nodes", ("nodes", "", "", "")),
                ("/api/v1/nodes/n/status", ("nodes", "", "n", "status")),
                ("/api/v1/namespaces/default", ("namespaces", "", "default",
                                                "")),
                ("/api/v1/namespaces/s/pods/p", ("pods", "s", "p", "")),
                ("/apis/apps/v1/daemonsets", ("daemonsets", "", "", "")),
                ("/apis/apps/v1/namespaces/s/daemonsets/d",
                 ("daemonsets", "s", "d", ""))):
            place = resources.locate(path)
            assert place is not None, path
            self.assertEqual((place.kind.plural, place.namespace, place.name,
                              place.part), wanted, path)
        for path in ("/", "/api/v1", "/api/v1/wombats", "/api/v2/nodes",
                     "/apis/apps/v1/nodes", "/api/v1/pods/p"):
            self.assertIsNone(resources.locate(path), path)

    def test_selectors(self) -> None:
        item = {"metadata": {"name": "n", "labels": {"a": "1", "b": "2"}},
                "spec": {"nodeName": "x"}}
        for selector, good in (("", True), ("a", True), ("a=1,b==2", True),
                               ("a!=1", False), ("!c", True), ("c", False)):
            self.assertEqual(resources.labels_match(item, selector), good,
                             selector)
        for selector, good in (("spec.nodeName=x", True),
                               ("metadata.name=m", False),
                               ("spec.nodeName!=x", False),
                               ("status.phase=", True)):
            self.assertEqual(resources.fields_match(item, selector), good,
                             selector)

    def test_strategic_merge_keeps_other_conditions(self) -> None:
        got = resources.strategic_merge(
            {"conditions": [{"type": "A", "status": "x", "since": 1},
                            {"type": "B"}], "gone": 1},
            {"conditions": [{"type": "A", "status": "y"}], "gone": None})
        self.assertEqual(got, {"conditions": [
            {"type": "A", "status": "y", "since": 1}, {"type": "B"}]})
        got = resources.merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None}})
        self.assertEqual(got, {"a": {"c": 2}})

    def test_provider_servers_of_any_style(self) -> None:
        text = provider.TEXT + ("        - address: 10.0.0.1:16443\n"
                                "        - address: '10.0.0.2:16443' # x\n"
                                "        - address: nonsense\n")
        self.assertEqual(provider.parse(text), [("10.0.0.1", 16443),
                                                ("10.0.0.2", 16443)])
        self.assertEqual(provider.parse(""), [])


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's, with a certificate made for it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as where:
        key, certificate = where + "/key", where + "/crt"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec",
                        "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=x", "-keyout", key, "-out",
                        certificate], check=True, capture_output=True)
        server.load_cert_chain(certificate, key)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return server, client


class Http(unittest.IsolatedAsyncioTestCase):
    """Both ends of httpio on a loopback port, over TLS as everywhere."""

    async def asyncSetUp(self) -> None:
        self.gone = asyncio.Event()

        async def handle(request: httpio.Request) -> httpio.Response:
            if request.path == "/hang":
                try:
                    await asyncio.Event().wait()
                finally:
                    self.gone.set()
            if request.path == "/stream":
                async def chunks():
                    yield b"one\n"
                    yield b"two\n"
                return httpio.Response(200, stream=chunks())
            return httpio.plain(200, "%s %s %s" % (
                request.method, request.query.get("q"),
                request.body.decode()))

        self.server = httpio.Server(handle)
        ours, self.theirs = contexts()
        self.port = self.server.listen("127.0.0.1", 0, ours)
        self.client = httpio.Client("127.0.0.1", self.port, self.theirs)

    async def asyncTearDown(self) -> None:
        self.client.close()
        self.server.close()

    async def test_client_keeps_its_connection(self) -> None:
        for body in (b"", b"x" * 100000):
            status, got = await self.client.request("POST", "/p?q=a%20b",
                                                    body)
            self.assertEqual((status, got), (200, b"POST a b " + body))
        self.assertEqual(len(self.server._writers), 1)

    async def test_client_that_gives_up_ends_the_request(self) -> None:
        with self.assertRaises(TimeoutError):
            await self.client.request("GET", "/hang", timeout=0.1)
        await asyncio.wait_for(self.gone.wait(), 5)

    async def test_stream_comes_in_chunks(self) -> None:
        found = [chunk async for chunk in self.client.stream("/stream")]
        self.assertEqual(found, [b"one\n", b"two\n"])

    async def test_cancelled_at_any_moment_of_its_start_frees_the_port(
            self) -> None:
        self.server.close()

        async def start() -> None:
            server = await asyncio.start_server(
                lambda *_: None, "127.0.0.1", self.port, start_serving=False)
            await httpio.serve(server)
            server.close()

        for moment in range(12):
            starting = asyncio.create_task(start())
            for _ in range(moment):
                await asyncio.sleep(0)
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            socket.create_server(("127.0.0.1", self.port)).close()

    async def test_silence_does_no_harm_and_ends_with_the_server(self
                                                                 ) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", self.port)
                  for _ in range(50)]
        for _, writer in silent[:25]:
            writer.close()
        status, _ = await self.client.request("GET", "/")
        self.assertEqual(status, 200)
        self.assertEqual(len(self.server._writers), 1)
        self.server.close()
        for reader, writer in silent[25:]:
            try:
                self.assertEqual(
                    await asyncio.wait_for(reader.read(), 5), b"")
            except ConnectionResetError:
                pass
            writer.close()

    async def test_port_in_use_is_an_error(self) -> None:
        other = httpio.Server(lambda _: None)
        with self.assertRaisesRegex(OSError, "Address already in use"):
            other.listen("127.0.0.1", self.port, contexts()[0])

    async def test_nonsense_is_hung_up_on(self) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.client.port, ssl=self.theirs)
        writer.write(b"hello\r\n\r\n")
        self.assertEqual(await reader.read(), b"")
        writer.close()


if __name__ == "__main__":
    unittest.main()
