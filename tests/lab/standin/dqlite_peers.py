# SPDX-License-Identifier: Apache-2.0
"""The datastore's members among each other, on port 19001.

One member leads: the first of cluster.yaml that more than half of the voters
can reach.  The others keep a copy, and hand it what is to be written.  Lines
of JSON over TLS with the cluster's own certificate, which both ends must
show.  This is not Raft: what it shares with dqlite is who is voter, who is
spare, and that a minority stands still.
"""
from __future__ import annotations

import asyncio
import contextlib
import json
import ssl

from . import core, dqlite
from .dqlite import Member
from .host import Host
from .httpio import serve
from .store import Slot, Store, StoreError

CONNECT_SECONDS = 4
REFRESH_SECONDS = 30
PING_SECONDS = 3
SILENCE_SECONDS = 12
LINE_MAX = 16 * 1024 * 1024


class Lost(Exception):
    """The leader cannot be reached, or is none."""


def tls_context(server: bool) -> ssl.SSLContext:
    """Both ends show the cluster's own certificate; or ServiceFailed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server
                             else ssl.PROTOCOL_TLS_CLIENT)
    certificate = str(dqlite.file("cluster.crt"))
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        context.load_cert_chain(certificate,
                                str(dqlite.file("cluster.key")))
        context.load_verify_locations(certificate)
    except (OSError, ssl.SSLError) as error:
        raise core.ServiceFailed("cluster.crt: %s" % error) from None
    return context


def _line(message: dict) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


class Peers:
    """This host as a member, from its start to its end."""

    def __init__(self, host: Host, store: Store, own: Member,
                 others: list[str]) -> None:
        self._host, self._store, self._own = host, store, own
        self._others = others
        self._server: asyncio.Server | None = None
        self._leading = False
        self._followers: dict[asyncio.StreamWriter, str] = {}
        self._pending: dict[int, asyncio.Future] = {}
        self._count = 0
        self._upstream: asyncio.StreamWriter | None = None

    async def listen(self) -> None:
        """ServiceFailed when the address is not this host's."""
        address, _, port = self._own.address.rpartition(":")
        try:
            self._server = await asyncio.start_server(
                self._peer, address, int(port), ssl=tls_context(True),
                limit=LINE_MAX, reuse_address=True, start_serving=False)
            await serve(self._server)
        except OSError as error:
            raise core.ServiceFailed("listen tcp %s: bind: %s" % (
                self._own.address, error)) from None

    def close(self) -> None:
        """Stop at once."""
        if self._server is not None:
            self._server.close()
        for writer in [*self._followers, self._upstream]:
            if writer is not None:
                writer.transport.abort()

    async def run(self, place: Slot) -> None:
        """Lead or follow for ever, as who can be reached changes."""
        while True:
            leader = None if self._alone() else await self._find_leader()
            if leader is not None:
                await self._follow(place, *leader)
            elif self._others or not (self._alone() or await self._quorum()):
                await self._host.sleep(2)
            else:
                await self._lead(place)

    def _alone(self) -> bool:
        return not self._others and len(dqlite.read_cluster()) <= 1

    # --- leading ---

    async def _lead(self, place: Slot) -> None:
        """Until cut off from the majority."""
        self._leading = True
        self._store.forward = None
        self._store.watchers.append(self._publish)
        place.open(self._store)
        try:
            while True:
                for _ in range(REFRESH_SECONDS // PING_SECONDS):
                    await self._host.sleep(PING_SECONDS if self._followers
                                           else REFRESH_SECONDS)
                    self._tell_all({"ping": 1})
                    if not self._followers:
                        break
                if self._alone():
                    continue
                self._set_members(self._adjusted(dqlite.read_cluster()))
                if not await self._quorum():
                    return
        finally:
            self._leading = False
            self._store.watchers.remove(self._publish)
            place.close()

    def _publish(self, kind: str, key: tuple, item: dict) -> None:
        self._tell_all({"event": [kind, list(key), item]})

    def _tell_all(self, message: dict) -> None:
        if self._followers:
            raw = _line(message)
            for writer in self._followers:
                writer.write(raw)

    def _set_members(self, members: list[Member]) -> None:
        dqlite.write_cluster(members)
        for member in members:
            if member.address == self._own.address and member != self._own:
                self._own = member
                dqlite.write_info(member)
        self._tell_all({"members": [vars(m) for m in members]})

    def _adjusted(self, members: list[Member]) -> list[Member]:
        return dqlite.adjust(members, self._own.address,
                             set(self._followers.values()))

    def _answer(self, question: dict) -> dict:
        """What a command asks: the members, or that one is to be none."""
        members = dqlite.read_cluster()
        if question["ask"] == "remove":
            gone = question["address"]
            members = self._adjusted([m for m in members
                                      if m.address != gone])
            self._set_members(members)
            for writer, address in list(self._followers.items()):
                if address == gone:
                    writer.close()
        return {"leader": True, "members": [vars(m) for m in members]}

    async def _peer(self, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        """Serve another member: it follows, or only asks who leads."""
        try:
            hello = json.loads(await reader.readline() or b"{}")
            if self._leading and "ask" in hello:
                writer.write(_line(self._answer(hello)))
                return
            members = dqlite.read_cluster()
            name = hello.get("hello", "")
            known = name in [m.address for m in members]
            # One that was taken out does not come back by itself.
            if not self._leading or not (known or hello.get("join")):
                writer.write(_line({"leader": False}))
                return
            if not known:
                members = dqlite.add_member(members, name,
                                            self._own.address)
            writer.write(_line({"leader": True,
                                "snapshot": self._store.snapshot()}))
            self._followers[writer] = name
            self._set_members(members)
            while line := await reader.readline():
                self._serve(writer, json.loads(line))
        except (OSError, ValueError, asyncio.IncompleteReadError):
            pass
        finally:
            self._followers.pop(writer, None)
            writer.close()

    def _serve(self, writer: asyncio.StreamWriter, message: dict) -> None:
        try:
            reply: dict = {"reply": message["n"],
                           "item": self._store.apply(message["op"])}
        except StoreError as error:
            reply = {"reply": message["n"], "error": [
                error.status, error.reason, error.message]}
        writer.write(_line(reply))

    # --- following ---

    def _candidates(self) -> list[str]:
        """Whom to ask: all before this host in the list, or whom init.yaml
        names; a leader further down is asked as well."""
        known = self._others or [m.address for m in dqlite.read_cluster()]
        return [address for address in known if address != self._own.address]

    async def _connect(self, address: str, hello: dict
                       ) -> tuple[asyncio.StreamReader,
                                  asyncio.StreamWriter, dict]:
        """Raises OSError, TimeoutError or ValueError."""
        where, _, port = address.rpartition(":")
        async with asyncio.timeout(self._host.scaled(CONNECT_SECONDS)):
            reader, writer = await asyncio.open_connection(
                where, int(port), ssl=tls_context(False), limit=LINE_MAX)
            writer.write(_line(hello))
            return reader, writer, json.loads(await reader.readline()
                                              or b"{}")

    async def _find_leader(self) -> tuple | None:
        """An open connection to the leader, if one answers."""
        for address in self._candidates():
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                reader, writer, first = await self._connect(
                    address, {"hello": self._own.address,
                              "join": bool(self._others)})
                if first.get("leader"):
                    return reader, writer, first
                writer.close()
        return None

    async def _quorum(self) -> bool:
        """Whether most voters answer, and nobody before this host does."""
        members = dqlite.read_cluster()
        voters = [m for m in members if m.role == dqlite.VOTER]
        own_place = [m.address for m in members].index(self._own.address) \
            if self._own.address in [m.address for m in members] else -1
        mine = [v for v in voters if v.address == self._own.address]
        if own_place < 0 or not mine:
            return False
        reached = 1
        for voter in voters:
            if voter.address == self._own.address:
                continue
            with contextlib.suppress(OSError, TimeoutError, ValueError):
                _, writer, _ = await self._connect(voter.address, {})
                writer.close()
                reached += 1
                if not self._leading and members.index(voter) < own_place:
                    return False
        return reached * 2 > len(voters)

    async def _follow(self, place: Slot, reader: asyncio.StreamReader,
                      writer: asyncio.StreamWriter, first: dict) -> None:
        """Keep a copy until the leader is lost."""
        self._upstream = writer
        self._store.load(first["snapshot"])
        self._store.forward = self._forward
        try:
            while line := await self._line_in_time(reader):
                self._take(place, json.loads(line))
        except (OSError, TimeoutError, ValueError,
                asyncio.IncompleteReadError):
            pass
        finally:
            place.close()
            self._upstream = None
            for future in self._pending.values():
                future.cancel()
            self._pending.clear()
            writer.close()

    async def _line_in_time(self, reader: asyncio.StreamReader) -> bytes:
        """A leader that says nothing for this long is lost."""
        async with asyncio.timeout(self._host.scaled(SILENCE_SECONDS)):
            return await reader.readline()

    def _take(self, place: Slot, message: dict) -> None:
        if "event" in message:
            kind, key, item = message["event"]
            self._store.mirror(kind, tuple(key), item)
        elif "members" in message:
            self._learn([Member(**plain) for plain in message["members"]])
            if place.store is None:
                place.open(self._store)
        elif "reply" in message:
            future = self._pending.pop(message["reply"], None)
            if future is None or future.done():
                return
            if "error" in message:
                future.set_exception(StoreError(*message["error"]))
            else:
                future.set_result(message["item"])

    def _learn(self, members: list[Member]) -> None:
        dqlite.write_cluster(members)
        for member in members:
            if member.address == self._own.address:
                self._own = member
                dqlite.write_info(member)
        if self._others:
            dqlite.consume("init.yaml")
            self._others = []

    async def _forward(self, operation: list) -> dict:
        """Have the leader carry out an operation."""
        if self._upstream is None:
            raise StoreError(500, "InternalError", "no known leader")
        self._count += 1
        number = self._count
        future = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        self._upstream.write(_line({"n": number, "op": operation}))
        try:
            return await future
        except asyncio.CancelledError:
            if future.cancelled():
                raise StoreError(500, "InternalError",
                                 "no known leader") from None
            raise
        finally:
            self._pending.pop(number, None)
