# SPDX-License-Identifier: Apache-2.0
"""What each subcommand of `lab` does; the command line itself is in `lab`."""
from __future__ import annotations

import compileall
import os
import shutil
import signal
import sys
import time

from . import disk, inventory, kernel, knobs, laptop, network, start
from . import topology as topologies
from .errors import EX_NOPERM, EX_UNAVAILABLE, EX_USAGE, LabError
from .state import Lab

#: command the lab runs -> Debian package it comes in
REQUIRED = (("ip", "iproute2"), ("nft", "nftables"),
            ("/usr/sbin/sshd", "openssh-server"), ("ssh", "openssh-client"),
            ("ssh-keygen", "openssh-client"), ("sudo", "sudo"),
            ("openssl", "openssl"), ("hostname", "hostname"),
            ("/usr/bin/python3", "python3"))


def need_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes namespaces and mounts\n"
                       "run it with sudo, or in a container started with "
                       "--privileged", EX_NOPERM)


def need_tools() -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [(command, package) for command, package in REQUIRED
               if shutil.which(command, path=path) is None]
    if missing:
        said = "\n".join(f"missing: {command} (package {package})"
                         for command, package in missing)
        packages = " ".join(sorted({package for _, package in missing}))
        raise LabError(f"{said}\ninstall: apt-get install {packages}",
                       EX_UNAVAILABLE)


def up(lab: Lab, hosts: int | None, path: str | None, settings: list[str],
       known_hosts: bool, replace: bool) -> None:
    need_tools()
    if path and hosts:
        raise LabError("--hosts and --topology exclude each other", EX_USAGE)
    topology = topologies.load(path) if path else topologies.seed(hosts or 3)
    common = knobs.parse(settings)
    for host in topology.hosts:
        host.knobs = knobs.parse([f"{k}={v}" for k, v in host.knobs.items()])
    started = time.monotonic()
    with lab.locked():
        if lab.exists():
            if not replace:
                raise LabError(f"lab '{lab.name}' is already there\nend it: "
                               f"{lab.command('down')}, or use --replace")
            _tear_down(Lab(lab.name))
        lab.topology, lab.strict = topology, known_hosts
        lab.knobs = {h.name: {**common, **h.knobs} for h in topology.hosts}
        try:
            _build(lab)
        except (LabError, OSError) as error:
            raise LabError(f"{error}\nclean up: {lab.command('down')}",
                           getattr(error, "code", 1)) from error
    print(f"lab '{lab.name}' is up in {time.monotonic() - started:.1f} s\n"
          f"{status_text(lab)}\ninventory: {lab.inventory}\n"
          f"try: {lab.command('run')} -- ssh ubuntu@"
          f"{topology.laptop_address(topology.hosts[0])}")


def _build(lab: Lab) -> None:
    for name in ("disk", "log", "laptop/etc"):
        os.makedirs(f"{lab.directory}/{name}", mode=0o755)
    lab.save()
    compileall.compile_dir(start.STANDIN_SOURCE, quiet=2)
    laptop.make_home(lab)
    laptop.start_keeper(lab)
    laptop.start_laptop(lab)
    start.enter_keeper(lab)
    start.make_disks(lab, lab.known().hosts)
    laptop.plug_laptop(lab)
    start.boot(lab, lab.known().hosts)
    start.wait(lab, lab.known().hosts)
    _publish(lab)


def _publish(lab: Lab) -> None:
    if lab.strict:
        laptop.write_known_hosts(lab)
    inventory.write(lab)
    lab.complete = True
    lab.save()


def _tear_down(lab: Lab) -> None:
    if lab.load():
        mine = [i for i in [*lab.hosts.values(), *laptop.leftovers(lab),
                            lab.laptop, lab.keeper] if i]
        kernel.kill_and_wait(mine)
        rest = [str(i[0]) for i in mine if kernel.alive(i)]
        if rest:
            raise LabError(f"still running: pid {', '.join(rest)}")
    shutil.rmtree(lab.directory, ignore_errors=True)


def down(lab: Lab) -> None:
    with lab.locked():
        was = lab.exists()
        _tear_down(lab)
    print(f"lab '{lab.name}' is down" if was
          else f"lab '{lab.name}' was not up")


def add(lab: Lab, count: int) -> None:
    with lab.locked():
        lab.need()
        if not lab.known().seedlike:
            raise LabError("a lab from --topology cannot grow", EX_USAGE)
        before = len(lab.known().networks)
        common = lab.knobs[lab.known().hosts[-1].name]
        new = topologies.extend(lab.known(), count)
        for host in new:
            lab.knobs[host.name] = dict(common)
        lab.save()
        start.enter_keeper(lab)
        network.ip_batch(network.bridge_lines(
            lab.known(), list(lab.known().networks)[before:]))
        start.make_disks(lab, new)
        start.boot(lab, new)
        start.acquaint(lab, new)
        start.wait(lab, new)
        _publish(lab)
    print("added " + ", ".join(host.name for host in new))


