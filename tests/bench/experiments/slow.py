# SPDX-License-Identifier: Apache-2.0
"""One slow host among fifty: the others must not wait for it."""
from __future__ import annotations

import subprocess
import time

from bench import Bench
from paired import figure, ratio
from targets import Fleet

HOSTS, FORKS, SLOW_S = 50, 10, 30
AS_IF = 1.2     # others' last end beside a run without the slow host


def run(bench: Bench) -> None:
    seconds = 3 if bench.quick else SLOW_S
    fleet = bench.targets.fleet(HOSTS)
    table = bench.report.table(
        f"One host that takes {seconds} s among {HOSTS}, medians of "
        f"{bench.pairs} runs in turn", "hosts at once",
        "the other 49 done after, s", "as if it were not there, s", "ratio")
    for forks in (HOSTS, FORKS):
        with_slow, without = [], []
        for _ in range(bench.pairs):
            with_slow.append(_others_end(bench, fleet, forks, seconds))
            without.append(_others_end(bench, fleet, forks, 0))
        times = ratio(with_slow, without)
        table.add(forks, figure(sorted(with_slow)[bench.pairs // 2]),
                  figure(sorted(without)[bench.pairs // 2]), times)
        bench.report.at_most(f"a slow host, {forks} at once: the others' end"
                             " / without it", AS_IF, times.median,
                             found=str(times))


def _others_end(bench: Bench, fleet: Fleet, forks: int, seconds: int
                ) -> float:
    """When the 49th host had answered."""
    slow = fleet.addresses[0]
    command = (f'case " $SSH_CONNECTION " in *" {slow} "*) sleep {seconds};;'
               ' esac; echo done')
    begun, ends = time.monotonic(), []
    with subprocess.Popen(
            [str(bench.muster), "exec", "-i", str(fleet.inventory), "-f",
             str(forks), "--no-fold", "--no-stdin", "--", command],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True) as child:
        assert child.stdout
        for line in child.stdout:
            if "done" in line and not line.startswith(f"{slow}:"):
                ends.append(time.monotonic() - begun)
    if len(ends) != HOSTS - 1:
        bench.report.cannot(f"a slow host: {len(ends)} of {HOSTS - 1} "
                            "others answered")
    return max(ends, default=0)
