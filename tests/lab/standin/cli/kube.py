# SPDX-License-Identifier: Apache-2.0
"""The admin's way to this host's API server, as kubectl would see it.

One call in, one object or one error out.  The words of an API server that
is away are kubectl's own, since tools read them.
"""
from __future__ import annotations

import json
import socket
import ssl
import time

from .. import core

REFUSED = ("The connection to the server 127.0.0.1:16443 was refused - did "
           "you specify the right host or port?")

PAUSE = 2.0


class ApiDown(Exception):
    """The API server did not answer; the text is kubectl's."""


class ApiError(Exception):
    """The API server answered with a Status that is not success."""

    def __init__(self, status: int, body: object) -> None:
        self.status = status
        self.body = body if isinstance(body, dict) else {}
        self.reason = self.body.get("reason") or "InternalError"
        self.message = self.body.get("message") or str(body)
        super().__init__(self.message)

    def text(self) -> str:
        """The line kubectl prints for it."""
        if self.body.get("kind") == "Status" and not self.body.get("reason"):
            return "Error from server: " + self.message
        return "Error from server (%s): %s" % (self.reason, self.message)


def call(method: str, path: str, body: object = None,
         timeout: float | None = None) -> object:
    """One request as the admin; ApiDown or ApiError when it fails."""
    try:
        status, answer = core.api(method, path, body, timeout=timeout)
    except ConnectionRefusedError:
        raise ApiDown(REFUSED) from None
    except socket.timeout:
        raise ApiDown("Unable to connect to the server: net/http: request "
                      "canceled (Client.Timeout exceeded while awaiting "
                      "headers)") from None
    except ssl.SSLError as error:
        raise ApiDown("Unable to connect to the server: %s"
                      % error) from None
    except ConnectionResetError:
        raise ApiDown("Unable to connect to the server: EOF") from None
    except OSError as error:
        raise ApiDown("Unable to connect to the server: dial tcp "
                      "127.0.0.1:16443: %s" % error) from None
    except Exception as error:  # http.client's own family
        raise ApiDown("Unable to connect to the server: EOF (%s)"
                      % error) from None
    if status >= 400:
        raise ApiError(status, answer)
    return answer


def items(path: str, timeout: float | None = None) -> list[dict]:
    """The items of a list; empty when the server has no such resource."""
    answer = call("GET", path, timeout=timeout)
    if isinstance(answer, str):
        answer = json.loads(answer)
    return list(answer.get("items") or []) if isinstance(answer, dict) else []


def condition(node: dict, kind: str = "Ready") -> str:
    """The status of one of a node's conditions, or Unknown."""
    for entry in node.get("status", {}).get("conditions", []):
        if entry.get("type") == kind:
            return entry.get("status", "Unknown")
    return "Unknown"


def any_node_ready(timeout: float | None = None) -> bool:
    """MicroK8s' idea of a running cluster: one Ready node, whichever."""
    try:
        call("GET", "/api/v1/namespaces/default/services/kubernetes",
             timeout=timeout)
        return any(condition(node) == "True"
                   for node in items("/api/v1/nodes", timeout=timeout))
    except (ApiDown, ApiError):
        return False


def wait_ready(seconds: float) -> bool:
    """Poll any_node_ready; 0 seconds waits for ever."""
    end = None if seconds == 0 else time.monotonic() + core.scaled(seconds)
    while True:
        if any_node_ready():
            return True
        if end is not None and time.monotonic() > end:
            return False
        core.sleep(PAUSE)
