# SPDX-License-Identifier: Apache-2.0
"""The `snap` command: arguments, texts and exit codes.

0 went well (also for "already installed"), 1 refused, 10 snapd is busy with
another change, 64 wrong usage.
"""
from __future__ import annotations

import asyncio
import os
import time

from . import core, install
from .snapd import SNAP_NAME, Answer, SnapError, Snapd, table

#: track -> version and revision in the store
STORE = {
    "1.28": ("v1.28.15", "7565"),
    "1.29": ("v1.29.15", "7891"),
    "1.30": ("v1.30.14", "8291"),
    "1.31": ("v1.31.9", "8136"),
    "1.32": ("v1.32.8", "8511"),
    "1.33": ("v1.33.4", "8512"),
    "1.34": ("v1.34.1", "8543"),
    "1.35": ("v1.35.0", "8602"),
    "latest": ("v1.35.0", "8602"),
}
RISKS = ("stable", "candidate", "beta", "edge")

#: the ones that change something, for root only
PRIVILEGED = ("alias", "install", "refresh", "remove", "restart", "revert",
              "set", "start", "stop", "unalias", "unset")

CLASSIC = """\
This revision of snap "%s" was published using classic confinement and thus \
may perform
       arbitrary system changes outside of the security sandbox that snaps \
are usually confined to,
       which may put your system at risk.

       If you understand and want to proceed repeat the command including \
--classic."""

UNSEEDED = ("too early for operation, device not yet seeded or device model "
            "not acknowledged")

NO_STORE = ("cannot install \"%s\": Post "
            "\"https://api.snapcraft.io/v2/snaps/refresh\": dial tcp: lookup "
            "api.snapcraft.io: Temporary failure in name resolution")

USAGE = """The snap command lets you install, configure, refresh and remove \
snaps.
Usage: snap <command> [<options>...]
"""


class Line:
    """A command line: flags with and without values, and words."""

    VALUED = ("--channel", "--revision", "--cohort", "--hold", "--name")

    def __init__(self, args: list[str]) -> None:
        self.flags: dict[str, str] = {}
        self.words: list[str] = []
        rest = list(args)
        while rest:
            word = rest.pop(0)
            if not word.startswith("-") or word == "-":
                self.words.append(word)
                continue
            name, equals, value = word.partition("=")
            # --hold takes its value only behind "=".
            if name in self.VALUED and not equals and name != "--hold":
                if not rest:
                    raise SnapError("expected argument for flag `%s'"
                                    % name, 64)
                value = rest.pop(0)
            self.flags[name] = value

    def channel(self) -> str:
        """What --channel or --stable and its like ask for, "" if nothing."""
        for risk in RISKS:
            if "--" + risk in self.flags:
                return risk
        return self.flags.get("--channel", "")


def full_channel(text: str) -> str:
    """track/risk of a channel however it was written."""
    parts = text.split("/")
    if parts[0] in RISKS:
        parts.insert(0, "latest")
    if len(parts) < 2:
        parts.append("stable")
    return "/".join(parts)


def release(channel: str) -> tuple[str, str]:
    """Version and revision in the store; SnapError if it has none."""
    track, risk = channel.split("/")[:2]
    plain = track.removesuffix("-strict")
    if plain not in STORE or risk not in RISKS:
        raise SnapError('snap "%s" is not available on %s but is available '
                        'to install on the following channels:\n\n%s'
                        % (SNAP_NAME, channel, "\n".join(
                            "       %s/stable  snap install --channel=%s/"
                            "stable %s" % (one, one, SNAP_NAME)
                            for one in STORE)))
    version, revision = STORE[plain]
    if plain != track:
        revision = str(int(revision) + 1)
    # The knob's own value: core.knob would name what is installed.
    return (core.knobs_set().get("version") or version,
            core.knob("revision") or revision)


