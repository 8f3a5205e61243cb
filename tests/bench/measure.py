# SPDX-License-Identifier: Apache-2.0
"""What a command costs: wall time, CPU time of its whole tree, memory.

CPU is read from control groups of version 2, one for the tools and one for
the servers they talk to, because these also count what a tool has left behind
(ssh's masters) and tell the two apart on one machine.  Where no group can be
made the kernel's account of waited-for children serves, and nothing is known
of the servers.
"""
from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Callable

SAMPLE_S = 0.01
ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.M)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.M)


class Failed(Exception):
    """An experiment cannot go on; the others can."""


@dataclass
class Cost:
    """Of one run of a command."""

    wall_s: float
    cpu_s: float        # the client's tree
    server_s: float     # what the hosts spent meanwhile; 0: not known
    status: int
    out: str = field(repr=False, default="")
    err: str = field(repr=False, default="")
    # at their peaks, if the run was sampled
    pss_mb: float = 0   # the tree, shared pages divided
    rss_mb: float = 0   # its largest process, shared pages and all


class Group:
    """A control group, or something that knows nothing."""

    def __init__(self, name: str) -> None:
        self.path = ""
        for root in ROOTS:
            path = f"{root}/muster-bench-{name}-{secrets.token_hex(4)}"
            if os.path.exists(root + "/cgroup.procs"):
                try:
                    os.mkdir(path)
                except OSError:
                    continue
                self.path = path
                return

    def enter(self) -> None:
        """In a child before it becomes the command."""
        if self.path:
            with open(self.path + "/cgroup.procs", "w",
                      encoding="ascii") as out:
                out.write("0")

    def cpu_s(self) -> float:
        if not self.path:
            return 0
        with open(self.path + "/cpu.stat", encoding="ascii") as stream:
            return int(stream.readline().split()[1]) / 1e6

    def pids(self) -> list[int]:
        with open(self.path + "/cgroup.procs", encoding="ascii") as stream:
            return [int(line) for line in stream]

    def remove(self) -> None:
        if self.path:
            try:
                os.rmdir(self.path)
            except OSError:
                pass    # something of it lives; the namespace's end takes it


class Meter:
    """Runs commands and measures them."""

    def __init__(self) -> None:
        self.client, self.server = Group("client"), Group("server")

    def close(self) -> None:
        self.client.remove()
        self.server.remove()

    @property
    def knows_servers(self) -> bool:
        return bool(self.server.path)

    def serve(self, argv: list[str], **how) -> subprocess.Popen:
        """Starts a server, or what starts servers."""
        return subprocess.Popen(argv, preexec_fn=self.server.enter, **how)

    def run(self, argv: list[str], env: dict[str, str] | None = None,
            stdin: str | None = None, seconds: float = 1800,
            samples: bool = False, enter: Callable[[], None] | None = None
            ) -> Cost:
        """A command to its end, which is judged by nobody here.  `enter` is
        called in the child, to go where the command has to run."""
        def prepare() -> None:
            os.setsid()
            self.client.enter()
            if enter:
                enter()

        with tempfile.TemporaryFile("w+") as out, \
                tempfile.TemporaryFile("w+") as err, \
                tempfile.TemporaryFile("w+") as feed:
            feed.write(stdin or "")
            feed.seek(0)
            client, server = self.client.cpu_s(), self.server.cpu_s()
            begun = time.monotonic()
            child = subprocess.Popen(
                argv, stdin=feed, stdout=out, stderr=err, preexec_fn=prepare,
                env={**os.environ, **(env or {})})
            sampler = _Sampler(self.client) if samples else None
            late = threading.Timer(seconds, _kill, (child.pid,))
            late.start()
            _, status, usage = os.wait4(child.pid, 0)
            wall = time.monotonic() - begun
            late.cancel()
            child.returncode = os.waitstatus_to_exitcode(status)
            cpu = (self.client.cpu_s() - client if self.client.path
                   else usage.ru_utime + usage.ru_stime)
            out.seek(0)
            err.seek(0)
            cost = Cost(wall, cpu, self.server.cpu_s() - server,
                        child.returncode, out.read(), err.read())
            if sampler:
                sampler.stop()
                cost.pss_mb = sampler.tree_kb / 1024
                cost.rss_mb = sampler.process_kb / 1024
            return cost

    def first_byte(self, argv: list[str], env: dict[str, str] | None = None
                   ) -> float:
        """Seconds until a command says its first word; then it is ended."""
        read, write = os.pipe()
        begun = time.monotonic()
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=write,
                              stderr=write, start_new_session=True,
                              env={**os.environ, **(env or {})}) as child:
            os.close(write)
            os.read(read, 1)
            passed = time.monotonic() - begun
            _kill(child.pid)
        os.close(read)
        return passed


def _kill(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class _Sampler(threading.Thread):
    """Adds up the proportional memory of a tree again and again.  It takes
    CPU of its own, so what is sampled is not timed."""

    def __init__(self, group: Group) -> None:
        super().__init__(daemon=True)
        self.group, self.ended = group, threading.Event()
        self.tree_kb = self.process_kb = 0
        if group.path:
            self.start()

    def run(self) -> None:
        while not self.ended.wait(SAMPLE_S):
            pids = self.group.pids()
            self.tree_kb = max(self.tree_kb, sum(
                _kb(pid, "smaps_rollup", _PSS) for pid in pids))
            # the kernel remembers this one, so sampling loses little of it
            self.process_kb = max([self.process_kb, *(
                _kb(pid, "status", _PEAK) for pid in pids)])

    def stop(self) -> None:
        self.ended.set()
        if self.is_alive():
            self.join()


def _kb(pid: int, name: str, what: re.Pattern[str]) -> int:
    try:
        with open(f"/proc/{pid}/{name}", encoding="utf-8") as stream:
            found = what.search(stream.read())
    except OSError:
        return 0
    return int(found[1]) if found else 0
