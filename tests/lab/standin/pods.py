# SPDX-License-Identifier: Apache-2.0
"""The kubelet's pods: nothing of them runs, but they take time to be ready.

calico-node does what others see of it: it writes the CNI configuration that
makes a node Ready, and detects the node's address by the method in its
environment, once, at its start.
"""
from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from . import core
from .controllers import is_ready
from .host import Host
from .kubeclient import MERGE, STRATEGIC, ApiFailed, KubeClient
from .store import stamp

CONFLIST = ("args", "cni-network", "10-calico.conflist")
#: cards that Calico's first-found never takes
_SKIPPED = ("lo", "docker", "br-", "veth", "cali", "vxlan", "flannel", "cni",
            "lxd", "virbr")


class NotDetected(Exception):
    """calico-node finds no address and does not become ready."""


def source_towards(address: str) -> str:
    """The address this host sends from; NotDetected when it has no way."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError as error:
            raise NotDetected("can-reach=%s: %s" % (address, error)) from None
        return probe.getsockname()[0]


def detect(method: str, internal: Callable[[], str]) -> str:
    """The node's address by IP_AUTODETECTION_METHOD."""
    word, _, value = method.partition("=")
    cards = [(card, address) for card, address, _ in core.addresses()
             if ":" not in address]
    if word == "can-reach":
        return source_towards(value)
    if word == "kubernetes-internal-ip":
        return internal()
    for card, address in cards:
        if word == "interface" and card in value.split(","):
            return address
        if word == "cidr" and ipaddress.ip_address(
                address) in ipaddress.ip_network(value, strict=False):
            return address
        if word == "first-found" and not card.startswith(_SKIPPED):
            return address
    raise NotDetected("unable to autodetect an IPv4 address using %s"
                      % method)


def with_prefix(address: str) -> str:
    """address/length as the interface has it."""
    for _, own, prefix in core.addresses():
        if own == address:
            return "%s/%d" % (address, prefix)
    return address + "/32"


def tunnel_address(address: str) -> str:
    """An address out of this node's block of 10.1.0.0/16."""
    low = socket.inet_aton(address)
    return "10.1.%d.%d" % (low[2] ^ low[1], low[3] & 0xc0)


class Pods:
    """Watches this node's pods and brings each to Ready."""

    def __init__(self, host: Host, client: KubeClient, node: str,
                 internal: Callable[[], str]) -> None:
        self._host, self._client, self._node = host, client, node
        self._internal = internal
        self._tasks: dict[str, asyncio.Task] = {}
        self._watching: asyncio.Task | None = None
        #: uids of pods whose containers run; they outlive the kubelet
        self._running: set[str] = host.shared.setdefault("pods", set())

    async def run(self) -> None:
        """Follow the watch; when it is cut, begin it again."""
        try:
            while True:
                self._watching = asyncio.create_task(self._follow())
                await asyncio.wait({self._watching})
                if not self._watching.cancelled():
                    self._watching.result()
                    await self._host.sleep(10)
        finally:
            for task in [self._watching, *self._tasks.values()]:
                if task is not None:
                    task.cancel()

    def reset(self) -> None:
        """Begin the watch again: the API went away, and a watch on a dead
        host's connection would be silent for ever."""
        if self._watching is not None:
            self._watching.cancel()

    async def _follow(self) -> None:
        where = "/api/v1/pods?watch=1&fieldSelector=spec.nodeName%3D"
        try:
            async for kind, pod in self._client.watch(where + self._node):
                self._event(kind, pod)
        except ApiFailed:
            pass

    def _event(self, kind: str, pod: dict) -> None:
        uid = pod["metadata"]["uid"]
        task = self._tasks.get(uid)
        if kind == "DELETED":
            self._running.discard(uid)
            if task is not None:
                task.cancel()
                self._tasks.pop(uid)
        elif task is None or (task.done() and not is_ready(pod)):
            if not (uid in self._running and is_ready(pod)):
                self._tasks[uid] = asyncio.create_task(self._start(pod))

    async def _start(self, pod: dict) -> None:
        """Start the containers, unless they run; then say so."""
        uid = pod["metadata"]["uid"]
        restarts = 0
        calico = pod["metadata"].get("labels", {}).get(
            "k8s-app") == "calico-node"
        if uid not in self._running:
            if is_ready(pod):
                restarts = 1
                await self._report(pod, False, restarts)
            await self._host.sleep(self._host.knob_float("pod_seconds"))
            while calico and not await self._start_calico(pod):
                await self._report(pod, False, restarts)
                await self._host.sleep(10)
        self._running.add(uid)
        await self._report(pod, True, restarts)

    async def _report(self, pod: dict, ready: bool, restarts: int) -> None:
        """PATCH the status until the API takes it."""
        meta = pod["metadata"]
        try:
            address = self._internal()
        except Exception:  # the address rules' own errors
            address = ""
        status = {
            "phase": "Running" if ready else pod.get("status", {}).get(
                "phase", "Pending"),
            "hostIP": address, "podIP": address, "startTime": stamp(),
            "conditions": [{"type": "Ready", "lastTransitionTime": stamp(),
                            "status": "True" if ready else "False"}],
            "containerStatuses": [
                {"name": container["name"], "ready": ready,
                 "restartCount": restarts} for container
                in pod.get("spec", {}).get("containers", ())]}
        while True:
            try:
                await self._client.call(
                    "PATCH", "/api/v1/namespaces/%s/pods/%s/status"
                    % (meta["namespace"], meta["name"]), {"status": status},
                    STRATEGIC)
                return
            except ApiFailed as error:
                if error.status == 404:
                    return
                await self._host.sleep(10)

    async def _start_calico(self, pod: dict) -> bool:
        """Install the CNI configuration, detect the address, tell both."""
        core.write_text(core.path(*CONFLIST),
                        '{"name":"k8s-pod-network","cniVersion":"0.3.1",'
                        '"plugins":[{"type":"calico"}]}\n')
        if self._host.knob_bool("calico_fail"):
            return False
        environment = {entry["name"]: entry.get("value", "")
                       for container in pod["spec"].get("containers", ())
                       for entry in container.get("env", ())}
        method = environment.get("IP_AUTODETECTION_METHOD", "first-found")
        try:
            address = detect(method, self._internal)
            await self._client.call(
                "PATCH", "/api/v1/nodes/" + self._node, {"metadata": {
                    "annotations": {
                        "projectcalico.org/IPv4Address":
                            with_prefix(address),
                        "projectcalico.org/IPv4VXLANTunnelAddr":
                            tunnel_address(address)}}}, MERGE)
        except Exception as error:
            self._host.log("kubelite", "calico-node: %s" % error)
            return False
        return True
