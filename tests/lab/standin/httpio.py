# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 over asyncio streams, both ends, as much as the daemons need.

Connections are kept alive, because a cluster of thirty hosts heartbeats many
times a second and a TLS handshake costs more than everything else together.
A message has a known length; only a watch's answer has none and is chunked.
"""
from __future__ import annotations

import asyncio
import json
import ssl
from asyncio import sslproto
from dataclasses import dataclass, field
from typing import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qsl, unquote

from .listener import Listener

# One record of TLS at a time.  asyncio gives every connection room for
# sixteen, which two hundred hosts that ask each other would fill memory with.
sslproto.SSLProtocol.max_size = 16 * 1024

HEAD_MAX = 64 * 1024
BODY_MAX = 8 * 1024 * 1024
REASONS = {200: "OK", 201: "Created", 400: "Bad Request",
           401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           405: "Method Not Allowed", 409: "Conflict", 410: "Gone",
           415: "Unsupported Media Type", 422: "Unprocessable Entity",
           500: "Internal Server Error", 501: "Not Implemented",
           502: "Bad Gateway", 503: "Service Unavailable",
           504: "Gateway Timeout"}


class HttpError(Exception):
    """The peer does not speak HTTP, or ended in the middle of it."""


@dataclass
class Request:
    """A request as the server got it; `user` and `groups` are those of the
    client certificate, empty without one."""
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    peer: str = ""
    user: str = ""
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        path, _, query = self.target.partition("?")
        self.path = unquote(path)
        self.query = dict(parse_qsl(query, keep_blank_values=True))

    def json(self) -> object:
        """The body; ValueError if it is no JSON."""
        return json.loads(self.body or b"null")


@dataclass
class Response:
    """An answer; `stream` instead of a body makes it a chunked one."""
    status: int
    body: bytes = b""
    kind: str = "application/json"
    stream: AsyncIterator[bytes] | None = None
    headers: dict[str, str] = field(default_factory=dict)


def answer(status: int, body: object) -> Response:
    """JSON as Go's encoder ends it, with a newline."""
    return Response(status, json.dumps(body, separators=(",", ":")).encode()
                    + b"\n")


def plain(status: int, text: str) -> Response:
    """An answer in words."""
    return Response(status, text.encode(), "text/plain; charset=utf-8")


Handler = Callable[[Request], Awaitable[Response]]


def _headers(lines: list[str]) -> dict[str, str]:
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            found[name.strip().lower()] = value.strip()
    return found


