# SPDX-License-Identifier: Apache-2.0
"""Knobs that spoil a host itself: its name, clock, tools, firewall.

Each is done once, when the knob is turned, and undone when it is turned back;
nothing watches over it, so that a cure by hand lasts.  All of it runs inside
the host, as root.  What a reboot forgets is done again at the next boot.
"""
from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import traceback
import uuid
from typing import Callable

from . import disk, kernel, network
from .errors import EX_USAGE, LabError
from .state import Lab

STATE = "/var/lib/lab/faults.json"
AWAY = "/var/lib/lab/away"
PORT_PID = "/run/lab-port-16443.pid"
PORT = 16443
CLOCK = "/etc/lab/clock"
BALANCER = disk.STANDIN + "/balancer.py"
BALANCER_PID = "/run/lab-balancer.pid"
BALANCER_LOG = "/var/log/lab-balancer.log"
#: knobs whose work hostd does
TOLD = ("calico_card", "kubelet_cert", "server_cert")

_DATE = f"""#!/bin/sh
# A clock that is off: `date` tells the time of so many seconds later, and
# `date -s` sets it right, as it does in life.
real={AWAY}/usr/bin/date
read -r ahead <{CLOCK}
case $1 in
-s | --set)
	wanted=$("$real" -d "$2" +%s) || exit 1
	echo "$((wanted - $("$real" +%s)))" >{CLOCK}
	exec "$0"
	;;
esac
for word; do
	case $word in
	-d* | --date* | -r* | --reference* | -f* | --file*)
		exec "$real" "$@"
		;;
	esac
done
exec "$real" -d "$ahead seconds" "$@"
"""


def _set_aside(path: str) -> None:
    if os.path.lexists(path):
        os.makedirs(os.path.dirname(AWAY + path), exist_ok=True)
        os.rename(path, AWAY + path)


def _bring_back(path: str) -> None:
    if os.path.lexists(AWAY + path):
        os.rename(AWAY + path, path)


def _lines(path: str) -> list[str]:
    with open(path, encoding="utf-8") as stream:
        return stream.read().splitlines()


def _write_lines(path: str, lines: list[str]) -> None:
    disk.write(path, "".join(line + "\n" for line in lines))


# Each is called with the new value and the one in force, "" for none, all
# values, and the topology's name of the host.
_Act = Callable[[str, str, dict[str, str], str], None]


def _clock(new: str, old: str, _all: dict[str, str], _name: str) -> None:
    if new:
        disk.write(CLOCK, f"{int(new)}\n")
        if not old:
            _set_aside("/usr/bin/date")
            disk.write("/usr/bin/date", _DATE, 0o755)
    else:
        _bring_back("/usr/bin/date")


def _hostname(new: str, _old: str, _all: dict[str, str], name: str) -> None:
    now = new or name
    was = socket.gethostname()
    socket.sethostname(now)
    disk.write("/etc/hostname", now + "\n")
    _write_lines("/etc/hosts", [
        f"127.0.1.1 {now}" if line.split() == ["127.0.1.1", was] else line
        for line in _lines("/etc/hosts")])


def _machine_id(new: str, _old: str, _all: dict[str, str], _name: str
                ) -> None:
    disk.write("/etc/machine-id", (new or uuid.uuid4().hex) + "\n", 0o444)


def _hosts_line(new: str, old: str, _all: dict[str, str], _name: str) -> None:
    kept = _lines("/etc/hosts")
    if old in kept:
        kept.remove(old)
    _write_lines("/etc/hosts", [new, *kept] if new else kept)


def _sudo(new: str, _old: str, _all: dict[str, str], _name: str) -> None:
    _bring_back("/usr/bin/sudo")
    if new == "missing":
        _set_aside("/usr/bin/sudo")
    word = "" if new == "password" else "NOPASSWD:"
    disk.write("/etc/sudoers.d/90-ubuntu", f"ubuntu ALL=(ALL) {word}ALL\n",
               0o440)


def _no_snapd(new: str, _old: str, _all: dict[str, str], _name: str) -> None:
    if new:
        _set_aside("/usr/bin/snap")
    else:
        _bring_back("/usr/bin/snap")


