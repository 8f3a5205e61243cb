# SPDX-License-Identifier: Apache-2.0
"""One file for each question that the bench can be asked."""
from __future__ import annotations

from typing import Callable

from bench import Bench

from . import (args, fanout, growth, knownhosts, memory, slow, start, up,
               warm)

Experiment = Callable[[Bench], None]

#: name -> what it does; run in this order
ALL: dict[str, Experiment] = {
    "start": start.run,
    "fanout": fanout.run,
    "memory": memory.run,
    "warm": warm.run,
    "slow": slow.run,
    "knownhosts": knownhosts.run,
    "growth": growth.run,
    "args": args.run,
    "up": up.run,
    "again": up.run_again,
    "again-many": up.run_again_many,
}

#: other names for what is measured together
ALIASES = {"cpu": "fanout", "wall": "fanout", "wire": "args"}