async def _head(reader: asyncio.StreamReader) -> list[str] | None:
    """The lines of a message's head; None at the end of the connection."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise HttpError("ended within a head") from None
        return None
    except asyncio.LimitOverrunError:
        raise HttpError("head too large") from None
    return raw[:-4].decode("latin-1").split("\r\n")


def certificate_names(stream: asyncio.StreamWriter
                      ) -> tuple[str, tuple[str, ...]]:
    """CN and all O of the peer's verified certificate."""
    tls = stream.get_extra_info("ssl_object")
    peer = tls.getpeercert() if tls else None
    user, groups = "", []
    for part in (peer or {}).get("subject", ()):
        for key, value in part:
            if key == "commonName":
                user = value
            elif key == "organizationName":
                groups.append(value)
    return user, tuple(groups)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request on a connection; None when there is no more."""
    lines = await _head(reader)
    if lines is None:
        return None
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HttpError("no request line: %.60r" % lines[0])
    headers = _headers(lines[1:])
    if "transfer-encoding" in headers:
        raise HttpError("chunked requests are not taken")
    try:
        length = int(headers.get("content-length", "0"))
    except ValueError:
        raise HttpError("no content length") from None
    if not 0 <= length <= BODY_MAX:
        raise HttpError("body too large")
    body = await reader.readexactly(length) if length else b""
    if parts[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    return Request(parts[0], parts[1], headers, body)


async def _write(writer: asyncio.StreamWriter, response: Response,
                 keep: bool) -> None:
    head = ["HTTP/1.1 %d %s" % (response.status,
                                REASONS.get(response.status, "Unknown"))]
    if response.body or response.stream:
        head.append("Content-Type: " + response.kind)
    head += ["%s: %s" % pair for pair in response.headers.items()]
    head.append("Transfer-Encoding: chunked" if response.stream
                else "Content-Length: %d" % len(response.body))
    if not keep:
        head.append("Connection: close")
    raw = ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")
    writer.write(raw + response.body)
    await writer.drain()
    if response.stream:
        async for chunk in response.stream:
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _wait_closed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.wait_closed()
    except OSError:
        pass


async def serve(server: asyncio.Server) -> None:
    """Accept on a server made with start_serving=False.

    Cancelled while it starts by itself, asyncio leaves it listening and
    known to nobody, and its port is taken as long as the process lives.
    """
    try:
        await server.start_serving()
    except BaseException:
        server.close()
        raise


class Server:
    """Listens and hands each request to `handle`; `close` cuts everybody
    off at once, as the end of a process does."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._tasks: set[asyncio.Task] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._listener: Listener | None = None

    def listen(self, address: str, port: int, tls: ssl.SSLContext) -> int:
        """The port; OSError when it is taken or the address is not here."""
        listener = Listener(self._streams, tls)
        found = listener.listen(address, port)
        self._listener = listener
        return found

    def _streams(self) -> asyncio.Protocol:
        return asyncio.StreamReaderProtocol(
            asyncio.StreamReader(limit=HEAD_MAX), self._connection)

    async def _connection(self, reader: asyncio.StreamReader,
                          writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        # As in Go: a client that goes away ends what is done for it.
        gone = asyncio.create_task(_wait_closed(writer))
        gone.add_done_callback(lambda _: task.cancel())
        try:
            await self._requests(reader, writer)
        except (OSError, HttpError, asyncio.IncompleteReadError,
                asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self._writers.discard(writer)
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader,
                        writer: asyncio.StreamWriter) -> None:
        peer = (writer.get_extra_info("peername") or ("",))[0]
        user, groups = certificate_names(writer)
        while True:
            request = await read_request(reader)
            if request is None:
                return
            request.peer, request.user, request.groups = peer, user, groups
            response = await self._handle(request)
            keep = request.headers.get("connection", "").lower() != "close"
            await _write(writer, response, keep)
            if not keep:
                return

    def close(self) -> None:
        """Stop listening, end every connection without a word."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for task in list(self._tasks):
            task.cancel()
        for writer in list(self._writers):
            writer.transport.abort()


class Client:
    """One kept-alive connection to one server; one request at a time."""

    def __init__(self, address: str, port: int,
                 tls: ssl.SSLContext | None) -> None:
        self.address, self.port, self._tls = address, port, tls
        self._streams: tuple[asyncio.StreamReader,
                             asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()

    def close(self) -> None:
        """Forget the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None

    async def open(self) -> tuple[asyncio.StreamReader,
                                  asyncio.StreamWriter]:
        """The connection, made if there is none; OSError."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self.address, self.port, ssl=self._tls, limit=HEAD_MAX)
        return self._streams

    async def _send(self, method: str, path: str, body: bytes, kind: str
                    ) -> tuple[int, dict[str, str]]:
        reader, writer = await self.open()
        writer.write((
            "%s %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: %s\r\n"
            "Content-Length: %d\r\n\r\n" % (
                method, path, self.address, self.port, kind, len(body))
            ).encode() + body)
        lines = await _head(reader)
        if not lines:
            raise HttpError("EOF")
        return int(lines[0].split(" ")[1]), _headers(lines[1:])

    async def request(self, method: str, path: str, body: bytes = b"",
                      kind: str = "application/json",
                      timeout: float | None = None) -> tuple[int, bytes]:
        """Status and body; OSError, HttpError or TimeoutError otherwise."""
        async with self._lock:
            try:
                async with asyncio.timeout(timeout):
                    return await self._exchange(method, path, body, kind)
            except BaseException as error:
                self.close()
                if isinstance(error, (ValueError, IndexError,
                                      asyncio.IncompleteReadError)):
                    raise HttpError("malformed answer") from None
                raise

    async def _exchange(self, method: str, path: str, body: bytes, kind: str
                        ) -> tuple[int, bytes]:
        status, headers = await self._send(method, path, body, kind)
        reader, _ = await self.open()
        got = await reader.readexactly(int(headers.get("content-length",
                                                       "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status, got

    async def stream(self, path: str) -> AsyncIterator[bytes]:
        """The chunks of an answer without a length, on this connection,
        which is then of no other use."""
        try:
            status, headers = await self._send("GET", path, b"",
                                               "application/json")
            if status != 200 or "transfer-encoding" not in headers:
                raise HttpError("status %d instead of a stream" % status)
            reader, _ = await self.open()
            while True:
                size = int(await reader.readline() or b"0", 16)
                chunk = await reader.readexactly(size + 2)
                if size == 0:
                    return
                yield chunk[:-2]
        except asyncio.IncompleteReadError:
            raise HttpError("stream cut") from None
        finally:
            self.close()
