# SPDX-License-Identifier: Apache-2.0
"""The cluster's objects, as the datastore keeps them.

Reads come from memory.  Writes are operations, small dicts, so that a second
control plane can hand its own to the leader: `write` is the only way in.  The
leader's objects are in var/kubernetes/backend/objects.json and survive a
crash, but for the last tenth of a second and for heartbeats.
"""
from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator

from . import core

BACKEND = ("var", "kubernetes", "backend")
FILE = "objects.json"
_FLUSH_SECONDS = 0.1

#: plural, namespace, name
Key = tuple[str, str, str]
#: what a watcher is called with: ADDED, MODIFIED or DELETED, key, object
Watcher = Callable[[str, Key, dict], None]


class StoreError(Exception):
    """A refused operation: HTTP status, Kubernetes' reason, its words."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message


def stamp() -> str:
    """Now, as metadata has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def micro_stamp() -> str:
    """Now, as leases have it."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + (
        ".%06dZ" % (now % 1 * 1e6))


def _label(key: Key) -> str:
    return '%s "%s"' % (key[0], key[2])


class Store:
    """Objects by key, a revision that only grows, and who wants to know."""

    def __init__(self) -> None:
        self.objects: dict[Key, dict] = {}
        self.revision = 1
        self.watchers: list[Watcher] = []
        #: how an operation reaches the leader; None when this is the leader
        self.forward: Callable | None = None

    # --- reading ---

    def get(self, plural: str, namespace: str, name: str) -> dict | None:
        """An object, not to be changed by the caller; None if absent."""
        return self.objects.get((plural, namespace, name))

    def list(self, plural: str, namespace: str = "") -> list[dict]:
        """Objects of a kind in order of namespace and name."""
        return [item for key, item in sorted(
            ((k, o) for k, o in self.objects.items()
             if k[0] == plural and namespace in ("", k[1])),
            key=lambda pair: pair[0])]

    def keys(self, plural: str) -> Iterator[Key]:
        """Keys of a kind."""
        return (key for key in list(self.objects) if key[0] == plural)

    # --- writing ---

    async def write(self, verb: str, plural: str, namespace: str, name: str,
                    item: dict | None = None) -> dict:
        """Create, update or delete an object; it, as it then is (or was).

        An update with metadata.resourceVersion fails with a conflict unless
        it is the object's.  Raises StoreError.
        """
        if self.forward is not None:
            return await self.forward([verb, plural, namespace, name, item])
        return self.apply([verb, plural, namespace, name, item])

    async def create(self, plural: str, namespace: str, item: dict) -> dict:
        """Create an object under the name it has."""
        return await self.write("create", plural, namespace,
                                item["metadata"]["name"], item)

    async def update(self, plural: str, namespace: str, item: dict) -> dict:
        """Replace an object."""
        return await self.write("update", plural, namespace,
                                item["metadata"]["name"], item)

    async def delete(self, plural: str, namespace: str, name: str) -> dict:
        """Delete an object."""
        return await self.write("delete", plural, namespace, name)

    async def put(self, plural: str, namespace: str, item: dict) -> dict:
        """Create or replace, whatever was there."""
        item["metadata"].pop("resourceVersion", None)
        name = item["metadata"]["name"]
        found = self.get(plural, namespace, name)
        return await self.write("update" if found else "create", plural,
                                namespace, name, item)

    def apply(self, operation: list) -> dict:
        """An operation on these very objects, at once."""
        verb, plural, namespace, name, item = operation
        key = (plural, namespace, name)
        old = self.objects.get(key)
        if verb == "create":
            if old is not None:
                raise StoreError(409, "AlreadyExists",
                                 _label(key) + " already exists")
            return self._set("ADDED", key, self._born(key, item))
        if old is None:
            raise StoreError(404, "NotFound", _label(key) + " not found")
        if verb == "delete":
            self.revision += 1
            del self.objects[key]
            gone = {**old, "metadata": {**old["metadata"],
                                        "resourceVersion":
                                        str(self.revision)}}
            self._tell("DELETED", key, gone)
            return gone
        return self._update(key, old, item)

    def _born(self, key: Key, item: dict) -> dict:
        meta = {**item.get("metadata", {}), "name": key[2],
                "uid": str(uuid.uuid4()), "creationTimestamp": stamp()}
        if key[1]:
            meta["namespace"] = key[1]
        if "spec" in item and key[0] in ("daemonsets", "deployments"):
            meta["generation"] = 1
        return {**item, "metadata": meta}

    def _update(self, key: Key, old: dict, item: dict) -> dict:
        meta, was = dict(item.get("metadata", {})), old["metadata"]
        wanted = meta.get("resourceVersion")
        if wanted and wanted != was["resourceVersion"]:
            raise StoreError(409, "Conflict", (
                "Operation cannot be fulfilled on %s: the object has been "
                "modified; please apply your changes to the latest version "
                "and try again") % _label(key))
        for name in ("name", "namespace", "uid", "creationTimestamp",
                     "generation"):
            meta.pop(name, None)
            if name in was:
                meta[name] = was[name]
        if "generation" in was and item.get("spec") != old.get("spec"):
            meta["generation"] = was["generation"] + 1
        meta["resourceVersion"] = was["resourceVersion"]
        new = {**item, "metadata": meta}
        if new == old:
            return old
        return self._set("MODIFIED", key, new)

    def _set(self, kind: str, key: Key, item: dict) -> dict:
        self.revision += 1
        item["metadata"]["resourceVersion"] = str(self.revision)
        self.objects[key] = item
        self._tell(kind, key, item)
        return item

    def _tell(self, kind: str, key: Key, item: dict) -> None:
        for watcher in list(self.watchers):
            watcher(kind, key, item)

    # --- a copy of another store ---

    def snapshot(self) -> dict:
        """Everything, as JSON."""
        return {"revision": self.revision,
                "objects": [[*key, item]
                            for key, item in self.objects.items()]}

    def load(self, plain: dict) -> None:
        """Replace everything by a snapshot."""
        self.revision = plain["revision"]
        self.objects = {(p, s, n): item for p, s, n, item
                        in plain["objects"]}

    def mirror(self, kind: str, key: Key, item: dict) -> None:
        """Do as the leader did."""
        self.revision = int(item["metadata"]["resourceVersion"])
        if kind == "DELETED":
            self.objects.pop(key, None)
        else:
            self.objects[key] = item
        self._tell(kind, key, item)


class Disk:
    """Keeps a store in a file: writes soon after a change, and at the end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._file = core.path(*BACKEND, FILE)
        self._timer: asyncio.TimerHandle | None = None
        text = core.read_text(self._file)
        if text:
            store.load(json.loads(text))
        store.watchers.append(self._changed)

    def _changed(self, _kind: str, key: Key, _item: dict) -> None:
        # A heartbeat that is lost with a crash is followed by another.
        if self._timer is None and key[0] not in ("leases", "masterleases"):
            self._timer = asyncio.get_running_loop().call_later(
                _FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write now.  A directory that was moved away is not made again:
        `leave` does that while the daemon is still ending."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if os.path.isdir(self._file.parent):
            core.write_text(self._file, json.dumps(
                self._store.snapshot(), separators=(",", ":")))


class Slot:
    """Where a host's datastore is when it serves: everybody who needs it
    asks here, and waits here while it restarts."""

    def __init__(self) -> None:
        self.store: Store | None = None
        self._opened = asyncio.Event()
        self._closers: set[asyncio.Event] = set()

    def open(self, store: Store) -> None:
        """The datastore serves from now on."""
        self.store = store
        self._opened.set()

    def close(self) -> None:
        """It does not any more."""
        self.store = None
        self._opened.clear()
        for closer in list(self._closers):
            closer.set()

    async def wait(self, timeout: float | None) -> Store:
        """The store, once there is one; TimeoutError."""
        async with asyncio.timeout(timeout):
            while self.store is None:
                await self._opened.wait()
        return self.store

    async def closed(self) -> None:
        """Return when the store that serves now has ended."""
        if self.store is None:
            return
        closer = asyncio.Event()
        self._closers.add(closer)
        try:
            await closer.wait()
        finally:
            self._closers.discard(closer)


def slot(host) -> Slot:
    """The slot of a host."""
    return host.shared.setdefault("store", Slot())
