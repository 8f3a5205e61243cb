# SPDX-License-Identifier: Apache-2.0
"""A host's disk: the upper layer of an overlay over the machine's root.

What a fresh Debian host would not have is hidden here: directories are made
opaque (trusted.overlay.opaque) and so begin empty; files in the root directory
that no standard names are whited out (a 0:0 character device).  The layer lies
on the lab's tmpfs and outlives a crash of the host; it goes with `lab down`.
"""
from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import uuid

from .topology import Host

PASSWORD = "lab-password"
STANDIN = "/usr/lib/lab/standin"
ROOT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: top-level names every host keeps from the machine; the rest is hidden
_KEEP = {"bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32",
         "media", "mnt", "opt", "proc", "root", "run", "sbin", "srv", "sys",
         "tmp", "usr", "var"}
#: directory -> mode, begun empty
_EMPTY = {"root": 0o700, "home": 0o755, "tmp": 0o1777, "var/tmp": 0o1777,
          "media": 0o755, "mnt": 0o755, "opt": 0o755, "srv": 0o755,
          "snap": 0o755, "var/snap": 0o755, "var/lib/lab": 0o755,
          "var/lib/snapd": 0o755, "var/log": 0o755, "usr/local": 0o755,
          "usr/lib/lab": 0o755, "etc/lab": 0o755, "etc/sudoers.d": 0o755,
          "etc/ssh/sshd_config.d": 0o755, "etc/ssh/ssh_config.d": 0o755}
_EMPTY_BELOW = ("usr/local/bin", "usr/local/sbin", "usr/local/lib",
                "usr/local/share", "usr/lib/lab/standin", "var/log/apt")

_SUDOERS = f"""Defaults env_reset
Defaults mail_badpass
Defaults secure_path="{ROOT_PATH}"
root ALL=(ALL:ALL) ALL
%sudo ALL=(ALL:ALL) ALL
@includedir /etc/sudoers.d
"""

