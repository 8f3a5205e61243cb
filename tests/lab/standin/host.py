# SPDX-License-Identifier: Apache-2.0
"""What a daemon of the stand-in sees of the host it runs on.

A service is `async def run(host: Host)` in standin/services/.  All services
of a host live in one process and one thread; `shared` is where they meet.
"""
from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

from . import core

#: what serves Host.ctl: verb and service to exit code, stdout, stderr
Control = Callable[[str, str], Awaitable[tuple[int, str, str]]]


class Host:
    """Made once by hostd; every service of the host gets the same one."""

    def __init__(self, control: Control) -> None:
        #: objects that services of this host give each other, by name; a
        #: service takes its own away again in its `finally`
        self.shared: dict[str, object] = {}
        self._control = control

    @property
    def name(self) -> str:
        """The host's name now: it can be changed while daemons run, and a
        daemon's next start takes the new one."""
        return core.hostname_lower()

    def scaled(self, seconds: float) -> float:
        """Seconds of life in seconds of the lab."""
        return core.scaled(seconds)

    async def sleep(self, seconds: float) -> None:
        """Let so many seconds of life pass."""
        await asyncio.sleep(core.scaled(seconds))

    def knob(self, name: str) -> str:
        """A knob's value now; they may change at any time."""
        return core.knob(name)

    def knob_bool(self, name: str) -> bool:
        """A knob as a switch."""
        return core.knob_bool(name)

    def knob_float(self, name: str) -> float:
        """A knob as a number."""
        return core.knob_float(name)

    def log(self, service: str, text: str) -> None:
        """A line, or several, in /var/log/hostd.log under this name."""
        stamp = time.strftime("%F %T")
        for line in text.splitlines() or [""]:
            sys.stdout.write("%s %s: %s\n" % (stamp, service, line))
        sys.stdout.flush()

    async def ctl(self, verb: str, service: str) -> tuple[int, str, str]:
        """`snapctl VERB microk8s.daemon-SERVICE` from a daemon.

        start, stop or restart; exit code, stdout, stderr.  Fails at once
        when snapd is busy with another change, as the original does.  A
        daemon may restart itself with it: it is cancelled then.
        """
        return await self._control(verb, service)
