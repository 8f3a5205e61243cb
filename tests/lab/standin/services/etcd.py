# SPDX-License-Identifier: Apache-2.0
"""etcd: not run in dqlite mode, which is the only one here."""
from __future__ import annotations

import asyncio

from .. import core
from ..host import Host


async def run(host: Host) -> None:
    """Exit 0 while its marker is there; without it, be there for nobody."""
    if core.has_lock("no-etcd"):
        host.log("etcd", "Will not run along with dqlite")
        return
    await asyncio.Event().wait()
