# SPDX-License-Identifier: Apache-2.0
"""kube-apiserver: TLS on --secure-port, who is asking, and the endpoint.

The `kubernetes` endpoints are kept with leases (k8s pkg/controlplane): each
API server renews its own and lists what has not expired.  One that ends in
peace withdraws itself; one that crashes is listed until its lease ends.
"""
from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
import time

from . import core
from .apiserver_nodes import Kubelets
from .apiserver_rest import Rest
from .host import Host
from .httpio import Request, Response, Server
from .kubeargs import Flags
from .store import Slot, Store, StoreError, slot

LEASE_SECONDS = 15
RECONCILE_SECONDS = 10
#: from listening to a /readyz that says ok
HOOKS_SECONDS = 3
LEASES = "masterleases"


def pair_of(flags: Flags) -> tuple[str, str]:
    """The files of the server's certificate and key."""
    certs = str(core.path("certs"))
    return (flags.get("--tls-cert-file") or certs + "/server.crt",
            flags.get("--tls-private-key-file") or certs + "/server.key")


def certificate_context(flags: Flags) -> ssl.SSLContext:
    """The server's certificate; a client's is asked for, not demanded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certs = str(core.path("certs"))
    try:
        context.load_cert_chain(*pair_of(flags))
        context.load_verify_locations(
            flags.get("--client-ca-file") or certs + "/ca.crt")
    except (OSError, ssl.SSLError) as error:
        raise core.ServiceFailed("failed to load the certificates: %s"
                                 % error) from None
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def advertised(flags: Flags) -> str:
    """--advertise-address, or the default route's; ServiceFailed."""
    address = flags.get("--advertise-address")
    if address and not ipaddress.ip_address(address).is_unspecified:
        return address
    device, found = core.default_device(), core.default_ip()
    if device is None or found == "none":
        raise core.ServiceFailed(
            "unable to find suitable network address.error='no default "
            "routes found in \"/proc/net/route\" or \"/proc/net/ipv6_route"
            "\"'. Try to set the AdvertiseAddress directly or provide a "
            "valid BindAddress to fix this.")
    return found


class Endpoint:
    """This server's lease, and the objects made of all leases."""

    def __init__(self, host: Host, address: str, port: int) -> None:
        self._host, self._port = host, port
        self._address = address

    async def reconcile(self, store: Store, alive: bool = True) -> None:
        """Renew (or withdraw) the lease, then publish what is left."""
        expires = time.time() + self._host.scaled(LEASE_SECONDS)
        if alive:
            await store.put(LEASES, "", {"metadata": {"name": self._address},
                                         "expires": expires})
        for lease in store.list(LEASES):
            mine = lease["metadata"]["name"] == self._address
            if (mine and not alive) or lease["expires"] < time.time():
                await store.delete(LEASES, "", lease["metadata"]["name"])
        await self._publish(store, [lease["metadata"]["name"] for lease
                                    in store.list(LEASES)])

    async def _publish(self, store: Store, addresses: list[str]) -> None:
        port = {"name": "https", "port": self._port, "protocol": "TCP"}
        subsets = [{"addresses": [{"ip": a} for a in addresses],
                    "ports": [port]}]
        await self._put(store, "endpoints", {
            "metadata": {"name": "kubernetes", "labels": {
                "endpointslice.kubernetes.io/skip-mirror": "true"}},
            **({"subsets": subsets} if addresses else {})})
        await self._put(store, "endpointslices", {
            "metadata": {"name": "kubernetes", "labels": {
                "kubernetes.io/service-name": "kubernetes"}},
            "addressType": "IPv4", "ports": [port],
            "endpoints": [{"addresses": [a], "conditions": {"ready": True}}
                          for a in addresses]})

    @staticmethod
    async def _put(store: Store, plural: str, item: dict) -> None:
        """Only when it differs: watchers and the disk notice writes."""
        found = store.get(plural, "default", "kubernetes")
        if found is None or any(found.get(key) != item.get(key) for key in
                                ("subsets", "endpoints", "ports")):
            await store.put(plural, "default", item)

    async def keep(self, place: Slot) -> None:
        """Reconcile for ever; a datastore that is away is waited for."""
        while True:
            store = await place.wait(None)
            try:
                await self.reconcile(store)
            except (StoreError, OSError) as error:
                self._host.log("kubelite", "cannot update the endpoint of "
                               "the kubernetes service: %s" % error)
            await self._host.sleep(RECONCILE_SECONDS)


class ApiServer:
    """One start of the API server."""

    def __init__(self, host: Host, flags: Flags) -> None:
        self._host, self._flags = host, flags
        self._slot = slot(host)
        self._rest = Rest(self._slot, Kubelets(flags))
        self._server = Server(self._handle)
        self._port = int(flags.get("--secure-port") or "6443")
        self._endpoint = Endpoint(host, advertised(flags), self._port)
        #: set when /readyz has said ok for the first time
        self.ready = asyncio.Event()

    async def _handle(self, request: Request) -> Response:
        while self._host.knob_bool("api_hang"):
            await self._host.sleep(2)
        return await self._rest.handle(request)

    async def run(self) -> None:
        """Serve until cancelled; then withdraw in peace."""
        context = certificate_context(self._flags)
        self._host.shared["server_cert"] = (context, pair_of(self._flags))
        try:
            self._server.listen(
                self._flags.get("--bind-address") or "0.0.0.0", self._port,
                context)
        except OSError as error:
            raise core.ServiceFailed("failed to create listener: %s"
                                     % error) from None
        self._rest.failing.add("poststarthook/bootstrap-controller")
        keeping = asyncio.create_task(self._endpoint.keep(self._slot))
        try:
            await self._host.sleep(HOOKS_SECONDS)
            await self._slot.wait(None)
            self._rest.failing.clear()
            self.ready.set()
            await keeping
        finally:
            keeping.cancel()
            self._rest.failing.add("shutdown")
            try:
                await self._withdraw()
            finally:
                self._server.close()

    async def _withdraw(self) -> None:
        """Without a datastore nothing is withdrawn: the lease runs out."""
        store = self._slot.store
        if store is not None:
            with contextlib.suppress(StoreError, OSError, TimeoutError):
                async with asyncio.timeout(self._host.scaled(5)):
                    await self._endpoint.reconcile(store, alive=False)
