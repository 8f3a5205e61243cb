# SPDX-License-Identifier: Apache-2.0
"""The inventory `lab up` writes for what it built."""
from __future__ import annotations

import math

from . import disk, knobs
from .state import Lab

_SETTLE_SECONDS = 45


def settle(scale: str) -> int:
    """45 s of life, in the lab's time, at least one second."""
    return max(1, math.ceil(_SETTLE_SECONDS * float(scale)))


def text(lab: Lab) -> str:
    topology = lab.known()
    scale = lab.knobs.get(topology.hosts[0].name, {}).get(
        "time_scale") or knobs.default("time_scale") or "0.05"
    lines = [f"# The hosts of lab '{lab.name}', written by `lab up`."]
    for group, role in (("masters", "master"), ("workers", "worker")):
        lines += ["", f"[{group}]"]
        for host in topology.hosts:
            if host.role == role:
                address = topology.laptop_address(host)
                way = (f" ansible_ssh_common_args='-J ubuntu@{host.via}'"
                       if host.via else "")
                lines.append(f"{host.name} ansible_host={address} "
                             f"node_ip={address}{way}")
    lines += ["", "[all:vars]", "ansible_user=ubuntu",
              f"# The lab's clocks run {1 / float(scale):g} times faster than "
              "life: after so many seconds",
              "# muster looks again whether what it saw has lasted.",
              f"microk8s_settle={settle(scale)}", ""]
    return "\n".join(lines)


def write(lab: Lab) -> None:
    disk.write(lab.inventory, text(lab))
