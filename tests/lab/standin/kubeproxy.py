# SPDX-License-Identifier: Apache-2.0
"""kube-proxy: the addresses of services lead to what is behind them.

Services and their EndpointSlices become rules of the host's nftables: what is
sent to a service goes to one of its endpoints, what has none is refused, and
hosts (not pods) hide behind their own address.  The rules stay when kubelite
ends, as in life.
"""
from __future__ import annotations

import asyncio
import ssl
import subprocess

from . import core
from .host import Host
from .kubeclient import KubeClient, first_failure
from .mirror import Mirror

PODS = "10.1.0.0/16"
REQUEST_SECONDS = 10
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
TABLE = "kube-proxy"
_CLEAR = "table ip {0}\ndelete table ip {0}\n".format(TABLE)


class Services:
    """What this host knows of services; coredns on it answers from here."""

    def __init__(self) -> None:
        self.services: dict[tuple[str, str], dict] = {}
        self.slices: dict[tuple[str, str], dict] = {}

    def backends(self, space: str, name: str) -> list[dict]:
        """The slices of a service."""
        return [item for (where, _), item in self.slices.items()
                if where == space and item["metadata"].get(
                    "labels", {}).get("kubernetes.io/service-name") == name]

    def addresses(self, space: str, name: str) -> list[str]:
        """The ready endpoints' addresses."""
        return sorted({
            address for item in self.backends(space, name)
            for one in item.get("endpoints") or ()
            if one.get("conditions", {}).get("ready", True)
            for address in one["addresses"]})

    def targets(self, space: str, name: str, port: dict) -> list[str]:
        """address . port of each endpoint of one of a service's ports."""
        found = set()
        for item in self.backends(space, name):
            for mapped in item.get("ports") or ():
                if mapped.get("name", "") == port.get("name", ""):
                    found |= {"%s . %d" % (address, mapped["port"])
                              for one in item.get("endpoints") or ()
                              if one.get("conditions", {}).get("ready", True)
                              for address in one["addresses"]}
        return sorted(found)


def services(host: Host) -> Services:
    """The table of a host."""
    return host.shared.setdefault("services", Services())


def _rule(address: str, port: dict, targets: list[str]) -> str:
    where = "ip daddr %s %s dport %d" % (
        address, port.get("protocol", "TCP").lower(), port["port"])
    if len(targets) == 1:
        return "%s dnat to %s" % (where, targets[0].replace(" . ", ":"))
    return "%s dnat ip to numgen random mod %d map { %s }" % (
        where, len(targets), ", ".join(
            "%d : %s" % pair for pair in enumerate(targets)))


def rules(table: Services) -> str:
    """The nft text for all services."""
    lead, refuse, own = [], [], set()
    for (space, name), item in sorted(table.services.items()):
        spec = item.get("spec", {})
        address = spec.get("clusterIP", "None")
        for port in spec.get("ports") or () if address != "None" else ():
            targets = table.targets(space, name, port)
            own |= {target.partition(" ")[0] for target in targets}
            if targets:
                lead.append(_rule(address, port, targets))
            else:
                refuse.append("ip daddr %s %s dport %d reject" % (
                    address, port.get("protocol", "TCP").lower(),
                    port["port"]))
    return _CLEAR + """table ip %s {
chain services {
%s
}
chain dead {
%s
}
chain in {
type nat hook prerouting priority -100; policy accept;
jump services
}
chain out {
type nat hook output priority -100; policy accept;
jump services
}
chain hide {
type nat hook postrouting priority 100; policy accept;
ct status dnat ip saddr != %s masquerade
%s
}
chain forwarded {
type filter hook forward priority 0; policy accept;
jump dead
}
chain sent {
type filter hook output priority 0; policy accept;
jump dead
}
}
""" % (TABLE, "\n".join(lead), "\n".join(refuse), PODS,
       # Who reaches itself through a service must not see its own address.
       "ct status dnat ip saddr . ip daddr { %s } masquerade" % ", ".join(
           "%s . %s" % (one, one) for one in sorted(own)) if own else "")


def clear() -> None:
    """Take all rules away."""
    subprocess.run(["nft", "-f", "-"], input=_CLEAR, text=True, check=False,
                   capture_output=True)


class Proxy:
    """One start of kube-proxy."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._table = services(host)
        self._loaded = ""
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled.  Credentials that cannot be read are the end."""
        try:
            client = KubeClient("proxy.config",
                                self._host.scaled(REQUEST_SECONDS))
        except (OSError, ValueError, ssl.SSLError) as error:
            raise core.ServiceFailed("kube-proxy: unable to load the "
                                     "client's credentials: %s"
                                     % error) from None
        with open("/proc/sys/net/ipv4/ip_forward", "w",
                  encoding="ascii") as switch:
            switch.write("1")
        known = Mirror(self._host, client, "/api/v1/services",
                       lambda: self._take(known, behind))
        behind = Mirror(self._host, client, SLICES,
                        lambda: self._take(known, behind))
        await first_failure(asyncio.create_task(known.run()),
                            asyncio.create_task(behind.run()),
                            asyncio.create_task(self._load()))

    def _take(self, known: Mirror, behind: Mirror) -> None:
        self._table.services = known.items
        self._table.slices = behind.items
        self._wanted.set()

    async def _load(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            text = rules(self._table)
            if text == self._loaded or not self._table.slices:
                continue
            nft = await asyncio.create_subprocess_exec(
                "nft", "-f", "-", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE)
            _, said = await nft.communicate(text.encode())
            if nft.returncode == 0:
                self._loaded = text
            else:
                self._host.log("kubelite", "kube-proxy: %s"
                               % said.decode("utf-8", "replace"))
