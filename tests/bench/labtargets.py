# SPDX-License-Identifier: Apache-2.0
"""Hosts with a MicroK8s to set up: a lab, and a wire of any length to it.

The servers' CPU counts all that happens on the hosts.  The wire is a program
between the laptop and the hosts' sshds, since this kind of machine's kernel
may not be able to delay packets; it counts round trips too.
"""
from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from bench import TOP, Bench
from labhosts import kernel, laptop
from labhosts.state import Lab
from measure import Cost, Failed

LAB = TOP / "tests/lab/lab"
PLAYBOOKS = TOP / "tests/bench/playbooks"
WIRE_PORT = 2200
WAY_MS = 20     # one way, so 40 there and back
LONG_WAY_MS = 500   # longer than what hosts do between two round trips


class LabTargets:
    """A lab of `hosts` hosts, up until the end of a `with`."""

    def __init__(self, bench: Bench, hosts: int, **knobs: object) -> None:
        self.bench, self.hosts, self.knobs = bench, hosts, knobs
        self.lab = Lab(f"bench-{os.getpid()}-{int(time.time())}")
        self.wires: list[Wire] = []

    def __enter__(self) -> "LabTargets":
        argv = [str(LAB), "--name", self.lab.name, "up", "--replace",
                "--hosts", str(self.hosts)]
        for key, value in self.knobs.items():
            argv += ["--knob", f"{key}={value}"]
        begun = time.monotonic()
        if self.bench.meter.serve(argv, stdout=subprocess.DEVNULL).wait():
            self.__exit__()
            raise Failed("the lab does not come up")
        self.lab.load()
        self.bench.tell(f"a lab of {self.hosts} hosts: "
                        f"{time.monotonic() - begun:.0f} s")
        return self

    def __exit__(self, *_: object) -> None:
        for wire in self.wires:
            wire.end()
        subprocess.run([LAB, "--name", self.lab.name, "down"], check=False,
                       stdout=subprocess.DEVNULL)

    @property
    def inventory(self) -> str:
        return self.lab.inventory

    def enter(self) -> None:
        """In a child: becomes the laptop."""
        assert self.lab.laptop
        kernel.enter(self.lab.laptop[0], kernel.LAPTOP_NAMESPACES)

    def run(self, argv: list[str], env: dict[str, str] | None = None,
            **how) -> Cost:
        """A command as the laptop, measured."""
        return self.bench.meter.run(
            argv, {**laptop.environment(self.lab), **(env or {})},
            enter=self.enter, **how)

    def muster(self, *words: str, forks: int | None = None, **how) -> Cost:
        """One that has to succeed; on all hosts at once, or so many."""
        cost = self.run([str(self.bench.muster), *words, "-f",
                         str(forks or self.hosts)], **how)
        if cost.status != 0:
            raise Failed(f"muster {words[0]}: exit {cost.status}"
                             f"\n{cost.out[-2000:]}\n{cost.err[-4000:]}")
        return cost

    def end_masters(self) -> None:
        """Ansible's sessions are for one run, as muster's are."""
        self.run(["sh", "-c", "for s in ~/.ansible/cp/*; do [ ! -S $s ] || "
                  "ssh -o ControlPath=$s -O exit x; done"])

    def wire(self, way_ms: float) -> "Wire":
        """To all hosts; ends with the lab."""
        self.wires.append(Wire(self, way_ms, len(self.wires)))
        return self.wires[-1]


def opening(targets: LabTargets, wire: "Wire") -> float:
    """Round trips that open a session: those of a run of one command, less
    what another one on the same session costs and less the opening of a
    channel, which belongs to the command."""
    found = []
    for name in ("one", "three"):
        wire.round_trips()
        targets.muster("play", str(PLAYBOOKS / f"{name}.yaml"), "-i",
                       wire.inventory, "-q", "-l", "node2")
        found += wire.round_trips()
    return found[0] - (found[1] - found[0]) / 2 - 1


class Wire:
    """A way to each host of a lab, and an inventory that takes it."""

    def __init__(self, targets: LabTargets, way_ms: float, number: int
                 ) -> None:
        topology = targets.lab.known()
        ways, lines = [], []
        known = Path(targets.lab.home, ".ssh/known_hosts")
        keys = [line.split() for line in known.read_text().splitlines()]
        text = Path(targets.inventory).read_text()
        for at, host in enumerate(topology.hosts, 1):
            far = topology.laptop_address(host)
            near = f"127.7.{number}.{at}"
            ways.append(f"{near} {WIRE_PORT} {far} 22\n")
            lines += [f"[{near}]:{WIRE_PORT} {kind} {key}\n"
                      for names, kind, key in keys
                      if far in names.split(",")]
            text = text.replace(
                f"ansible_host={far} ",
                f"ansible_host={near} ansible_port={WIRE_PORT} ")
        self.inventory = str(targets.bench.folder /
                             f"{targets.lab.name}-wire-{number}.ini")
        Path(self.inventory).write_text(text)
        with open(known, "a", encoding="ascii") as out:
            out.writelines(lines)
        self.process = subprocess.Popen(
            [str(targets.bench.programs / "bench_wire"), str(way_ms)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            preexec_fn=targets.enter)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("".join(ways))
        self.process.stdin.close()
        if self.process.stdout.readline() != "ready\n":
            raise Failed("the wire does not come up")

    def round_trips(self) -> list[int]:
        """Of each way that was used since the last time, a host each."""
        assert self.process.stdout
        self.process.send_signal(signal.SIGUSR1)
        found = []
        while (line := self.process.stdout.readline()) not in ("end\n", ""):
            found.append(int(line.split()[2]))
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
