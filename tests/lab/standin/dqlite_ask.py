# SPDX-License-Identifier: Apache-2.0
"""What commands ask of the datastore's leader: who is a member, and that one
is to be none.  On a connection of its own, as the dqlite client has it.
"""
from __future__ import annotations

import contextlib
import json
import socket

from . import core, dqlite
from .dqlite_peers import CONNECT_SECONDS, tls_context


class NoLeader(Exception):
    """Nobody who answers leads: too many voters are away."""


def _ask_one(address: str, question: dict) -> dict:
    """One member's answer; OSError or ValueError."""
    where, _, port = address.rpartition(":")
    patience = max(1.0, core.scaled(CONNECT_SECONDS))
    with socket.create_connection((where, int(port)), patience) as plain:
        with tls_context(False).wrap_socket(plain) as tls:
            tls.settimeout(patience)
            tls.sendall(json.dumps(question).encode() + b"\n")
            with tls.makefile("rb") as stream:
                return json.loads(stream.readline() or b"{}")


def ask(question: dict) -> dict:
    """The leader's answer, or NoLeader."""
    for member in dqlite.read_cluster():
        with contextlib.suppress(OSError, ValueError, core.ServiceFailed):
            answer = _ask_one(member.address, question)
            if answer.get("leader"):
                return answer
    raise NoLeader("no available dqlite leader server found")


def members(tries: int = 1) -> list[tuple[str, str]]:
    """(address, role) as the leader has them; [] when none answers."""
    names = {dqlite.VOTER: "voter", dqlite.STANDBY: "standby",
             dqlite.SPARE: "spare"}
    for left in range(tries, 0, -1):
        with contextlib.suppress(NoLeader):
            return [(found["address"], names[found["role"]]) for found
                    in ask({"ask": "members"})["members"]]
        if left > 1:
            core.sleep(2)
    return []


def remove(address: str) -> None:
    """Take ADDRESS:19001 out of the membership, or NoLeader."""
    ask({"ask": "remove", "address": address})
