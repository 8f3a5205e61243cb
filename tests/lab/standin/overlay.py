# SPDX-License-Identifier: Apache-2.0
"""Calico's part of a host: the address it detects, its block, vxlan.calico.

What Felix does is done for real: a VXLAN card on UDP 4789, a route to every
other node's block of 10.1.0.0/16 and who is behind it.  It outlives the
kubelet, as a container does, and begins anew when calico-node starts.
"""
from __future__ import annotations

import hashlib
import ipaddress
import os
import socket
from collections.abc import Callable

from . import core
from .host import Host
from .kubeclient import ApiFailed, KubeClient
from .netlink import Netlink

CARD = "vxlan.calico"
BLOCKS = "/apis/crd.projectcalico.org/v1/ipamblocks"
ADDRESS = "projectcalico.org/IPv4Address"
TUNNEL = "projectcalico.org/IPv4VXLANTunnelAddr"
#: what VXLAN puts before a packet
OVERHEAD = 50
#: blocks of 64 addresses in 10.1.0.0/16
BLOCK_COUNT = 1024
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
        if word in ("cidr", "cidrs") and any(
                ipaddress.ip_address(address) in ipaddress.ip_network(
                    one, strict=False) for one in value.split(",")):
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


def mac_of(tunnel: str) -> str:
    """A node's MAC in the overlay: by its tunnel address, which all know."""
    digest = hashlib.sha256(tunnel.encode()).hexdigest()
    return "66:" + ":".join(digest[i:i + 2] for i in range(0, 10, 2))


def block_name(cidr: str) -> str:
    """The name of a block's object."""
    return cidr.replace(".", "-").replace("/", "-")


async def claim_block(client: KubeClient, node: str, address: str) -> str:
    """The node's own block, taken for it if it has none; ApiFailed.

    Two nodes that want the same are told apart by who creates the object.
    """
    mine = "host:" + node
    for item in (await client.call("GET", BLOCKS)).get("items", ()):
        if item["spec"]["affinity"] == mine:
            return item["spec"]["cidr"]
    low = socket.inet_aton(address)
    for step in range(BLOCK_COUNT):
        number = (low[2] * 256 + low[3] + step) % BLOCK_COUNT
        cidr = "10.1.%d.%d/26" % (number >> 2, (number & 3) << 6)
        try:
            await client.call("POST", BLOCKS, {
                "metadata": {"name": block_name(cidr)},
                "spec": {"cidr": cidr, "affinity": mine}})
            return cidr
        except ApiFailed as error:
            if error.status != 409:
                raise
    raise NotDetected("no block of 10.1.0.0/16 is left")


def card_mtu(card: str) -> int:
    """The MTU of a card of this host."""
    return int(core.read_text("/sys/class/net/%s/mtu" % card, "1500"))


class Overlay:
    """The card and its routes; one object a host, in Host.shared."""

    def __init__(self, host: Host) -> None:
        self._host = host
        #: this node's block once calico-node has started, else ""
        self.block = ""
        self.mtu = 1500 - OVERHEAD
        self._address = ""
        self._peers: dict[str, tuple[str, str]] = {}

    def start(self, address: str, block: str, wanted_mtu: int) -> str:
        """Make the card anew on the address; the tunnel address.

        The MTU is what is wanted, or (0) what the card below leaves.  A card
        that is as it should be stays, with its traffic.
        """
        tunnel = block.partition("/")[0]
        card = next((name for name, own, _ in core.addresses()
                     if own == address), "")
        if not card:
            raise NotDetected("%s is on no card" % address)
        mtu = wanted_mtu or card_mtu(card) - OVERHEAD
        if (block, address, mtu) == (self.block, self._address, self.mtu) \
                and os.path.exists("/sys/class/net/" + CARD):
            return tunnel
        self.mtu = mtu
        link = Netlink()
        try:
            link.delete(CARD)
            self._peers = {}
            link.add_vxlan(CARD, mac_of(tunnel), socket.if_nametoindex(card),
                           address, self.mtu)
            link.add_address(CARD, tunnel)
            link.set_up(CARD)
        finally:
            link.close()
        self.block, self._address = block, address
        return tunnel

    def sync(self, nodes: dict[str, tuple[str, str]]) -> None:
        """Routes to exactly these nodes: name -> (address, tunnel's)."""
        if not self.block:
            return
        own = self.block.partition("/")[0]
        wanted = {name: pair for name, pair in nodes.items()
                  if all(pair) and pair[1] != own}
        if wanted == self._peers:
            return
        link = Netlink()
        try:
            for name, pair in self._peers.items():
                if wanted.get(name) != pair:
                    self._forget(link, *pair)
            for name, (address, tunnel) in wanted.items():
                if self._peers.get(name) != (address, tunnel):
                    link.set_neighbour(CARD, tunnel, mac_of(tunnel))
                    link.set_forward(CARD, mac_of(tunnel), address)
                    link.set_route(tunnel + "/26", CARD, tunnel)
            self._peers = wanted
        except OSError as error:
            # Somebody took the card away; the next start makes another.
            self._host.log("kubelite", "felix: %s" % error)
            self._peers = {}
        finally:
            link.close()

    @staticmethod
    def _forget(link: Netlink, address: str, tunnel: str) -> None:
        try:
            link.delete_route(tunnel + "/26", CARD, tunnel)
            link.delete_forward(CARD, mac_of(tunnel), address)
        except OSError:
            pass  # by hand, before

    def stop(self) -> None:
        """Take the card away: the snap is removed, or has left."""
        link = Netlink()
        try:
            link.delete(CARD)
        finally:
            link.close()
        self.block, self._peers = "", {}


def overlay(host: Host) -> Overlay:
    """The overlay of a host."""
    return host.shared.setdefault("overlay", Overlay(host))


def addresses_of(node: dict) -> tuple[str, str]:
    """What a node's annotations say: its address and its tunnel's."""
    notes = node["metadata"].get("annotations") or {}
    return (notes.get(ADDRESS, "").partition("/")[0], notes.get(TUNNEL, ""))
