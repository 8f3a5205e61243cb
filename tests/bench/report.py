# SPDX-License-Identifier: Apache-2.0
"""What came of it: tables and goals, as text and as Markdown.

A goal that is missed is told as loudly as one that is reached; nothing here
fails.
"""
from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Table:
    """Rows of texts below the names of their columns."""

    title: str
    columns: list[str]
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        self.rows.append([str(cell) for cell in cells])

    def markdown(self) -> str:
        lines = [f"**{self.title}**", "", _row(self.columns),
                 _row(["---"] * len(self.columns)), *map(_row, self.rows)]
        return "\n".join([*lines, "", *(note + "\n" for note in self.notes)])

    def text(self) -> str:
        cells = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in cells)
                  for i in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(width) for cell, width in
                           zip(row, widths)).rstrip() for row in cells]
        return "\n".join([self.title, *("  " + line for line in lines),
                          *("  " + note for note in self.notes)])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


@dataclass
class Goal:
    """What was to be reached, and what was."""

    what: str
    wanted: str
    found: str
    is_met: bool


@dataclass
class Bars:
    """A picture of lengths: one bar for each name."""

    title: str
    unit: str
    values: list[tuple[str, float]]


@dataclass
class Curve:
    """A picture of what grows: name -> points (x, y)."""

    title: str
    x: str
    y: str
    lines: dict[str, list[tuple[float, float]]]


@dataclass
class Report:
    """All of a run of the bench."""

    tables: list[Table] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    pictures: list[Bars | Curve] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    seen: dict[str, list[dict]] = field(default_factory=dict)

    def table(self, title: str, *columns: str) -> Table:
        self.tables.append(Table(title, list(columns)))
        return self.tables[-1]

    def at_most(self, what: str, limit: float, value: float, unit: str = "",
                found: str = "") -> None:
        self._goal(what, f"at most {limit:g}{unit}", value, unit, found,
                   value <= limit)

    def at_least(self, what: str, limit: float, value: float, unit: str = "",
                 found: str = "") -> None:
        self._goal(what, f"at least {limit:g}{unit}", value, unit, found,
                   value >= limit)

    def _goal(self, what: str, wanted: str, value: float, unit: str,
              found: str, is_met: bool) -> None:
        self.goals.append(Goal(what, wanted, found or f"{value:.3g}{unit}",
                               is_met))

    def cannot(self, why: str) -> None:
        """Something that is not there; told once."""
        if why not in self.missing:
            self.missing.append(why)

    def keep(self, name: str, costs: dict[str, list]) -> None:
        """The single figures behind a table, for results.json."""
        for tool, found in costs.items():
            self.seen.setdefault(f"{name}: {tool}", []).extend(
                {key: value for key, value in asdict(cost).items()
                 if key not in ("out", "err")} for cost in found)

    def goals_table(self) -> Table:
        table = Table("Goals", ["what", "to reach", "reached", ""])
        for goal in self.goals:
            table.add(goal.what, goal.wanted, goal.found,
                      "yes" if goal.is_met else "**no**")
        return table

    def markdown(self, command: str) -> str:
        parts = [f"# What `{command}` found", "", machine(), ""]
        parts += [self.goals_table().markdown()] if self.goals else []
        parts += [table.markdown() for table in self.tables]
        if self.missing:
            parts += ["Not run: " + "; ".join(self.missing) + ".", ""]
        return "\n".join(parts)

    def write(self, folder: Path, command: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.md").write_text(self.markdown(command))
        (folder / "results.json").write_text(json.dumps(self.seen, indent=1))


def machine() -> str:
    """Its size, the day and what was compared, in a sentence or two."""
    with open("/proc/meminfo", encoding="ascii") as stream:
        memory_gb = int(stream.readline().split()[1]) / 1024 ** 2
    return (f"{datetime.date.today()}, {os.cpu_count()} cores ({_cpu()}), "
            f"{memory_gb:.0f} GB, Linux "
            f"{platform.release().split('-')[0]}; "
            + ", ".join(_versions()) + ".")


def _cpu() -> str:
    with open("/proc/cpuinfo", encoding="utf-8") as stream:
        for line in stream:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def _versions() -> list[str]:
    """Of the packages that matter, as Debian numbers them."""
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n",
         "openssh-server", "libssh-4", "ansible-core", "pdsh", "pssh",
         "clustershell"], check=False, text=True, capture_output=True)
    return sorted(line for line in done.stdout.splitlines()
                  if len(line.split()) == 2)
