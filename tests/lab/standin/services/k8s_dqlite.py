# SPDX-License-Identifier: Apache-2.0
"""k8s-dqlite: the datastore of a control plane.

Its wrapper sleeps 6 s before it starts.  info.yaml and cluster.yaml are
rewritten before it serves, so whoever waits for them is too early (k8s-dqlite
pkg/server/server.go).
"""
from __future__ import annotations

import asyncio

from .. import core, dqlite
from ..dqlite_peers import Peers
from ..host import Host
from ..store import Disk, Store, slot

NAME = "k8s-dqlite"
WRAPPER_SECONDS = 6
OPEN_SECONDS = 2


def carry_out_orders() -> tuple[dqlite.Member, list[str], bool]:
    """This host's own row, whom to join, and whether the address moved."""
    order = dqlite.read_order("init.yaml")
    if order is not None:
        address, others = order
        if others:
            return dqlite.Member(address, 0, dqlite.SPARE), others, False
        first = dqlite.Member(address, 0x2dc171858c3155be, dqlite.VOTER)
        dqlite.write_info(first)
        dqlite.write_cluster([first])
        dqlite.consume("init.yaml")
    info = dqlite.read_info()
    if info is None:
        raise core.ServiceFailed("info.yaml: no such file or directory")
    update = dqlite.read_order("update.yaml")
    if update is None:
        return info, [], False
    # Single-node only: the membership is rewritten to just this node.
    info = dqlite.Member(update[0], info.number, dqlite.VOTER)
    dqlite.write_info(info)
    dqlite.write_cluster([info])
    dqlite.consume("update.yaml")
    return info, [], True


async def run(host: Host) -> None:
    """Serve the datastore until stopped; nothing on a worker."""
    if core.has_lock("no-k8s-dqlite"):
        host.log(NAME, "no-k8s-dqlite is there, exiting")
        return
    await host.sleep(WRAPPER_SECONDS)
    own, others, moved = carry_out_orders()
    store = Store()
    disk = Disk(store)
    peers = Peers(host, store, own, others)
    place = slot(host)
    try:
        await peers.listen()
        if moved:
            await host.sleep(max(0.0, host.knob_float("first_join_outage")
                                 - WRAPPER_SECONDS))
        else:
            await host.sleep(OPEN_SECONDS)
        serving = asyncio.create_task(peers.run(place))
        try:
            await serving
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
    finally:
        place.close()
        peers.close()
        disk.flush()
