# SPDX-License-Identifier: Apache-2.0
"""A TCP load balancer: balancer.py FD HOST:PORT...

Takes connections from a listener it is given, and passes each through to the
next server that takes it; one that nobody takes is closed.  It knows nothing
of what passes, as a balancer in front of an API with certificates of its own
must not.  A line a connection goes to standard output.
"""
from __future__ import annotations

import asyncio
import itertools
import socket
import sys

#: for a server to take a connection
DIAL_SECONDS = 2
CHUNK = 65536


class Balancer:
    """The servers, in turn."""

    def __init__(self, servers: list[tuple[str, int]]) -> None:
        self._servers = servers
        self._turn = itertools.count()

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter,
                                  tuple[str, int]] | None:
        """The next server that takes a connection, or nobody."""
        first = next(self._turn)
        for i in range(len(self._servers)):
            server = self._servers[(first + i) % len(self._servers)]
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    return *await asyncio.open_connection(*server), server
            except (OSError, TimeoutError):
                continue
        return None

    async def serve(self, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        """One client, to its end."""
        peer = writer.get_extra_info("peername")[0]
        found = await self.dial()
        if found is None:
            print(peer, "nobody", flush=True)
            writer.close()
            return
        print(peer, "%s:%d" % found[2], flush=True)
        await asyncio.gather(_pass(reader, found[1]),
                             _pass(found[0], writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter
                ) -> None:
    """One direction; its end is told to the other side."""
    try:
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(fd: str, *servers: str) -> None:
    """Serve until killed."""
    balancer = Balancer([(host, int(port)) for host, _, port in (
        server.rpartition(":") for server in servers)])
    server = await asyncio.start_server(
        balancer.serve, sock=socket.socket(fileno=int(fd)))
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
