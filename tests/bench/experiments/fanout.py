# SPDX-License-Identifier: Apache-2.0
"""`true` on fresh hosts: wall time and the client's CPU time, in one go."""
from __future__ import annotations

from statistics import median

from bench import CORES, Bench
from measure import Cost
from paired import figure, ratio, rounds
from peers import FRESH, Peer
from report import Bars, Table
from targets import Fleet

SIZES = (10, 50, 200)
SHELL_PEERS = ("pdsh", "pssh", "clush")
WALL_OF_BARE, CPU_OF_BARE = 1.15, 1.3
CPU_OF_SHELL_PEERS, CPU_OF_ANSIBLE = 7, 70


def run(bench: Bench) -> None:
    for size in SIZES[:2] if bench.quick else SIZES:
        _one_size(bench, bench.targets.fleet(size))


def _one_size(bench: Bench, fleet: Fleet) -> None:
    tools = {peer.name: peer for peer in [*bench.ours(), *bench.peers()]}

    def contestant(peer: Peer):
        return lambda: bench.fan_out(peer, fleet)

    costs = rounds({name: contestant(peer) for name, peer in tools.items()},
                   bench.pairs, bench.tell)
    bench.report.keep(f"fanout {fleet.size}", costs)
    table = bench.report.table(
        f"`true` on {fleet.size} fresh hosts, curve25519-sha256, medians of "
        f"{bench.pairs} runs in turn",
        "tool", "wall, s", "wall / muster's", "client CPU, ms a host",
        "CPU / muster's", "the machine's limit, s")
    for name in tools:
        _row(table, name, costs, fleet.size)
    _defaults(bench, table, fleet)
    table.notes.append(
        "Ratios: median (least to largest) of the runs' pairs. The "
        "machine's limit is (client CPU + servers' CPU) / cores: what no "
        "client could beat here, as servers and client share the machine.")
    _goals(bench, costs, fleet.size)
    bench.report.pictures.append(Bars(
        f"Client CPU for `true` on {fleet.size} hosts (logarithmic)",
        "ms a host", [(name, 1000 * median(c.cpu_s for c in found)
                       / fleet.size) for name, found in costs.items()]))


def _row(table: Table, name: str, costs: dict[str, list[Cost]], size: int
         ) -> None:
    found, ours = costs[name], costs["muster"]
    limit = median((c.cpu_s + c.server_s) / CORES for c in found)
    table.add(
        name, figure(median(c.wall_s for c in found)),
        ratio(_walls(found), _walls(ours)) if name != "muster" else "1",
        figure(1000 * median(_cpus(found)) / size),
        ratio(_cpus(found), _cpus(ours)) if name != "muster" else "1",
        figure(limit) if found[0].server_s else "not known")


def _defaults(bench: Bench, table: Table, fleet: Fleet) -> None:
    """Each tool that runs ssh once as ssh comes: post-quantum."""
    for peer in bench.peers():
        cost = bench.fan_out(peer, fleet, options=FRESH)
        table.add(f"{peer.name}, its own key exchange (once)",
                  figure(cost.wall_s), "", figure(1000 * cost.cpu_s
                                                  / fleet.size), "",
                  figure((cost.cpu_s + cost.server_s) / CORES)
                  if cost.server_s else "not known")


def _walls(costs: list[Cost]) -> list[float]:
    return [cost.wall_s for cost in costs]


def _cpus(costs: list[Cost]) -> list[float]:
    return [cost.cpu_s for cost in costs]


def _goals(bench: Bench, costs: dict[str, list[Cost]], size: int) -> None:
    report, ours = bench.report, costs["muster"]
    wall = ratio(_walls(ours), _walls(costs["bare libssh"]))
    report.at_most(f"wall, {size} hosts / bare libssh's", WALL_OF_BARE,
                   wall.median, found=str(wall))
    cpu = ratio(_cpus(ours), _cpus(costs["bare libssh"]))
    report.at_most(f"client CPU, {size} hosts / bare libssh's", CPU_OF_BARE,
                   cpu.median, found=str(cpu))
    for name in costs:
        if name in ("muster", "bare libssh"):
            continue
        slower = ratio(_walls(costs[name]), _walls(ours))
        report.at_least(f"wall of {name}, {size} hosts / muster's", 1,
                        slower.median, found=str(slower))
        dearer = ratio(_cpus(costs[name]), _cpus(ours))
        wanted = (CPU_OF_SHELL_PEERS if name in SHELL_PEERS else
                  CPU_OF_ANSIBLE if name.startswith("ansible") else 1)
        report.at_least(f"client CPU of {name}, {size} hosts / muster's",
                        wanted, dearer.median, found=str(dearer))
