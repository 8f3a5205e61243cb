# SPDX-License-Identifier: Apache-2.0
"""args/traefik/provider.yaml: where a worker's proxy finds the API servers."""
from __future__ import annotations

import re

from . import core

_SERVER = re.compile(r"^ *- *address: *['\"]?([^'\"\s#]+)", re.M)

TEXT = """tcp:
  routers:
    Router-1:
      rule: HostSNI(`*`)
      service: kube-apiserver
      tls:
        passthrough: true
  services:
    kube-apiserver:
      loadBalancer:
        servers:
"""


def path():
    """The file."""
    return core.path("args", "traefik", "provider.yaml")


def parse(text: str) -> list[tuple[str, int]]:
    """Address and port of every server that is one."""
    found = []
    for server in _SERVER.findall(text):
        address, _, port = server.rpartition(":")
        if address and port.isdigit():
            found.append((address, int(port)))
    return found


def write(servers: list[tuple[str, int]]) -> None:
    """Replace the file at once, as the agent's proxy does."""
    core.write_text(path(), TEXT + "".join(
        "        - address: %s:%d\n" % server for server in servers))
