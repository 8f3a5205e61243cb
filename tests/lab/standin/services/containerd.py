# SPDX-License-Identifier: Apache-2.0
"""containerd: a socket that others wait for, and nothing behind it."""
from __future__ import annotations

import asyncio
import os

from .. import core
from ..host import Host

SOCKET = core.SNAP_COMMON + "/run/containerd.sock"
START_SECONDS = 2


async def _hang_up(_reader: asyncio.StreamReader,
                   writer: asyncio.StreamWriter) -> None:
    writer.close()


async def run(host: Host) -> None:
    """Listen; the event in `shared` tells systemd that it is up."""
    up = host.shared["containerd"] = asyncio.Event()
    server = None
    try:
        await host.sleep(START_SECONDS)
        os.makedirs(os.path.dirname(SOCKET), exist_ok=True)
        if os.path.lexists(SOCKET):
            os.unlink(SOCKET)  # left by a power loss
        server = await asyncio.start_unix_server(_hang_up, SOCKET)
        core.give_to_group(SOCKET, 0o660)
        up.set()
        await asyncio.Event().wait()
    finally:
        del host.shared["containerd"]
        if server is not None:
            server.close()
            if os.path.lexists(SOCKET):
                os.unlink(SOCKET)
