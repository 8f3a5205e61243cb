# SPDX-License-Identifier: Apache-2.0
"""Args files, read as the daemons read them.

kubelite's own reader (kubernetes patch 0000-Kubelite-integration) deletes
every quote and splits at single blanks, so no value can have one; the other
daemons have bash read theirs.  A flag that a component does not know ends it,
and so does a value that is not of the flag's type.
"""
from __future__ import annotations

import ipaddress
import os
import re
import shlex

from . import core
from .kubeflags import FLAGS

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_DURATION = re.compile(r"(?:[+-]?(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0,
          "m": 60.0, "h": 3600.0}


def environment() -> dict[str, str]:
    """The variables of a snap's daemon that args files use."""
    return {"SNAP": core.SNAP, "SNAP_DATA": core.SNAP_DATA,
            "SNAP_COMMON": core.SNAP_COMMON,
            "PATH": os.environ.get("PATH", "")}


def expand(text: str) -> str:
    """$VAR and ${VAR}; an unknown one is empty, as in Go and bash."""
    known = environment()
    return _VARIABLE.sub(
        lambda found: known.get(found.group(1) or found.group(2), ""), text)


def read_words(name: str) -> list[str]:
    """args/NAME as kubelite reads it: ReadArgsFromFile."""
    try:
        with open(core.path("args", name), encoding="utf-8") as source:
            lines = source.read().splitlines()
    except OSError as error:
        raise core.ServiceFailed("failed to open args file: %s"
                                 % error) from None
    words: list[str] = []
    for line in lines:
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        line = line.replace('"', "").replace("'", "")
        words += [expand(word) for word in line.split(" ")]
    return words


def duration(text: str) -> float:
    """Go's durations in seconds; ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError('time: invalid duration "%s"' % text)
    return sum(float(number) * _UNITS[unit] for number, unit in
               re.findall(r"([+-]?[\d.]+)(ns|us|µs|ms|s|m|h)", text))


def _check_bool(text: str) -> None:
    if text not in ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F",
                    "false", "FALSE", "False"):
        raise ValueError('strconv.ParseBool: parsing "%s": invalid syntax'
                         % text)


def _check_int(text: str) -> None:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise ValueError('strconv.ParseInt: parsing "%s": invalid syntax'
                         % text)


def _check_ip(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError('failed to parse IP: "%s"' % text) from None


def _check_ips(text: str) -> None:
    for part in text.split(","):
        try:
            ipaddress.ip_address(part)
        except ValueError:
            raise ValueError("bad --node-ip %r: invalid IP address"
                             % text) from None


def _check_cidr(text: str) -> None:
    for part in text.split(","):
        if "/" not in part:
            raise ValueError("invalid CIDR address: " + text)
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError("invalid CIDR address: " + text) from None


#: the letter in kubeflags.FLAGS -> what its values must be
_CHECKS = {"b": _check_bool, "i": _check_int, "d": duration, "a": _check_ip,
           "n": _check_ips, "c": _check_cidr, "s": lambda text: None}


class Flags:
    """The flags of one component; the last of several wins."""

    def __init__(self, component: str, words: list[str]) -> None:
        self.component = component
        self._values: dict[str, str] = {}
        self._known = FLAGS[component]
        rest = list(words)
        while rest:
            self._take(rest)

    def _fail(self, text: str) -> core.ServiceFailed:
        return core.ServiceFailed("Error: %s: %s" % (self.component, text))

    def _take(self, rest: list[str]) -> None:
        word = rest.pop(0)
        if not word.startswith("-"):
            if word:
                raise self._fail('unknown command "%s" for "%s"'
                                 % (word, self.component))
            return
        name, equals, value = word.partition("=")
        name = "--" + name.lstrip("-").replace("_", "-")
        kind = self._known.get(name)
        if kind is None or not word.startswith("--"):
            raise self._fail("unknown flag: " + name if word.startswith("--")
                             else "unknown shorthand flag: %r in %s"
                             % (word[1:2], word))
        if not equals and kind == "b":
            value = "true"
        elif not equals:
            if not rest:
                raise self._fail("flag needs an argument: " + name)
            value = rest.pop(0)
        try:
            _CHECKS[kind](value)
        except ValueError as error:
            raise self._fail('invalid argument "%s" for "%s" flag: %s'
                             % (value, name, error)) from None
        self._values[name] = value

    def get(self, name: str) -> str:
        """A flag's value; empty when it is not there."""
        return self._values.get(name, "")


def component(name: str) -> Flags:
    """The flags of args/NAME; ServiceFailed when one is wrong."""
    return Flags(name, read_words(name))


def bash_flags(name: str) -> dict[str, str]:
    """--k=v and --k v of an args file that bash reads; no check."""
    try:
        words = shlex.split(core.read_text(core.path("args", name)),
                            comments=False)
    except ValueError as error:
        raise core.ServiceFailed("args/%s: %s" % (name, error)) from None
    found: dict[str, str] = {}
    last = ""
    for word in map(expand, words):
        key, equals, value = word.partition("=")
        if word.startswith("-"):
            last = "" if equals else key
            found[key] = value
        elif last:
            found[last], last = word, ""
    return found
