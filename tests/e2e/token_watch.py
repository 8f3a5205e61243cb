# SPDX-License-Identifier: Apache-2.0
"""Watches a run for its join token: learns it on the master as soon as it is
minted, and collects what a neighbour on the laptop could see meanwhile, the
arguments and environments of all its processes.
"""
from __future__ import annotations

import os
import re
import threading

from muster_lab import DATA, TOKENS

PAUSE = 0.02
_TOKEN = re.compile(r"\A[0-9a-f]{32}")


class TokenWatch:
    """A context: what it saw is complete when the context ends."""

    def __init__(self, state: dict, host: str = "node1") -> None:
        self._master = "/proc/%d/root" % state["hosts"][host][0]
        self._laptop = os.stat("/proc/%d/ns/net" % state["laptop"][0]).st_ino
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._old = self._on_master()
        self.tokens: set[str] = set()
        self.seen: set[bytes] = set()
        self.programs: set[str] = set()

    def __enter__(self) -> "TokenWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(PAUSE):
            self.tokens |= self._on_master() - self._old
            self._look_at_laptop()

    def _on_master(self) -> set[str]:
        """All tokens that it would accept; those of runs that were killed
        wait there for the end of their lifetime."""
        try:
            folder = os.path.dirname(DATA)
            current = os.path.join(folder, os.readlink(self._master + DATA))
            with open("%s%s/%s" % (self._master, current, TOKENS[0]),
                      encoding="utf-8") as source:
                lines = source.read().splitlines()
        except OSError:
            return set()
        return {found.group() for found in map(_TOKEN.match, lines) if found}

    def _look_at_laptop(self) -> None:
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.stat("/proc/%s/ns/net" % pid).st_ino != self._laptop:
                    continue
                for name in ("cmdline", "environ"):
                    with open("/proc/%s/%s" % (pid, name), "rb") as source:
                        self.seen.add(source.read())
                self.programs.add(os.path.basename(
                    os.readlink("/proc/%s/exe" % pid)))
            except OSError:
                continue

    def leaks(self, **texts: str) -> list[str]:
        """Names of those texts in which a token stands, "argv" for what the
        laptop's processes showed."""
        texts["argv"] = b"\0".join(self.seen).decode(errors="replace")
        return [name for name, text in texts.items()
                if any(token in text for token in self.tokens)]
