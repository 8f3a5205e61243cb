# SPDX-License-Identifier: Apache-2.0
"""The kubelet: registers its node, heartbeats, tells its address, runs pods.

It speaks to the API with credentials/kubelet.config, which is the proxy on
this host's own 127.0.0.1:16443 on a worker.  When that leads nowhere it keeps
trying and the control plane finds it silent.
"""
from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
import time

from . import core
from .controllers import CONDITIONS, NODE_LEASES, is_ready
from .host import Host
from .httpio import Server
from .kubeargs import Flags
from .kubeclient import (MERGE, STRATEGIC, ApiFailed, KubeClient,
                         first_failure)
from .kubelet_api import KubeletApi
from .mirror import reset_all
from .pods import CONFLIST, Pods
from .store import micro_stamp, stamp

HEARTBEAT_SECONDS = 10
#: a full look at the own node even if nothing has failed
SYNC_SECONDS = 60
REQUEST_SECONDS = 10
LEASE_SECONDS = 40
PORT = 10250
NO_CNI = ("container runtime network not ready: NetworkReady=false "
          "reason:NetworkPluginNotReady message:Network plugin returns "
          "error: cni plugin not initialized")


def is_local(address: str) -> bool:
    """Whether an address is on one of this host's interfaces."""
    return any(address == own for _, own, _ in core.addresses())


def looked_up(name: str) -> str | None:
    """The node's name in /etc/hosts: an own, not a loopback address.

    Name servers do not exist in the lab, so nothing can hang here.
    """
    for line in core.read_text("/etc/hosts").splitlines():
        words = line.partition("#")[0].split()
        if name in words[1:] and not words[0].startswith("127.") and (
                is_local(words[0])):
            return words[0]
    return None


class BadNodeIP(Exception):
    """--node-ip is on no interface: addresses are not updated."""


def node_address(flags: Flags, name: str) -> str:
    """The InternalIP by the kubelet's rules (nodestatus/setters.go)."""
    wanted = flags.get("--node-ip").split(",")[0]
    if wanted and wanted not in ("0.0.0.0", "::"):
        if not is_local(wanted):
            raise BadNodeIP("failed to validate nodeIP: node IP: %r not "
                            "found in the host's network interfaces"
                            % wanted)
        return wanted
    override = flags.get("--hostname-override")
    with contextlib.suppress(OSError):
        socket.inet_pton(socket.AF_INET, override)
        return override
    address = looked_up(name) or core.default_ip()
    if address == "none":
        raise BadNodeIP("can't get ip address of node %s. error: no default "
                        "routes found" % name)
    return address


def parse_labels(text: str) -> dict[str, str]:
    """--node-labels."""
    return dict(part.split("=", 1) if "=" in part else (part, "")
                for part in text.split(",") if part)


def memory_kb() -> int:
    """What the host has, for status.capacity."""
    words = core.read_text("/proc/meminfo").split()
    return int(words[1]) if len(words) > 1 else 0


def node_info() -> dict:
    """status.nodeInfo of this host."""
    image = re.search(r'^PRETTY_NAME="?([^"\n]*)',
                      core.read_text("/etc/os-release"), re.M)
    return {"machineID": core.read_text("/etc/machine-id").strip(),
            "kernelVersion": os.uname().release,
            "osImage": image.group(1) if image else "Linux",
            "operatingSystem": "linux", "architecture": "amd64",
            "containerRuntimeVersion": "containerd://1.6.28",
            "kubeletVersion": core.knob("version"),
            "kubeProxyVersion": core.knob("version")}


