# SPDX-License-Identifier: Apache-2.0
"""The one process behind a lab host's snapd and MicroK8s daemons.

Listens on a UNIX socket: one JSON line {"argv", "uid", "env"} in, one
{"rc", "stdout", "stderr"} out.  Who asks is what the kernel says, not what
the line claims.  argv is that of `snap` or `snapctl`, or `lab ready`.
"""
from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import time
import traceback

from . import certs, core, snap_command
from .pods import Pods
from .snapd import Answer, SnapError, Snapd

LINE_MAX = 1 << 20
#: `lab up` asks all the time; a look at the API costs a TLS handshake
LOOK_SECONDS = 0.25


class Hostd:
    """The control socket, and what a boot does."""

    def __init__(self) -> None:
        self.snapd = Snapd()
        self.booted = False
        self._looked: tuple[float, Answer] = (0.0, (1, "", "booting"))
        self._looking = asyncio.Lock()

    # --- boot ---

    async def boot(self) -> None:
        """Put MicroK8s in if the host is born with it; start the daemons."""
        snapd, state = self.snapd, self.snapd.state
        if not state.born and core.knob_bool("installed"):
            channel = snap_command.full_channel(core.knob("channel"))
            await snapd.put_in(channel, *snap_command.release(channel))
        elif state.installed:
            await snapd.supervisor.start_enabled()
        if not state.born:
            state.born = True
            state.save()
        self.booted = True

    # --- lab ready ---

    def look(self) -> Answer:
        """Whether this host's own node is Ready, asked of its API."""
        try:
            status, nodes = core.api("GET", "/api/v1/nodes", timeout=2)
        except Exception as error:  # whatever keeps it from answering
            return 1, "", "an API that answers (%s)" % error
        if status != 200 or not isinstance(nodes, dict):
            return 1, "", "an API that answers (status %d)" % status
        for node in nodes.get("items") or []:
            if node["metadata"]["name"] == self.snapd.host.name and any(
                    one["type"] == "Ready" and one["status"] == "True"
                    for one in node["status"].get("conditions", [])):
                return 0, "ready\n", ""
        return 1, "", "its node to be Ready"

    async def ready(self) -> Answer:
        """A new host has to be Ready once; after that it is enough that its
        daemons were started, since a test may have broken it for good."""
        state = self.snapd.state
        if not self.booted:
            return 1, "", "the end of its boot"
        if not state.installed:
            return 0, "no MicroK8s\n", ""  # somebody removed it
        if state.was_ready:
            return 0, "started\n", ""
        async with self._looking:
            if time.monotonic() - self._looked[0] > LOOK_SECONDS:
                # In a thread: the API server that answers runs in this one.
                answer = await asyncio.to_thread(self.look)
                self._looked = (time.monotonic(), answer)
        if self._looked[1][0] == 0:
            state.was_ready = True
            state.save()
        return self._looked[1]

    # --- lab turned ---

    async def turned(self, name: str) -> Answer:
        """A knob that was turned is work for who runs here."""
        shared = self.snapd.host.shared
        if name == "calico_card":
            pods = shared.get("kubelet-pods")
            if isinstance(pods, Pods):
                pods.restart_calico()
            return 0, "", ""
        what = name.partition("_")[0]
        try:
            await asyncio.to_thread(certs.reissue, what, core.knob(name))
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", "") or error
            return 1, "", "%s: %s\n" % (name, said)
        # New connections get the new certificate, as with Kubernetes' own
        # reloading; the agent's is loaded again by its restart only.
        if name in shared:
            context, pair = shared[name]  # type: ignore[misc]
            context.load_cert_chain(*pair)
        return 0, "", ""

    # --- the socket ---

    async def answer(self, request: dict, uid: int) -> Answer:
        """Run what the request asks for."""
        argv = [str(word) for word in request["argv"]]
        tty = (request.get("env") or {}).get("SNAP_LAB_TTY") == "1"
        if argv[:1] == ["snap"]:
            return await snap_command.Snap(self.snapd, uid, tty).run(argv[1:])
        if argv[:1] == ["snapctl"]:
            if uid != 0 and argv[1:2] != ["services"]:
                raise SnapError('error running snapctl: cannot use "%s" with '
                                "uid %d, try with sudo"
                                % (" ".join(argv[1:2]), uid))
            return await self.snapd.snapctl(argv[1:])
        if argv == ["lab", "ready"]:
            return await self.ready()
        if argv[:2] == ["lab", "turned"] and len(argv) == 3 and uid == 0:
            return await self.turned(argv[2])
        raise SnapError("no such request: %s" % " ".join(argv))

    async def serve(self, reader: asyncio.StreamReader,
                    writer: asyncio.StreamWriter) -> None:
        """One request of one client."""
        try:
            credentials = writer.get_extra_info("socket").getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
            uid = struct.unpack("3i", credentials)[1]
            line = await reader.readline()
            if not line:
                return
            try:
                code, out, err = await self.answer(json.loads(line), uid)
            except SnapError as error:
                code, out, err = error.code, "", "error: %s\n" % error
            except Exception as error:  # the next client is not to suffer
                self.snapd.host.log("hostd", traceback.format_exc())
                code, out, err = 70, "", "error: hostd: %s\n" % error
            writer.write(json.dumps({"rc": code, "stdout": out,
                                     "stderr": err}).encode() + b"\n")
            await writer.drain()
        except ConnectionError:
            pass  # the client is gone; its change goes on
        finally:
            writer.close()

    async def listen(self) -> asyncio.AbstractServer:
        """The socket that everybody may connect to."""
        if os.path.exists(core.CONTROL):
            os.unlink(core.CONTROL)
        mask = os.umask(0)
        try:
            return await asyncio.start_unix_server(
                self.serve, core.CONTROL, limit=LINE_MAX, backlog=128)
        finally:
            os.umask(mask)


async def main() -> None:
    """Boot and serve until SIGTERM; a power loss asks nobody."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM,
                                                  stopping.set)
    # HOME is for snap's users; daemons run below /.
    os.chdir("/")
    hostd = Hostd()
    server = await hostd.listen()
    hostd.snapd.host.log("hostd", "listening on " + core.CONTROL)
    boot = asyncio.create_task(hostd.boot())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({boot, stop}, return_when=asyncio.FIRST_COMPLETED)
    if boot.done():
        boot.result()  # a boot that failed ends hostd, and so `lab up`
    await stop
    server.close()
    await hostd.snapd.supervisor.stop_all()


if __name__ == "__main__":
    asyncio.run(main())
