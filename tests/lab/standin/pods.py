# SPDX-License-Identifier: Apache-2.0
"""The kubelet's pods, which take time to be ready and are really reachable.

calico-node makes the overlay and writes the CNI configuration that makes a
node Ready; it detects the node's address by the method in its environment,
once, at its start.  Every other pod gets a sandbox with an address of the
node's block, in which something answers.
"""
from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from . import coredns, core
from .controllers import is_ready
from .host import Host
from .kubeclient import MERGE, STRATEGIC, ApiFailed, KubeClient
from .kubeproxy import services
from .mirror import Mirror
from .overlay import (ADDRESS, TUNNEL, NotDetected, addresses_of, claim_block,
                      detect, overlay, with_prefix)
from .sandbox import LOG_LINES, Sandbox
from .store import stamp

CONFLIST = ("args", "cni-network", "10-calico.conflist")
CALICO_CONFIG = "/api/v1/namespaces/kube-system/configmaps/calico-config"
#: where a pod answers that declares no port
DEFAULT_PORT = 8080


@dataclass
class Running:
    """A pod whose containers run; they outlive the kubelet."""
    pod: dict
    sandbox: Sandbox | None = None
    log: deque[str] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    tasks: list[asyncio.Task] = field(default_factory=list)

    def close(self) -> None:
        """End the containers and the sandbox."""
        for task in self.tasks:
            task.cancel()
        if self.sandbox is not None:
            self.sandbox.close()


def all_running(host: Host) -> dict[str, Running]:
    """uid -> what runs on a host."""
    return host.shared.setdefault("pods", {})


def close_all(host: Host) -> None:
    """End everything that runs, and the overlay: the snap goes away."""
    for one in all_running(host).values():
        one.close()
    all_running(host).clear()
    overlay(host).stop()


def is_calico(pod: dict) -> bool:
    """Whether this is a calico-node."""
    return pod["metadata"].get("labels", {}).get("k8s-app") == "calico-node"


def is_coredns(pod: dict) -> bool:
    """Whether this is a CoreDNS."""
    return pod["metadata"].get("labels", {}).get("k8s-app") == "kube-dns"


def environment(pod: dict) -> dict[str, str]:
    """The literal environment of a pod's containers."""
    return {entry["name"]: entry.get("value", "")
            for container in pod.get("spec", {}).get("containers", ())
            for entry in container.get("env") or ()}


def ports_of(pod: dict) -> list[int]:
    """The TCP ports a pod's containers declare."""
    found = {int(port["containerPort"])
             for container in pod.get("spec", {}).get("containers", ())
             for port in container.get("ports") or ()
             if port.get("protocol", "TCP") == "TCP"}
    return sorted(found) or [DEFAULT_PORT]


