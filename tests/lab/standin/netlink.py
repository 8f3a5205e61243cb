# SPDX-License-Identifier: Apache-2.0
"""The few rtnetlink messages Calico and the kubelet need.

An `ip` process for every route of every node is what would make thirty hosts
slow.  A Netlink acts on the network namespace of the thread that made it;
refusals are OSError, with the kernel's number.
"""
from __future__ import annotations

import errno
import os
import socket
import struct

_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE, _APPEND = (
    0x1, 0x4, 0x100, 0x200, 0x400, 0x800)
_NEWLINK, _DELLINK, _NEWADDR, _NEWROUTE, _DELROUTE = 16, 17, 20, 24, 25
_NEWNEIGH, _DELNEIGH = 28, 29
_IFF_UP = 1
_PERMANENT, _NOARP, _NTF_SELF, _ONLINK = 0x80, 0x40, 0x2, 0x4
_SCOPE_GLOBAL, _SCOPE_LINK = 0, 253
#: "calico-vxlan" of iproute2's rt_protos has no number; Felix uses this one
_PROTOCOL = 80
_TABLE_MAIN, _UNICAST = 254, 1


def _attr(kind: int, value: bytes) -> bytes:
    size = len(value) + 4
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)


def _text(kind: int, value: str) -> bytes:
    return _attr(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attr(kind, struct.pack("=I", value))


def _address(kind: int, value: str) -> bytes:
    return _attr(kind, socket.inet_aton(value))


def _mac(value: str) -> bytes:
    return bytes.fromhex(value.replace(":", ""))


def _link(index: int = 0, flags: int = 0) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, flags, flags)


class Netlink:
    """A socket to the kernel's routing."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self._number = 0

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()

    def _call(self, kind: int, flags: int, body: bytes) -> None:
        self._number += 1
        self._socket.send(struct.pack(
            "=IHHII", len(body) + 16, kind, flags | _REQUEST | _ACK,
            self._number, 0) + body)
        while True:
            data = self._socket.recv(65536)
            kind, _, number, _, code = struct.unpack_from("=HHIIi", data, 4)
            if kind == 2 and number == self._number:
                break
        if code:
            raise OSError(-code, os.strerror(-code))

    # --- cards ---

    def add_vxlan(self, name: str, mac: str, parent: int, local: str,
                  mtu: int) -> None:
        """As Felix makes it: VNI 4096, UDP 4789, nothing is learnt."""
        data = (_number(1, 4096) + _number(3, parent) + _address(4, local)
                + _attr(7, b"\0") + _attr(15, struct.pack("!H", 4789)))
        self._call(_NEWLINK, _CREATE | _EXCL, _link() + _text(3, name)
                   + _attr(1, _mac(mac)) + _number(4, mtu)
                   + _attr(18, _text(1, "vxlan") + _attr(2, data)))

    def add_veth(self, name: str, mac: str, peer: str, peer_mac: str,
                 namespace: int, mtu: int) -> None:
        """A pair; the peer is in the namespace of this descriptor."""
        other = _attr(1, _link() + _text(3, peer) + _attr(1, _mac(peer_mac))
                      + _number(4, mtu) + _number(28, namespace))
        self._call(_NEWLINK, _CREATE | _EXCL, _link() + _text(3, name)
                   + _attr(1, _mac(mac)) + _number(4, mtu)
                   + _attr(18, _text(1, "veth") + _attr(2, other)))

    def set_up(self, name: str) -> None:
        """Bring a card up."""
        self._call(_NEWLINK, 0, _link(socket.if_nametoindex(name), _IFF_UP))

    def delete(self, name: str) -> None:
        """Remove a card with all that hangs on it, if it is there."""
        try:
            index = socket.if_nametoindex(name)
            self._call(_DELLINK, 0, _link(index))
        except OSError as error:
            # A name that nobody has comes without a number.
            if error.errno not in (None, errno.ENODEV, errno.ENXIO):
                raise

    # --- addresses, routes, neighbours ---

    def add_address(self, name: str, address: str) -> None:
        """address/32 on a card."""
        head = struct.pack("=BBBBI", socket.AF_INET, 32, 0, _SCOPE_GLOBAL,
                           socket.if_nametoindex(name))
        self._call(_NEWADDR, _CREATE | _REPLACE, head + _address(1, address)
                   + _address(2, address))

    def _route(self, verb: int, flags: int, to: str, name: str,
               gateway: str) -> None:
        address, _, length = to.partition("/")
        head = struct.pack(
            "=BBBBBBBBI", socket.AF_INET, int(length), 0, 0, _TABLE_MAIN,
            _PROTOCOL, _SCOPE_GLOBAL if gateway else _SCOPE_LINK, _UNICAST,
            _ONLINK if gateway else 0)
        body = _number(4, socket.if_nametoindex(name))
        if int(length):
            body += _address(1, address)
        if gateway:
            body += _address(5, gateway)
        self._call(verb, flags, head + body)

    def set_route(self, to: str, name: str, gateway: str = "") -> None:
        """`to` (address/length) by a card, at a gateway that is on-link."""
        self._route(_NEWROUTE, _CREATE | _REPLACE, to, name, gateway)

    def delete_route(self, to: str, name: str, gateway: str = "") -> None:
        """The route that set_route made."""
        self._route(_DELROUTE, 0, to, name, gateway)

    def set_neighbour(self, name: str, address: str, mac: str) -> None:
        """Who has an address, for good."""
        head = struct.pack("=BxHiHBB", socket.AF_INET, 0,
                           socket.if_nametoindex(name), _PERMANENT, 0, 0)
        self._call(_NEWNEIGH, _CREATE | _REPLACE, head + _address(1, address)
                   + _attr(2, _mac(mac)))

    def _forward(self, verb: int, flags: int, name: str, mac: str,
                 to: str) -> None:
        head = struct.pack("=BxHiHBB", socket.AF_BRIDGE, 0,
                           socket.if_nametoindex(name), _PERMANENT | _NOARP,
                           _NTF_SELF, 0)
        self._call(verb, flags, head + _attr(2, _mac(mac)) + _address(1, to))

    def set_forward(self, name: str, mac: str, to: str) -> None:
        """Behind which host a VXLAN card finds a MAC."""
        self._forward(_NEWNEIGH, _CREATE | _REPLACE, name, mac, to)

    def delete_forward(self, name: str, mac: str, to: str) -> None:
        """Forget it."""
        self._forward(_DELNEIGH, 0, name, mac, to)
