# SPDX-License-Identifier: Apache-2.0
"""One run of the muster binary: how it is started, and what came of it.

$MUSTER names the binary, as tests/run sets it.  Whatever a test is about, a
sanitizer's complaint or a secret on a terminal fails it.
"""
from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
MUSTER = os.environ.get("MUSTER", os.path.join(TOP, "build/tests/muster"))
ESCAPE = "\033["

_COMPLAINT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")
_COUNTS = re.compile(r"(\w+)=(\d+)")


class Done:
    """Exit code, standard output and error, seconds."""

    def __init__(self, argv: list[str], rc: int, out: str, err: str,
                 seconds: float) -> None:
        self.argv, self.rc, self.out, self.err = argv, rc, out, err
        self.seconds = seconds
        if _COMPLAINT.search(err):
            raise AssertionError("a sanitizer complains: %r" % self)

    def __repr__(self) -> str:
        return "%s\nexit %d after %.1f s\nstdout:\n%s\nstderr:\n%s" % (
            " ".join(self.argv), self.rc, self.seconds, self.out, self.err)

    def json(self) -> dict:
        """Standard output as the one document it should be."""
        return json.loads(self.out)

    def recap(self) -> dict[str, dict[str, int]]:
        """host (and `total`) -> status -> how many, from the answer."""
        found = {}
        for line in self.out.splitlines():
            if "unreachable=" in line:
                found[line.split()[0]] = {
                    word: int(n) for word, n in _COUNTS.findall(line)}
        return found

    def table(self) -> dict[str, dict[str, str]]:
        """node name -> column -> cell, from the table of nodes."""
        lines = self.out.splitlines()
        at = next((i for i, line in enumerate(lines)
                   if line.startswith("NAME ")), len(lines))
        end = next((i for i in range(at, len(lines)) if not lines[i]),
                   len(lines))
        rows = [re.split(r" {3,}", line.strip()) for line in lines[at:end]]
        return {row[0]: dict(zip(rows[0], row)) for row in rows[1:]}


class Process:
    """A muster (or anything else) that is still running."""

    def __init__(self, argv: list[str], env: dict[str, str] | None = None,
                 cwd: str | None = None) -> None:
        self.argv, self.begun = argv, time.monotonic()
        self._err = tempfile.TemporaryFile()
        self.popen = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self._err, text=True, errors="replace", cwd=cwd,
            env={**os.environ, **(env or {})})

    def running(self) -> bool:
        return self.popen.poll() is None

    def send(self, number: int) -> None:
        self.popen.send_signal(number)

    def said(self) -> str:
        """Its standard error until now."""
        size = os.fstat(self._err.fileno()).st_size
        return os.pread(self._err.fileno(), size, 0).decode(errors="replace")

    def wait(self, seconds: float = 120) -> Done:
        """Its end; one that does not come is a failed test."""
        try:
            out, _ = self.popen.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            out, _ = self.popen.communicate()
            raise AssertionError(
                "no end after %g s: %s\nstdout:\n%s\nstderr:\n%s" % (
                    seconds, " ".join(self.argv), out, self.said())) from None
        done = Done(self.argv, self.popen.returncode, out, self.said(),
                    time.monotonic() - self.begun)
        self._err.close()
        return done


def muster(*args: str, env: dict[str, str] | None = None,
           cwd: str | None = None, stdin: str | None = None,
           seconds: float = 60) -> Done:
    """Run muster on this machine, without a lab, to its end."""
    begun = time.monotonic()
    done = subprocess.run(
        [MUSTER, *args], text=True, errors="replace", capture_output=True,
        timeout=seconds, cwd=cwd, env={**os.environ, **(env or {})},
        **({"stdin": subprocess.DEVNULL} if stdin is None
           else {"input": stdin}))
    return Done(["muster", *args], done.returncode, done.stdout, done.stderr,
                time.monotonic() - begun)


def events_of(path: str) -> list[dict]:
    """What is in a file of --events by now; a last half line is left out."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.split("\n")[:-1]]


def steps(events: list[dict], host: str = "", step: str = "") -> list[dict]:
    """The ends of steps, of this host and with this title if given."""
    return [e for e in events if e["kind"] == "step_end"
            and host in ("", e["host"])
            and (not step or e["step"].split()[0] == step)]


def spans(events: list[dict]) -> dict[str, list[tuple[int, int]]]:
    """host -> (begin, end) in ms of each of its steps."""
    found: dict[str, list[tuple[int, int]]] = {}
    begun: dict[str, int] = {}
    for event in events:
        if event["kind"] == "step_start":
            begun[event["host"]] = event["since_start_ms"]
        elif event["kind"] == "step_end":
            found.setdefault(event["host"], []).append(
                (begun[event["host"]], event["since_start_ms"]))
    return found
