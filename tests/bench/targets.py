# SPDX-License-Identifier: Apache-2.0
"""Hosts that cost little: real sshds on loopback addresses.

The first OWN of them have an sshd and a host key each; of those after that
every SHARED share one, since an sshd can listen on sixteen addresses.  Home
directories are empty: what a .bashrc does would be measured too.
"""
from __future__ import annotations

import os
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from measure import Failed, Meter

OWN, SHARED = 200, 16
START_S = 60

CONFIG = """HostKey {key}
AuthorizedKeysFile {authorized}
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
MaxStartups 4000
PidFile none
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""

# "VERBOSE" has a line for each command that is begun.
_BEGUN = b"Starting session: command"

MARK = """#!/bin/sh
# Leaves a file named by the tool and by the address it came in on.
set -- "$1" $SSH_CONNECTION
: >"{marks}/$1 $4"
"""


@dataclass
class Fleet:
    """Some of the hosts, as files that tools want."""

    addresses: list[str]
    names: Path         # an address a line
    inventory: Path     # for muster and Ansible

    @property
    def size(self) -> int:
        return len(self.addresses)


class Targets:
    """All hosts; more are started when more are asked for.  Runs in a mount
    and a network namespace of its own, with an empty /root."""

    def __init__(self, meter: Meter, folder: Path) -> None:
        self.meter, self.folder = meter, folder
        self.addresses: list[str] = []
        self.logs: list[Path] = []
        ssh = Path("/root/.ssh")
        ssh.mkdir(mode=0o700)
        os.makedirs("/run/sshd", exist_ok=True)
        self.key, self.known_hosts = ssh / "id_ed25519", ssh / "known_hosts"
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.mark = folder / "mark"
        self.mark.write_text(MARK.format(marks=self.marks))
        self.mark.chmod(0o755)
        self.authorized = folder / "authorized_keys"
        self.authorized.write_text(_new_key(self.key) + "\n")
        self.known_hosts.touch()

    def fleet(self, size: int) -> Fleet:
        """The first `size` hosts."""
        while len(self.addresses) < size:
            begin = len(self.addresses)
            self._start([address(n) for n in range(
                begin, begin + (1 if begin < OWN else SHARED))])
        chosen = self.addresses[:size]
        for one in chosen:
            _await(one)
        names = self.folder / f"names-{size}"
        inventory = self.folder / f"inventory-{size}.ini"
        names.write_text("".join(f"{one}\n" for one in chosen))
        inventory.write_text("[masters]\n" + chosen[0] + "\n[workers]\n" +
                             "".join(f"{one}\n" for one in chosen[1:]))
        return Fleet(chosen, names, inventory)

    def _start(self, addresses: list[str]) -> None:
        key, log, config = (self.folder / f"{addresses[0]}.{kind}"
                            for kind in ("key", "log", "conf"))
        public = _new_key(key)
        config.write_text(CONFIG.format(key=key, authorized=self.authorized)
                          + "".join(f"ListenAddress {one}\n"
                                    for one in addresses))
        with open(self.known_hosts, "a", encoding="ascii") as out:
            out.writelines(f"{one} {public}\n" for one in addresses)
        self.meter.serve(["/usr/sbin/sshd", "-D", "-f", str(config), "-E",
                          str(log)], stdin=subprocess.DEVNULL)
        self.addresses += addresses
        self.logs.append(log)

    def sessions(self) -> int:
        """How many commands were begun so far."""
        return sum(log.read_bytes().count(_BEGUN) for log in self.logs)

    def marked(self, tool: str) -> set[str]:
        """Where a run of `mark` by this tool has been; forgets it."""
        found = set()
        for path in self.marks.glob(f"{tool} *"):
            found.add(path.name.split(" ")[1])
            path.unlink()
        return found


def address(number: int) -> str:
    """Of the host with this number, from 0."""
    return f"127.8.{number // 250}.{number % 250 + 1}"


def _new_key(path: Path) -> str:
    """An ed25519 key; its public half without the comment."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                    path], check=True, stdin=subprocess.DEVNULL)
    return " ".join(path.with_name(path.name + ".pub").read_text()
                    .split()[:2])


def _await(host: str) -> None:
    """Until it accepts connections."""
    end = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection((host, 22), 5).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise Failed(f"sshd on {host}: {error}") from error
            time.sleep(0.01)
