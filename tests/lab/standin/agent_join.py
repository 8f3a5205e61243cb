# SPDX-License-Identifier: Apache-2.0
"""The agent's answer to a join: /cluster/api/v2.0/join (ag pkg/api/v2).

The token goes first, whatever comes of it.  The first join of a cluster moves
the datastore to the address of the join URL and points Calico at the joiner,
and takes the API away for a while by doing so.
"""
from __future__ import annotations

import asyncio
import json
import ssl
import time
from urllib.parse import quote

from . import agent_tokens, core, dqlite, kubeargs
from .cli import kube_change
from .host import Host
from .httpio import Request
from .kubeclient import ApiFailed, KubeClient

NAME = "cluster-agent"
REQUEST_SECONDS = 30
DEADLINE_SECONDS = 240
APPLY_TRIES = 20
APPLY_PAUSE_SECONDS = 3
CNI = ("args", "cni-network", "cni.yaml")
CONTROL_PLANES = quote("node.kubernetes.io/microk8s-controlplane="
                       "microk8s-controlplane", safe="")
DAEMONSET = "/apis/apps/v1/namespaces/kube-system/daemonsets/calico-node"


class Refused(Exception):
    """An answer that is not 200: status and the sentence."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


def read(name: str) -> str:
    """A file of certs/, as text."""
    return core.read_text(core.path("certs", name))


def local_addresses() -> list[str]:
    """Every address of this host."""
    return [address for _, address, _ in core.addresses()]


class Joins:
    """What the agent remembers between joins: its two locks."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._dqlite = asyncio.Lock()
        self._calico = asyncio.Lock()
        self._client: KubeClient | None = None

    def close(self) -> None:
        """End the connection to the API."""
        if self._client is not None:
            self._client.close()

    async def _api(self, method: str, path: str, body: object = None
                   ) -> dict:
        try:
            if self._client is None:
                self._client = KubeClient(
                    "client.config", self._host.scaled(REQUEST_SECONDS))
            return await self._client.call(method, path, body)
        except (OSError, ValueError, ssl.SSLError) as error:
            raise ApiFailed(0, str(error)) from None
        except ApiFailed as error:
            # Another start of the API may have other certificates.
            if error.status in (0, 401):
                self.close()
                self._client = None
            raise

    # --- the checks, in their order ---

    async def join(self, request: Request) -> dict:
        """The answer to a joiner, or Refused."""
        body = request.json()
        if not isinstance(body, dict):
            raise Refused(400, "Failed to parse request")
        token = str(body.get("token", ""))
        if not await agent_tokens.consume_cluster(self._host, token):
            raise Refused(500, "Invalid token")
        if not core.has_lock("ha-cluster"):
            raise Refused(501, "Not possible to join. This is not an HA "
                          "MicroK8s cluster")
        self._check_port(str(body.get("port", "")))
        contacted = request.headers.get("host", "").rpartition(":")[0]
        if request.peer == contacted:
            raise Refused(503, "The joining node has the same IP (%s) as the "
                          "node we contact" % request.peer)
        self._check_name(str(body.get("hostname", "")), request.peer)
        worker = body.get("worker") not in (None, "", "as-master")
        async with self._dqlite:
            members = await self._datastore(request, worker)
        answer = self._common(request)
        await self._point_calico(request.peer)
        core.touch_lock("no-cert-reissue")
        if worker:
            answer |= await self._worker(token)
        else:
            answer |= self._control_plane(members)
        return answer

    @staticmethod
    def _check_port(port: str) -> None:
        bind = kubeargs.bash_flags("cluster-agent").get("--bind", "")
        own = bind.rpartition(":")[2]
        if not own or port != own:
            raise Refused(502, "The port of the cluster agent port has to be "
                          "set to " + own)

    @staticmethod
    def _check_name(name: str, peer: str) -> None:
        """Only where the API prefers names to addresses of kubelets."""
        kinds = (core.arg("kube-apiserver",
                          "--kubelet-preferred-address-types") or "Hostname"
                 ).split(",")
        if "InternalIP" in kinds and (
                "Hostname" not in kinds
                or kinds.index("InternalIP") < kinds.index("Hostname")):
            return
        for line in core.read_text("/etc/hosts").splitlines():
            words = line.partition("#")[0].split()
            if words[:1] == [peer] and name in words[1:]:
                return
        raise Refused(400, "The hostname (%s) of the joining node does not "
                      "resolve to the IP \"%s\". Refusing join"
                      % (name, peer))

    # --- the datastore ---

    async def _datastore(self, request: Request, worker: bool
                         ) -> list[dqlite.Member]:
        try:
            return await self._dqlite_members(request, worker)
        except LookupError as error:
            raise Refused(500, "Failed to retrieve dqlite cluster nodes: %s"
                          % error.args[0]) from None

    async def _until(self, condition) -> list[dqlite.Member]:
        """Poll cluster.yaml until it is so; LookupError at the deadline."""
        end = time.monotonic() + self._host.scaled(DEADLINE_SECONDS)
        while True:
            members = dqlite.read_cluster()
            if members and condition(members):
                return members
            if time.monotonic() > end:
                raise LookupError("timed out waiting for cluster condition: "
                                  "context deadline exceeded")
            await self._host.sleep(1)

    async def _dqlite_members(self, request: Request, worker: bool
                              ) -> list[dqlite.Member]:
        members = await self._until(bool)
        if len(members) == 1 and members[0].address == dqlite.LOOPBACK:
            await self._move(request.headers.get("host", ""))
            members = await self._until(
                lambda found: not found[0].address.startswith("127.0.0.1:"))
        if not worker and any(m.address.rpartition(":")[0] == request.peer
                              for m in members):
            raise LookupError("the joining node (%s) is already known to "
                              "dqlite" % request.peer)
        return members

    async def _move(self, contacted: str) -> None:
        """Bind the datastore to the address of the join URL."""
        address = contacted.rpartition(":")[0]
        if address not in local_addresses():
            raise LookupError(
                "failed to find matching dqlite bind address for %s: address "
                "%s was not found in any host interface. refuse to update "
                "dqlite bind address to %s as it would break the cluster"
                % (contacted, address, address))
        bind = self._real(address)
        core.write_text(dqlite.file("update.yaml"),
                        "Address: %s:19001\n" % bind)
        code, _, err = await self._host.ctl("restart", "k8s-dqlite")
        if code != 0:
            raise LookupError(
                "failed to update dqlite address to \"%s\": failed to "
                "restart k8s-dqlite service: command [snapctl restart "
                "microk8s.daemon-k8s-dqlite] failed with exit code %d: %s"
                % (bind, code, err.strip()))

    @staticmethod
    def _real(address: str) -> str:
        """A virtual address with /32 stands for its card's real one."""
        rows = core.addresses()
        card = next(c for c, own, prefix in rows if own == address)
        if (card, address, 32) in rows:
            for other, own, prefix in rows:
                if other == card and prefix < 32 and ":" not in own:
                    return own
        return address

    # --- what the answer holds ---

    def _common(self, request: Request) -> dict:
        return {
            "ca": read("ca.crt"),
            "callback_token": agent_tokens.callback_token(),
            "apiport": core.arg("kube-apiserver", "--secure-port") or "6443",
            "api_authz_mode": core.arg("kube-apiserver",
                                       "--authorization-mode") or "",
            "kubelet_args": core.read_text(core.path("args", "kubelet")),
            "hostname_override": request.peer, "service_account_key": "",
            "ca_key": None, "control_plane_nodes": None,
            "cluster_cidr": core.arg("kube-proxy", "--cluster-cidr") or ""}

    async def _worker(self, token: str) -> dict:
        agent_tokens.add_requests(token)
        path = "/api/v1/nodes?labelSelector=" + CONTROL_PLANES
        try:
            found = await self._api("GET", path)
        except ApiFailed as error:
            raise Refused(500, "Failed to retrieve list of control plane "
                          "nodes: failed to list nodes: %s"
                          % error) from None
        return {"control_plane_nodes": [
            entry["address"] for node in found["items"]
            for entry in node.get("status", {}).get("addresses", ())
            if entry["type"] == "InternalIP"]}

    @staticmethod
    def _control_plane(members: list[dqlite.Member]) -> dict:
        return {
            "ca_key": read("ca.key"),
            "service_account_key": read("serviceaccount.key"),
            "voters": [m.address for m in members
                       if m.role == dqlite.VOTER],
            "cluster_cert": core.read_text(dqlite.file("cluster.crt")),
            "cluster_key": core.read_text(dqlite.file("cluster.key"))}

    # --- Calico ---

    async def _point_calico(self, joiner: str) -> None:
        """first-found becomes can-reach=JOINER, once.  The file is written
        before it is applied, so an apply that fails is never repeated."""
        async with self._calico:
            path = core.path(*CNI)
            text = core.read_text(path)
            if "first-found" not in text or core.has_lock(
                    "no-manage-calico"):
                return
            core.write_text(path, text.replace("first-found",
                                               "can-reach=" + joiner))
            for attempt in range(APPLY_TRIES):
                try:
                    await self._apply(core.read_text(path))
                    return
                except ApiFailed as error:
                    self._host.log(NAME, "failed to apply cni.yaml: %s"
                                   % error)
                if attempt + 1 < APPLY_TRIES:
                    await self._host.sleep(APPLY_PAUSE_SECONDS)

    async def _apply(self, text: str) -> None:
        """The DaemonSet's environment, as `kubectl apply` would."""
        if self._host.knob_bool("apply_fail"):
            raise ApiFailed(503, "the server is currently unable to handle "
                            "the request")
        for document in kube_change.documents(text):
            if kube_change.yaml_value(document, "kind") != "DaemonSet":
                continue
            live = json.loads(json.dumps(await self._api("GET", DAEMONSET)))
            if kube_change.merge_environment(
                    live, kube_change.environment(document)):
                await self._api("PUT", DAEMONSET, live)
