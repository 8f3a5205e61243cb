# SPDX-License-Identifier: Apache-2.0
"""Start hosts side by side and wait until each is of use.

"Of use" is: its sshd greets the laptop, its hostd answers on the control
socket, and if MicroK8s came with the host, the stand-in says that it runs.
"""
from __future__ import annotations

import json
import os
import socket
import time

from . import disk, init, kernel, laptop, network
from .errors import LabError
from .state import Lab
from .topology import Host

_SSHD_SECONDS = 30.0
_READY_SECONDS = 180.0
_HOST_SECONDS = 2.0      # more for each, since they share the cores
_PAUSE = 0.05
STANDIN_SOURCE = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "standin")
_CONTROL = "/run/snapd-lab.socket"


def make_disks(lab: Lab, hosts: list[Host]) -> None:
    """The caller is in the keeper's mount namespace."""
    password = disk.hash_password()
    with open(lab.home + "/.ssh/id_ed25519.pub", encoding="ascii") as public:
        key = public.read()
    for host in hosts:
        disk.create(lab.disk(host.name), host, lab.knobs[host.name], password,
                    key)
        disk.drop_host_keys(lab.disk(host.name) + "/upper")


def boot(lab: Lab, hosts: list[Host]) -> None:
    """The caller is in the keeper's mount and network namespaces."""
    topology = lab.known()
    boots = []
    for host in hosts:
        new = init.spawn(topology, host, lab.disk(host.name), STANDIN_SOURCE,
                         lab.host_log(host.name))
        lab.hosts[host.name] = new.identity
        lab.save()
        boots.append(new)
    lines = []
    for new in boots:
        lines += network.cable_lines(topology, new.host, new.identity[0])
    network.ip_batch(lines)
    for new in boots:
        if lab.cuts:
            network.apply_cuts(topology, new.host, lab.cuts, new.identity[0])
        init.release(new)
    for new in boots:
        trouble = init.outcome(new)
        if trouble:
            raise LabError(f"{new.host.name} does not boot: {trouble}\n"
                           f"see {lab.host_log(new.host.name)}")


def _greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=2) as stream:
            return stream.recv(4) == b"SSH-"
    except OSError:
        return False


def ask_hostd(root: str, argv: list[str]) -> dict | None:
    """One question to the hostd of a host; None if nobody answers."""
    request = json.dumps({"argv": argv, "uid": 0, "env": {}}) + "\n"
    try:
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(5)
            stream.connect(root + _CONTROL)
            stream.sendall(request.encode())
            answer = b""
            while not answer.endswith(b"\n"):
                chunk = stream.recv(65536)
                if not chunk:
                    break
                answer += chunk
        return json.loads(answer)
    except (OSError, ValueError):
        return None


def _hostd_death(root: str) -> str | None:
    """The end of hostd's log once init has noted that it ended."""
    try:
        with open(root + "/var/log/hostd.log", encoding="utf-8",
                  errors="replace") as log:
            lines = log.read().splitlines()
    except OSError:
        return None
    if any("init: hostd (pid" in line for line in lines):
        return "\n".join(lines[-8:])
    return None


def _stand_in_state(lab: Lab, host: Host) -> str:
    """"" when there is nothing left to wait for."""
    root = f"/proc/{lab.running(host.name)}/root"
    death = _hostd_death(root)
    if death:
        raise LabError(f"{host.name}: hostd ended:\n{death}")
    if lab.knobs.get(host.name, {}).get("installed", "0") in ("", "0"):
        return "" if os.path.exists(root + _CONTROL) else "hostd's socket"
    answer = ask_hostd(root, ["lab", "ready"])
    if answer is None:
        return "hostd's answer"
    said = str(answer.get("stderr") or answer.get("stdout") or "").strip()
    return "" if answer.get("rc") == 0 else said or "MicroK8s"


def wait(lab: Lab, hosts: list[Host]) -> None:
    """Poll until all are of use; the caller ends up in the laptop's network
    namespace."""
    assert lab.laptop is not None
    cut_off = {name for pair in lab.cuts if "laptop" in pair for name in pair}
    deadline = time.monotonic() + _SSHD_SECONDS + _HOST_SECONDS * len(hosts)
    for host in hosts:
        kernel.enter(lab.running(host.via) if host.via else lab.laptop[0],
                     ("net",))
        while host.name not in cut_off:
            if _greets(lab.known().laptop_address(host)):
                break
            if time.monotonic() > deadline:
                raise LabError(f"{host.name}: sshd does not answer\n"
                               f"see {lab.host_log(host.name)}")
            time.sleep(_PAUSE)
    kernel.enter(lab.laptop[0], ("net",))
    deadline = time.monotonic() + _READY_SECONDS + _HOST_SECONDS * len(hosts)
    waiting = list(hosts)
    while waiting:
        still = {h.name: _stand_in_state(lab, h) for h in waiting}
        waiting = [h for h in waiting if still[h.name]]
        if waiting and time.monotonic() > deadline:
            name = waiting[0].name
            raise LabError(f"{name} still waits for {still[name]}\n"
                           f"see `{lab.command('on ' + name)} -- cat "
                           "/var/log/hostd.log`")
        if waiting:
            time.sleep(_PAUSE)


def enter_keeper(lab: Lab) -> None:
    assert lab.keeper is not None
    kernel.enter(lab.keeper[0], ("net", "mnt"))


def acquaint(lab: Lab, new: list[Host]) -> None:
    """Tell everybody who already runs of hosts that came later."""
    topology = lab.known()
    for host in topology.everybody():
        identity = lab.laptop if host is topology.laptop else lab.hosts.get(
            host.name)
        if host not in new and identity and kernel.alive(identity):
            network.ip_batch(network.neighbour_lines(topology, host, new),
                             identity[0])
    # In place: this file is part of the laptop's /etc as it is mounted.
    with open(lab.directory + "/laptop/etc/hosts", "w",
              encoding="ascii") as stream:
        stream.write(laptop.hosts_text(topology))