class Pods:
    """Watches this node's pods and brings each to Ready."""

    def __init__(self, host: Host, client: KubeClient, node: str,
                 internal: Callable[[], str]) -> None:
        self._host, self._client, self._node = host, client, node
        self._internal = internal
        self._tasks: dict[str, asyncio.Task] = {}
        self._running = all_running(host)
        self._overlay = overlay(host)
        #: addresses of pods that are not among the running ones yet
        self._opening: set[str] = set()
        self._mine = Mirror(host, client, "/api/v1/pods?fieldSelector="
                            "spec.nodeName%3D" + node, self._changed)
        self._nodes = Mirror(host, client, "/api/v1/nodes", self._route,
                             addresses_of)

    # --- for the kubelet's API ---

    def objects(self) -> list[dict]:
        """The pods that run."""
        return [one.pod for one in self._running.values()]

    def find(self, space: str, name: str) -> Running | None:
        """A running pod by its name."""
        for one in self._running.values():
            meta = one.pod["metadata"]
            if (meta.get("namespace"), meta["name"]) == (space, name):
                return one
        return None

    # --- the watches ---

    async def run(self) -> None:
        """Until cancelled."""
        self._host.shared["kubelet-pods"] = self
        watching = [asyncio.create_task(one.run())
                    for one in (self._mine, self._nodes)]
        try:
            await asyncio.gather(*watching)
        finally:
            del self._host.shared["kubelet-pods"]
            for task in [*watching, *self._tasks.values()]:
                task.cancel()

    def _route(self) -> None:
        """Felix: routes to the nodes there are."""
        self._overlay.sync({name: addresses for (_, name), addresses
                            in self._nodes.items.items()})

    def _changed(self) -> None:
        pods = {pod["metadata"]["uid"]: pod
                for pod in self._mine.items.values()}
        for uid in [uid for uid in {*self._tasks, *self._running}
                    if uid not in pods]:
            if uid in self._tasks:
                self._tasks.pop(uid).cancel()
            if uid in self._running:
                self._running.pop(uid).close()
        for uid, pod in pods.items():
            if uid in self._running:
                self._running[uid].pod = pod
            task = self._tasks.get(uid)
            if task is None or (task.done() and not is_ready(pod)):
                if not (uid in self._running and is_ready(pod)):
                    self._tasks[uid] = asyncio.create_task(self._start(pod))

    def restart_calico(self) -> None:
        """Have calico-node detect its address again."""
        for uid, one in list(self._running.items()):
            if is_calico(one.pod):
                self._running.pop(uid)
                self._tasks[uid] = asyncio.create_task(self._start(one.pod))

    # --- one pod ---

    async def _start(self, pod: dict) -> None:
        """Start the containers, unless they run; then say so."""
        uid = pod["metadata"]["uid"]
        restarts = 0
        if uid not in self._running:
            if is_ready(pod):
                restarts = 1
                await self._report(pod, False, restarts)
            await self._host.sleep(self._host.knob_float("pod_seconds"))
            one = Running(pod)
            while not await self._begin(one):
                await self._report(pod, False, restarts)
                await self._host.sleep(10)
            self._running[uid] = one
        await self._report(pod, True, restarts)

    async def _begin(self, one: Running) -> bool:
        """Whether the containers of a pod could be started."""
        if is_calico(one.pod):
            return await self._start_calico(one)
        if one.pod.get("spec", {}).get("hostNetwork"):
            return True
        if not self._overlay.block:
            return False  # no CNI yet
        meta = one.pod["metadata"]
        sandbox = Sandbox(meta["uid"], meta["name"], self._free_address())
        one.sandbox, sandbox.log = sandbox, one.log
        self._opening.add(sandbox.address)
        try:
            await sandbox.open(self._overlay.mtu)
            await self._populate(one, sandbox)
        except BaseException as error:
            sandbox.close()
            if not isinstance(error, OSError):
                raise
            self._host.log("kubelite", "kubelet: failed to create pod "
                           "sandbox for %s: %s" % (meta["name"], error))
            return False
        finally:
            self._opening.discard(sandbox.address)
        return True

    def _free_address(self) -> str:
        block = ipaddress.ip_network(self._overlay.block)
        taken = self._opening | {
            one.sandbox.address for one in self._running.values()
            if one.sandbox is not None}
        return next(str(address) for address in block.hosts()
                    if str(address) not in taken)

    async def _populate(self, one: Running, sandbox: Sandbox) -> None:
        """What answers in the pod: CoreDNS, its own command, or its name."""
        if is_coredns(one.pod):
            await coredns.serve(sandbox, services(self._host))
            return
        own = False
        for container in one.pod.get("spec", {}).get("containers", ()):
            argv = [*(container.get("command") or ()),
                    *(container.get("args") or ())]
            if container.get("command"):
                own = True
                one.tasks.append(asyncio.create_task(
                    self._keep(one, sandbox, argv)))
        if not own:
            await sandbox.serve_names(ports_of(one.pod))
            one.log.append("listening on " + ", ".join(
                map(str, ports_of(one.pod))))

    async def _keep(self, one: Running, sandbox: Sandbox, argv: list[str]
                    ) -> None:
        """Run a container's command, and again when it ends."""
        while True:
            code = await sandbox.run(argv, environment(one.pod))
            one.log.append("the command ended with exit code %d" % code)
            await self._host.sleep(10)

    async def _report(self, pod: dict, ready: bool, restarts: int) -> None:
        """PATCH the status until the API takes it."""
        meta = pod["metadata"]
        try:
            address = self._internal()
        except Exception:  # the address rules' own errors
            address = ""
        one = self._running.get(meta["uid"])
        own = one.sandbox.address if one and one.sandbox else address
        status = {
            "phase": "Running" if ready else pod.get("status", {}).get(
                "phase", "Pending"),
            "hostIP": address, "podIP": own, "podIPs": [{"ip": own}],
            "startTime": stamp(),
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

    # --- calico-node ---

    def _card_of_the_knob(self) -> str:
        """The card that knob calico_card names, for one start each time it
        is turned: the start after that is the cure."""
        card = self._host.knob("calico_card")
        if card == self._host.shared.get("calico-card"):
            return ""
        self._host.shared["calico-card"] = card
        return card

    async def _wanted_mtu(self, known: dict[str, str]) -> int:
        """FELIX_VXLANMTU, args/cni-env or calico-config's veth_mtu; 0: by
        the card below."""
        for text in (known.get("FELIX_VXLANMTU", ""),
                     core.arg("cni-env", "CALICO_VETH_MTU") or ""):
            if text.isdigit() and int(text):
                return int(text)
        try:
            found = await self._client.call("GET", CALICO_CONFIG)
        except ApiFailed as error:
            if error.status != 404:
                raise
            return 0
        text = str((found.get("data") or {}).get("veth_mtu", "0"))
        return int(text) if text.isdigit() else 0

    async def _start_calico(self, one: Running) -> bool:
        """Install the CNI configuration, detect the address, tell both."""
        core.write_text(core.path(*CONFLIST),
                        '{"name":"k8s-pod-network","cniVersion":"0.3.1",'
                        '"plugins":[{"type":"calico"}]}\n')
        if self._host.knob_bool("calico_fail"):
            return False
        known = environment(one.pod)
        method = known.get("IP_AUTODETECTION_METHOD") or "first-found"
        card = self._card_of_the_knob()
        try:
            address = detect("interface=" + card if card else method,
                             self._internal)
            block = await claim_block(self._client, self._node, address)
            mtu = await self._wanted_mtu(known)
            tunnel = await asyncio.to_thread(self._overlay.start, address,
                                             block, mtu)
            await self._client.call(
                "PATCH", "/api/v1/nodes/" + self._node, {"metadata": {
                    "annotations": {ADDRESS: with_prefix(address),
                                    TUNNEL: tunnel}}}, MERGE)
        except (NotDetected, ApiFailed, OSError, ValueError) as error:
            self._host.log("kubelite", "calico-node: %s" % error)
            return False
        except Exception as error:  # the address rules' own errors
            self._host.log("kubelite", "calico-node: %r" % error)
            return False
        one.log.append("%s [INFO][9] startup/autodetection_methods.go: Using "
                       "autodetected IPv4 address %s, method %s"
                       % (stamp(), with_prefix(address), method))
        self._route()
        return True