class Snap:
    """One `snap` command of one caller."""

    def __init__(self, snapd: Snapd, uid: int, tty: bool) -> None:
        self.snapd = snapd
        self.state = snapd.state
        self.uid = uid
        self.tick = "✓" if tty else "**"

    async def run(self, argv: list[str]) -> Answer:
        """The command's exit code and what it prints."""
        name = argv[0] if argv else "help"
        method = getattr(self, "do_" + name, None)
        if method is None:
            return 64, "", ('error: unknown command "%s", see \'snap '
                            "help'.\n" % name)
        try:
            if name in PRIVILEGED and self.uid != 0:
                raise SnapError("access denied (try with sudo)")
            return await method(Line(argv[1:]))
        except SnapError as error:
            return error.code, "", "error: %s\n" % error
        except install.HookFailed as error:
            return 1, "", "error: %s\n" % error

    def seeded(self) -> bool:
        """Whether snapd has finished its first start on this machine."""
        return (time.monotonic() - self.snapd.booted
                >= core.scaled(core.knob_float("seed_seconds")))

    def described(self, verb: str) -> str:
        """`microk8s (1.31/stable) v1.31.9 from Canonical✓ installed`."""
        channel = self.state.installed["channel"].removeprefix("latest/")
        return "%s%s %s from Canonical%s %s\n" % (
            SNAP_NAME, "" if channel == "stable" else " (%s)" % channel,
            self.state.installed["version"], self.tick, verb)

    def need_installed(self, name: str) -> None:
        """Raise as snapd does when the snap is not there."""
        if name != SNAP_NAME or not self.state.installed:
            raise SnapError('snap "%s" is not installed' % name)

    # --- install, refresh, remove ---

    async def do_install(self, line: Line) -> Answer:
        """`snap install microk8s --classic [--channel C]`."""
        if not line.words:
            raise SnapError("the required argument `<snap> (at least 1 "
                            "argument)` was not provided", 64)
        if not self.seeded():
            raise SnapError(UNSEEDED)
        name = line.words[0]
        if name == SNAP_NAME and self.state.installed:
            return 0, "", ("snap \"%s\" is already installed, see 'snap "
                           "help refresh'\n" % name)
        self.snapd.check_free()
        if core.knob_bool("store_away"):
            raise SnapError(NO_STORE % name)
        if name != SNAP_NAME:
            raise SnapError('snap "%s" not found' % name)
        channel = full_channel(line.channel() or core.knob("channel"))
        version, revision = release(channel)
        if "--classic" not in line.flags and "-strict/" not in channel:
            raise SnapError(CLASSIC % name)

        async def work() -> None:
            await self.snapd.host.sleep(core.knob_float("install_seconds"))
            await self.snapd.put_in(channel, version, revision)
        await asyncio.shield(self.snapd.begin(
            "install-snap", 'Install "%s" snap from "%s" channel'
            % (name, channel), work))
        return 0, self.described("installed"), ""

    async def do_refresh(self, line: Line) -> Answer:
        """A new channel, or --hold and --unhold.

        What is held is refreshed only by its name, and stays held.
        """
        name = line.words[0] if line.words else SNAP_NAME
        if "--hold" in line.flags or "--unhold" in line.flags:
            return self.hold(line)
        if not line.words and (self.state.hold or not self.state.installed):
            return 0, "", "All snaps up to date.\n"
        self.need_installed(name)
        self.snapd.check_free()
        if core.knob_bool("store_away"):
            raise SnapError((NO_STORE % name).replace("install", "refresh"))
        now = self.state.installed
        channel = line.channel() or now["channel"]
        if channel.split("/")[0] in RISKS:
            # A risk alone is one of the track that is followed.
            channel = "%s/%s" % (now["channel"].split("/")[0], channel)
        channel = full_channel(channel)
        version, revision = release(channel)
        if (channel, revision) == (now["channel"], now["revision"]):
            if line.words:
                return 0, "", 'snap "%s" has no updates available\n' % name
            return 0, "", "All snaps up to date.\n"

        async def work() -> None:
            await self.snapd.host.sleep(core.knob_float("install_seconds"))
            await self.snapd.switch(channel, version, revision)
        await asyncio.shield(self.snapd.begin(
            "refresh-snap", 'Refresh "%s" snap from "%s" channel'
            % (name, channel), work))
        return 0, self.described("refreshed"), ""

    async def do_revert(self, line: Line) -> Answer:
        """`snap revert microk8s`."""
        self.need_installed(line.words[0] if line.words else "")
        self.snapd.check_free()
        if not self.state.previous:
            raise SnapError("no revision to revert to")

        async def work() -> None:
            await self.snapd.host.sleep(core.knob_float("change_seconds"))
            await self.snapd.revert()
        await asyncio.shield(self.snapd.begin(
            "revert-snap", 'Revert "%s" snap' % SNAP_NAME, work))
        return 0, "%s reverted to %s\n" % (
            SNAP_NAME, self.state.installed["version"]), ""

    def hold(self, line: Line) -> Answer:
        """--hold[=DURATION] and --unhold, of one snap or of all."""
        what = 'of "%s" ' % line.words[0] if line.words else ""
        if line.words:
            self.need_installed(line.words[0])
        if "--unhold" in line.flags:
            self.state.hold = ""
            self.state.save()
            return 0, "Removed %srefresh hold%s.\n" % (
                "general " if what else "auto-", " " + what.strip()
                if what else ""), ""
        self.state.hold = line.flags["--hold"] or "forever"
        self.state.save()
        until = ("indefinitely" if self.state.hold == "forever"
                 else "for " + self.state.hold)
        if what:
            return 0, "General refreshes %sheld %s\n" % (what, until), ""
        return 0, "Auto-refresh of all snaps held %s\n" % until, ""

    async def do_remove(self, line: Line) -> Answer:
        """`snap remove [--purge] microk8s`."""
        name = line.words[0] if line.words else ""
        if name != SNAP_NAME or not self.state.installed:
            return 0, "", 'snap "%s" is not installed\n' % name

        async def work() -> None:
            await self.snapd.host.sleep(core.knob_float("change_seconds"))
            await self.snapd.take_out()
        await asyncio.shield(self.snapd.begin(
            "remove-snap", 'Remove "%s" snap' % name, work))
        return 0, "%s removed\n" % name, ""

    # --- looking ---

    async def do_list(self, line: Line) -> Answer:
        """The installed snaps, or one of them."""
        if not self.state.installed:
            if line.words:
                raise SnapError("no matching snaps installed")
            return 0, "", ("No snaps are installed yet. Try 'snap install "
                           "hello-world'.\n")
        now = self.state.installed
        old = int(now["version"].split(".")[1]) <= 33
        strict = "-strict/" in now["channel"]
        notes = [] if strict else ["classic"]
        if self.state.hold:
            notes.append("held")
        rows = [("core20", "20250526", "2599", "latest/stable",
                 "canonical" + self.tick, "base") if old else
                ("core22", "20250730", "2082", "latest/stable",
                 "canonical" + self.tick, "base"),
                (SNAP_NAME, now["version"], now["revision"], now["channel"],
                 "canonical" + self.tick, ",".join(notes) or "-"),
                ("snapd", "2.71", "25202", "latest/stable",
                 "canonical" + self.tick, "snapd")]
        rows = [row for row in rows if not line.words
                or row[0] in line.words]
        if not rows:
            raise SnapError("no matching snaps installed")
        return 0, table([("Name", "Version", "Rev", "Tracking", "Publisher",
                          "Notes")] + rows), ""

    async def do_info(self, line: Line) -> Answer:
        """The store's words, and what is installed."""
        if SNAP_NAME not in line.words:
            return 1, "", "error: no snap found for %s\n" % (
                ", ".join('"%s"' % word for word in line.words))
        text = ("name:      microk8s\nsummary:   Kubernetes for workstations "
                "and appliances\npublisher: Canonical%s\n" % self.tick)
        now = self.state.installed
        if now:
            text += "tracking:     %s\n" % now["channel"]
        # Without the store it tells of what is installed, and does not fail.
        if not core.knob_bool("store_away"):
            text += "channels:\n"
            for track, (version, revision) in STORE.items():
                text += "  %-18s %s 2025-08-29 (%s) 170MB classic\n" % (
                    track + "/stable:", version, revision)
                text += "".join("  %-18s %s\n" % (
                    "%s/%s:" % (track, risk), "↑" if self.tick == "✓"
                    else "^") for risk in RISKS[1:])
        if now:
            text += "installed:          %s (%s) 170MB classic\n" % (
                now["version"], now["revision"])
        return 0, text, ""

    async def do_services(self, line: Line) -> Answer:
        """The daemons and whether they run."""
        if not line.words and not self.state.installed:
            return 0, "", "There are no services provided by installed " \
                "snaps.\n"
        return 0, self.snapd.service_rows(line.words or [SNAP_NAME]), ""

    async def do_changes(self, _line: Line) -> Answer:
        """The last changes; a knob's change is one of them."""
        rows = [tuple(row) for row in self.state.changes]
        if not self.state.changes or self.state.changes[-1][1] != "Doing":
            kind = self.snapd.busy_kind()
            if kind:
                rows.append(("999", "Doing", time.strftime("%FT%T%z"), "-",
                             kind))
        if not rows:
            raise SnapError("no changes found")
        return 0, table([("ID", "Status", "Spawn", "Ready",
                          "Summary")] + rows), ""

    async def do_version(self, _line: Line) -> Answer:
        """snap's and snapd's version."""
        return 0, ("snap    2.71\nsnapd   2.71\nseries  16\nkernel  %s\n"
                   % os.uname().release), ""

    async def do_help(self, _line: Line) -> Answer:
        """Hardly any."""
        return 0, USAGE, ""

    async def do_wait(self, line: Line) -> Answer:
        """`snap wait system seed.loaded`."""
        if line.words[:2] != ["system", "seed.loaded"]:
            raise SnapError('snap "%s" not found' % " ".join(line.words[:1]))
        while not self.seeded():
            await asyncio.sleep(0.05)
        return 0, "", ""

    # --- services and settings ---

    async def service(self, verb: str, line: Line, said: str) -> Answer:
        """start, stop or restart, with the one word for success."""
        if not line.words:
            raise SnapError("the required argument `<service> (at least 1 "
                            "argument)` was not provided", 64)
        switch = "--enable" in line.flags or "--disable" in line.flags
        await asyncio.shield(self.snapd.service_change(verb, line.words,
                                                       switch))
        return 0, said + "\n", ""

    async def do_start(self, line: Line) -> Answer:
        """`snap start [--enable] NAME...`."""
        return await self.service("start", line, "Started.")

    async def do_stop(self, line: Line) -> Answer:
        """`snap stop [--disable] NAME...`."""
        return await self.service("stop", line, "Stopped.")

    async def do_restart(self, line: Line) -> Answer:
        """`snap restart [--reload] NAME...`."""
        return await self.service("restart", line, "Restarted.")

    async def do_alias(self, line: Line) -> Answer:
        """`snap alias microk8s.kubectl kubectl`."""
        app, name = (line.words + ["", ""])[:2]
        self.need_installed(app.partition(".")[0])
        target = install.BIN / app
        if not target.exists() or "/" in name or not name:
            raise SnapError('cannot enable alias "%s" for "%s", no such app'
                            % (name, app))
        self.snapd.check_free()
        other = install.aliases().get(name, app).partition(".")[0]
        if other != SNAP_NAME:
            raise SnapError('cannot enable alias "%s" for "%s", already '
                            'enabled for "%s"' % (name, SNAP_NAME, other))
        script = install.BIN / name
        script.write_text('#!/bin/sh\nexec %s "$@"\n' % target)
        script.chmod(0o755)
        return 0, "Added:\n  - %s as %s\n" % (app, name), ""

    async def do_aliases(self, line: Line) -> Answer:
        """`snap aliases [SNAP]`."""
        rows = [(command, alias, "manual") for alias, command
                in sorted(install.aliases().items())
                if command.split(".")[0] in (line.words
                                             or [command.split(".")[0]])]
        if not rows:
            return 0, "", "No aliases are currently defined%s.\n" % (
                ' for snap "%s"' % line.words[0] if line.words else "")
        return 0, table([("Command", "Alias", "Notes")] + rows), ""

    async def do_unalias(self, line: Line) -> Answer:
        """`snap unalias kubectl`."""
        name = line.words[0] if line.words else ""
        script = install.BIN / name
        if not name or "/" in name or script.is_symlink() or \
                not script.exists():
            raise SnapError('cannot find manual alias "%s" in any snap'
                            % name)
        script.unlink()
        return 0, "Removed:\n  - %s\n" % name, ""

    async def do_get(self, line: Line) -> Answer:
        """`snap get microk8s KEY`."""
        snap, key = (line.words + ["", ""])[:2]
        self.need_installed(snap)
        if key not in self.state.config:
            raise SnapError('snap "%s" has no "%s" configuration option'
                            % (snap, key) if key else
                            'snap "%s" has no configuration' % snap)
        return 0, self.state.config[key] + "\n", ""

    async def do_set(self, line: Line) -> Answer:
        """`snap set microk8s KEY=VALUE...` (kept; nothing reads it)."""
        name = line.words[0] if line.words else ""
        self.need_installed(name)
        self.snapd.check_free()
        for word in line.words[1:]:
            key, equals, value = word.partition("=")
            if not equals:
                raise SnapError('invalid configuration: "%s" (want '
                                'key=value)' % word)
            self.state.config[key] = value
        self.state.save()
        return 0, "", ""

    async def do_unset(self, line: Line) -> Answer:
        """`snap unset microk8s KEY...`."""
        self.need_installed(line.words[0] if line.words else "")
        for key in line.words[1:]:
            self.state.config.pop(key, None)
        self.state.save()
        return 0, "", ""
