# SPDX-License-Identifier: Apache-2.0
"""How soon the first word is on the screen."""
from __future__ import annotations

import subprocess

from bench import Bench
from paired import spread

RUNS, LIMIT_MS = 11, 50
SILENT = "192.0.2"      # a network on which nobody answers


def run(bench: Bench) -> None:
    for words in (["link", "add", "silent0", "type", "veth", "peer", "name",
                   "silent1"],
                  ["addr", "add", f"{SILENT}.1/24", "dev", "silent0"],
                  ["link", "set", "silent0", "up"],
                  ["link", "set", "silent1", "up"]):
        subprocess.run(["ip", *words], check=True)
    inventory = bench.folder / "silent.ini"
    inventory.write_text(
        f"[masters]\nm1 ansible_host={SILENT}.10 node_ip={SILENT}.10\n"
        "[workers]\n" + "".join(
            f"w{n} ansible_host={SILENT}.{n} node_ip={SILENT}.{n}\n"
            for n in range(11, 61)))
    table = bench.report.table(
        f"From the start to the first byte on the screen, {RUNS} runs",
        "command", "ms: median (least to largest)")
    for title, argv in (
            ("muster -h", ["-h"]),
            ("muster plan, 51 hosts that cannot be reached",
             ["plan", "-i", str(inventory)])):
        times = spread([1000 * bench.meter.first_byte(
            [str(bench.muster), *argv]) for _ in range(RUNS)])
        table.add(title, times)
        bench.report.at_most(f"first word of {title}", LIMIT_MS,
                             times.median, found=f"{times} ms")
    subprocess.run(["ip", "link", "del", "silent0"], check=True)
