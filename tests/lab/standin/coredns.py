# SPDX-License-Identifier: Apache-2.0
"""CoreDNS: the names of services, over UDP and TCP, in its pod's namespace.

It knows what kube-proxy on its host knows.  Other names would be asked of the
host's name server, and the lab has none: SERVFAIL, as in life.
"""
from __future__ import annotations

import asyncio
import socket
import struct

from .kubeproxy import Services
from .sandbox import Sandbox

PORT = 53
#: besides 53: health, ready, metrics
WEB_PORTS = (8080, 8181, 9153)
DOMAIN = ("cluster", "local")
TTL = 30
_A, _ANY, _IN = 1, 255, 1
_OK, _SERVFAIL, _NXDOMAIN = 0, 2, 3


def question(query: bytes) -> tuple[list[str], int, int]:
    """Labels, type and end of the first question; ValueError."""
    at, labels = 12, []
    try:
        while query[at]:
            size = query[at]
            if size > 63:
                raise ValueError("compressed question")
            labels.append(query[at + 1:at + 1 + size].decode("ascii").lower())
            at += size + 1
        return labels, struct.unpack_from("!H", query, at + 1)[0], at + 5
    except (IndexError, struct.error, UnicodeDecodeError):
        raise ValueError("malformed question") from None


def look_up(table: Services, labels: list[str]) -> tuple[int, list[str]]:
    """Response code and addresses of a name."""
    if tuple(labels[-2:]) != DOMAIN:
        return _SERVFAIL, []
    if len(labels) != 5 or labels[2] != "svc":
        return _NXDOMAIN, []
    name, space = labels[:2]
    found = table.services.get((space, name))
    if found is None:
        return _NXDOMAIN, []
    address = found.get("spec", {}).get("clusterIP", "None")
    return _OK, (table.addresses(space, name) if address == "None"
                 else [address])


def answer(table: Services, query: bytes) -> bytes:
    """The reply to a query; empty for what is none."""
    if len(query) < 17 or query[2] & 0x80:
        return b""
    try:
        labels, kind, end = question(query)
    except ValueError:
        return b""
    code, addresses = look_up(table, labels)
    if kind not in (_A, _ANY):
        addresses = []
    head = query[:2] + struct.pack("!HHHHH", 0x8580 | code, 1,
                                   len(addresses), 0, 0)
    return head + query[12:end] + b"".join(
        struct.pack("!HHHIH", 0xc00c, _A, _IN, TTL, 4)
        + socket.inet_aton(address) for address in addresses)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, table: Services) -> None:
        self._table = table
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple) -> None:
        reply = answer(self._table, data)
        if reply and self._transport is not None:
            self._transport.sendto(reply, addr)


async def serve(sandbox: Sandbox, table: Services) -> None:
    """Answer until the sandbox closes."""
    loop = asyncio.get_running_loop()
    for one in await sandbox.sockets(socket.SOCK_DGRAM, [PORT]):
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(table), sock=one)
        sandbox.on_close(transport.close)

    async def stream(reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                while True:
                    size, = struct.unpack("!H", await reader.readexactly(2))
                    reply = answer(table, await reader.readexactly(size))
                    writer.write(struct.pack("!H", len(reply)) + reply)
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    for one in await sandbox.sockets(socket.SOCK_STREAM, [PORT]):
        server = await asyncio.start_server(stream, sock=one)
        sandbox.on_close(server.close)
    await sandbox.serve_names(list(WEB_PORTS))
    sandbox.log.append("[INFO] plugin/ready: Still waiting on: "
                       "\"kubernetes\"\n.:53\nCoreDNS-1.10.1")
