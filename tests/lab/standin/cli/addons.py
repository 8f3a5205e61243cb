# SPDX-License-Identifier: Apache-2.0
"""`microk8s enable` and `disable`, and the table of addons `status` shows.

An addon here is a marker and its words: nothing of it runs, but dns gives
the kubelet the arguments pods resolve names by.  `status` shows one as
enabled when its objects are there, which is later than `enable` ends
(knob addon_seconds).
"""
from __future__ import annotations

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .. import core
from . import kube


@dataclass(frozen=True)
class Addon:
    """One row of the table; a marker file says it left its first state."""

    name: str
    description: str
    version: str
    at_install: bool = False
    repository: str = "core"

    def label(self) -> str:
        """repository/name."""
        return self.repository + "/" + self.name

    def marker(self) -> Path:
        """The file that is there once it was enabled or disabled by hand."""
        return Path(core.path("var", "addons",
                              self.name + (".off" if self.at_install
                                           else ".on")))

    def enabled(self) -> bool:
        """Whether it is enabled here."""
        if self.name == "ha-cluster":
            return core.has_lock("ha-cluster")
        try:
            age = time.time() - self.marker().stat().st_mtime
        except FileNotFoundError:
            return self.at_install
        return not self.at_install and age >= core.scaled(
            core.knob_float("addon_seconds"))

    def set_enabled(self, wanted: bool, argument: str = "") -> None:
        """Remember that it was turned on (with this) or off."""
        if wanted == self.at_install:
            self.marker().unlink(missing_ok=True)
        else:
            self.marker().parent.mkdir(parents=True, exist_ok=True)
            self.marker().write_text(argument)


ADDONS = (
    Addon("cert-manager", "Cloud native certificate management", "1.14.5"),
    Addon("community", "The community addons repository", ""),
    Addon("dashboard", "The Kubernetes dashboard", "7.10.0"),
    Addon("dns", "CoreDNS", "1.10.0", True),
    Addon("ha-cluster", "Configure high availability on the current node",
          ""),
    Addon("helm", "Helm - the package manager for Kubernetes", "3.9.1",
          True),
    Addon("helm3", "Helm 3 - the package manager for Kubernetes", "3.9.1",
          True),
    Addon("hostpath-storage", "Storage class; allocates storage from host "
          "directory", "1.5.0"),
    Addon("ingress", "Ingress controller for external access", "1.11.5"),
    Addon("metallb", "Loadbalancer for your Kubernetes cluster", "0.14.9"),
    Addon("metrics-server", "K8s Metrics Server for API access to service "
          "metrics", "0.6.3"),
    Addon("registry", "Private image registry exposed on localhost:32000",
          "2.8.1"),
)
#: those that `enable community` brings
COMMUNITY = (
    Addon("argocd", "Argo CD is a declarative continuous deployment for "
          "Kubernetes: GitOps", "2.4.0", repository="community"),
    Addon("keda", "Kubernetes-based Event Driven Autoscaling", "2.1.0",
          repository="community"),
)
_RANGE = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}"
                    r"(?:-(?:\d{1,3}\.){3}\d{1,3}|/\d{1,2})")


def available() -> tuple[Addon, ...]:
    """Those of the repositories there are, by repository and name."""
    return (COMMUNITY if by_name("community").enabled() else ()) + ADDONS


def by_name(name: str) -> Addon | None:
    """The row of this name, with or without the repository before it."""
    if name == "community":
        return next(one for one in ADDONS if one.name == name)
    return next((one for one in available()
                 if name in (one.name, one.label())), None)


def split() -> tuple[list[Addon], list[Addon]]:
    """Enabled and disabled, each in the order of their names."""
    return ([one for one in available() if one.enabled()],
            [one for one in available() if not one.enabled()])


def check_ranges(argument: str) -> bool:
    """metallb's own look at its argument; it asks for one if there is
    none."""
    if not argument:
        print("Enter each IP address range delimited by comma (e.g. "
              "'10.64.140.43-10.64.140.49,192.168.0.105-192.168.0.111'): ",
              end="", flush=True)
        argument = sys.stdin.readline().strip()
    for one in argument.split(","):
        if not _RANGE.fullmatch(one):
            print("Your input value (%s) is not a valid IP Range" % one)
            return False
    return True


def enable(addon: Addon, argument: str) -> int:
    """Turn one on, with the words people know for dns; the code of its own
    script."""
    if addon.enabled():
        print("Addon %s is already enabled" % addon.label())
        return 0
    if addon.name == "metallb":
        print("Enabling MetalLB")
        if not check_ranges(argument):
            return 1
        print("Applying Metallb manifest\nMetalLB is enabled")
    elif addon.name == "dns":
        print("Enabling DNS")
        print("Using host configuration from /run/systemd/resolve/"
              "resolv.conf")
        print("Applying manifest")
        print("Restarting kubelet")
        core.set_arg("kubelet", "--cluster-domain", "cluster.local")
        core.set_arg("kubelet", "--cluster-dns", "10.152.183.10")
        core.snapctl("restart", "microk8s.daemon-kubelite")
        kube.wait_ready(60)
        print("DNS is enabled")
    else:
        print("Enabling %s" % addon.name)
        print("%s is enabled" % addon.name)
    addon.set_enabled(True, argument)
    return 0


def disable(addon: Addon) -> int:
    """Turn one off."""
    if not addon.enabled():
        print("Addon %s is already disabled" % addon.label())
        return 0
    print("Disabling %s" % ("DNS" if addon.name == "dns" else addon.name))
    addon.set_enabled(False)
    print("%s is disabled" % ("DNS" if addon.name == "dns" else addon.name))
    return 0


def main(name: str, args: list[str]) -> int:
    """Every name in turn, each with its argument behind a colon; an unknown
    one ends the command, and so does a script that fails (xable in
    common/utils.py).  What it says of itself goes to stderr."""
    if not args:
        sys.stderr.write("Usage: microk8s %s [OPTIONS] ADDONS...\nTry "
                         "'microk8s %s -h' for help.\n\nError: Missing "
                         "argument 'ADDONS...'.\n" % (name, name))
        return 2
    if not kube.wait_ready(30):
        sys.stderr.write("MicroK8s is not ready. Please see 'microk8s "
                         "status' or wait until the cluster is ready.\n")
        return 1
    for word in args:
        plain, _, argument = word.partition(":")
        addon = by_name(plain)
        if addon is None:
            sys.stderr.write("Addon %s was not found in any repository\n"
                             % plain)
            return 1
        if "/" not in plain:
            sys.stderr.write("Infer repository %s for addon %s\n"
                             % (addon.repository, addon.name))
        code = (enable(addon, argument) if name == "enable"
                else disable(addon))
        if code:
            return code
        kube.wait_ready(30)
    return 0