_SSHD_CONFIG = """# The host's own; nothing of the machine's is included.
Port 22
AddressFamily inet
ListenAddress 0.0.0.0
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
PidFile /run/sshd.pid
UsePAM no
PermitRootLogin prohibit-password
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
X11Forwarding no
AllowTcpForwarding yes
PrintMotd no
PrintLastLog no
UseDNS no
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""

#: name, uid, home, has a password; all three log in by key
USERS = (("root", 0, "/root", False), ("ubuntu", 1000, "/home/ubuntu", False),
         ("admin", 1001, "/home/admin", True))
KEY_TYPES = ("ed25519", "ecdsa")


def hash_password() -> str:
    return subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True,
                          capture_output=True, text=True).stdout.strip()


def write(path: str, text: str, mode: int = 0o644, uid: int = 0) -> None:
    """Atomically, with the mode and owner it shall have."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}.new"
    with open(temporary, "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        os.fchown(stream.fileno(), uid, uid)
        stream.write(text)
    os.replace(temporary, path)


def write_knobs(root: str, knobs: dict[str, str]) -> None:
    write(root + "/etc/lab/knobs.json",
          json.dumps(knobs, sort_keys=True) + "\n")


def _accounts(password: str) -> dict[str, str]:
    """passwd, group, shadow, gshadow: the machine's system accounts, and of
    people only the lab's three.  A "*" is no password; a "!" would make sshd
    without PAM refuse the account as locked."""
    names = [user[0] for user in USERS]
    passwd, group, shadow = [], [], []
    for name, uid, home, _ in USERS:
        passwd.append(f"{name}:x:{uid}:{uid}::{home}:/bin/bash")
        group.append(f"{name}:x:{uid}:")
    system = set()
    with open("/etc/passwd", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            part = line.rstrip("\n").split(":")
            if len(part) == 7 and part[0] not in names and (
                    int(part[2]) < 1000 or part[2] == "65534"):
                passwd.append(":".join(part))
                system.add(part[0])
    with open("/etc/group", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            part = line.rstrip("\n").split(":")
            if len(part) == 4 and part[0] not in (*names, "microk8s") and (
                    int(part[2]) < 1000 or part[2] == "65534"):
                members = ["admin"] if part[0] == "sudo" else [
                    m for m in part[3].split(",") if m in system]
                group.append(":".join([*part[:3], ",".join(members)]))
    for name, _, _, has_password in USERS:
        shadow.append(f"{name}:{password if has_password else '*'}"
                      ":19700:0:99999:7:::")
    shadow += [f"{name}:*:19700:0:99999:7:::" for name in sorted(system)]
    gshadow = [f"{line.split(':')[0]}:*::" for line in group]
    return {name: "\n".join(lines) + "\n" for name, lines in (
        ("passwd", passwd), ("group", group), ("shadow", shadow),
        ("gshadow", gshadow))}


def _hide(upper: str) -> None:
    for name in os.listdir("/"):
        if name not in _KEEP:
            os.mknod(f"{upper}/{name}", stat.S_IFCHR, os.makedev(0, 0))
    for name, mode in _EMPTY.items():
        path = f"{upper}/{name}"
        if os.path.lexists(path) and not os.path.isdir(path):
            os.unlink(path)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        os.setxattr(path, "trusted.overlay.opaque", b"y")
    for name in _EMPTY_BELOW:
        os.makedirs(f"{upper}/{name}", exist_ok=True)


def create(directory: str, host: Host, knobs: dict[str, str], password: str,
           public_key: str) -> None:
    """Make <directory>/{upper,work,root}; runs where the tmpfs is seen."""
    upper = directory + "/upper"
    for name in ("upper", "work", "root"):
        os.makedirs(f"{directory}/{name}", exist_ok=True)
    os.chmod(upper, 0o755)
    _hide(upper)
    etc = upper + "/etc/"
    for name, text in _accounts(password).items():
        write(etc + name, text, 0o640 if "shadow" in name else 0o644)
    write(etc + "hostname", host.name + "\n")
    write(etc + "machine-id", uuid.uuid4().hex + "\n", 0o444)
    write(etc + "hosts", f"127.0.0.1 localhost\n127.0.1.1 {host.name}\n")
    write(etc + "nsswitch.conf", "passwd: files\ngroup: files\n"
          "shadow: files\nhosts: files\nservices: files\nprotocols: files\n")
    write(etc + "resolv.conf", "# no name server on this network\n")
    write(etc + "environment", "")
    write(etc + "ssh/sshd_config", _SSHD_CONFIG)
    write(etc + "sudoers", _SUDOERS, 0o440)
    write(etc + "sudoers.d/90-ubuntu", "ubuntu ALL=(ALL) NOPASSWD:ALL\n", 0o440)
    write(etc + "sudoers.d/90-admin", "admin ALL=(ALL) ALL\n", 0o440)
    write_knobs(upper, knobs)
    for _, uid, home, _ in USERS:
        os.makedirs(upper + home + "/.ssh", 0o700, exist_ok=True)
        for path in (home, home + "/.ssh"):
            os.chown(upper + path, uid, uid)
        write(upper + home + "/.ssh/authorized_keys", public_key, 0o600, uid)
        write(upper + home + "/.bashrc", "", 0o644, uid)
    # Every Ubuntu has ping; a container that builds muster may not.
    own = () if shutil.which("ping", path="/usr/bin:/bin") else ("ping",)
    for name in ("snap", "snapctl", *own):
        os.makedirs(upper + "/usr/bin", exist_ok=True)
        os.symlink(f"{STANDIN}/bin/{name}", f"{upper}/usr/bin/{name}")


def drop_host_keys(upper: str) -> None:
    """The machine's own host keys must not shine through the overlay."""
    os.makedirs(upper + "/etc/ssh", exist_ok=True)
    for name in os.listdir("/etc/ssh"):
        path = f"{upper}/etc/ssh/{name}"
        if name.startswith("ssh_host_") and not os.path.lexists(path):
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
