# SPDX-License-Identifier: Apache-2.0
"""What `snap install`, `refresh` and `remove` of microk8s do to the disk.

The files of the install hook; nothing here starts a daemon or waits.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import certs, core, defaults

SNAP_ROOT = Path("/snap/microk8s")
DATA_ROOT = Path("/var/snap/microk8s")
BIN = Path("/snap/bin")
PROGRAM = "/usr/lib/lab/standin/bin/microk8s"

#: marker files of a fresh host in dqlite mode
LOCKS = ("ha-cluster", "lite.lock", "no-etcd", "no-flanneld",
         "no-apiserver-proxy", "installed.lock")

HOOK_FAILED = """cannot perform the following tasks:
- Run install hook of "microk8s" snap if present (run hook "install": 
-----
/dev/kmsg is not available: the lxc profile for MicroK8s might be missing
-----)"""


REFRESH_FAILED = """cannot perform the following tasks:
- Run post-refresh hook of "microk8s" snap if present (run hook \
"post-refresh": 
-----
+ snapctl restart microk8s.daemon-kubelite
error: error running snapctl: cannot restart services
-----)"""

#: below a revision of the snap: its kubelite does not come up
DEAD = "lab-dead"


class HookFailed(Exception):
    """The install hook ended with an error; the text is snapd's."""


def make_group() -> None:
    """The group microk8s, unless the host has it."""
    import grp
    try:
        grp.getgrnam(core.GROUP)
    except KeyError:
        subprocess.run(["groupadd", "--system", core.GROUP], check=True,
                       capture_output=True)


def _link(target: str, name: Path) -> None:
    """A symbolic link that takes an older one's place at once."""
    made = name.with_name(".%s.new" % name.name)
    made.unlink(missing_ok=True)
    made.symlink_to(target)
    made.replace(name)


def unpack(version: str, revision: str) -> None:
    """The snap's own, read-only files below /snap."""
    root = SNAP_ROOT / revision
    for name, text in defaults.FILES.items():
        file = root / "default-args" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta" / "snap.yaml").write_text(
        "name: microk8s\nversion: %s\nsummary: Kubernetes for workstations "
        "and appliances\n" % version)
    (root / "usr" / "bin").mkdir(parents=True, exist_ok=True)
    _link("/usr/bin/openssl", root / "usr" / "bin" / "openssl")
    _link(revision, SNAP_ROOT / "current")


def link_commands() -> None:
    """/snap/bin/microk8s and /snap/bin/microk8s.X."""
    from .cli.dispatch import MODULES
    BIN.mkdir(parents=True, exist_ok=True)
    for name in ["microk8s"] + ["microk8s." + name for name in MODULES]:
        _link(PROGRAM, BIN / name)


def _share(root: Path) -> None:
    """As the hook's chgrp and chmod: the group may everything."""
    core.give_to_group(root, 0o770)
    for directory, names, files in os.walk(root):
        for name in names:
            core.give_to_group(os.path.join(directory, name), 0o770)
        for name in files:
            core.give_to_group(os.path.join(directory, name), 0o660)


def _resolv_conf() -> str:
    """The resolver file kubelet is given at its first start."""
    resolved = "/run/systemd/resolve/resolv.conf"
    return resolved if os.path.exists(resolved) else "/etc/resolv.conf"


def fill_data(revision: str) -> None:
    """SNAP_DATA and SNAP_COMMON as the install hook leaves them."""
    for directory in ("args", "certs", "credentials", "var/lock",
                      "var/kubernetes/backend", "opt/cni/bin"):
        (DATA_ROOT / revision / directory).mkdir(parents=True, exist_ok=True)
    _link(revision, DATA_ROOT / "current")
    for directory in ("run", "var/lib", "etc/launcher"):
        (DATA_ROOT / "common" / directory).mkdir(parents=True, exist_ok=True)
    for name, text in defaults.FILES.items():
        if name == "kubelet":
            text += defaults.KUBELET_BUNDLED
            text += "--resolv-conf=%s\n" % _resolv_conf()
        core.write_text(core.path("args", name), text)
    core.write_text(core.path("certs", "csr.conf.template"),
                    certs.CSR_TEMPLATE)
    certs.init_ca_and_certs()
    certs.init_backend()
    for directory in ("args", "certs", "credentials", "var/kubernetes"):
        _share(core.path(directory))
    locks = LOCKS
    if core.knob_bool("low_memory"):
        locks += ("low-memory-guard.lock",)
    for name in locks:
        core.touch_lock(name)


def install(version: str, revision: str) -> None:
    """The whole of an installation; HookFailed leaves nothing behind."""
    unpack(version, revision)
    if core.knob_bool("install_fail"):
        remove()
        raise HookFailed(HOOK_FAILED)
    make_group()
    fill_data(revision)
    link_commands()


def refresh(version: str, revision: str) -> None:
    """A new revision with a copy of the old one's data; HookFailed leaves the
    old one, and nothing of the new."""
    old = os.path.realpath(core.SNAP_DATA)
    unpack(version, revision)
    new = DATA_ROOT / revision
    if str(new) != old:
        shutil.rmtree(new, ignore_errors=True)
        # copytree keeps no owners, and args/ belongs to the group.
        subprocess.run(["cp", "-a", old, str(new)], check=True,
                       capture_output=True)
        _link(revision, DATA_ROOT / "current")
    link_commands()
    if core.knob_bool("refresh_dead"):
        (SNAP_ROOT / revision / DEAD).touch()
    if core.knob_bool("refresh_fail"):
        revert(os.path.basename(old))
        for root in (SNAP_ROOT, DATA_ROOT):
            shutil.rmtree(root / revision)
        raise HookFailed(REFRESH_FAILED)


def revert(revision: str) -> None:
    """Back to a revision that is still there, and to its own data."""
    _link(revision, SNAP_ROOT / "current")
    _link(revision, DATA_ROOT / "current")


def aliases() -> dict[str, str]:
    """alias -> command, of every snap: scripts in /snap/bin that call it."""
    found = {}
    for script in BIN.iterdir() if BIN.is_dir() else ():
        if not script.is_symlink() and script.is_file():
            called = re.search(r"^exec %s/(\S+)" % BIN, script.read_text(),
                               re.M)
            if called:
                found[script.name] = called.group(1)
    return found


def remove() -> None:
    """Everything of the snap; the group stays, as in life."""
    for alias, command in aliases().items():
        if command.split(".")[0] == "microk8s":
            (BIN / alias).unlink()
    for root in (SNAP_ROOT, DATA_ROOT):
        shutil.rmtree(root, ignore_errors=True)
    if BIN.is_dir():
        for name in BIN.iterdir():
            if name.name.split(".")[0] == "microk8s":
                name.unlink()
