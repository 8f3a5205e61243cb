# SPDX-License-Identifier: Apache-2.0
"""Booting a host: from a fork to its pid 1, sshd and hostd.

`spawn` forks the future pid 1 and leaves it waiting; the caller lays the
cables into its network namespace and says go.  pid 1 mounts the host's root,
brings its cards up, starts the daemons, reports, and then only reaps.
Processes are forked, not executed, because an interpreter start per host is
what would make thirty hosts slow.
"""
from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
import traceback
from dataclasses import dataclass

from . import disk, faults, kernel, network
from .topology import Host, Topology

_NODES = (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8),
          ("urandom", 1, 9), ("tty", 5, 0))
_LINKS = (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"),
          ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
          ("stderr", "/proc/self/fd/2"))


@dataclass
class Boot:
    """A host on its way up, seen by the process that boots it."""
    host: Host
    identity: list[int]
    go: int
    report: int


def _mount_dev(dev: str) -> None:
    kernel.mount("tmpfs", dev, "tmpfs", kernel.MS_NOSUID, "mode=755,size=64k")
    for name, major, minor in _NODES:
        os.mknod(f"{dev}/{name}", stat.S_IFCHR | 0o666,
                 os.makedev(major, minor))
        os.chmod(f"{dev}/{name}", 0o666)
    for name, target in _LINKS:
        os.symlink(target, f"{dev}/{name}")
    os.mkdir(dev + "/pts")
    kernel.mount("devpts", dev + "/pts", "devpts", 0,
                 "newinstance,ptmxmode=0666,mode=620,gid=5")
    os.mkdir(dev + "/shm")
    kernel.mount("tmpfs", dev + "/shm", "tmpfs",
                 kernel.MS_NOSUID | kernel.MS_NODEV, "mode=1777")


def _mount_proc(proc: str) -> None:
    kernel.mount("proc", proc, "proc",
                 kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    # A host may turn its own network's switches, not the machine's.
    kernel.bind(proc + "/sys/net", proc + "/sys/net")
    kernel.mount(proc + "/sys", proc + "/sys", None,
                 kernel.MS_BIND | kernel.MS_REC)
    kernel.mount(None, proc + "/sys", None,
                 kernel.MS_BIND | kernel.MS_REMOUNT | kernel.MS_RDONLY)


def _mount_root(directory: str, standin: str) -> None:
    """The caller's root becomes the host's, and nothing else is left."""
    kernel.mount(None, "/", None, kernel.MS_PRIVATE | kernel.MS_REC)
    root = directory + "/root"
    kernel.mount("overlay", root, "overlay", 0, f"lowerdir=/,index=off,"
                 f"upperdir={directory}/upper,workdir={directory}/work")
    kernel.bind(standin, root + disk.STANDIN, read_only=True)
    _mount_proc(root + "/proc")
    kernel.mount("sysfs", root + "/sys", "sysfs", kernel.MS_RDONLY
                 | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    _mount_dev(root + "/dev")
    kernel.mount("tmpfs", root + "/run", "tmpfs",
                 kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    os.chdir(root)
    kernel.pivot_root(".", ".")
    kernel.umount(".")
    os.chdir("/")


def _prepare_run() -> None:
    os.mkdir("/run/sshd", 0o755)
    os.mkdir("/run/lock", 0o1777)
    os.chmod("/run/lock", 0o1777)
    os.mkdir("/run/user", 0o755)
    for kind in disk.KEY_TYPES:
        key = f"/etc/ssh/ssh_host_{kind}_key"
        if not os.path.exists(key):
            subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f",
                            key, "-C", f"root@{socket.gethostname()}"],
                           check=True, stdin=subprocess.DEVNULL)


def _start(argv: list[str], log: str, extra: dict[str, str]) -> int:
    with open(log, "ab", buffering=0) as output:
        return subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            cwd="/", start_new_session=True,
            env={"PATH": disk.ROOT_PATH, "HOME": "/root", "LANG": "C.UTF-8",
                 **extra}).pid


def _prefer(pid: int) -> None:
    """On a machine of its own a daemon has a core when it needs one; here all
    hosts share a few, and what asks must not starve what answers."""
    os.setpriority(os.PRIO_PROCESS, pid, -10)
    try:
        with open(f"/proc/{pid}/autogroup", "w", encoding="ascii") as group:
            group.write("-10")
    except OSError:
        pass  # a kernel without; the process' own priority counts then


