# SPDX-License-Identifier: Apache-2.0
"""Two args edits, a file check and a service restart on fifty hosts, changed
and then unchanged, beside the same as an Ansible play; on no wire and on one
of 40 ms, with the round trips counted on it."""
from __future__ import annotations

import itertools
from statistics import median

import peers
from bench import Bench
from labtargets import (LONG_WAY_MS, PLAYBOOKS, WAY_MS, LabTargets, Wire,
                        opening)
from measure import Cost, Failed
from paired import figure, ratio, turns

HOSTS = 50
#: Life's clocks, since nodes that tell twenty times too often that they are
#: well are a load of their own; but a restart takes its twentieth part.
KNOBS = {"installed": 1, "time_scale": 1, "change_seconds": 0.075,
         "restart_seconds": 1}
CPU_TIMES, WALL_TIMES = 30, 5
ROUND_TRIPS = {"changed": 9, "unchanged": 3}


class Runs:
    """Of both tools over both wires, and what came of them."""

    def __init__(self, bench: Bench, targets: LabTargets) -> None:
        self.bench, self.targets = bench, targets
        self.wires = {0: targets.wire(0), 2 * WAY_MS: targets.wire(WAY_MS)}
        self.values = itertools.count(101)
        self.costs: dict[tuple[str, int, str], list[Cost]] = {}
        self.tools = {"muster": self.muster}
        if any(peer.program == "ansible" for peer in bench.peers()):
            self.tools["ansible"] = self.ansible

    def muster(self, wire: Wire, value: int, limit: str = "all") -> Cost:
        return self.targets.muster(
            "play", str(PLAYBOOKS / "args.yaml"), "-i", wire.inventory, "-q",
            "-e", f"value={value}", "-l", limit)

    def ansible(self, wire: Wire, value: int, limit: str = "all") -> Cost:
        options = [peers.CURVE, "ControlMaster=auto", "ControlPersist=60s"]
        cost = self.targets.run(
            ["ansible-playbook", "-i", wire.inventory, "-e",
             f"value={value}", "-l", limit,
             str(PLAYBOOKS / "ansible-args.yaml")],
            peers.ansible_env(options, self.targets.hosts))
        self.targets.end_masters()
        if cost.status != 0:
            raise Failed(f"ansible: {cost.out[-3000:]}")
        return cost

    def round(self, order: list[str]) -> None:
        """Each tool with a value of its own: changed, then unchanged."""
        for length, wire in self.wires.items():
            for name in order:
                value = next(self.values)
                for state in ROUND_TRIPS:
                    cost = self.tools[name](wire, value)
                    self.costs.setdefault((name, length, state),
                                          []).append(cost)
                    self.bench.tell(f"{name}, {length} ms, {state}: "
                                    f"{cost.wall_s:.2f} s")

    def round_trips(self) -> dict[tuple[str, str], float]:
        """On one host and on a wire so long that they can be counted, those
        that open muster's session left out."""
        wire, found = self.targets.wire(LONG_WAY_MS), {}
        opened = {"muster": opening(self.targets, wire), "ansible": 0}
        for name, tool in self.tools.items():
            value = next(self.values)
            for state in ROUND_TRIPS:
                wire.round_trips()
                tool(wire, value, "node2")
                found[name, state] = sum(wire.round_trips()) - opened[name]
        self.bench.tell(f"round trips: {found}, to open a session: {opened}")
        return found


def run(bench: Bench) -> None:
    hosts = 6 if bench.quick else HOSTS
    with LabTargets(bench, hosts, **KNOBS) as targets:
        runs = Runs(bench, targets)
        trips = runs.round_trips()
        for order in turns(list(runs.tools), bench.pairs):
            runs.round(order)
    _tell(bench, runs, hosts, trips)


def _tell(bench: Bench, runs: Runs, hosts: int,
          trips: dict[tuple[str, str], float]) -> None:
    report, costs = bench.report, runs.costs
    table = report.table(
        f"Two args edits, a file check and a restart on {hosts} hosts, "
        f"medians of {bench.pairs} runs in turn", "run", "wire",
        "tool", "wall, s", "client CPU, s", "hosts' CPU, s",
        "round trips a host")
    for (name, length, state), found in costs.items():
        table.add(state, f"{length} ms", name,
                  figure(median(c.wall_s for c in found)),
                  figure(median(c.cpu_s for c in found)),
                  figure(median(c.server_s for c in found)),
                  f"{trips[name, state]:g}")
        report.keep("args", {f"{name} {length} ms {state}": found})
    table.notes.append(
        "Round trips were counted on a wire of 1 s with one host; muster's "
        "are those on the open session, Ansible's those of all its "
        "connections. The hosts' CPU, Ansible's Python there included, is "
        "spent in parallel on real hosts.")
    for state, limit in ROUND_TRIPS.items():
        report.at_most(f"round trips a host on the open session, {state}",
                       limit, trips["muster", state])
        if ("ansible", 0, state) not in costs:
            continue
        cpu = ratio(*([c.cpu_s for c in costs[name, 0, state]]
                      for name in ("ansible", "muster")))
        report.at_least(f"args, {state}: client CPU of Ansible / muster's",
                        CPU_TIMES, cpu.median, found=str(cpu))
        wall = ratio(*([c.wall_s for c in costs[name, 2 * WAY_MS, state]]
                       for name in ("ansible", "muster")))
        report.at_least(f"args, {state}, 40 ms: wall of Ansible / muster's",
                        WALL_TIMES, wall.median, found=str(wall))
