# SPDX-License-Identifier: Apache-2.0
"""A pod's sandbox: a network namespace with an address that is reachable.

As with Calico: eth0 of the pod is a cable to a cali card of the host, and the
gateway is 169.254.1.1, which is the host.  No process holds the namespace; a
descriptor does, so an idle pod costs nothing.  What answers in the pod are
sockets made there and served by hostd, or the container's own command.
"""
from __future__ import annotations

import asyncio
import ctypes
import hashlib
import os
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from . import core
from .netlink import Netlink

GATEWAY = "169.254.1.1"
HOST_MAC = "ee:ee:ee:ee:ee:ee"
DNS_SERVICE = "10.152.183.10"
FILES = "/run/lab-pods"
APPLETS = "/usr/lib/lab/standin/bin/pod"
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:" + APPLETS
LOG_LINES = 1000
EXEC_SECONDS = 300
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

#: into the pod's network and files of its own, then the command
_ENTER = """for name in resolv.conf hosts nsswitch.conf; do
	mount --bind "$1/$name" "/etc/$name" || exit 1
done
shift
exec "$@"
"""


async def _in_thread(work: Callable):
    """Run in a thread that ends afterwards: one that has entered another
    namespace must do nothing else.  The kernel may take its time over
    namespaces, and everybody else of the host is not to wait for it."""
    with ThreadPoolExecutor(1) as pool:
        return await asyncio.get_running_loop().run_in_executor(pool, work)


def card_of(uid: str) -> str:
    """The host's end of a pod's cable, at most 15 characters."""
    return "cali" + hashlib.sha256(uid.encode()).hexdigest()[:11]


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Sandbox:
    """One pod's; `open` makes it, `close` ends all that is of it."""

    def __init__(self, uid: str, name: str, address: str) -> None:
        self.uid, self.name, self.address = uid, name, address
        self.log: deque[str] = deque(maxlen=LOG_LINES)
        self._card = card_of(uid)
        self._namespace = -1
        self._closers: list[Callable[[], None]] = []
        self._files = "%s/%s" % (FILES, uid)

    # --- the network ---

    async def open(self, mtu: int) -> None:
        """Make the namespace and its cable; OSError."""
        self._write_files()
        await _in_thread(lambda: self._make(mtu))

    def _mac(self) -> str:
        low = socket.inet_aton(self.address)
        return "0a:58:" + ":".join("%02x" % byte for byte in low)

    def _make(self, mtu: int) -> None:
        outside = Netlink()
        try:
            outside.delete(self._card)
            # Names of cards mean those of the thread's own namespace.
            self._make_inside(outside, mtu)
            home = os.open("/proc/self/ns/net", os.O_RDONLY)
            try:
                _enter(home)
            finally:
                os.close(home)
            outside.set_up(self._card)
            outside.set_neighbour(self._card, self.address, self._mac())
            outside.set_route(self.address + "/32", self._card)
        finally:
            outside.close()

    def _make_inside(self, outside: Netlink, mtu: int) -> None:
        if _libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        # Kept at once: whoever is cancelled meanwhile closes it.
        self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = Netlink()
        try:
            outside.add_veth(self._card, HOST_MAC, "eth0", self._mac(),
                             self._namespace, mtu)
            inside.set_up("lo")
            inside.add_address("eth0", self.address)
            inside.set_up("eth0")
            inside.set_neighbour("eth0", GATEWAY, HOST_MAC)
            inside.set_route(GATEWAY + "/32", "eth0")
            inside.set_route("0.0.0.0/0", "eth0", GATEWAY)
        finally:
            inside.close()

    def _write_files(self) -> None:
        """The pod's files in /etc, as the kubelet writes them."""
        core.write_text(self._files + "/resolv.conf", "search "
                        "default.svc.cluster.local svc.cluster.local "
                        "cluster.local\nnameserver %s\noptions ndots:5\n"
                        % DNS_SERVICE, 0o644)
        core.write_text(self._files + "/hosts", "127.0.0.1 localhost\n%s %s\n"
                        % (self.address, self.name), 0o644)
        core.write_text(self._files + "/nsswitch.conf",
                        "passwd: files\ngroup: files\nhosts: files dns\n",
                        0o644)

    async def sockets(self, kind: int, ports: list[int]
                      ) -> list[socket.socket]:
        """A bound socket of the pod for each port; TCP ones listen."""
        def make() -> list[socket.socket]:
            _enter(self._namespace)
            made = []
            for port in ports:
                one = socket.socket(socket.AF_INET, kind)
                one.setblocking(False)
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                one.bind(("0.0.0.0", port))
                if kind == socket.SOCK_STREAM:
                    one.listen(128)
                made.append(one)
            return made
        return await _in_thread(make)

    # --- what answers ---

    def on_close(self, closer: Callable[[], None]) -> None:
        """Have something ended with the pod."""
        self._closers.append(closer)

    async def serve_names(self, ports: list[int]) -> None:
        """Answer every HTTP request on these ports with the pod's name."""
        for one in await self.sockets(socket.SOCK_STREAM, ports):
            server = await asyncio.start_server(self._greet, sock=one)
            self.on_close(server.close)

    async def _greet(self, reader: asyncio.StreamReader,
                     writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\n")
            peer = writer.get_extra_info("peername") or ("?",)
            self.log.append('%s "%s" 200' % (peer[0], head.decode(
                "latin-1").strip()))
            body = self.name + "\n"
            writer.write(("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                          "Content-Length: %d\r\nConnection: close\r\n\r\n%s"
                          % (len(body), body)).encode())
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError,
                asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    # --- commands ---

    async def start(self, argv: list[str], env: dict[str, str]
                    ) -> asyncio.subprocess.Process:
        """A process in the pod, its output in one pipe."""
        return await asyncio.create_subprocess_exec(
            "/usr/bin/nsenter", "--net=/proc/self/fd/%d" % self._namespace,
            "/usr/bin/unshare", "--mount", "/bin/sh", "-c", _ENTER, "sh",
            self._files, *argv, pass_fds=[self._namespace],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            start_new_session=True, env={
                "PATH": PATH, "HOME": "/root", "HOSTNAME": self.name, **env})

    async def execute(self, argv: list[str]) -> tuple[int, str, str]:
        """`kubectl exec`: exit code, stdout, stderr."""
        process = await self.start(argv, {})
        try:
            async with asyncio.timeout(EXEC_SECONDS):
                out, err = await process.communicate()
        finally:
            _end(process)
        code = process.returncode or 0
        return (code if code >= 0 else 128 - code,
                out.decode("utf-8", "replace"), err.decode("utf-8",
                                                           "replace"))

    async def run(self, argv: list[str], env: dict[str, str]) -> int:
        """The container's own command, until it ends; its output is the
        log."""
        process = await self.start(argv, env)

        def end() -> None:
            _end(process)

        self.on_close(end)

        async def read(stream: asyncio.StreamReader | None) -> None:
            assert stream is not None
            while line := await stream.readline():
                self.log.append(line.decode("utf-8", "replace").rstrip("\n"))

        try:
            await asyncio.gather(read(process.stdout), read(process.stderr))
            return await process.wait()
        finally:
            end()

    def close(self) -> None:
        """End everything; the namespace goes with its last user."""
        for closer in self._closers:
            closer()
        self._closers = []
        link = Netlink()
        try:
            link.delete(self._card)
        finally:
            link.close()
        if self._namespace >= 0:
            os.close(self._namespace)
            self._namespace = -1


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process and its children; it may have ended before."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
