# SPDX-License-Identifier: Apache-2.0
"""apiserver-proxy: a worker's own 127.0.0.1:16443.

Passes TCP through to the servers of provider.yaml in turn, and asks them
every 30 s, through itself, for the endpoints of the API.  What they announce
goes into provider.yaml, reachable from here or not; a worker that is then cut
off cannot learn a better list any more.
"""
from __future__ import annotations

import asyncio
import os
import ssl
import time

from .. import core, kubeargs, provider
from ..host import Host
from ..httpio import serve
from ..kubeclient import ApiFailed, KubeClient, first_failure

NAME = "apiserver-proxy"
PORT = 16443
REFRESH_MIN = 15.0
DIAL_SECONDS = 30
#: a server that cannot be reached is left out for so long
SKIP_SECONDS = 60
#: how often the file is looked at: "at once" for a person
LOOK_SECONDS = 3
REQUEST_SECONDS = 10
SLICES = ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?"
          "labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes")
ENDPOINTS = "/api/v1/namespaces/default/endpoints/kubernetes"
#: agents before 1.34 read Endpoints only
SLICES_SINCE = 34


class _Pipe(asyncio.Protocol):
    """One direction's end: what comes in here goes out at the other."""

    def __init__(self, proxy: "Proxy") -> None:
        self.proxy = proxy
        self.other: _Pipe | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.proxy.open.add(transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.proxy.open.discard(self.transport)
        self.transport = None
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Entry(_Pipe):
    """A client of the proxy.  What it says before it has a server is kept:
    a transport cannot be paused in connection_made (it begins to read after
    that), and a TLS hello is small."""

    def __init__(self, proxy: "Proxy") -> None:
        super().__init__(proxy)
        self._early = bytearray()

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        task = asyncio.create_task(self.proxy.dial(self))
        self.proxy.dialling.add(task)
        task.add_done_callback(self.proxy.dialling.discard)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        else:
            super().data_received(data)

    def join(self, exit_: _Pipe) -> None:
        """Pass on from now on; the early words first."""
        exit_.other, self.other = self, exit_
        if exit_.transport is None:
            return
        if self.transport is None:
            exit_.transport.abort()
        elif self._early:
            exit_.transport.write(bytes(self._early))
            self._early.clear()


class Proxy:
    """The listener and the servers it has at the moment."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._servers: list[tuple[str, int]] = []
        self._dead: dict[tuple[str, int], float] = {}
        self._turn = 0
        self._listener: asyncio.Server | None = None
        self.open: set[asyncio.Transport] = set()
        self.dialling: set[asyncio.Task] = set()
        self._mark: tuple[int, ...] = ()

    async def listen(self) -> None:
        """On all interfaces: a worker answers on 16443 too."""
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: _Entry(self), "0.0.0.0", PORT, reuse_address=True,
                start_serving=False)
            await serve(self._listener)
        except OSError as error:
            raise core.ServiceFailed("listen tcp :%d: %s" % (PORT, error)
                                     ) from None

    def close(self) -> None:
        """End everything at once."""
        if self._listener is not None:
            self._listener.close()
        self.restart()

    def restart(self) -> None:
        """Cut every connection, as the restart within the process does."""
        for task in list(self.dialling):
            task.cancel()
        for transport in list(self.open):
            transport.abort()

    def load(self) -> None:
        """Read provider.yaml; ServiceFailed when it lists nobody."""
        text = core.read_text(provider.path())
        servers = provider.parse(text)
        if not servers:
            raise core.ServiceFailed("empty list of control plane endpoints")
        self._mark = _mark()
        if servers != self._servers:
            self._servers, self._dead = servers, {}
            self._host.log(NAME, "endpoints: " + " ".join(
                "%s:%d" % server for server in servers))
            self.restart()

    def reload_if_new(self) -> None:
        """A file that was touched is read again."""
        if _mark() != self._mark:
            self.load()

    def servers(self) -> list[tuple[str, int]]:
        """Those in use, sorted."""
        return sorted(self._servers)

    def _next(self) -> tuple[str, int] | None:
        now = time.monotonic()
        alive = [s for s in self._servers if self._dead.get(s, 0) <= now]
        if not alive:
            # With one server there is nothing to turn to: try it again.
            alive = self._servers
        self._turn += 1
        return alive[self._turn % len(alive)] if alive else None

    async def dial(self, entry: _Entry) -> None:
        """Find the entry a server, or hang up."""
        server = self._next()
        try:
            if server is None:
                raise OSError("no server")
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(self._host.scaled(DIAL_SECONDS)):
                _, exit_ = await loop.create_connection(
                    lambda: _Pipe(self), *server)
        except (OSError, TimeoutError):
            if server is not None:
                self._dead[server] = time.monotonic() + self._host.scaled(
                    SKIP_SECONDS)
            if entry.transport is not None:
                entry.transport.abort()
            return
        entry.join(exit_)


def _mark() -> tuple[int, ...]:
    try:
        found = os.stat(provider.path())
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def refresh_interval(flags: dict[str, str]) -> float:
    """--refresh-interval in seconds; 0 is never, else 15 at least."""
    try:
        seconds = kubeargs.duration(flags.get("--refresh-interval") or "30s")
    except ValueError as error:
        raise core.ServiceFailed("Error: invalid argument for "
                                 "\"--refresh-interval\" flag: %s"
                                 % error) from None
    return max(seconds, REFRESH_MIN) if seconds > 0 else 0.0


def addresses(answer: dict) -> list[tuple[str, int]]:
    """Servers of an EndpointSliceList or an Endpoints object."""
    found = set()
    for item in answer.get("items", ()):
        ports = [p["port"] for p in item.get("ports") or ()]
        for endpoint in item.get("endpoints") or ():
            found |= {(address, port) for address in endpoint["addresses"]
                      for port in ports}
    for subset in answer.get("subsets") or ():
        ports = [p["port"] for p in subset.get("ports") or ()]
        found |= {(address["ip"], port)
                  for address in subset.get("addresses") or ()
                  for port in ports}
    return sorted(found)


def _minor() -> int:
    words = core.knob("version").lstrip("v").split(".")
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


async def ask(client: KubeClient) -> list[tuple[str, int]]:
    """What the API announces; ApiFailed."""
    if _minor() >= SLICES_SINCE:
        try:
            return addresses(await client.call("GET", SLICES))
        except ApiFailed as error:
            if error.status != 404:
                raise
    return addresses(await client.call("GET", ENDPOINTS))


async def refresh(host: Host, proxy: Proxy, interval: float) -> None:
    """Every interval: believe what the API says, whatever it is.

    The connection is kept from one time to the next; a restart of the proxy
    cuts it like all others, and it is opened again.
    """
    client = None
    while interval > 0:
        await host.sleep(interval)
        try:
            if client is None:
                client = KubeClient("kubelet.config",
                                    host.scaled(REQUEST_SECONDS))
            found = await ask(client)
        except (ApiFailed, OSError, ValueError, ssl.SSLError) as error:
            host.log(NAME, "could not refresh the endpoints: %s" % error)
            if client is not None:
                client.close()
            client = None
            continue
        if found and found != proxy.servers():
            provider.write(found)
            proxy.load()
    await asyncio.Event().wait()


async def watch_file(host: Host, proxy: Proxy) -> None:
    """Take up what somebody writes into provider.yaml."""
    while True:
        await host.sleep(LOOK_SECONDS)
        proxy.reload_if_new()


def render_traefik() -> None:
    """traefik.yaml is made of its template at each start."""
    text = core.read_text(core.path("args", "traefik",
                                    "traefik-template.yaml"))
    core.write_text(core.path("args", "traefik", "traefik.yaml"),
                    kubeargs.expand(text))


async def run(host: Host) -> None:
    """Serve until stopped; nothing on a control plane."""
    if not core.has_lock("clustered.lock"):
        host.log(NAME, "Not a worker node, exiting")
        return
    render_traefik()
    interval = refresh_interval(kubeargs.bash_flags("apiserver-proxy"))
    proxy = Proxy(host)
    proxy.load()
    await proxy.listen()
    try:
        await first_failure(
            asyncio.create_task(refresh(host, proxy, interval)),
            asyncio.create_task(watch_file(host, proxy)))
    finally:
        proxy.close()
