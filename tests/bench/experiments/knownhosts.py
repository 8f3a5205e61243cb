# SPDX-License-Identifier: Apache-2.0
"""A known_hosts with ten thousand hashed lines, beside a short one."""
from __future__ import annotations

import base64
import hashlib
import hmac
import os
from pathlib import Path

from bench import Bench
from measure import Cost
from paired import figure, ratio, rounds
from targets import Fleet

LINES, HOSTS = 10000, 200
AT_MOST = 1.1
TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa")


def run(bench: Bench) -> None:
    fleet = bench.targets.fleet(50 if bench.quick else HOSTS)
    files = {"short, plain": bench.targets.known_hosts}
    for name, kinds in (("hashed, one type of key", TYPES[:1]),
                        ("hashed, three types of keys", TYPES)):
        files[name] = bench.folder / name.replace(" ", "-")
        _write_hashed(files[name], fleet, bench.targets.known_hosts, kinds)

    def contestant(path: Path):
        return lambda: _exec(bench, fleet, path)

    costs = rounds({name: contestant(path) for name, path in files.items()},
                   bench.pairs, bench.tell)
    bench.report.keep("known_hosts", costs)
    table = bench.report.table(
        f"{LINES} lines of hashed known_hosts, {fleet.size} hosts, medians "
        f"of {bench.pairs} runs in turn", "file", "wall, s", "wall ratio",
        "client CPU, s")
    short = [cost.wall_s for cost in costs["short, plain"]]
    for name, found in costs.items():
        walls = [cost.wall_s for cost in found]
        times = ratio(walls, short)
        table.add(name, figure(sorted(walls)[len(walls) // 2]), times,
                  figure(sorted(c.cpu_s for c in found)[len(found) // 2]))
        if not name.startswith("short"):
            bench.report.at_most(f"{LINES} lines, {name} / a short file",
                                 AT_MOST, times.median, found=str(times))


def _exec(bench: Bench, fleet: Fleet, known_hosts: Path) -> Cost:
    cost = bench.meter.run([
        str(bench.muster), "exec", "-i", str(fleet.inventory), "-f",
        str(fleet.size), "--known-hosts", str(known_hosts), "--", "true"])
    if cost.status != 0:
        bench.report.cannot(f"{known_hosts.name}: exit {cost.status}")
    return cost


def _write_hashed(path: Path, fleet: Fleet, plain: Path,
                  kinds: tuple[str, ...]) -> None:
    """The fleet's keys among those of strangers, as ssh-keygen -H writes
    them; the fleet's own are all of the first type."""
    keys = dict(line.split(" ", 1) for line in plain.read_text().splitlines())
    lines = [f"{_hashed(one)} {keys[one]}" for one in fleet.addresses]
    while len(lines) < LINES:
        kind = kinds[len(lines) % len(kinds)]
        blob = (len(kind).to_bytes(4, "big") + kind.encode() +
                (32).to_bytes(4, "big") + os.urandom(32))
        name = f"10.0.{len(lines) // 250}.{len(lines) % 250}"
        lines.insert(len(lines) // 2, f"{_hashed(name)} {kind} "
                     f"{base64.b64encode(blob).decode()}")
    path.write_text("\n".join(lines) + "\n")


def _hashed(name: str) -> str:
    salt = os.urandom(20)
    digest = hmac.new(salt, name.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode()
                            for part in (salt, digest))
