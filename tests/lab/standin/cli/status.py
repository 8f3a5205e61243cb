# SPDX-License-Identifier: Apache-2.0
"""`microk8s status`, after status.py.

Ready means that any node is, and `enabled: True` of high-availability only
says that the datastore is dqlite: both mislead those who trust them.
"""
from __future__ import annotations

import argparse

from .. import core, dqlite_ask
from . import addons, dispatch, kube

NOT_RUNNING = ("microk8s is not running. Use microk8s inspect for a deeper "
               "inspection.")


def parse_arguments(args: list[str]) -> argparse.Namespace:
    """status.py's flags; argparse ends the process with 2 on others."""
    parser = argparse.ArgumentParser(
        prog="microk8s status",
        description="Microk8s cluster status check.")
    parser.add_argument(
        "--format", default="pretty", choices=("pretty", "yaml", "short"),
        help="print cluster and addon status, output can be in yaml, "
             "pretty or short")
    parser.add_argument("-w", "--wait-ready", action="store_true",
                        help="wait until the cluster is in ready state")
    parser.add_argument(
        "-t", "--timeout", type=int, default=0,
        help="specify a timeout in seconds when waiting for the cluster to "
             "be ready")
    parser.add_argument("-a", "--addon", default="",
                        help="check the status of an addon")
    parser.add_argument("--yaml", action="store_true",
                        help="DEPRECATED, use '--format yaml' instead")
    return parser.parse_args(args)


def members() -> list[tuple[str, str]]:
    """(address, role) of the datastore's members, as the leader has them."""
    if not core.has_lock("ha-cluster"):
        return []
    return dqlite_ask.members(tries=10)


def of_role(found: list[tuple[str, str]], role: str) -> list[str]:
    """The addresses that have this role."""
    return [address for address, its in found if its == role]


def print_pretty(ready: bool) -> None:
    """The text for people."""
    if not ready:
        print(NOT_RUNNING)
        return
    found = members()
    voters = of_role(found, "voter")
    standby = of_role(found, "standby")
    print("microk8s is running")
    print("high-availability: " + ("yes" if len(voters) >= 3 else "no"))
    print("  datastore master nodes: " + (" ".join(voters) or "none"))
    print("  datastore standby nodes: " + (" ".join(standby) or "none"))
    enabled, disabled = addons.split()
    print("addons:")
    for title, group in (("enabled", enabled), ("disabled", disabled)):
        if group:
            print("  %s:" % title)
        for addon in group:
            print("    %-20s # (%s) %s" % (addon.name, addon.repository,
                                           addon.description))


def print_yaml(ready: bool) -> None:
    """The shape for programs, written by hand there as here."""
    dqlite = core.has_lock("ha-cluster")
    print("microk8s:")
    print("  running: " + ("True" if ready else "False"))
    print("high-availability:")
    print("  enabled: " + ("True" if dqlite else "False"))
    if not ready:
        print("  message: " + NOT_RUNNING)
        return
    if dqlite:
        print("  nodes:")
        for address, role in members():
            print("    - address: %s" % address)
            print("      role: %s" % role)
    print("addons:")
    for group in addons.split():
        for addon in group:
            print("  - name: %s" % addon.name)
            print("    repository: " + addon.repository)
            print("    description: %s" % addon.description)
            print("    version: %s" % addon.version)
            print("    status: %s" % ("enabled" if addon.enabled()
                                      else "disabled"))


def print_short(ready: bool) -> None:
    """One line per addon."""
    print("microk8s is running" if ready else NOT_RUNNING)
    if not ready:
        return
    print("addons:")
    for group in addons.split():
        for addon in group:
            print("%s: %s" % (addon.label(), "enabled" if addon.enabled()
                              else "disabled"))


def print_old_yaml(ready: bool) -> None:
    """--yaml: the shape of years ago, kept for old scripts."""
    print("microk8s:")
    print("  running: " + ("true" if ready else "false"))
    if not ready:
        return
    print("addons:")
    for group in addons.split():
        for addon in group:
            print("  %s: %s" % (addon.name, "enabled" if addon.enabled()
                                else "disabled"))


def print_addon(name: str) -> None:
    """`enabled` or `disabled`, also for an addon nobody has heard of."""
    known = addons.by_name(name)
    print("enabled" if known and known.enabled() else "disabled")


def main(_name: str, args: list[str]) -> int:
    """0 when ready or stopped on purpose, 1 when not ready."""
    if core.has_lock("low-memory-guard.lock"):
        print("This node does not have enough RAM to host the Kubernetes "
              "control plane services\nand join the database quorum.")
        return 1
    options = parse_arguments(args)
    if core.has_lock("stopped.lock"):
        print(dispatch.STOPPED)
        return 0
    if options.wait_ready:
        ready = kube.wait_ready(options.timeout)
    else:
        ready = kube.any_node_ready()
    if options.addon:
        print_addon(options.addon)
    elif options.yaml:
        print_old_yaml(ready)
    elif options.format == "yaml":
        print_yaml(ready)
    elif options.format == "short":
        print_short(ready)
    else:
        print_pretty(ready)
    return 0 if ready else 1
