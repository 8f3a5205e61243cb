# SPDX-License-Identifier: Apache-2.0
"""`muster up` of fifty workers, beside its own critical path and an Ansible
playbook that does what the best known role does; and the second run of each,
with nothing to do."""
from __future__ import annotations

import json
from statistics import median

import peers
from bench import Bench
from labtargets import (LONG_WAY_MS, PLAYBOOKS, WAY_MS, LabTargets, Wire,
                        opening)
from measure import Cost, Failed
from paired import figure, ratio

WORKERS, MANY = 50, 200
#: A quarter of life's times.
KNOBS = {"installed": 1, "time_scale": 0.25, "join_seconds": 20,
         "restart_seconds": 8}
#: Life's times but for what is over before `again` measures: nodes that tell
#: twenty times too often that they are well are a load of their own.
AGAIN_KNOBS = {"installed": 1, "time_scale": 1, "join_seconds": 2,
               "restart_seconds": 2}
#: At once, for muster: a machine that has all hosts on it can do with no more.
AGAIN_FORKS = 64
OF_CRITICAL, ANSIBLE_TIMES = 1.10, 8
AGAIN_CPU, AGAIN_WALL, AGAIN_TRIPS = 30, 5, 3


def run(bench: Bench) -> None:
    """Each round has a new lab for each tool."""
    workers = 4 if bench.quick else WORKERS
    ours, paths, theirs = [], [], []
    has_ansible = _has_ansible(bench)
    for _ in range(bench.heavy_pairs):
        with LabTargets(bench, workers + 1, **KNOBS) as targets:
            cost = targets.muster("up", "-i", targets.inventory, "--json")
            ours.append(cost)
            told = json.loads(cost.out)
            paths.append(told["critical_path_ms"] / 1000)
            bench.tell(f"muster up: {cost.wall_s:.1f} s, critical path "
                       f"{paths[-1]:.1f} s")
        if has_ansible:
            with LabTargets(bench, workers + 1, **KNOBS) as targets:
                theirs.append(_ansible(targets, targets.inventory))
                bench.tell(f"ansible: {theirs[-1].wall_s:.1f} s")
    bench.report.keep("up", {"muster": ours, "ansible": theirs})
    walls = [cost.wall_s for cost in ours]
    table = bench.report.table(
        f"`up` of {workers} workers, joins of 20 s and restarts of 8 s at a "
        f"quarter, {bench.heavy_pairs} runs", "tool", "wall, s",
        "client CPU, s", "hosts' CPU, s")
    for name, found in (("muster up", ours), ("ansible-playbook", theirs)):
        if found:
            table.add(name, figure(median(c.wall_s for c in found)),
                      figure(median(c.cpu_s for c in found)),
                      figure(median(c.server_s for c in found)))
    table.add("muster's critical path", figure(median(paths)), "", "")
    table.notes.append("The critical path is the longest chain of work on "
                       "hosts that no order can avoid, as muster's own "
                       "events tell it.")
    times = ratio(walls, paths)
    bench.report.at_most(f"up of {workers} workers / its critical path",
                         OF_CRITICAL, times.median, found=str(times))
    if theirs:
        times = ratio([cost.wall_s for cost in theirs], walls)
        bench.report.at_least(f"up of {workers} workers: Ansible / muster",
                              ANSIBLE_TIMES, times.median, found=str(times))


def run_again(bench: Bench) -> None:
    """Nothing to do on fifty workers."""
    _run_again(bench, 4 if bench.quick else WORKERS, [0, WAY_MS])


def run_again_many(bench: Bench) -> None:
    """And on two hundred; over the wire only, a round of both tools takes
    minutes."""
    _run_again(bench, 8 if bench.quick else MANY, [WAY_MS])


def _run_again(bench: Bench, workers: int, ways_ms: list[int]) -> None:
    with LabTargets(bench, workers + 1, **AGAIN_KNOBS) as targets:
        # a second time, until nothing is fresh any more
        for _ in range(2):
            targets.muster("up", "-i", targets.inventory, forks=AGAIN_FORKS)
        _again(bench, targets, workers, ways_ms)


def _again(bench: Bench, targets: LabTargets, workers: int,
           ways_ms: list[int]) -> None:
    wires = {2 * way_ms: targets.wire(way_ms) for way_ms in ways_ms}
    costs: dict[tuple[str, int], list[Cost]] = {}
    trips = _round_trips(targets, targets.wire(LONG_WAY_MS))
    for _ in range(bench.heavy_pairs):
        for length, wire in wires.items():
            costs.setdefault(("muster", length), []).append(targets.muster(
                "up", "-i", wire.inventory, forks=AGAIN_FORKS))
            if _has_ansible(bench):
                costs.setdefault(("ansible", length), []).append(_ansible(
                    targets, wire.inventory, "--check"))
            bench.tell(", ".join(f"{name}: {found[-1].wall_s:.1f} s"
                                 for (name, at), found in costs.items()
                                 if at == length))
    table = bench.report.table(
        f"Second `up`, nothing to do, {workers} workers, medians of "
        f"{bench.heavy_pairs} runs in turn", "wire", "tool", "wall, s",
        "client CPU, s", "hosts' CPU, s", "round trips: worker, master")
    for (name, length), found in costs.items():
        table.add(f"{length} ms", "muster up" if name == "muster" else
                  "ansible-playbook --check",
                  figure(median(c.wall_s for c in found)),
                  figure(median(c.cpu_s for c in found)),
                  figure(median(c.server_s for c in found)),
                  "%g, %g" % trips if name == "muster" else "not counted")
        bench.report.keep(f"again {workers}", {f"{name} {length} ms": found})
    _goals(bench, costs, workers, trips[0])


def _goals(bench: Bench, costs: dict[tuple[str, int], list[Cost]],
           workers: int, trips: float) -> None:
    what = f"second up, {workers} workers"
    bench.report.at_most(f"{what}: round trips a worker on the open session",
                         AGAIN_TRIPS, trips)
    if ("ansible", 2 * WAY_MS) not in costs:
        return
    nearest = min(length for _, length in costs)
    cpu = ratio(*([c.cpu_s for c in costs[name, nearest]]
                  for name in ("ansible", "muster")))
    bench.report.at_least(f"{what}: client CPU of Ansible / muster's",
                          AGAIN_CPU, cpu.median, found=str(cpu))
    wall = ratio(*([c.wall_s for c in costs[name, 2 * WAY_MS]]
                   for name in ("ansible", "muster")))
    bench.report.at_least(f"{what}, 40 ms: wall of Ansible / muster's",
                          AGAIN_WALL, wall.median, found=str(wall))


def _round_trips(targets: LabTargets, wire: Wire) -> tuple[float, float]:
    """On the open session: of the worker in the middle, and of the master,
    all its connections together."""
    opened = opening(targets, wire)
    wire.round_trips()
    targets.muster("up", "-i", wire.inventory, "-T", "60",
                   forks=AGAIN_FORKS)
    master, *workers = wire.round_trips()
    return median(workers) - opened, master


def _has_ansible(bench: Bench) -> bool:
    return any(peer.program == "ansible" for peer in bench.peers())


def _ansible(targets: LabTargets, inventory: str, *words: str) -> Cost:
    options = [peers.CURVE, "ControlMaster=auto", "ControlPersist=60s"]
    cost = targets.run(["ansible-playbook", "-i", inventory, *words,
                        str(PLAYBOOKS / "ansible-up.yaml")],
                       peers.ansible_env(options, targets.hosts))
    targets.end_masters()
    if cost.status != 0:
        raise Failed(f"ansible: {cost.out[-3000:]}")
    return cost
