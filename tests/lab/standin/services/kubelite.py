# SPDX-License-Identifier: Apache-2.0
"""kubelite: API server, controllers, scheduler, proxy and kubelet in one.

Whatever of it ends takes all of it down, and systemd starts it again.  On a
worker it is the proxy and the kubelet alone.
"""
from __future__ import annotations

import asyncio
import os

from .. import core, install, kubeargs
from ..apiserver import ApiServer
from ..controllers import Controllers
from ..host import Host
from ..kubeargs import Flags
from ..kubeclient import first_failure
from ..kubelet import Kubelet
from ..kubeproxy import Proxy
from ..store import slot

NAME = "kubelite"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager",
                 "kube-scheduler")
NODE = ("kube-proxy", "kubelet")
ROUTE_SECONDS = 10
CONTAINERD_SECONDS = 20
DATASTORE_SECONDS = 60
#: a worker's kubelite is there sooner: it waits for nobody
WORKER_SECONDS = 4


def has_fixed_address() -> bool:
    """The wrapper's own grep, which a comment satisfies too."""
    text = core.read_text(core.path("args", "kube-apiserver"))
    return "--advertise-address" in text or "--bind-address" in text


def read_flags(names: tuple[str, ...]) -> dict[str, Flags]:
    """The flags of these components; ServiceFailed for a wrong one."""
    return {name: kubeargs.component(name) for name in names}


async def wait_for_route(host: Host) -> None:
    """Five looks, two seconds of life apart; then on in any case."""
    for _ in range(ROUTE_SECONDS // 2):
        if has_fixed_address() or core.default_device() is not None:
            return
        await host.sleep(2)


async def wait_for_containerd(host: Host) -> None:
    """Ten looks at its socket; then on in any case."""
    for _ in range(CONTAINERD_SECONDS // 2):
        event = host.shared.get("containerd")
        if isinstance(event, asyncio.Event):
            try:
                async with asyncio.timeout(host.scaled(CONTAINERD_SECONDS)):
                    await event.wait()
            except TimeoutError:
                host.log(NAME, "containerd is not up")
            return
        await host.sleep(2)


async def run_control_plane(host: Host) -> None:
    """API server first; the rest when it is ready."""
    flags = read_flags(CONTROL_PLANE + NODE)
    await wait_for_route(host)
    await wait_for_containerd(host)
    await host.sleep(host.knob_float("restart_seconds"))
    try:
        await slot(host).wait(host.scaled(DATASTORE_SECONDS))
    except TimeoutError:
        raise core.ServiceFailed(
            "Error: error while building transport: context deadline "
            "exceeded: no datastore at kine.sock") from None
    server = ApiServer(host, flags["kube-apiserver"])
    tasks = [asyncio.create_task(server.run(), name="kube-apiserver")]

    async def later() -> None:
        await server.ready.wait()
        await first_failure(
            asyncio.create_task(Controllers(host).run()),
            asyncio.create_task(Proxy(host).run(), name="kube-proxy"),
            asyncio.create_task(Kubelet(host, flags["kubelet"]).run()))

    tasks.append(asyncio.create_task(later(), name="kubelet"))
    await first_failure(*tasks)


async def run_worker(host: Host) -> None:
    """Proxy and kubelet of --start-control-plane=false."""
    flags = read_flags(NODE)
    await wait_for_containerd(host)
    await host.sleep(WORKER_SECONDS)
    await first_failure(
        asyncio.create_task(Proxy(host).run(), name="kube-proxy"),
        asyncio.create_task(Kubelet(host, flags["kubelet"]).run()))


async def run(host: Host) -> None:
    """Until stopped, or until any part fails."""
    core.drop_lock("stopped.lock")
    if host.knob_bool("refresh_dead") and os.path.exists(
            os.path.join(core.SNAP, install.DEAD)):
        raise core.ServiceFailed("Error: failed to initialize: this build "
                                 "does not start here")
    if core.has_lock("clustered.lock"):
        await run_worker(host)
    else:
        await run_control_plane(host)
