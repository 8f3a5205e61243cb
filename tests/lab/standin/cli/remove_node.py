# SPDX-License-Identifier: Apache-2.0
"""`microk8s remove-node`: take a node's object and tokens off the cluster.

Without a leave on the departing host before it, that host keeps valid
certificates and comes back at its next restart (kubernetes#115761).
"""
from __future__ import annotations

import os
import sys

from .. import core, dqlite_ask
from . import kube
from .kube import ApiError

STILL_MEMBER = (
    "Removal failed. Node {0} is registered with dqlite. Please, run first "
    "'microk8s leave' on the departing node. \nIf the node is not available "
    "anymore and will never attempt to join the cluster in the future use "
    "the '--force' flag \nto unregister the node while removing it.")


def addresses(node: dict) -> list[str]:
    """The InternalIPs of a node object."""
    return [entry["address"] for entry in node["status"].get("addresses", [])
            if entry.get("type") == "InternalIP"]


def find_node(wanted: str) -> dict | None:
    """The node of this name or InternalIP."""
    for node in kube.items("/api/v1/nodes"):
        if node["metadata"]["name"] == wanted or wanted in addresses(node):
            return node
    return None


def is_member(address: str) -> bool:
    """Whether the datastore lists this address; NoLeader is a traceback."""
    return any(one["address"] == address + ":19001" for one
               in dqlite_ask.ask({"ask": "members"})["members"])


def drop_member(address: str) -> None:
    """Take an address out of the datastore."""
    dqlite_ask.remove(address + ":19001")


def drop_callback_tokens(name: str) -> None:
    """callback-tokens.txt without the lines of this host; made if absent."""
    path = core.path("credentials", "callback-tokens.txt")
    lines = path.read_text().splitlines(True) if path.exists() else []
    core.write_text(path, "".join(
        line for line in lines if not line.startswith(name + ":")))


def remove_unknown(wanted: str, force: bool) -> int:
    """A name the API does not have; --force looks in the datastore too."""
    sys.stderr.write('Error from server (NotFound): nodes "%s" not found\n'
                     % wanted)
    print("Node %s does not exist in Kubernetes." % wanted)
    if force:
        print("Attempting to remove %s from dqlite." % wanted)
        if is_member(wanted):
            print("Removing node entry found in dqlite.")
            drop_member(wanted)
    return 1


def main(_name: str, args: list[str]) -> int:
    """Silent when it worked."""
    from . import dispatch
    force = "--force" in args
    words = [arg for arg in args if not arg.startswith("-")]
    if not words:
        print("Please provide the node you want to remove.")
        return 1
    if os.geteuid() != 0:
        dispatch.become_root("remove-node", args)
    try:
        node = find_node(words[0])
        if node is None:
            return remove_unknown(words[0], force)
        for address in addresses(node):
            if is_member(address):
                if not force:
                    print(STILL_MEMBER.format(words[0]))
                    return 1
                drop_member(address)
        drop_callback_tokens(node["metadata"]["name"])
        kube.call("DELETE", "/api/v1/nodes/" + node["metadata"]["name"])
    except kube.ApiDown as error:
        sys.stderr.write("%s\n" % error)
        print("Node %s does not exist in Kubernetes." % words[0])
        return 1
    except ApiError as error:
        sys.stderr.write(error.text() + "\n")
        return 1
    return 0
