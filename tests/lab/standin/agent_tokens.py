# SPDX-License-Identifier: Apache-2.0
"""The cluster agent's token files (ag pkg/util/token.go).

Within the agent they are guarded; add-node appends to them without asking,
and what it appends between the agent's reading and writing is lost.
"""
from __future__ import annotations

import secrets
import string
import time

from . import core
from .host import Host

CLUSTER = "cluster-tokens.txt"
PERSISTENT = "persistent-cluster-tokens.txt"
REQUESTS = "certs-request-tokens.txt"
CALLBACK = "callback-token.txt"


def _path(name: str):
    return core.path("credentials", name)


def _lines(name: str) -> list[str]:
    return core.read_text(_path(name)).split()


def _write(name: str, lines: list[str]) -> None:
    core.write_text(_path(name), "".join(line + "\n" for line in lines))


async def consume_cluster(host: Host, token: str) -> bool:
    """Whether a token is good; a single-use one is gone from then on.

    The first line with the token decides, even if a later one is valid.
    """
    if token in _lines(PERSISTENT):
        return True
    lines = _lines(CLUSTER)
    for number, line in enumerate(lines):
        found, bar, expiry = line.partition("|")
        if found != token:
            continue
        if bar:
            return expiry.isdigit() and time.time() < int(expiry)
        await host.sleep(host.knob_float("token_seconds"))
        _write(CLUSTER, lines[:number] + lines[number + 1:])
        return True
    return False


def consume_request(token: str) -> bool:
    """The same for a certificate's token, always of a single use."""
    lines = _lines(REQUESTS)
    if token not in lines:
        return False
    lines.remove(token)
    _write(REQUESTS, lines)
    return True


def add_requests(token: str) -> None:
    """The pair of tokens that a worker's two certificates take."""
    _write(REQUESTS, _lines(REQUESTS) + [token + "-kubelet",
                                         token + "-proxy"])


def callback_token() -> str:
    """The secret all hosts of a cluster share; made when it is missing."""
    token = core.read_text(_path(CALLBACK)).strip()
    if not token:
        letters = string.ascii_letters
        token = "".join(secrets.choice(letters) for _ in range(64))
        core.write_text(_path(CALLBACK), token + "\n")
    return token


def is_callback(token: object) -> bool:
    """Whether somebody knows the secret."""
    return bool(token) and token == core.read_text(_path(CALLBACK)).strip()