def _proxy(new: str, _old: str, _all: dict[str, str], _name: str) -> None:
    """In life PAM reads the file for everybody; here sudo does itself."""
    kept = [line for line in _lines("/etc/environment")
            if "_proxy=" not in line.lower()]
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    _write_lines("/etc/environment", kept + (
        [f'{name}="{new}"' for name in names] if new else []))
    rule = "/etc/sudoers.d/80-environment"
    if new:
        disk.write(rule, "Defaults env_file=/etc/environment\n", 0o440)
    elif os.path.exists(rule):
        os.unlink(rule)


def _port(new: str, _old: str, _all: dict[str, str], _name: str) -> None:
    if not new:
        if os.path.exists(PORT_PID):
            try:
                os.kill(int(_lines(PORT_PID)[0]), signal.SIGKILL)
            except ProcessLookupError:
                pass  # cured by hand
            os.unlink(PORT_PID)
        return
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("0.0.0.0", PORT))
        listener.listen()
        # Whoever holds the descriptor has the port; nobody need answer.
        holder = subprocess.Popen(
            ["sleep", "infinity"], pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd="/", start_new_session=True)
    _write_lines(PORT_PID, [str(holder.pid)])


def _bind(listener: socket.socket, port: int) -> None:
    """Once who was killed has let go of it."""
    end = time.monotonic() + 5
    while True:
        try:
            listener.bind(("0.0.0.0", port))
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _balancer(new: str, _old: str, _all: dict[str, str], _name: str) -> None:
    if os.path.exists(BALANCER_PID):
        try:
            os.kill(int(_lines(BALANCER_PID)[0]), signal.SIGKILL)
        except ProcessLookupError:
            pass  # a power loss came before
        os.unlink(BALANCER_PID)
    if not new:
        return
    port, _, servers = new.partition("=")
    # It has the listener from here, so that it takes connections at once.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(listener, int(port))
        listener.listen(128)
        with open(BALANCER_LOG, "ab") as log:
            runner = subprocess.Popen(
                [sys.executable, BALANCER, str(listener.fileno()),
                 *servers.split(",")], pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                start_new_session=True)
    _write_lines(BALANCER_PID, [str(runner.pid)])


def _extra_address(new: str, old: str, _all: dict[str, str], _name: str
                   ) -> None:
    if old:
        network.ip_batch(["link del tun0"], force=True)
    if new:
        # Any card that needs no cable; kernels without "dummy" have this.
        network.ip_batch(["link add tun0 type vxlan id 77 dstport 4790",
                          f"addr add {new} dev tun0", "link set tun0 up"])


def _firewall(_new: str, _old: str, every: dict[str, str], _name: str
              ) -> None:
    """On the way in and before connection tracking, as with cut cables."""
    rules = []
    if every["path_mtu"]:
        rules.append("ip protocol { icmp, udp } ip length > "
                     f"{int(every['path_mtu'])} drop")
    if every["udp4789_drop"]:
        rules.append("udp dport 4789 drop")
    network.nft("table ip lab_faults\ndelete table ip lab_faults\n" + (
        "table ip lab_faults {\nchain in {\ntype filter hook prerouting "
        "priority raw - 9; policy accept;\n" + "\n".join(rules)
        + "\n}\n}\n" if rules else ""))


#: knob -> what does it, and whether a reboot forgets it
_FAULTS: dict[str, tuple[_Act, bool]] = {
    "clock_offset": (_clock, False),
    "hostname": (_hostname, False),
    "machine_id": (_machine_id, False),
    "hosts_line": (_hosts_line, False),
    "sudo": (_sudo, False),
    "no_snapd": (_no_snapd, False),
    "proxy": (_proxy, False),
    "port_16443_taken": (_port, True),
    "balancer": (_balancer, True),
    "extra_address": (_extra_address, True),
    "path_mtu": (_firewall, True),
    "udp4789_drop": (_firewall, True),
}
_CERTIFICATES = r"no-address|expired"
#: knob -> what its value has to be, unless empty or 0
_VALUES = {"sudo": r"missing|password", "kubelet_cert": _CERTIFICATES,
           "server_cert": _CERTIFICATES, "clock_offset": r"-?\d+",
           "path_mtu": r"\d+", "machine_id": r"[0-9a-f]{32}",
           "hostname": r"[A-Za-z0-9_.-]+",
           "balancer": r"\d+=\d+(\.\d+){3}:\d+(,\d+(\.\d+){3}:\d+)*",
           "extra_address": r"\d+(\.\d+){3}/\d+"}


