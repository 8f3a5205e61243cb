# SPDX-License-Identifier: Apache-2.0
"""A listening socket whose connections cost next to nothing until the peer
says something.

Whoever only wants to know whether a port answers says nothing, and two hundred
hosts that ask each other are forty thousand of those.  The originals, in Go,
hardly notice; asyncio would set up TLS for each.
"""
from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable

BACKLOG = 256


class Listener:
    """Hands connections that spoke to `protocol`'s streams, over TLS."""

    def __init__(self, protocol: Callable[[], asyncio.Protocol],
                 tls: ssl.SSLContext) -> None:
        self._protocol, self._tls = protocol, tls
        self._loop = asyncio.get_running_loop()
        self._socket: socket.socket | None = None
        self._silent: set[socket.socket] = set()
        self._greeted: set[asyncio.Task] = set()

    def listen(self, address: str, port: int) -> int:
        """The port; OSError when it is taken or the address is not here."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.create_server((address, port), family=family,
                                            backlog=BACKLOG)
        self._socket.setblocking(False)
        self._loop.add_reader(self._socket, self._accept)
        return self._socket.getsockname()[1]

    def _accept(self) -> None:
        assert self._socket is not None
        for _ in range(BACKLOG):
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return  # no more, or it has gone again
            peer.setblocking(False)
            self._silent.add(peer)
            self._loop.add_reader(peer, self._heard, peer)

    def _heard(self, peer: socket.socket) -> None:
        self._loop.remove_reader(peer)
        self._silent.discard(peer)
        try:
            said = peer.recv(1, socket.MSG_PEEK)
        except OSError:
            said = b""
        if not said:
            peer.close()
            return
        task = self._loop.create_task(self._greet(peer))
        self._greeted.add(task)
        task.add_done_callback(self._greeted.discard)

    async def _greet(self, peer: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, peer, ssl=self._tls)
        except (OSError, asyncio.CancelledError):
            peer.close()  # it speaks no TLS, or none that we take

    def close(self) -> None:
        """Listen no more and cut those off that have not spoken yet."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        for peer in self._silent:
            self._loop.remove_reader(peer)
            peer.close()
        self._silent.clear()
        for task in self._greeted:
            task.cancel()
