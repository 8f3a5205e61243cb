# SPDX-License-Identifier: Apache-2.0
"""The tools that run a command on many hosts, each called at its best.

At its best means: as many hosts at once as there are, the fastest key
exchange that all have, no connection kept for later where hosts are to be
fresh, no Python on the hosts where Ansible can do without, and exit codes
asked for where a tool does not tell them by itself.
"""
from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from targets import Fleet, Targets

#: Both ends have it; OpenSSH's own default is post-quantum.
CURVE = "KexAlgorithms=curve25519-sha256"
FRESH = ["ControlMaster=no", "ControlPath=none"]


@dataclass
class Call:
    """One command line, what it reads and its environment."""

    argv: list[str]
    stdin: str = ""
    env: dict[str, str] = field(default_factory=dict)


#: fleet, command, options of ssh -o
Build = Callable[[Fleet, str, list[str]], Call]


@dataclass
class Peer:
    """A tool by the name it has in tables."""

    name: str
    program: str        # what has to be installed
    build: Build
    #: whether it runs ssh, so that its options mean something
    is_ssh: bool = True

    def is_there(self) -> bool:
        return shutil.which(self.program) is not None


def words(options: list[str]) -> list[str]:
    return [f"-o{option}" for option in options]


def _xargs(fleet: Fleet, command: str, options: list[str]) -> Call:
    return Call(["xargs", "-P", str(fleet.size), "-I{}", "ssh",
                 *words(options), "{}", command], fleet.names.read_text())


def _pdsh(fleet: Fleet, command: str, options: list[str]) -> Call:
    return Call(["pdsh", "-R", "ssh", "-S", "-f", str(fleet.size), "-w",
                 f"^{fleet.names}", command],
                env={"PDSH_SSH_ARGS_APPEND": " ".join(words(options))})


def _pssh(fleet: Fleet, command: str, options: list[str]) -> Call:
    argv = ["parallel-ssh", "-h", str(fleet.names), "-p", str(fleet.size),
            "-t", "0"]
    for option in options:
        argv += ["-O", option]
    return Call([*argv, command])


def _clush(fleet: Fleet, command: str, options: list[str]) -> Call:
    text = " ".join(words(options)).replace("%", "%%")  # it fills in too
    return Call(["clush", "-S", "-f", str(fleet.size), "-o", text,
                 f"--hostfile={fleet.names}", command])


def ansible_env(options: list[str], forks: int) -> dict[str, str]:
    """Pipelining on, nothing kept, nothing asked that is not needed."""
    return {"ANSIBLE_PIPELINING": "1", "ANSIBLE_FORKS": str(forks),
            "ANSIBLE_SSH_ARGS": " ".join(words(options)),
            "ANSIBLE_HOST_KEY_CHECKING": "1", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            "ANSIBLE_LOCALHOST_WARNING": "0"}


def _ansible(module: str) -> Build:
    def build(fleet: Fleet, command: str, options: list[str]) -> Call:
        return Call(["ansible", "all", "-i", str(fleet.inventory), "-m",
                     module, "-a", command],
                    env=ansible_env(options, fleet.size))
    return build


PEERS = [
    Peer("xargs ssh", "ssh", _xargs),
    Peer("pdsh", "pdsh", _pdsh),
    Peer("pssh", "parallel-ssh", _pssh),
    Peer("clush", "clush", _clush),
    Peer("ansible raw", "ansible", _ansible("raw")),
    Peer("ansible command", "ansible", _ansible("command")),
]


def muster(program: Path) -> Peer:
    def build(fleet: Fleet, command: str, options: list[str]) -> Call:
        del options
        # a thousand servers on this machine do not answer within 10 s
        return Call([str(program), "exec", "-i", str(fleet.inventory), "-f",
                     str(fleet.size), "-T", "120", "--", command])
    return Peer("muster", str(program), build, is_ssh=False)


def bare(program: Path, targets: Targets) -> Peer:
    def build(fleet: Fleet, command: str, options: list[str]) -> Call:
        del options
        return Call([str(program), str(targets.key),
                     str(targets.known_hosts), command],
                    fleet.names.read_text())
    return Peer("bare libssh", str(program), build, is_ssh=False)