def check(name: str, value: str) -> None:
    """LabError for a value that could not be acted on."""
    if value not in ("", "0") and not re.fullmatch(
            _VALUES.get(name, ".*"), value):
        raise LabError(f"{name}={value}: it takes {_VALUES[name]}", EX_USAGE)


def _apply(name: str, knobs: dict[str, str], booting: bool) -> None:
    """Inside the host: do what differs from what is in force."""
    state: dict[str, str] = {}
    if os.path.exists(STATE):
        with open(STATE, encoding="utf-8") as stream:
            state = json.load(stream)
    every = {knob: "" if knobs.get(knob, "") == "0" else knobs.get(knob, "")
             for knob in _FAULTS}
    for knob, (act, forgotten) in _FAULTS.items():
        old = "" if booting and forgotten else state.get(knob, "")
        if every[knob] != old:
            act(every[knob], old, every, name)
        state[knob] = every[knob]
        disk.write(STATE, json.dumps(state))


def at_boot(name: str) -> None:
    """Called by pid 1 before any daemon starts."""
    with open("/etc/lab/knobs.json", encoding="utf-8") as stream:
        knobs = json.load(stream)
    if os.path.exists(STATE) or any(knobs.get(k) for k in _FAULTS):
        _apply(name, knobs, True)


def _inside(pid: int, work: Callable[[], None]) -> None:
    """Run something in a host's namespaces; LabError with its words."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            kernel.enter(pid, kernel.HOST_NAMESPACES)
            # The pid namespace is that of children only.
            if os.fork() == 0:
                os.chdir("/")
                work()
                os.write(write, b"ok")
                os._exit(0)
            os.wait()
        except BaseException as error:
            if not isinstance(error, (LabError, OSError)):
                traceback.print_exc()
            os.write(write, str(error).encode()[:4000])
        finally:
            os._exit(0)
    os.close(write)
    said = b""
    while chunk := os.read(read, 4096):
        said += chunk
        if said == b"ok":
            break
    os.close(read)
    os.waitpid(child, 0)
    if said != b"ok":
        raise LabError(said.decode(errors="replace") or "it died")


def _authority(lab: Lab, host: str) -> None:
    """Lay the CA that signs for a host's cluster into /run of the host: a
    worker has only its certificate, the key is on a master."""
    def text(name: str, file: str) -> str:
        path = f"/proc/{lab.running(name)}/root/"
        real = os.path.join("var/snap/microk8s", os.readlink(
            path + "var/snap/microk8s/current"))
        with open(f"{path}{real}/certs/{file}", encoding="ascii") as stream:
            return stream.read()

    root = f"/proc/{lab.running(host)}/root"
    try:
        wanted = text(host, "ca.remote.crt")
    except OSError:
        wanted = text(host, "ca.crt")
    for other in [host, *lab.up_hosts()]:
        try:
            if text(other, "ca.crt").split() == wanted.split():
                disk.write(root + "/run/lab-ca.crt", wanted, 0o600)
                disk.write(root + "/run/lab-ca.key", text(other, "ca.key"),
                           0o600)
                return
        except OSError:
            continue
    raise LabError("no host that is up has the key of its cluster's CA")


def turn(lab: Lab, host: str, names: list[str]) -> None:
    """Do on a running host what these knobs, just written, say."""
    from . import start
    knobs = lab.knobs[host]
    pid = lab.running(host)
    try:
        if any(name in _FAULTS for name in names):
            _inside(pid, lambda: _apply(host, knobs, False))
        for name in names:
            if name not in TOLD:
                continue
            if name != "calico_card" and os.path.lexists(
                    f"/proc/{pid}/root/var/snap/microk8s/current"):
                _authority(lab, host)
            answer = start.ask_hostd(f"/proc/{pid}/root",
                                     ["lab", "turned", name])
            if answer is None or answer.get("rc") != 0:
                raise LabError(str((answer or {}).get("stderr")
                                   or "hostd does not answer").strip())
    except (LabError, OSError, ValueError) as error:
        raise LabError(f"{host}: {error}") from error
