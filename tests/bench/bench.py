# SPDX-License-Identifier: Apache-2.0
"""What all experiments share: programs, targets, the report."""
from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import peers
from measure import Cost, Meter
from peers import Call, Peer
from report import Report
from targets import Fleet, Targets

TOP = Path(__file__).resolve().parents[2]
CORES = os.cpu_count() or 1


@dataclass
class Bench:
    """One run of the bench."""

    programs: Path      # the build's folder
    folder: Path        # for what is needed on the way
    pairs: int
    heavy_pairs: int    # of what takes minutes a round
    quick: bool
    meter: Meter = field(default_factory=Meter)
    report: Report = field(default_factory=Report)
    _targets: Targets | None = None
    _checked: set[tuple[str, int]] = field(default_factory=set)

    @property
    def muster(self) -> Path:
        return self.programs / "muster"

    @property
    def targets(self) -> Targets:
        if self._targets is None:
            self._targets = Targets(self.meter, self.folder)
        return self._targets

    def ours(self) -> list[Peer]:
        return [peers.muster(self.muster),
                peers.bare(self.programs / "bench_bare", self.targets)]

    def peers(self) -> list[Peer]:
        """Those that are installed; the others are told of."""
        found = []
        for peer in peers.PEERS:
            if peer.is_there():
                found.append(peer)
            else:
                self.report.cannot(f"{peer.name} (not installed: "
                                   "tests/bench/install-packages)")
        return found

    def call(self, call: Call, **how) -> Cost:
        return self.meter.run(call.argv, call.env, call.stdin, **how)

    def fan_out(self, peer: Peer, fleet: Fleet, command: str = "true",
                options: list[str] | None = None, **how) -> Cost:
        """The command on all of the fleet, and proof that it ran there: exit
        status and sshd's own word each time, and once a file on each."""
        chosen = [*peers.FRESH, peers.CURVE] if options is None else options
        self.check(peer, fleet, chosen)
        before = self.targets.sessions()
        cost = self.call(peer.build(fleet, command, chosen), **how)
        begun = self.targets.sessions() - before
        if cost.status != 0 or begun < fleet.size:
            self.tell(f"{peer.name}: exit {cost.status}, {begun} of "
                      f"{fleet.size} hosts: {cost.err[-300:]}")
            self.report.cannot(f"{peer.name} on {fleet.size} hosts did not "
                               f"do the work (exit {cost.status})")
        return cost

    def check(self, peer: Peer, fleet: Fleet, options: list[str]) -> None:
        if (peer.name, fleet.size) in self._checked:
            return
        self._checked.add((peer.name, fleet.size))
        tool = peer.name.replace(" ", "-")
        self.call(peer.build(fleet, f"{self.targets.mark} {tool}", options))
        missed = set(fleet.addresses) - self.targets.marked(tool)
        if missed:
            self.report.cannot(f"{peer.name} left no mark on {len(missed)} "
                               f"of {fleet.size} hosts")

    @staticmethod
    def tell(text: str) -> None:
        print(f"  {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        self.meter.close()
