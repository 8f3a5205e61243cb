# SPDX-License-Identifier: Apache-2.0
"""Wires: bridges, veth pairs, addresses, neighbours, and cutting them.

One parent network namespace (the keeper's) holds a bridge per network; a host
is a namespace with one veth per network.  Nothing forwards between bridges.
Every card is NOARP, as WireGuard's are, and knows its neighbours by heart, so
a packet to an address that nobody has vanishes: the caller sees a timeout and
never "no route to host".  It also keeps the kernel's one neighbour table
(1024 entries for all namespaces together) out of the way.
"""
from __future__ import annotations

import os
import subprocess

from . import kernel
from .errors import LabError
from .topology import Host, Topology

NOBODY = "02:ff:ff:ff:ff:ff"


def _run(argv: list[str], text: str, netns_of: int | None) -> None:
    def enter() -> None:
        if netns_of is not None:
            kernel.enter(netns_of, ("net",))
    done = subprocess.run(argv, input=text, text=True, capture_output=True,
                          preexec_fn=enter if netns_of else None)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip()}")


def ip_batch(lines: list[str], netns_of: int | None = None,
             force: bool = False) -> None:
    """Run `ip` over many lines in one process, in the namespace of a pid.
    With force a line that fails does not stop the others."""
    if not lines:
        return
    argv = ["ip", "-batch", "-"]
    if force:
        argv.insert(1, "-force")
    try:
        _run(argv, "\n".join(lines) + "\n", netns_of)
    except LabError:
        if not force:
            raise


def bridge_name(topology: Topology, network: str) -> str:
    return f"br{list(topology.networks).index(network)}"


def port_name(topology: Topology, host: Host, device: str) -> str:
    """The bridge's end of a cable: at most 15 characters."""
    number = [h.name for h in topology.everybody()].index(host.name)
    return f"p{number}{device}"


def bridge_lines(topology: Topology, networks: list[str]) -> list[str]:
    lines = []
    for network in networks:
        name = bridge_name(topology, network)
        lines += [f"link add {name} type bridge forward_delay 0 stp_state 0 "
                  "mcast_snooping 0",
                  f"link set {name} up"]
    return lines


def cable_lines(topology: Topology, host: Host, pid: int) -> list[str]:
    """Lay the cables of a host whose namespace is that of pid."""
    lines = []
    for nic in host.nics:
        port = port_name(topology, host, nic.device)
        bridge = bridge_name(topology, nic.network)
        lines += [f"link add {port} type veth peer name {nic.device} "
                  f"address {nic.mac} netns {pid}",
                  f"link set {port} master {bridge} up"]
    return lines


def unplug_lines(topology: Topology, host: Host, verb: str) -> list[str]:
    """verb "down" takes the carrier away, "del" removes the cable."""
    ports = [port_name(topology, host, nic.device) for nic in host.nics]
    if verb == "del":
        return [f"link del {port}" for port in ports]
    return [f"link set {port} down" for port in ports]


def neighbour_lines(topology: Topology, host: Host,
                    others: list[Host] | None = None) -> list[str]:
    lines = []
    for nic in host.nics:
        for other in topology.everybody() if others is None else others:
            peer = other.nic_on(nic.network)
            if peer and other.name != host.name:
                lines.append(f"neigh replace {peer.address} lladdr {peer.mac} "
                             f"dev {nic.device} nud permanent")
    return lines


def inside_lines(topology: Topology, host: Host) -> list[str]:
    """What a host does to its own cards when it boots, in file order: the
    order of `hostname -I` is that of the cards."""
    lines = ["link set lo up"]
    for nic in host.nics:
        lines += [f"link set {nic.device} arp off",
                  f"addr add {nic.address}/{nic.prefix} dev {nic.device}",
                  f"link set {nic.device} up"]
    gateway = topology.gateway(host)
    card = host.nic_on(host.default) if host.default else None
    if gateway and card:
        lines += [f"neigh replace {gateway} lladdr {NOBODY} "
                  f"dev {card.device} nud permanent",
                  f"route add default via {gateway} dev {card.device}"]
    return lines + neighbour_lines(topology, host)


def quiet_kernel() -> None:
    """No IPv6, no forwarding, no reverse path filter, in the caller's network
    namespace (/proc/sys/net shows that of the reader)."""
    for name, value in (("ipv6/conf/all/disable_ipv6", "1"),
                        ("ipv6/conf/default/disable_ipv6", "1"),
                        ("ipv4/ip_forward", "0"),
                        ("ipv4/conf/all/rp_filter", "0"),
                        ("ipv4/conf/default/rp_filter", "0"),
                        ("ipv4/ping_group_range", "0 2147483647")):
        path = "/proc/sys/net/" + name
        if os.path.exists(path):
            with open(path, "w", encoding="ascii") as knob:
                knob.write(value)


def cut_rules(topology: Topology, host: Host, cuts: list[list[str]]) -> str:
    """nft text for one host: drop what arrives from hosts it is cut from.

    Both ends do so, hence both directions vanish.  The drop is on the way in
    only and before connection tracking: one on the way out would tell the
    sender (EPERM), and cables that are cut tell nobody.
    """
    rules = []
    for pair in cuts:
        if host.name not in pair:
            continue
        other_name = pair[1] if pair[0] == host.name else pair[0]
        other = next(h for h in topology.everybody() if h.name == other_name)
        for nic in host.nics:
            peer = other.nic_on(nic.network)
            if peer:
                rules.append(f'iifname "{nic.device}" ip saddr {peer.address} '
                             f'drop comment "{other.name}"')
    body = "\n".join(rules)
    return ("table ip lab_cut\ndelete table ip lab_cut\n"
            + (f"table ip lab_cut {{\nchain in {{\n"
               "type filter hook prerouting priority raw - 10; "
               "policy accept;\n"
               f"{body}\n}}\n}}\n" if rules else ""))


def nft(text: str, netns_of: int | None = None) -> None:
    """Load rules in the caller's network namespace, or in that of a pid."""
    _run(["nft", "-f", "-"], text, netns_of)


def apply_cuts(topology: Topology, host: Host, cuts: list[list[str]],
               pid: int) -> None:
    nft(cut_rules(topology, host, cuts), pid)
