# SPDX-License-Identifier: Apache-2.0
"""A daemon's client of the API: a kubeconfig, a kept connection, errors.

The words of the errors are Go's, since the cluster agent passes them on.
"""
from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator

from . import core
from .httpio import Client, HttpError

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class ApiFailed(Exception):
    """No answer (status 0), or one that is an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class KubeClient:
    """The API server of a kubeconfig below credentials/.

    Raises OSError, ValueError or ssl.SSLError at once when the kubeconfig
    or what it names cannot be used.
    """

    def __init__(self, kubeconfig: str, timeout: float) -> None:
        config = core.read_kubeconfig(core.path("credentials", kubeconfig))
        self.server = config["server"]
        address, _, port = self.server.rpartition("/")[2].partition(":")
        self._where = (address, int(port or 443))
        self._tls: ssl.SSLContext = core.client_context(config)
        self._timeout = timeout
        self._client = Client(*self._where, self._tls)

    def close(self) -> None:
        """Drop the connection; it comes back by itself."""
        self._client.close()

    def _words(self, error: BaseException) -> str:
        if isinstance(error, ConnectionRefusedError):
            return "dial tcp %s:%d: connect: connection refused" % self._where
        if isinstance(error, TimeoutError):
            return "context deadline exceeded"
        if isinstance(error, (HttpError, ConnectionResetError)):
            return "EOF"
        return str(error)

    async def call(self, method: str, path: str, body: object = None,
                   kind: str = "application/json") -> dict:
        """One request; the answer's JSON, or ApiFailed."""
        raw = b"" if body is None else json.dumps(body).encode()
        try:
            status, text = await self._client.request(
                method, path, raw, kind, self._timeout)
        except (OSError, HttpError, TimeoutError) as error:
            raise ApiFailed(0, '%s "%s%s": %s' % (
                method.capitalize(), self.server, path,
                self._words(error))) from None
        try:
            found = json.loads(text)
        except ValueError:
            found = {}
        if status >= 400:
            raise ApiFailed(status, str(found.get("message")
                                        or text.decode("utf-8", "replace")))
        return found

    async def watch(self, path: str) -> AsyncIterator[tuple[str, dict]]:
        """(ADDED, MODIFIED or DELETED, object) on a connection of its own;
        ends with ApiFailed."""
        client = Client(*self._where, self._tls)
        try:
            async for chunk in client.stream(path):
                for line in chunk.splitlines():
                    event = json.loads(line)
                    yield event["type"], event["object"]
        except (OSError, HttpError, ValueError) as error:
            raise ApiFailed(0, self._words(error)) from None
        finally:
            client.close()
        raise ApiFailed(0, "watch ended")


async def first_failure(*tasks: asyncio.Task) -> None:
    """Wait until one of the tasks ends, then end all; its exception."""
    try:
        done, _ = await asyncio.wait(tasks,
                                     return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
