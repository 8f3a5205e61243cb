# SPDX-License-Identifier: Apache-2.0
"""`microk8s enable` and `disable`, and the table of addons `status` shows.

An addon here is a marker and its words: nothing of it runs, but dns gives
the kubelet the arguments pods resolve names by.
"""
from __future__ import annotations

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

    def marker(self) -> Path:
        """The file that is there once it was enabled or disabled by hand."""
        return Path(core.path("var", "addons",
                              self.name + (".off" if self.at_install
                                           else ".on")))

    def enabled(self) -> bool:
        """Whether it is enabled here."""
        if self.name == "ha-cluster":
            return core.has_lock("ha-cluster")
        return self.marker().exists() != self.at_install

    def set_enabled(self, wanted: bool) -> None:
        """Remember that it was turned on or off."""
        if wanted == self.at_install:
            self.marker().unlink(missing_ok=True)
        else:
            self.marker().parent.mkdir(parents=True, exist_ok=True)
            self.marker().touch()


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
    Addon("metrics-server", "K8s Metrics Server for API access to service "
          "metrics", "0.6.3"),
    Addon("registry", "Private image registry exposed on localhost:32000",
          "2.8.1"),
)


def by_name(name: str) -> Addon | None:
    """The row of this name, with or without the repository before it."""
    plain = name.split("/")[-1]
    return next((one for one in ADDONS if one.name == plain), None)


def split() -> tuple[list[Addon], list[Addon]]:
    """Enabled and disabled, each in the order of their names."""
    return ([one for one in ADDONS if one.enabled()],
            [one for one in ADDONS if not one.enabled()])


def enable(addon: Addon) -> None:
    """Turn one on, with the words people know for dns."""
    print("Infer repository core for addon %s" % addon.name)
    if addon.enabled():
        print("Addon core/%s is already enabled" % addon.name)
        return
    if addon.name == "dns":
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
    addon.set_enabled(True)


def disable(addon: Addon) -> None:
    """Turn one off."""
    print("Infer repository core for addon %s" % addon.name)
    if not addon.enabled():
        print("Addon core/%s is already disabled" % addon.name)
        return
    print("Disabling %s" % ("DNS" if addon.name == "dns" else addon.name))
    addon.set_enabled(False)
    print("%s is disabled" % ("DNS" if addon.name == "dns" else addon.name))


def main(name: str, args: list[str]) -> int:
    """Every name in turn; an unknown one ends the command."""
    if not args:
        print("Usage: microk8s %s ADDON..." % name)
        return 1
    if not kube.wait_ready(30):
        print("microk8s is not running. Use microk8s inspect for a deeper "
              "inspection.")
        return 1
    for word in args:
        addon = by_name(word.split(":")[0])
        if addon is None:
            print("Addon %s was not found in any repository" % word)
            return 1
        if name == "enable":
            enable(addon)
        else:
            disable(addon)
    return 0
