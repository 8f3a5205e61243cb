# SPDX-License-Identifier: Apache-2.0
"""snapd's part: what is installed, its changes, and `snapctl`.

One change at a time: who comes while another runs is refused at once, in
snapd's words, with 10 from `snap` and 1 from `snapctl`.  A change goes on
when the client that asked for it is gone.
"""
from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from . import core, install, kubeproxy, pods
from .host import Host
from .supervisor import Supervisor, Unit

STATE = "/var/lib/snapd/lab-state.json"
SNAP_NAME = "microk8s"
PREFIX = SNAP_NAME + ".daemon-"
SNAPCTL_SECONDS = 150
KEPT_CHANGES = 20

Answer = tuple[int, str, str]


class SnapError(Exception):
    """A refusal: the client prints it after `error: ` and exits with code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Busy(SnapError):
    """Another change is in progress."""

    def __init__(self, kind: str) -> None:
        super().__init__('snap "%s" has "%s" change in progress'
                         % (SNAP_NAME, kind), 10)


@dataclass
class State:
    """What outlives a reboot."""

    #: channel, version and revision; empty when not installed
    installed: dict[str, str] = field(default_factory=dict)
    #: version and revision that `snap revert` goes back to
    previous: dict[str, str] = field(default_factory=dict)
    disabled: list[str] = field(default_factory=list)
    config: dict[str, str] = field(default_factory=dict)
    hold: str = ""
    #: id, status, spawn, ready and summary of each of the last changes
    changes: list[list[str]] = field(default_factory=list)
    #: the knob `installed` has done its work
    born: bool = False
    #: MicroK8s was seen ready once
    was_ready: bool = False

    def save(self) -> None:
        """Write it, by renaming."""
        os.makedirs(os.path.dirname(STATE), exist_ok=True)
        with open(STATE + ".new", "w", encoding="utf-8") as out:
            json.dump(self.__dict__, out)
        os.replace(STATE + ".new", STATE)


def load_state() -> State:
    """The state of the last boot, or a new one."""
    text = core.read_text(STATE)
    return State(**json.loads(text)) if text else State()


class Snapd:
    """Owns the state, the daemons and the one change that may run."""

    def __init__(self, host_of: Callable[..., Host] = Host) -> None:
        self.state = load_state()
        self.host = host_of(self.control)
        self.supervisor = Supervisor(self.host)
        for name in self.state.disabled:
            self.supervisor.units[name].enabled = False
        self.booted = time.monotonic()
        self._kind = ""
        self._busy_seen: tuple[str, float] = ("", 0.0)

    # --- changes ---

    def busy_kind(self) -> str:
        """The kind of change that is in progress, "" if none is."""
        if self._kind:
            return self._kind
        kind, now = core.knob("snap_busy"), time.monotonic()
        if kind != self._busy_seen[0]:
            self._busy_seen = (kind, now)
        lasts = core.scaled(core.knob_float("snap_busy_seconds"))
        return "" if lasts and now - self._busy_seen[1] > lasts else kind

    def check_free(self) -> None:
        """Raise Busy when a change is in progress."""
        kind = self.busy_kind()
        if kind:
            raise Busy(kind)

    def begin(self, kind: str, summary: str,
              work: Callable[[], Awaitable[None]]) -> asyncio.Task:
        """Start a change; its task ends with the work's own exception."""
        self.check_free()
        self._kind = kind
        last = int(self.state.changes[-1][0]) if self.state.changes else 0
        entry = [str(last + 1), "Doing", _now(), "-", summary]
        self.state.changes = (self.state.changes + [entry])[-KEPT_CHANGES:]
        task = asyncio.create_task(self._change(entry, work), name=kind)
        # Nobody may be left to hear of a failure; it is in the log.
        task.add_done_callback(lambda done: done.cancelled()
                               or done.exception())
        return task

    async def _change(self, entry: list[str],
                      work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
            entry[1] = "Done"
        except BaseException as error:
            entry[1] = "Error"
            self.host.log("snapd", "%s: %s" % (entry[4], error))
            raise
        finally:
            entry[3] = _now()
            self._kind = ""
            self.state.save()

    # --- services ---

    def select(self, names: list[str]) -> list[Unit]:
        """The daemons these words of a command line mean, in their order."""
        units = self.supervisor.units
        wanted: set[str] = set()
        for name in names:
            snap, _, app = name.partition(".")
            if snap != SNAP_NAME or not self.state.installed:
                raise SnapError('snap "%s" not found' % snap)
            if not app:
                wanted |= set(units)
            elif name.startswith(PREFIX) and name[len(PREFIX):] in units:
                wanted.add(name[len(PREFIX):])
            else:
                raise SnapError('snap "%s" has no service "%s"'
                                % (snap, app))
        return [units[name] for name in units if name in wanted]

    def set_enabled(self, units: list[Unit], enabled: bool) -> None:
        """Enable or disable for the next boot."""
        for unit in units:
            unit.enabled = enabled
        self.state.disabled = [unit.name for unit
                               in self.supervisor.units.values()
                               if not unit.enabled]

    def service_change(self, verb: str, names: list[str],
                       switch: bool = False) -> asyncio.Task:
        """start, stop or restart; `switch` also enables or disables.

        A whole snap's restart leaves alone what is neither enabled nor
        active; a service that is named is restarted in any case.
        """
        units = self.select(names)

        async def work() -> None:
            await self.host.sleep(core.knob_float("change_seconds"))
            if switch:
                self.set_enabled(units, verb == "start")
            for unit in units if verb != "stop" else reversed(units):
                if verb == "restart" and SNAP_NAME in names and not (
                        unit.enabled or unit.active):
                    continue
                if verb != "start":
                    await unit.stop()
                if verb != "stop":
                    await unit.start()
        return self.begin("service-control", "%s service%s" % (
            {"start": "Run", "stop": "Stop", "restart": "Restart"}[verb],
            " of snap \"%s\"" % SNAP_NAME), work)

    def service_rows(self, names: list[str]) -> str:
        """The table of `snap services`."""
        rows = [("Service", "Startup", "Current", "Notes")]
        for unit in self.select(names):
            rows.append((PREFIX + unit.name,
                         "enabled" if unit.enabled else "disabled",
                         "active" if unit.active else "inactive", "-"))
        return table(rows)

    async def control(self, verb: str, service: str) -> Answer:
        """`snapctl VERB microk8s.daemon-SERVICE` for Host.ctl."""
        return await self.snapctl([verb, PREFIX + service])

    async def snapctl(self, words: list[str]) -> Answer:
        """`snapctl` called from within the snap."""
        verb = words[0] if words else ""
        names = [word for word in words[1:] if not word.startswith("--")]
        switch = "--enable" in words or "--disable" in words
        try:
            if verb == "services":
                return 0, self.service_rows(names or [SNAP_NAME]), ""
            if verb not in ("start", "stop", "restart"):
                return 1, "", ("error: error running snapctl: unknown "
                               "command \"%s\"\n" % verb)
            task = self.service_change(verb, names, switch)
            done, _ = await asyncio.wait(
                {task}, timeout=core.scaled(SNAPCTL_SECONDS))
            if not done:
                raise SnapError("%s command is taking too long" % verb)
            task.result()
        except SnapError as error:
            return 1, "", "error: error running snapctl: %s\n" % error
        return 0, "", ""

    # --- the snap itself ---

    async def put_in(self, channel: str, version: str, revision: str) -> None:
        """Install the files and start the daemons, without any waiting."""
        await asyncio.to_thread(install.install, version, revision)
        self.state.installed = {"channel": channel, "version": version,
                                "revision": revision}
        self.set_enabled(list(self.supervisor.units.values()), True)
        self.state.save()
        await self.supervisor.start_enabled()

    async def take_out(self) -> None:
        """Stop the daemons and remove the files."""
        await self.supervisor.stop_all()
        pods.close_all(self.host)
        await asyncio.to_thread(kubeproxy.clear)
        await asyncio.to_thread(install.remove)
        self.state.installed = {}
        self.state.previous = {}
        self.state.hold = ""

    async def switch(self, channel: str, version: str,
                     revision: str) -> None:
        """Another revision with the old one's data, or the old one again.

        A revision that is there already is only tracked from elsewhere.
        """
        now = self.state.installed
        if revision != now["revision"]:
            await self.supervisor.stop_all()
            try:
                await asyncio.to_thread(install.refresh, version, revision)
            except install.HookFailed:
                await self.supervisor.start_enabled()
                raise
            self.state.previous = {"version": now["version"],
                                   "revision": now["revision"]}
        self.state.installed = {"channel": channel, "version": version,
                                "revision": revision}
        if revision != now["revision"]:
            await self.supervisor.start_enabled()

    async def revert(self) -> None:
        """The revision before, with its data; the channel stays tracked."""
        await self.supervisor.stop_all()
        await asyncio.to_thread(install.revert,
                                self.state.previous["revision"])
        self.state.installed |= self.state.previous
        self.state.previous = {}
        await self.supervisor.start_enabled()


def _now() -> str:
    return time.strftime("%FT%T%z")


def table(rows: list[tuple[str, ...]]) -> str:
    """Columns two blanks apart, as snap prints them."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "".join("  ".join(cell.ljust(width) for cell, width
                             in zip(row, widths)).rstrip() + "\n"
                   for row in rows)
