#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTPS server for httprig.c, with an answer for every case.

Usage: https_server.py SOCKET CERT KEY [CLIENT_CA]

SOCKET is the path of a UNIX socket, or "tcp:PORT" on the loopback.  With
CLIENT_CA a client certificate signed by it is required.  Prints "ready" once
it listens and ends when its standard input does.
"""
from __future__ import annotations

import http.server
import os
import socket
import socketserver
import ssl
import sys
import threading
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Paths name what is to happen."""

    protocol_version = "HTTP/1.1"
    connections = 0

    def setup(self) -> None:
        Handler.connections += 1
        self.number = Handler.connections
        super().setup()

    def address_string(self) -> str:
        return "client"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self) -> None:
        name, _, value = self.path.lstrip("/").partition("/")
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if name == "connection":
            self.answer(200, str(self.number).encode())
        elif name == "echo":
            kind = self.headers.get("Content-Type", "none")
            self.answer(200, f"{self.command} {kind} ".encode() + body)
        elif name == "status":
            self.answer(int(value), b"as asked")
        elif name == "zeros":
            self.answer(200, bytes(int(value)))
        elif name == "endless":
            self.endless()
        elif name == "late":
            threading.Event().wait(float(value))
            self.answer(200, b"late")
        elif name == "hang":
            threading.Event().wait()
        elif name == "hangup":
            self.hang_up()
        elif name == "half":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half of it")
            self.hang_up()
        else:
            self.answer(404, b"no such case")

    def endless(self) -> None:
        """Does not say beforehand how much there is."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def hang_up(self) -> None:
        self.close_connection = True
        self.connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = serve


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """TLS is spoken on each connection's own thread."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 32

    def __init__(self, family: int, address: Any,
                 context: ssl.SSLContext) -> None:
        self.address_family = family
        self.context = context
        super().__init__(address, Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        try:
            with self.context.wrap_socket(request,
                                          server_side=True) as secure:
                super().finish_request(secure, client_address)
        except OSError:
            pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def main(argv: list[str]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(argv[2], argv[3])
    if len(argv) > 4:
        context.load_verify_locations(argv[4])
        context.verify_mode = ssl.CERT_REQUIRED
    if argv[1].startswith("tcp:"):
        server = Server(socket.AF_INET, ("127.0.0.1", int(argv[1][4:])),
                        context)
    else:
        server = Server(socket.AF_UNIX, argv[1], context)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.write(1, b"ready\n")
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv)
