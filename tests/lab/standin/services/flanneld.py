# SPDX-License-Identifier: Apache-2.0
"""flanneld: not run with Calico, which is the only network here."""
from __future__ import annotations

import asyncio

from .. import core
from ..host import Host


async def run(host: Host) -> None:
    """Exit 0 while its marker is there; without it, be there for nobody."""
    if core.has_lock("no-flanneld"):
        host.log("flanneld", "Will not run along with Calico")
        return
    await asyncio.Event().wait()
