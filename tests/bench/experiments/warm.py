# SPDX-License-Identifier: Apache-2.0
"""A second command on hosts that are connected already: muster's sessions
live as long as its run; ssh keeps them in a master process for each host."""
from __future__ import annotations

import json
from pathlib import Path

import peers
from bench import Bench
from measure import Cost, Failed
from paired import figure, ratio, rounds
from targets import Fleet

SIZES = (10, 50)
TIMES_LESS = 3

PLAYBOOK = """
- name: connect
  on: all
  do:
    - run: {command: "false", unless: "true"}
- name: second
  on: all
  do:
    - run: {command: "false", unless: "true"}
"""


def run(bench: Bench) -> None:
    table = bench.report.table(
        f"A second `true` on hosts already connected, medians of "
        f"{bench.pairs} runs in turn", "hosts", "tool", "wall, s",
        "wall / muster's")
    for size in SIZES[:1] if bench.quick else SIZES:
        fleet = bench.targets.fleet(size)
        options = ["ControlMaster=auto", "ControlPersist=120", peers.CURVE,
                   f"ControlPath={bench.folder}/master-%h"]
        tools = {peer.name: peer for peer in bench.peers()
                 if peer.program != "ansible"}
        for peer in tools.values():     # opens the masters
            bench.fan_out(peer, fleet, options=options)
        contestants = {"muster": lambda: _second(bench, fleet)}
        for name, peer in tools.items():
            contestants[name] = lambda peer=peer: bench.fan_out(
                peer, fleet, options=options)
        costs = rounds(contestants, bench.pairs, bench.tell)
        bench.report.keep(f"warm {size}", costs)
        _close_masters(bench, fleet)
        walls = {name: [c.wall_s for c in found]
                 for name, found in costs.items()}
        for name, found in walls.items():
            times = ratio(found, walls["muster"])
            table.add(size, name, figure(sorted(found)[len(found) // 2]),
                      times if name != "muster" else "1")
            if name == "xargs ssh":
                bench.report.at_least(
                    f"second command, {size} hosts: ssh with ControlMaster "
                    "/ muster", TIMES_LESS, times.median, found=str(times))


def _second(bench: Bench, fleet: Fleet) -> Cost:
    """Its wall is that of the second play alone, by muster's own events."""
    playbook = Path(bench.folder, "second.yaml")
    events = Path(bench.folder, "events.ndjson")
    playbook.write_text(PLAYBOOK)
    cost = bench.meter.run([
        str(bench.muster), "play", str(playbook), "-i", str(fleet.inventory),
        "-f", str(fleet.size), "-q", "--events", str(events)])
    if cost.status != 0:
        raise Failed(f"muster play: {cost.err}")
    at = {(e["kind"], e.get("play")): e["since_start_ms"]
          for e in map(json.loads, events.read_text().splitlines())}
    cost.wall_s = (at["play_end", "second"] -
                   at["play_start", "second"]) / 1000
    return cost


def _close_masters(bench: Bench, fleet: Fleet) -> None:
    for address in fleet.addresses:
        bench.meter.run(["ssh", "-O", "exit",
                         f"-oControlPath={bench.folder}/master-%h", address])
