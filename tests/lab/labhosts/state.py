# SPDX-License-Identifier: Apache-2.0
"""What is kept of a running lab: /run/muster-lab/NAME.

lab.json says which processes are its own and what was built; it is written
before a process may do anything, so that `lab down` can clean up after a `lab
up` that was interrupted at any point.  One lock per lab orders the commands
that change it.
"""
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from typing import Iterator

from . import kernel
from .errors import EX_UNAVAILABLE, EX_USAGE, LabError
from .topology import Topology

BASE = "/run/muster-lab"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,40}\Z")


class Lab:
    """A lab's name, paths and remembered facts."""

    def __init__(self, name: str) -> None:
        if not _NAME.match(name):
            raise LabError(f"'{name}' is no name for a lab (letters, digits, "
                           "- _ .)", EX_USAGE)
        self.name = name
        self.directory = f"{BASE}/{name}"
        self.home = self.directory + "/laptop/home"
        self.inventory = self.directory + "/inventory.ini"
        self.topology: Topology | None = None
        self.keeper: list[int] | None = None
        self.laptop: list[int] | None = None
        self.hosts: dict[str, list[int] | None] = {}
        self.knobs: dict[str, dict[str, str]] = {}
        self.cuts: list[list[str]] = []
        self.strict = True
        self.complete = False

    def disk(self, host: str) -> str:
        """Only meaningful in the keeper's mount namespace."""
        return f"{self.directory}/disk/{host}"

    def host_log(self, host: str) -> str:
        return f"{self.directory}/log/{host}.log"

    def exists(self) -> bool:
        return os.path.isdir(self.directory)

    def save(self) -> None:
        data = {"topology": self.topology.to_json() if self.topology else None,
                "keeper": self.keeper, "laptop": self.laptop,
                "hosts": self.hosts, "knobs": self.knobs, "cuts": self.cuts,
                "strict": self.strict, "complete": self.complete}
        path = self.directory + "/lab.json"
        with open(path + ".new", "w", encoding="utf-8") as stream:
            json.dump(data, stream)
        os.replace(path + ".new", path)

    def load(self) -> bool:
        """False if there is no such lab."""
        try:
            with open(self.directory + "/lab.json", encoding="utf-8") as stream:
                data = json.load(stream)
        except FileNotFoundError:
            return False
        plain = data.pop("topology")
        if plain is not None:
            self.topology = Topology.from_json(plain)
        for key, value in data.items():
            setattr(self, key, value)
        return True

    def need(self) -> "Lab":
        """The lab as it runs, or an error that says how to start one."""
        if not self.load() or not self.complete:
            raise LabError(f"lab '{self.name}' is not up\n"
                           f"start it: {self.command('up')}", EX_UNAVAILABLE)
        if not kernel.alive(self.keeper):
            raise LabError(f"lab '{self.name}' has lost its processes\n"
                           f"clean up: {self.command('down')}", EX_UNAVAILABLE)
        return self

    def command(self, verb: str) -> str:
        name = "" if self.name == "default" else f" --name {self.name}"
        return f"tests/lab/lab {verb}{name}"

    def known(self) -> Topology:
        assert self.topology is not None
        return self.topology

    def running(self, host: str) -> int:
        """The pid of a host's init, or an error if the host is down."""
        self.known().host(host)
        identity = self.hosts.get(host)
        if identity is None or not kernel.alive(identity):
            raise LabError(f"{host} is down\nboot it: "
                           f"{self.command('boot ' + host)}", EX_UNAVAILABLE)
        return identity[0]

    def up_hosts(self) -> list[str]:
        return [h.name for h in self.known().hosts
                if kernel.alive(self.hosts.get(h.name))]

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The lock's file goes with the lab, so whoever waited for it must see
        whether what was locked is still there."""
        os.makedirs(BASE, mode=0o755, exist_ok=True)
        path = f"{BASE}/.{self.name}.lock"
        while True:
            with open(path, "w", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    same = os.path.samestat(os.stat(path),
                                            os.fstat(lock.fileno()))
                except FileNotFoundError:
                    same = False
                if not same:
                    continue
                try:
                    yield
                finally:
                    if not self.exists():
                        os.unlink(path)
                return
