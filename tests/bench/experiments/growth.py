# SPDX-License-Identifier: Apache-2.0
"""From ten hosts to a thousand: nothing may grow faster than the hosts."""
from __future__ import annotations

from statistics import median

from bench import Bench
from paired import figure, rounds
from report import Curve

SIZES = (10, 50, 200, 500, 1000)
MOST_A_HOST = 1.3       # a host's share at the end beside that at 200


def run(bench: Bench) -> None:
    sizes = SIZES[:3] if bench.quick else SIZES
    table = bench.report.table(
        f"Growth: `true` on fresh hosts, medians of {bench.pairs} runs",
        "hosts", "muster: wall, s", "CPU, s", "CPU, ms a host",
        "bare libssh: wall, s", "CPU, s")
    wall: dict[str, list] = {"muster": [], "bare libssh": []}
    cpu: dict[str, list] = {"muster": [], "bare libssh": []}
    for size in sizes:
        fleet = bench.targets.fleet(size)
        costs = rounds({peer.name: lambda peer=peer: bench.fan_out(
            peer, fleet) for peer in bench.ours()}, bench.pairs, bench.tell)
        bench.report.keep(f"growth {size}", costs)
        for name, found in costs.items():
            wall[name].append((size, median(c.wall_s for c in found)))
            cpu[name].append((size, median(c.cpu_s for c in found)))
        table.add(size, *(figure(value) for value in (
            wall["muster"][-1][1], cpu["muster"][-1][1],
            1000 * cpu["muster"][-1][1] / size, wall["bare libssh"][-1][1],
            cpu["bare libssh"][-1][1])))
    table.notes.append("Every sixteen of the hosts above the 200th share an "
                       "sshd, so their servers are cheaper.")
    bench.report.pictures += [
        Curve("Wall time of `true` on fresh hosts, servers on the same "
              "machine", "hosts", "s", wall),
        Curve("Client CPU of the same", "hosts", "s", cpu)]
    at = min(200, sizes[-2])
    for what, lines in (("wall", wall), ("CPU", cpu)):
        share = dict(lines["muster"])
        grown = (share[sizes[-1]] / sizes[-1]) / (share[at] / at)
        bench.report.at_most(
            f"growth: {what} a host at {sizes[-1]} / at {at}", MOST_A_HOST,
            grown)
