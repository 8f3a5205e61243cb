# SPDX-License-Identifier: Apache-2.0
"""Memory of the client's whole tree at its peak, on hosts that stay busy for
a moment, so that all connections are open at once."""
from __future__ import annotations

from bench import Bench
from paired import figure

SIZES = (10, 50, 200)
MANY, MANY_MB = 1000, 80
BASE_MB, HOST_KB = 12, 64
COMMAND = "sleep 1"


def run(bench: Bench) -> None:
    table = bench.report.table(
        f"Memory of the client's tree at its peak (`{COMMAND}`)",
        "hosts", "tool", "sum of proportional shares, MB",
        "largest process, MB")
    for size in SIZES[:2] if bench.quick else SIZES:
        fleet = bench.targets.fleet(size)
        for peer in [*bench.ours(), *bench.peers()]:
            cost = bench.fan_out(peer, fleet, COMMAND, samples=True)
            bench.tell(f"{size} hosts: {peer.name}: {cost.pss_mb:.1f} MB")
            table.add(size, peer.name, figure(cost.pss_mb),
                      figure(cost.rss_mb))
            if peer.name == "muster":
                bench.report.at_most(
                    f"memory, {size} hosts", BASE_MB + HOST_KB * size / 1024,
                    cost.rss_mb, " MB")
    many = 200 if bench.quick else MANY
    cost = bench.fan_out(bench.ours()[0], bench.targets.fleet(many), COMMAND,
                         samples=True)
    table.add(many, "muster", figure(cost.pss_mb), figure(cost.rss_mb))
    bench.report.at_most(f"memory, {many} hosts", MANY_MB, cost.rss_mb,
                         " MB")
    table.notes.append("Shared pages count in part for each process that "
                       "has them. The goal is held against muster's only "
                       "process, shared libraries included.")
