# SPDX-License-Identifier: Apache-2.0
"""`microk8s start` and `microk8s stop` of a control plane.

On a worker both are refused with exit 0 before they get here.
"""
from __future__ import annotations

import sys

from .. import core
from . import dispatch, kube


def stop() -> int:
    """Stop and disable everything, containers too, and leave the marker."""
    code, out, err = core.snap("stop", "--disable", "microk8s")
    sys.stderr.write(err)
    if code != 0:
        return code
    sys.stdout.write(out)
    core.touch_lock("stopped.lock")
    return 0


def start() -> int:
    """Start and enable everything; then a wait whose outcome is ignored."""
    core.drop_lock("stopped.lock")
    code, out, err = core.snap("start", "--enable", "microk8s")
    sys.stderr.write(err)
    if code != 0:
        return code
    sys.stdout.write(out)
    kube.wait_ready(60)
    return 0


def main(name: str, args: list[str]) -> int:
    """Run one of the two as root."""
    dispatch.become_root(name, args)
    return stop() if name == "stop" else start()
