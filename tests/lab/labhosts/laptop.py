# SPDX-License-Identifier: Apache-2.0
"""The laptop and the keeper: the lab's two processes that only hold things.

The keeper holds the parent network namespace (bridges) and the mount
namespace in which the lab's tmpfs is mounted, so nothing is ever mounted
where the machine sees it.  The laptop sees the machine's files, is on the lab's
network alone and has a home of its own, which is also what /etc/passwd says
there, because OpenSSH asks that and not $HOME.
"""
from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import traceback
from typing import Callable

from . import disk, kernel, network
from .errors import LabError
from .state import Lab
from .topology import Topology

_XDG = {"XDG_CONFIG_HOME": ".config", "XDG_STATE_HOME": ".local/state",
        "XDG_DATA_HOME": ".local/share", "XDG_CACHE_HOME": ".cache"}


def hold(name: str, flags: int, setup: Callable[[], None], log: str,
         register: Callable[[list[int]], None]) -> list[int]:
    """Fork a process into new namespaces that sets up and then waits to be
    killed.  `register` is told of it before it does anything."""
    go_read, go_write = os.pipe()
    report_read, report_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    middle = os.fork()
    if middle == 0:
        child = os.fork()
        if child:
            os.write(report_write, f"{child}\n".encode())
            os._exit(0)
        try:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(go_write)
            os.close(report_read)
            os.setsid()
            kernel.set_process_name(name)
            if os.read(go_read, 1) == b"g":
                kernel.unshare(flags)
                setup()
                os.write(report_write, b"ok")
                os.closerange(3, 65536)
                while True:
                    signal.pause()
        except BaseException as error:
            traceback.print_exc()
            sys.stderr.flush()
            os.write(report_write, str(error).encode())
        finally:
            os._exit(1)
    os.close(go_read)
    os.close(report_write)
    os.waitpid(middle, 0)
    pid = int(os.read(report_read, 32).split()[0])
    identity = [pid, kernel.start_time(pid) or 0]
    register(identity)
    os.write(go_write, b"g")
    os.close(go_write)
    said = os.read(report_read, 4096)
    os.close(report_read)
    if said != b"ok":
        raise LabError(f"{name}: {said.decode() or 'died'}, see {log}")
    return identity


def start_keeper(lab: Lab) -> None:
    topology = lab.known()

    def setup() -> None:
        kernel.mount(None, "/", None, kernel.MS_SLAVE | kernel.MS_REC)
        kernel.mount("tmpfs", lab.directory + "/disk", "tmpfs", 0, "mode=700")
        network.quiet_kernel()
        network.ip_batch(network.bridge_lines(topology,
                                              list(topology.networks)))

    def register(identity: list[int]) -> None:
        lab.keeper = identity
        lab.save()

    hold("lab-keeper", kernel.CLONE_NEWNET | kernel.CLONE_NEWNS, setup,
         lab.host_log("keeper"), register)


def hosts_text(topology: Topology) -> str:
    names = "".join(f"{topology.laptop_address(host)} {host.name}\n"
                    for host in topology.hosts)
    return f"127.0.0.1 localhost\n127.0.1.1 laptop\n{names}"


def _own_files(lab: Lab) -> dict[str, str]:
    """The files of /etc that are the laptop's own."""
    me = pwd.getpwuid(0).pw_name
    accounts = []
    with open("/etc/passwd", encoding="utf-8", errors="replace") as stream:
        for line in stream:
            part = line.rstrip("\n").split(":")
            if part[0] == me and len(part) == 7:
                part[5] = lab.home
            accounts.append(":".join(part))
    return {"passwd": "\n".join(accounts) + "\n",
            "hosts": hosts_text(lab.known()), "resolv.conf": "",
            "nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\n"
                             "hosts: files\nservices: files\n"}


def start_laptop(lab: Lab) -> None:
    files = _own_files(lab)
    etc = lab.directory + "/laptop/etc"

    def setup() -> None:
        socket.sethostname("laptop")
        kernel.mount(None, "/", None, kernel.MS_SLAVE | kernel.MS_REC)
        for name, text in files.items():
            disk.write(f"{etc}/{name}", text)
        # Bind mounts of the files would fall off as soon as the machine
        # renames a new file over the old one, which useradd does.
        kernel.mount("overlay", "/etc", "overlay", 0, f"lowerdir={etc}:/etc")
        network.quiet_kernel()

    def register(identity: list[int]) -> None:
        lab.laptop = identity
        lab.save()

    hold("lab-laptop", kernel.CLONE_NEWNET | kernel.CLONE_NEWNS
         | kernel.CLONE_NEWUTS, setup, lab.host_log("laptop"), register)


def plug_laptop(lab: Lab) -> None:
    """The caller is in the keeper's network namespace."""
    assert lab.laptop is not None
    topology = lab.known()
    network.ip_batch(network.cable_lines(topology, topology.laptop,
                                         lab.laptop[0]))
    network.ip_batch(network.inside_lines(topology, topology.laptop),
                     lab.laptop[0])


def make_home(lab: Lab) -> str:
    """The home with its key; returns the public key."""
    for name in ("", "/.ssh", *("/" + part for part in _XDG.values())):
        os.makedirs(lab.home + name, mode=0o700, exist_ok=True)
    key = lab.home + "/.ssh/id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C",
                    "me@laptop", "-f", key], check=True,
                   stdin=subprocess.DEVNULL)
    with open(key + ".pub", encoding="ascii") as public:
        return public.read()


def write_known_hosts(lab: Lab) -> None:
    """Every host under its address on the laptop's network and its name."""
    lines = []
    for host in lab.known().hosts:
        where = f"{lab.known().laptop_address(host)},{host.name}"
        for kind in disk.KEY_TYPES:
            path = (f"/proc/{lab.running(host.name)}/root/etc/ssh/"
                    f"ssh_host_{kind}_key.pub")
            with open(path, encoding="ascii") as public:
                lines.append(" ".join([where, *public.read().split()[:2]]))
    disk.write(lab.home + "/.ssh/known_hosts", "\n".join(lines) + "\n", 0o600)


def environment(lab: Lab) -> dict[str, str]:
    """The caller's, moved into the laptop's home, without its ssh agent."""
    env = {key: value for key, value in os.environ.items()
           if key not in ("SSH_AUTH_SOCK", "SSH_AGENT_PID")}
    env["HOME"] = lab.home
    env["MUSTER_LAB"] = lab.name
    for key, value in _XDG.items():
        env[key] = f"{lab.home}/{value}"
    return env


def leftovers(lab: Lab) -> list[list[int]]:
    """What `lab run` left behind: the processes in the laptop's network
    namespace, which only the lab's own commands can have entered."""
    if not kernel.alive(lab.laptop) or lab.laptop is None:
        return []
    mine = os.stat(f"/proc/{lab.laptop[0]}/ns/net").st_ino
    spare = {os.getpid()}
    parent = os.getppid()
    while parent > 1:
        spare.add(parent)
        with open(f"/proc/{parent}/stat", "rb") as stat:
            parent = int(stat.read().rpartition(b")")[2].split()[1])
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in spare:
            try:
                same = os.stat(f"/proc/{name}/ns/net").st_ino == mine
            except OSError:
                continue
            started = kernel.start_time(int(name))
            if same and started is not None:
                found.append([int(name), started])
    return found
