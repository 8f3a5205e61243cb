# SPDX-License-Identifier: Apache-2.0
"""config, inspect, version, reset, ctr and helm: the small commands."""
from __future__ import annotations

import os
import sys
import time

from .. import core
from . import kube

#: the services inspect looks at, in its order
SERVICES = ("cluster-agent", "containerd", "kubelite", "k8s-dqlite",
            "apiserver-kicker", "apiserver-proxy")


def config(args: list[str]) -> int:
    """client.config with the default-route address in 127.0.0.1's place."""
    if args and args[0] in ("-h", "--help"):
        print("Usage: microk8s config [-l|--use-loopback]")
        return 0
    if args and args[0] not in ("-l", "--use-loopback"):
        sys.stderr.write("microk8s config: invalid option -- '%s'\n"
                         % args[0])
        return 1
    with open(core.path("credentials", "client.config"),
              encoding="utf-8") as source:
        text = source.read().rstrip("\n")
    if not args:
        text = text.replace("127.0.0.1", core.default_ip())
    print(text + "\n")
    return 0


def is_running(name: str) -> bool:
    """Whether snapd has this service active."""
    code, out, _ = core.snap("services", "microk8s.daemon-" + name)
    rows = out.splitlines()
    return code == 0 and bool(rows) and " active" in rows[-1]


def expected(name: str) -> bool:
    """Whether inspect wants this service to be up on such a host."""
    worker = core.has_lock("clustered.lock")
    if name == "apiserver-proxy":
        return worker
    if name in ("k8s-dqlite", "apiserver-kicker"):
        return not worker
    return True


def inspect() -> int:
    """A line per service and the path of a report that is not made."""
    print("Inspecting system")
    print("Inspecting services")
    code = 0
    for name in SERVICES:
        if not expected(name):
            continue
        if is_running(name):
            print("  Service snap.microk8s.daemon-%s is running" % name)
        else:
            print(" FAIL:  Service snap.microk8s.daemon-%s is not running"
                  % name)
            print("For more details look at: sudo journalctl -u "
                  "snap.microk8s.daemon-%s" % name)
            code = 1
    report = "%s/inspection-report-%s.tar.gz" % (
        os.path.realpath(core.path()), time.strftime("%Y%m%d_%H%M%S"))
    print("Building the report tarball")
    print("  Report tarball is at " + report)
    return code


def version() -> int:
    """The snap's version and revision."""
    revision = os.path.basename(os.path.realpath("/snap/microk8s/current"))
    print("MicroK8s %s revision %s" % (core.knob("version"), revision))
    return 0


def reset(args: list[str]) -> int:
    """Only of a cluster of one; others are told so, with exit 0."""
    if os.geteuid() != 0:
        print("Elevated permissions are needed for this command. Please use "
              "sudo.")
        return 1
    if args and args[0] in ("-h", "--help"):
        print("Usage: microk8s reset [--destroy-storage]")
        return 0
    try:
        nodes = kube.items("/api/v1/nodes")
    except (kube.ApiDown, kube.ApiError) as error:
        sys.stderr.write("%s\n" % error)
        return 1
    if len(nodes) > 1:
        print("This is a multi-node MicroK8s deployment. Reset is not "
              "available in such setups.\nPlease remove the other nodes "
              "first.")
        return 0
    from . import addons
    print("Disabling all addons from all repositories")
    for addon in addons.ADDONS:
        if addon.enabled() and not addon.at_install:
            addon.set_enabled(False)
    for title in ("pods", "deployments"):
        print("Deleting %s" % title)
    core.sleep(60)
    print("Restarting cluster")
    core.snapctl("restart", "microk8s.daemon-kubelite")
    kube.wait_ready(60)
    return 0


def ctr(args: list[str]) -> int:
    """The container runtime's client; there is no runtime behind it."""
    if args[:1] == ["version"]:
        print("Client:\n  Version:  v1.6.28\n  Revision: lab\n\n"
              "Server:\n  Version:  v1.6.28\n  Revision: lab")
        return 0
    if "ls" in args or "list" in args:
        print("CONTAINER    IMAGE    RUNTIME    " if "containers" in args
              or "c" in args else "REF TYPE DIGEST SIZE PLATFORMS LABELS ")
        return 0
    print("NAME:\n   ctr - containerd CLI")
    return 0


def helm(args: list[str]) -> int:
    """helm answers its version and knows no release."""
    if args[:1] == ["version"]:
        print('version.BuildInfo{Version:"v3.9.1+unreleased"}')
        return 0
    if args[:1] in (["ls"], ["list"]):
        print("NAME\tNAMESPACE\tREVISION\tUPDATED\tSTATUS\tCHART"
              "\tAPP VERSION")
        return 0
    sys.stderr.write("Error: unknown command for \"helm\"\n")
    return 1


def main(name: str, args: list[str]) -> int:
    """Run one of the commands above."""
    if name == "config":
        return config(args)
    if name == "inspect":
        return inspect()
    if name == "version":
        return version()
    if name == "reset":
        return reset(args)
    return ctr(args) if name == "ctr" else helm(args)