class Kubelet:
    """One start of the kubelet."""

    def __init__(self, host: Host, flags: Flags) -> None:
        self._host, self._flags = host, flags
        self.name = flags.get("--hostname-override") or host.name
        self._started = time.monotonic()
        self._synced = 0.0
        self._node: dict | None = None
        self._gone = False
        self._info = node_info()
        self._size = {"cpu": str(os.cpu_count() or 1),
                      "memory": "%dKi" % memory_kb(),
                      "pods": flags.get("--max-pods") or "110"}

    # --- what it says of itself ---

    def _ready(self) -> tuple[bool, str]:
        wait = self._host.scaled(self._host.knob_float("node_ready_seconds"))
        if not os.path.exists(core.path(*CONFLIST)):
            return False, NO_CNI
        runtime = self._host.shared.get("containerd")
        if not isinstance(runtime, asyncio.Event) or not runtime.is_set():
            return False, "container runtime is down"
        # A node that was Ready before a restart does not flap.
        known = self._node is not None and is_ready(self._node)
        if time.monotonic() - self._started < wait and not known:
            return False, "PLEG is not healthy: pleg has yet to be successful"
        return True, "kubelet is posting ready status"

    def _conditions(self) -> list[dict]:
        ready, words = self._ready()
        found = [("MemoryPressure", "False", "KubeletHasSufficientMemory",
                  "kubelet has sufficient memory available"),
                 ("DiskPressure", "False", "KubeletHasNoDiskPressure",
                  "kubelet has no disk pressure"),
                 ("PIDPressure", "False", "KubeletHasSufficientPID",
                  "kubelet has sufficient PID available"),
                 ("Ready", "True" if ready else "False",
                  "KubeletReady" if ready else "KubeletNotReady", words)]
        assert [row[0] for row in found] == list(CONDITIONS)
        return [dict(zip(("type", "status", "reason", "message"), row))
                for row in found]

    def _status(self) -> dict:
        status: dict = {
            "capacity": self._size, "allocatable": self._size,
            "conditions": self._conditions(),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": PORT}},
            "nodeInfo": self._info}
        with contextlib.suppress(BadNodeIP):
            status["addresses"] = [
                {"type": "InternalIP",
                 "address": node_address(self._flags, self.name)},
                {"type": "Hostname", "address": self.name}]
        return status

    # --- the API ---

    async def _register(self, client: KubeClient) -> dict:
        """The node's object, made if it is not there.  Labels of an old one
        stay as they are: a node of another role keeps its marks."""
        try:
            return await client.call("GET", "/api/v1/nodes/" + self.name)
        except ApiFailed as error:
            if error.status != 404:
                raise
        labels = {"beta.kubernetes.io/arch": "amd64",
                  "beta.kubernetes.io/os": "linux",
                  "kubernetes.io/arch": "amd64",
                  "kubernetes.io/hostname": self.name,
                  "kubernetes.io/os": "linux",
                  **parse_labels(self._flags.get("--node-labels"))}
        self._host.log("kubelite", "kubelet: registering node " + self.name)
        return await client.call("POST", "/api/v1/nodes", {
            "metadata": {"name": self.name, "labels": labels},
            "spec": {}, "status": self._status()})

    async def _sync(self, client: KubeClient) -> None:
        """Post the status when the API's differs."""
        try:
            self._node = await client.call("GET",
                                           "/api/v1/nodes/" + self.name)
        except ApiFailed as error:
            # Deleted: only a restart registers again (kubernetes#115761).
            self._gone = error.status == 404
            if not self._gone:
                raise
            return
        await self._post(client)

    async def _post(self, client: KubeClient) -> None:
        assert self._node is not None
        status, old = self._status(), self._node.get("status", {})
        known = {c["type"]: c for c in old.get("conditions", ())}
        for condition in status["conditions"]:
            before = known.get(condition["type"], {})
            same = before.get("status") == condition["status"]
            condition["lastTransitionTime"] = before.get(
                "lastTransitionTime", stamp()) if same else stamp()
            condition["lastHeartbeatTime"] = before.get(
                "lastHeartbeatTime", stamp()) if same else stamp()
        if all(old.get(key) == value for key, value in status.items()):
            return
        self._node = await client.call(
            "PATCH", "/api/v1/nodes/%s/status" % self.name,
            {"status": status}, STRATEGIC)

    async def _renew(self, client: KubeClient) -> None:
        lease = {"metadata": {"name": self.name}, "spec": {
            "holderIdentity": self.name, "renewTime": micro_stamp(),
            "leaseDurationSeconds": LEASE_SECONDS}}
        where = ("/apis/coordination.k8s.io/v1/namespaces/%s/leases"
                 % NODE_LEASES)
        try:
            await client.call("PATCH", "%s/%s" % (where, self.name), lease,
                              MERGE)
        except ApiFailed as error:
            if error.status != 404:
                raise
            await client.call("POST", where, lease)

    async def _beat(self, client: KubeClient) -> None:
        """One heartbeat; the node is looked at when that is called for."""
        if self._gone:
            return
        await self._renew(client)
        due = time.monotonic() - self._synced > self._host.scaled(
            SYNC_SECONDS)
        if due or self._node is None or not is_ready(self._node):
            await self._sync(client)
            self._synced = time.monotonic()
        else:
            await self._post(client)

    async def _heartbeats(self, client: KubeClient, pods: Pods) -> None:
        self._node = None
        node = await self._register(client)
        self._gone = False
        self._node = node
        await self._post(client)
        while True:
            try:
                await self._beat(client)
            except ApiFailed as error:
                self._host.log("kubelite", "kubelet: unable to update node "
                               "status: %s" % error)
                # What the API has may have changed while it was away.
                self._node = None
                if error.status == 0:
                    client.close()
                    reset_all(self._host)
            quick = self._node is not None and not is_ready(self._node)
            await self._host.sleep(2 if quick else HEARTBEAT_SECONDS)

    async def _live(self, client: KubeClient, pods: Pods) -> None:
        """Register first, however long that takes; then heartbeat."""
        while True:
            try:
                await self._heartbeats(client, pods)
            except ApiFailed as error:
                self._host.log("kubelite", "kubelet: unable to register "
                               "node: %s" % error)
                client.close()
                await self._host.sleep(5)

    async def run(self) -> None:
        """Until cancelled.  Credentials that cannot be read are the end."""
        try:
            client = KubeClient("kubelet.config",
                                self._host.scaled(REQUEST_SECONDS))
        except (OSError, ValueError, ssl.SSLError) as error:
            raise core.ServiceFailed("kubelet: unable to load the client's "
                                     "credentials: %s" % error) from None
        pods = Pods(self._host, client, self.name,
                    lambda: node_address(self._flags, self.name))
        server = Server(KubeletApi(pods).handle)
        await self._listen(server)
        try:
            await first_failure(
                asyncio.create_task(self._live(client, pods)),
                asyncio.create_task(pods.run()))
        finally:
            server.close()
            client.close()

    async def _listen(self, server: Server) -> None:
        """10250 with kubelet.crt, whose names are those of the join."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certs = str(core.path("certs"))
        authority = self._flags.get("--client-ca-file")
        pair = (certs + "/kubelet.crt", certs + "/kubelet.key")
        try:
            context.load_cert_chain(*pair)
            if authority:
                context.load_verify_locations(authority)
                context.verify_mode = ssl.CERT_OPTIONAL
            server.listen("0.0.0.0", PORT, context)
        except (OSError, ssl.SSLError) as error:
            raise core.ServiceFailed("kubelet: %s" % error) from None
        self._host.shared["kubelet_cert"] = (context, pair)
