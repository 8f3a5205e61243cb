# SPDX-License-Identifier: Apache-2.0
"""A copy of a collection of the API's, kept by a watch, as informers do.

Changes are told once they have settled for a moment: what thirty nodes write
while they start is then a few changes.
"""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from .host import Host
from .kubeclient import ApiFailed, KubeClient, first_failure

#: real seconds; what a cluster of thirty needs to write its events down
SETTLE_SECONDS = 0.1


class Mirror:
    """`items` by (namespace, name); `changed` is called after changes.

    What is kept of an object is what `keep` makes of it: each of two hundred
    hosts knows all nodes, and needs two addresses of each.
    """

    def __init__(self, host: Host, client: KubeClient, path: str,
                 changed: Callable[[], None],
                 keep: Callable[[dict], Any] = lambda item: item) -> None:
        self._host, self._client, self._path = host, client, path
        self._changed, self._keep = changed, keep
        self._dirty = asyncio.Event()
        self._following: asyncio.Task | None = None
        self.items: dict[tuple[str, str], Any] = {}

    async def run(self) -> None:
        """Until cancelled; a watch that is cut is begun again."""
        everybody = self._host.shared.setdefault("mirrors", set())
        everybody.add(self)
        try:
            await first_failure(asyncio.create_task(self._follow_on()),
                                asyncio.create_task(self._tell()))
        finally:
            everybody.discard(self)

    async def _tell(self) -> None:
        while True:
            await self._dirty.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._dirty.clear()
            self._changed()

    async def _follow_on(self) -> None:
        try:
            while True:
                self._following = asyncio.create_task(self._follow())
                await asyncio.wait({self._following})
                if not self._following.cancelled():
                    self._following.result()
                    await self._host.sleep(10)
        finally:
            if self._following is not None:
                self._following.cancel()

    async def _follow(self) -> None:
        """What there is comes first, up to a bookmark; until that is here
        the old copy counts, or a slow machine would take half for all."""
        items: dict[tuple[str, str], Any] = {}
        try:
            async for kind, item in self._client.watch(
                    self._path + ("&" if "?" in self._path else "?")
                    + "watch=1&sendInitialEvents=true"):
                meta = item["metadata"]
                key = meta.get("namespace", ""), meta.get("name", "")
                if kind == "BOOKMARK":
                    self.items = items
                elif kind == "DELETED":
                    items.pop(key, None)
                else:
                    items[key] = self._keep(item)
                if self.items is items:
                    self._dirty.set()
        except ApiFailed:
            pass

    def reset(self) -> None:
        """Begin the watch again."""
        if self._following is not None:
            self._following.cancel()


def reset_all(host: Host) -> None:
    """The API went away: no watch of this host can be trusted."""
    for one in list(host.shared.get("mirrors", ())):
        one.reset()
