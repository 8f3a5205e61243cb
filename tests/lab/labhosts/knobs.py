# SPDX-License-Identifier: Apache-2.0
"""Knobs: the stand-in's table of them, and where their values are kept."""
from __future__ import annotations

import difflib
import os

from standin.core import KNOBS

from . import disk, faults, kernel
from .errors import EX_USAGE, LabError
from .state import Lab


def table() -> list[tuple[str, str, str, str]]:
    """name, default, unit, help of every knob.  The stand-in keeps them as
    records with these fields or in this order, perhaps under their names."""
    rows = []
    for entry in KNOBS:
        knob = KNOBS[entry] if isinstance(KNOBS, dict) else entry
        if hasattr(knob, "default"):
            parts = [getattr(knob, "name", entry), knob.default, knob.unit,
                     knob.help]
        else:
            parts = [entry, *knob] if isinstance(KNOBS, dict) else list(knob)
        rows.append(tuple("" if p is None else str(p) for p in parts[:4]))
    return rows  # type: ignore[return-value]


def check(name: str) -> str:
    names = [row[0] for row in table()]
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean '{near[0]}'?" if near else "see `lab knobs`"
        raise LabError(f"unknown knob '{name}'\n{hint}", EX_USAGE)
    return name


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < float("inf")
    except ValueError:
        return False


def parse(settings: list[str]) -> dict[str, str]:
    knobs = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise LabError(f"'{setting}' is no knob setting, write NAME=VALUE",
                           EX_USAGE)
        knobs[check(name)] = value
        faults.check(name, value)
        if name == "time_scale" and not _is_positive(value):
            raise LabError(f"time_scale={value}: it takes a number above 0",
                           EX_USAGE)
    return knobs


def default(name: str) -> str:
    return next((row[1] for row in table() if row[0] == name), "")


def turn(lab: Lab, hosts: list[str], settings: dict[str, str]) -> None:
    """Remember and write; the disk of a host that is down counts too.  What
    is done to the host itself is done to those that run, and else at the
    next boot."""
    assert lab.keeper is not None
    for host in hosts:
        lab.knobs.setdefault(host, {}).update(settings)
    lab.save()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            kernel.enter(lab.keeper[0], ("mnt",))
            for host in hosts:
                identity = lab.hosts.get(host)
                root = (f"/proc/{identity[0]}/root" if kernel.alive(identity)
                        and identity else lab.disk(host) + "/upper")
                disk.write_knobs(root, lab.knobs[host])
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1] != 0:
        raise LabError("the knobs could not be written")
    for host in hosts:
        if kernel.alive(lab.hosts.get(host)):
            faults.turn(lab, host, list(settings))


def show(lab: Lab | None) -> str:
    """The table; with a lab also the values that were set on its hosts."""
    rows = [("KNOB", "DEFAULT", "UNIT", "WHAT IT DOES"), *table()]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join([*(row[i].ljust(widths[i]) for i in range(3)), row[3]])
             for row in rows]
    if lab is not None:
        for host in lab.known().hosts:
            for name, value in sorted(lab.knobs.get(host.name, {}).items()):
                lines.append(f"set on {host.name}: {name}={value}")
    return "\n".join(lines)
