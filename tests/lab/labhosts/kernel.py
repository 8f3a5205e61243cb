# SPDX-License-Identifier: Apache-2.0
"""The system calls the lab needs and Python 3.11's os module lacks.

mount, umount2, unshare, setns, pivot_root and prctl through libc, with errno
turned into OSError; and process identity: a pid counts only together with its
start time (/proc/PID/stat field 22), so a recycled pid is never killed.
"""
from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import time

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 0x40000
MS_SLAVE = 0x80000
MNT_DETACH = 2

PR_SET_PDEATHSIG = 1
PR_SET_NAME = 15

#: the namespaces of a host, in the order in which setns has to enter them
HOST_NAMESPACES = ("ipc", "uts", "net", "pid", "mnt")
LAPTOP_NAMESPACES = ("uts", "net", "mnt")

_SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)


def mount(source: str | None, target: str, fstype: str | None = None,
          flags: int = 0, data: str | None = None) -> None:
    _check(_libc.mount(_bytes(source), _bytes(target), _bytes(fstype),
                       ctypes.c_ulong(flags), _bytes(data)),
           f"mount {fstype or source} on {target}")


def bind(source: str, target: str, read_only: bool = False) -> None:
    mount(source, target, None, MS_BIND)
    if read_only:
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY)


def umount(target: str, flags: int = MNT_DETACH) -> None:
    _check(_libc.umount2(_bytes(target), flags), f"umount {target}")


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags), "unshare")


def pivot_root(new: str, old: str) -> None:
    number = _SYS_PIVOT_ROOT.get(platform.machine())
    if number is None:
        raise OSError(errno.ENOSYS, "pivot_root: unknown machine type")
    _check(_libc.syscall(number, _bytes(new), _bytes(old)), "pivot_root")


def prctl(option: int, value) -> None:
    _libc.prctl(option, value, 0, 0, 0)


def set_process_name(name: str) -> None:
    prctl(PR_SET_NAME, ctypes.c_char_p(name.encode()[:15]))


def die_with_parent() -> None:
    prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


def enter(pid: int, kinds: tuple[str, ...]) -> None:
    """Join the namespaces of a process.  All of them are opened first: once
    the mount namespace is another, /proc may be another too."""
    fds = [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
           for kind in kinds]
    try:
        for kind, fd in zip(kinds, fds):
            _check(_libc.setns(fd, 0), f"setns {kind} of {pid}")
    finally:
        for fd in fds:
            os.close(fd)


def start_time(pid: int) -> int | None:
    """Clock ticks after boot at which pid started; None if there is none
    or it is a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def alive(identity: list[int] | None) -> bool:
    return bool(identity) and start_time(identity[0]) == identity[1]


def kill_and_wait(identities: list[list[int]], patience: float = 10.0) -> None:
    """SIGKILL exactly these processes and return when they are gone."""
    for identity in identities:
        if alive(identity):
            try:
                os.kill(identity[0], signal.SIGKILL)
            except ProcessLookupError:
                pass
    until = time.monotonic() + patience
    for identity in identities:
        while alive(identity) and time.monotonic() < until:
            try:
                os.waitpid(identity[0], os.WNOHANG)
            except ChildProcessError:
                pass
            time.sleep(0.005)
