# SPDX-License-Identifier: Apache-2.0
"""Runs the snap's daemons as systemd would: started, stopped, restarted.

A daemon is a coroutine.  One that returns stays inactive; one that raises is
started again, after a while that grows when it crashes quickly.
"""
from __future__ import annotations

import asyncio
import importlib
import time
import traceback

from . import core
from .host import Host

STOP_SECONDS = 10
RETRY_SECONDS = 1
BACK_OFF_SECONDS = 5
QUICK_CRASHES = 5
#: a daemon that ran so long before its crash did not crash quickly
QUICK_SECONDS = 10
NOTIFY_SECONDS = 300

#: daemons whose start is over only when they say so (type notify); each puts
#: an asyncio.Event of its name into Host.shared
NOTIFY = ("containerd",)


class Unit:
    """One daemon and its state, owned by the supervisor."""

    def __init__(self, name: str, host: Host) -> None:
        self.name = name
        self.enabled = True
        self.active = False
        self._host = host
        self._task: asyncio.Task | None = None

    def _log(self, text: str) -> None:
        self._host.log("microk8s.daemon-" + self.name, text)

    async def _run_once(self) -> bool:
        """Whether it ended well; False is a crash."""
        try:
            module = importlib.import_module(
                "standin.services." + self.name.replace("-", "_"))
            self.active = True
            self._log("Started.")
            await module.run(self._host)
            self._log("Deactivated: exit status 0.")
            return True
        except core.ServiceFailed as error:
            self._log("%s\nFailed: exit status 1." % error)
        except Exception:
            self._log(traceback.format_exc() + "Failed: exit status 2.")
        finally:
            self.active = False
        return False

    async def _run(self) -> None:
        """Until it ends well or is cancelled."""
        crashes = 0
        while True:
            began = time.monotonic()
            if await self._run_once():
                return
            if time.monotonic() - began > core.scaled(QUICK_SECONDS):
                crashes = 0
            crashes += 1
            await asyncio.sleep(core.scaled(
                RETRY_SECONDS if crashes < QUICK_CRASHES
                else BACK_OFF_SECONDS))

    async def start(self) -> None:
        """Start it unless it runs; a notifying one is waited for."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name=self.name)
        # A start counts as soon as the process is there.
        await asyncio.sleep(0)
        if self.name in NOTIFY:
            await self._wait_for_notice()

    async def _wait_for_notice(self) -> None:
        event = self._host.shared.get(self.name)
        if isinstance(event, asyncio.Event):
            try:
                await asyncio.wait_for(event.wait(),
                                       core.scaled(NOTIFY_SECONDS))
            except asyncio.TimeoutError:
                self._log("Start operation timed out.")

    async def stop(self) -> None:
        """Stop it and wait until it is gone."""
        task, self._task = self._task, None
        if task is None or task.done():
            return
        for _ in range(3):
            task.cancel()
            # The floor: a busy machine is no daemon that hangs.
            await asyncio.wait({task}, timeout=max(
                core.scaled(STOP_SECONDS), 3.0))
            if task.done():
                break
            self._log("State 'stop-sigterm' timed out. Killing.")
        self._log("Stopped.")


class Supervisor:
    """All daemons of the host, in the order they are started in."""

    def __init__(self, host: Host) -> None:
        self.units = {name: Unit(name, host) for name in core.SERVICES}

    async def start_enabled(self) -> None:
        """As at boot: all at once, none waits for another."""
        await asyncio.gather(*(unit.start() for unit in self.units.values()
                               if unit.enabled))

    async def stop_all(self) -> None:
        """The dependent ones first."""
        for unit in reversed(self.units.values()):
            await unit.stop()
