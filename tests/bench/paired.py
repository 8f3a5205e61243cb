# SPDX-License-Identifier: Apache-2.0
"""Runs in pairs, and what is said of them.

A machine is faster at one moment than at another.  So all contestants run
once in each round, in another order each time, and only figures of one round
are divided by each other; the ratios' median, least and largest are told.
"""
from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Callable, Iterable, Sequence

from measure import Cost

PAIRS = 5


@dataclass
class Ratio:
    """Median, least and largest of some rounds."""

    median: float
    least: float
    largest: float

    def __str__(self) -> str:
        return (f"{figure(self.median)} ({figure(self.least)} to "
                f"{figure(self.largest)})")


def figure(value: float) -> str:
    """Three digits that count, and no exponent."""
    for limit, digits in ((0.1, 4), (1, 3), (10, 2), (100, 1)):
        if abs(value) < limit:
            return f"{value:.{digits}f}"
    return f"{value:.0f}"


def ratio(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """Of each round's pair."""
    return spread([a / b if b else float("inf")
                   for a, b in zip(over, under, strict=True)])


def spread(values: Sequence[float]) -> Ratio:
    return Ratio(statistics.median(values), min(values), max(values))


def turns(names: Sequence[str], rounds: int) -> Iterable[list[str]]:
    """Each round begins with another contestant and goes on as a ring, every
    second one backwards, so that nobody always follows the same one."""
    for number in range(rounds):
        at = number % len(names)
        order = [*names[at:], *names[:at]]
        yield order if number % 2 == 0 else order[::-1]


def rounds(contestants: dict[str, Callable[[], Cost]], count: int = PAIRS,
           tell: Callable[[str], None] = lambda text: None
           ) -> dict[str, list[Cost]]:
    """Name -> its costs, a round each."""
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for number, order in enumerate(turns(list(contestants), count), 1):
        for name in order:
            cost = contestants[name]()
            costs[name].append(cost)
            tell(f"round {number} of {count}: {name}: "
                 f"{cost.wall_s:.2f} s, CPU {cost.cpu_s:.3f} s")
    return costs
