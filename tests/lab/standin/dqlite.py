# SPDX-License-Identifier: Apache-2.0
"""The files of the datastore's membership, var/kubernetes/backend/*.yaml.

info.yaml is this host, cluster.yaml is what it last knew of everybody;
init.yaml and update.yaml are orders for the next start, consumed by it.
"""
from __future__ import annotations

import random
import re
from dataclasses import dataclass

from . import core
from .store import BACKEND

VOTER, STANDBY, SPARE = 0, 1, 2
LOOPBACK = "127.0.0.1:19001"
VOTERS = 3


@dataclass
class Member:
    """One row of cluster.yaml."""
    address: str
    number: int
    role: int

    def lines(self) -> list[str]:
        """The three fields as YAML."""
        return ["Address: " + self.address, "ID: %d" % self.number,
                "Role: %d" % self.role]


def file(name: str):
    """The path of a file of the backend."""
    return core.path(*BACKEND, name)


def _fields(text: str) -> dict[str, str]:
    return dict(re.findall(r"^[ -]*(\w+): *['\"]?([^'\"\s]+)['\"]? *$", text,
                           re.M))


def _member(text: str) -> Member | None:
    found = _fields(text)
    if "Address" not in found:
        return None
    return Member(found["Address"], int(found.get("ID", "0")),
                  int(found.get("Role", "0")))


def read_info() -> Member | None:
    """This host's own row, None before the first start."""
    return _member(core.read_text(file("info.yaml")))


def read_cluster() -> list[Member]:
    """Everybody, as this host last knew."""
    entries = re.split(r"^(?=- )", core.read_text(file("cluster.yaml")),
                       flags=re.M)
    return [member for member in map(_member, entries) if member]


def write_info(member: Member) -> None:
    """Replace info.yaml."""
    core.write_text(file("info.yaml"), "\n".join(member.lines()) + "\n")


def write_cluster(members: list[Member]) -> None:
    """Replace cluster.yaml, unless it says so already."""
    text = "".join("- " + "\n  ".join(member.lines()) + "\n"
                   for member in members)
    if core.read_text(file("cluster.yaml")) != text:
        core.write_text(file("cluster.yaml"), text)


def new_number() -> int:
    """dqlite's ID of a member that is not the first."""
    return random.getrandbits(63)


def read_order(name: str) -> tuple[str, list[str]] | None:
    """Address and Cluster of init.yaml or update.yaml, if it is there."""
    text = core.read_text(file(name))
    if not text.strip():
        return None
    return (_fields(text).get("Address", LOOPBACK),
            re.findall(r"^ *- *['\"]?([\d.:]+)['\"]? *$", text, re.M))


def consume(name: str) -> None:
    """Remove an order that was carried out."""
    file(name).unlink(missing_ok=True)


def add_member(members: list[Member], address: str, leader: str = ""
               ) -> list[Member]:
    """A newcomer is spare until there are three: then all may vote."""
    members = members + [Member(address, new_number(), SPARE)]
    return adjust(members, leader)


def adjust(members: list[Member], leader: str = "",
           online: set[str] | None = None) -> list[Member]:
    """go-dqlite's roles: one voter below three members, then three voters,
    three standbys, the rest spare; a voter stays one while it can, the leader
    in any case, and gives way to one that is online."""
    most = VOTERS if len(members) >= VOTERS else 1
    ranked = sorted(members, key=lambda member: (
        member.address != leader,
        online is not None and member.address not in online, member.role))
    roles = {id(member): VOTER if place < most else
             STANDBY if len(members) > VOTERS and place < most + 3
             else SPARE for place, member in enumerate(ranked)}
    return [Member(m.address, m.number, roles[id(m)]) for m in members]