def crash(lab: Lab, name: str) -> None:
    """Power loss: the cable falls silent before the processes die, since a
    dying process would say goodbye to its peers."""
    with lab.locked():
        lab.need()
        host = lab.known().host(name)
        identity = lab.hosts.get(name)
        if identity is None:
            return
        start.enter_keeper(lab)
        network.ip_batch(network.unplug_lines(lab.known(), host, "down"),
                         force=True)
        kernel.kill_and_wait([identity])
        network.ip_batch(network.unplug_lines(lab.known(), host, "del"),
                         force=True)
        lab.hosts[name] = None
        lab.save()


def boot(lab: Lab, name: str) -> None:
    with lab.locked():
        lab.need()
        host = lab.known().host(name)
        if kernel.alive(lab.hosts.get(name)):
            return
        start.enter_keeper(lab)
        network.ip_batch(network.unplug_lines(lab.known(), host, "del"),
                         force=True)
        start.boot(lab, [host])
        start.wait(lab, [host])


def _pairs(lab: Lab, a: str, b: str) -> list[list[str]]:
    names = [h.name for h in lab.known().everybody()]
    for name in (a, b):
        if name != "all" and name not in names:
            raise LabError(f"no host '{name}' in this lab\nhosts: "
                           + ", ".join([*names, "all"]), EX_USAGE)
    left = names if a == "all" else [a]
    right = names if b == "all" else [b]
    found = sorted({tuple(sorted((x, y))) for x in left for y in right
                    if x != y})
    if not found:
        raise LabError(f"{a} and {b} are the same host", EX_USAGE)
    return [list(pair) for pair in found]


def cut(lab: Lab, a: str, b: str, mend: bool) -> None:
    with lab.locked():
        lab.need()
        pairs = _pairs(lab, a, b)
        kept = [pair for pair in lab.cuts if pair not in pairs]
        lab.cuts = kept if mend else kept + pairs
        lab.save()
        touched = {name for pair in pairs for name in pair}
        for host in lab.known().everybody():
            identity = (lab.laptop if host.name == "laptop"
                        else lab.hosts.get(host.name))
            if host.name in touched and identity and kernel.alive(identity):
                network.apply_cuts(lab.known(), host, lab.cuts, identity[0])


def knob(lab: Lab, name: str, settings: list[str]) -> None:
    with lab.locked():
        lab.need()
        hosts = ([h.name for h in lab.known().hosts] if name == "all"
                 else [lab.known().host(name).name])
        knobs.turn(lab, hosts, knobs.parse(settings))


def status_text(lab: Lab) -> str:
    rows = [("HOST", "ROLE", "STATE", "PID", "ADDRESSES")]
    topology = lab.known()
    for host in topology.everybody():
        identity = (lab.laptop if host is topology.laptop
                    else lab.hosts.get(host.name))
        is_up = kernel.alive(identity) and identity is not None
        rows.append((host.name, "-" if host is topology.laptop else host.role,
                     "up" if is_up else "down",
                     str(identity[0]) if is_up and identity else "-",
                     " ".join(f"{n.device}={n.address}" for n in host.nics)))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(4)), row[4]])
             for row in rows]
    lines += [f"cut: {a} - {b}" for a, b in lab.cuts]
    return "\n".join(lines)


def _execute(argv: list[str], env: dict[str, str]) -> None:
    try:
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        print(f"lab: {argv[0]}: command not found", file=sys.stderr)
        os._exit(127)
    except OSError as error:
        print(f"lab: {argv[0]}: {error.strerror}", file=sys.stderr)
        os._exit(126)


def run(lab: Lab, argv: list[str]) -> None:
    """Become the command, as the laptop: its exit code, signals, streams and
    working directory are the caller's.  No new pid namespace, since
    LeakSanitizer traces its own process by pid."""
    lab.need()
    assert lab.laptop is not None
    env = laptop.environment(lab)
    where = os.getcwd()
    kernel.enter(lab.laptop[0], kernel.LAPTOP_NAMESPACES)
    os.chdir(where)
    _execute(argv, env)


def on(lab: Lab, name: str, argv: list[str]) -> int:
    """Run a command as root on a host and return its exit code."""
    if name == "laptop":
        run(lab, argv)
    lab.need()
    kernel.enter(lab.running(name), kernel.HOST_NAMESPACES)
    env = {"PATH": disk.ROOT_PATH, "HOME": "/root", "USER": "root",
           "LOGNAME": "root", "SHELL": "/bin/bash", "LANG": "C.UTF-8",
           "TERM": os.environ.get("TERM", "dumb")}
    child = os.fork()
    if child == 0:
        kernel.die_with_parent()
        os.chdir("/root")
        _execute(argv, env)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda got, _: os.kill(child, got))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code