def _start_daemons() -> dict[int, tuple[str, str]]:
    """pid -> (name, log).  sshd stays in the foreground so that pid 1 knows
    when it dies; neither is started again, since a test may want it dead."""
    running = {}
    log = "/var/log/sshd.log"
    running[_start(["/usr/sbin/sshd", "-D", "-e"], log, {})] = ("sshd", log)
    log = "/var/log/hostd.log"
    pid = _start(["/usr/bin/python3", "-m", "standin.hostd"], log,
                 {"PYTHONPATH": os.path.dirname(disk.STANDIN)})
    running[pid] = ("hostd", log)
    _prefer(pid)
    return running


def _reap(running: dict[int, tuple[str, str]]) -> None:
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            signal.pause()
            continue
        if pid in running:
            name, log = running.pop(pid)
            with open(log, "a", encoding="utf-8") as output:
                output.write(f"{time.strftime('%F %T')} init: {name} (pid "
                             f"{pid}) ended, exit code "
                             f"{os.waitstatus_to_exitcode(status)}\n")


def _pid_one(topology: Topology, host: Host, directory: str,
             standin: str) -> dict[int, tuple[str, str]]:
    socket.sethostname(host.name)
    network.quiet_kernel()
    _mount_root(directory, standin)
    with open("/etc/hostname", encoding="utf-8") as name:
        socket.sethostname(name.read().strip())
    network.ip_batch(network.inside_lines(topology, host))
    _prepare_run()
    faults.at_boot(host.name)
    return _start_daemons()


def _close_all_but(keep: tuple[int, ...]) -> None:
    """Nothing of the booting process may stay open in a host: not its lock,
    not the pipes of other hosts."""
    edges = sorted({-1, *keep})
    for low, high in zip(edges, [*edges[1:], 65536]):
        if low + 1 < high:  # an empty range would close everything
            os.closerange(low + 1, high)


def _become_pid_one(topology: Topology, host: Host, directory: str,
                    standin: str, go: int, report: int) -> None:
    try:
        _close_all_but((0, 1, 2, go, report))
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        kernel.set_process_name("lab-init")
        os.umask(0o022)
        if os.read(go, 1) != b"g":
            os._exit(1)
        running = _pid_one(topology, host, directory, standin)
        os.write(report, b"ok")
        os.close(report)
        os.close(go)
        _reap(running)
    except BaseException as error:  # a forked child must never return
        traceback.print_exc()
        sys.stderr.flush()
        os.write(report, f"{type(error).__name__}: {error}".encode()[:4000])
    finally:
        os._exit(1)


def spawn(topology: Topology, host: Host, directory: str, standin: str,
          log: str) -> Boot:
    """Fork the pid 1 of a host into new namespaces; it waits for `go`.

    The caller must be in the keeper's mount namespace, where the disk is.
    """
    go_read, go_write = os.pipe()
    report_read, report_write = os.pipe()
    pid_read, pid_write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    middle = os.fork()
    if middle == 0:
        try:
            null = os.open("/dev/null", os.O_RDONLY)
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(null, 0)
            os.dup2(output, 1)
            os.dup2(output, 2)
            kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS
                           | kernel.CLONE_NEWIPC | kernel.CLONE_NEWNET
                           | kernel.CLONE_NEWPID)
            child = os.fork()
            if child == 0:
                _become_pid_one(topology, host, directory, standin, go_read,
                                report_write)
            os.write(pid_write, str(child).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    for fd in (go_read, report_write, pid_write):
        os.close(fd)
    answer = os.read(pid_read, 32)
    os.close(pid_read)
    os.waitpid(middle, 0)
    pid = int(answer or b"0")
    started = kernel.start_time(pid) if pid else None
    if started is None:
        raise OSError(f"{host.name}: no namespaces, see {log}")
    return Boot(host, [pid, started], go_write, report_read)


def release(boot: Boot) -> None:
    os.write(boot.go, b"g")
    os.close(boot.go)


def outcome(boot: Boot) -> str | None:
    """Wait for pid 1's report; None is success, else what went wrong."""
    said = b""
    while chunk := os.read(boot.report, 4096):
        said += chunk
        if said == b"ok":
            break
    os.close(boot.report)
    return None if said == b"ok" else said.decode(errors="replace") or "died"
