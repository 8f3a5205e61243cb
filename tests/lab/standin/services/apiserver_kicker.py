# SPDX-License-Identifier: Apache-2.0
"""apiservice-kicker: new certificates when addresses change, and Calico.

Every five seconds of a control plane's life.  Until the first join an address
that comes or goes makes a new server certificate and restarts everything;
join URLs handed out before are worthless then.
"""
from __future__ import annotations

import asyncio
import os

from .. import certs, core
from ..host import Host

NAME = "apiserver-kicker"
LOOP_SECONDS = 5
#: restarts one after the other before it gives up
RESTARTS = 5
CNI = ("args", "cni-network", "cni.yaml")


def has_fixed_address() -> bool:
    """Whether args/kube-apiserver mentions an address, even in a comment."""
    text = core.read_text(core.path("args", "kube-apiserver"))
    return "--advertise-address" in text or "--bind-address" in text


class Kicker:
    """What it remembers from one round to the next."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.restarts = 0
        self._checked: tuple[int, ...] = ()

    async def ctl(self, verb: str, service: str) -> None:
        """snapctl; a refusal is only a line in the log."""
        _, _, err = await self.host.ctl(verb, service)
        if err:
            self.host.log(NAME, err)

    async def renew(self) -> None:
        """Addresses changed: certificate, agent, containers, kubelite."""
        self.host.log(NAME, "CSR change detected. Reconfiguring the "
                      "kube-apiserver")
        await asyncio.to_thread(certs.make_server_cert)
        if core.has_lock("join-in-progress"):
            return
        self.restarts += 1
        await self.ctl("restart", "cluster-agent")
        await self.ctl("stop", "kubelite")
        await self.ctl("restart", "containerd")
        await self.ctl("start", "kubelite")

    async def match_authority(self) -> None:
        """With a fixed address: server.crt only has to be of this CA."""
        marks = []
        for name in ("ca.crt", "server.crt"):
            try:
                marks.append(os.stat(core.path("certs", name)).st_mtime_ns)
            except OSError:
                return
        if tuple(marks) == self._checked:
            return
        check = await asyncio.create_subprocess_exec(
            "openssl", "verify", "-CAfile",
            str(core.path("certs", "ca.crt")),
            str(core.path("certs", "server.crt")),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL)
        self._checked = tuple(marks)
        if await check.wait() == 0:
            return
        self.host.log(NAME, "server.crt does not match ca.crt")
        await asyncio.to_thread(certs.make_server_cert)
        await self.ctl("restart", "cluster-agent")
        await self.ctl("restart", "kubelite")

    async def certificates(self) -> None:
        """One look at the certificates."""
        if core.has_lock("no-cert-reissue"):
            return
        if has_fixed_address():
            await self.match_authority()
            return
        if core.default_device() is None or self.restarts >= RESTARTS:
            return
        if certs.render_csr() != core.read_text(core.path("certs",
                                                          "csr.conf")):
            await self.renew()
        else:
            self.restarts = 0

    async def apply_cni(self) -> None:
        """hooks/reconcile.d/90-calico-apply: once, when the API is there."""
        if core.has_lock("cni-loaded") or core.has_lock("no-manage-calico"):
            return
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", 16443)
            writer.close()
        except OSError:
            return
        apply = await asyncio.create_subprocess_exec(
            "/snap/bin/microk8s", "kubectl", "--request-timeout=5", "apply",
            "-f", str(core.path(*CNI)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL)
        if await apply.wait() == 0:
            core.touch_lock("cni-loaded")


async def run(host: Host) -> None:
    """Until stopped; a worker has no use for it."""
    if core.has_lock("clustered.lock"):
        return
    kicker = Kicker(host)
    while True:
        await kicker.certificates()
        await kicker.apply_cni()
        await host.sleep(LOOP_SECONDS)
