# SPDX-License-Identifier: Apache-2.0
"""The API server's way to the kubelets: logs of pods, and exec.

The kubelet's certificate is checked against --kubelet-certificate-authority
and the very address that is called; what is wrong with it is told in Go's
words, because people search for those.
"""
from __future__ import annotations

import asyncio
import os
import socket
import ssl
import tempfile
import time
from urllib.parse import quote, urlencode

from . import core
from .httpio import Client, HttpError, Request, Response, plain
from .kubeargs import Flags
from .resources import Place
from .store import Store, StoreError

PORT = 10250
DIAL_SECONDS = 30
#: a busy machine is no dead host
DIAL_FLOOR = 2.0
EXEC_SECONDS = 300
PARTS = ("log", "exec")
#: verify codes of OpenSSL's x509_vfy.h
_NOT_YET, _EXPIRED, _MISMATCH_IP, _MISMATCH_NAME = 9, 10, 64, 62


class Unreachable(Exception):
    """No answer of the kubelet; the words are Go's."""


def names_of(der: bytes) -> dict:
    """A certificate as ssl.getpeercert tells it, whoever signed it."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(ssl.DER_cert_to_PEM_cert(der))
        file.flush()
        return ssl._ssl._test_decode_cert(file.name)  # type: ignore


def why(code: int, der: bytes, address: str) -> str:
    """crypto/x509's words for a certificate that does not do."""
    found = names_of(der)
    if code in (_NOT_YET, _EXPIRED):
        form = "%Y-%m-%dT%H:%M:%SZ"
        early = code == _NOT_YET
        edge = time.strftime(form, time.gmtime(ssl.cert_time_to_seconds(
            found["notBefore" if early else "notAfter"])))
        return ("x509: certificate has expired or is not yet valid: current "
                "time %s is %s %s" % (time.strftime(form, time.gmtime()),
                                      "before" if early else "after", edge))
    if code in (_MISMATCH_IP, _MISMATCH_NAME):
        wanted = "IP Address" if code == _MISMATCH_IP else "DNS"
        names = [value for kind, value in found.get("subjectAltName", ())
                 if kind == wanted]
        if not names and code == _MISMATCH_IP:
            return ("x509: cannot validate certificate for %s because it "
                    "doesn't contain any IP SANs" % address)
        return "x509: certificate is valid for %s, not %s" % (
            ", ".join(names), address)
    return "x509: certificate signed by unknown authority"


class Kubelets:
    """Asks kubelets on behalf of who asks the API server."""

    def __init__(self, flags: Flags) -> None:
        self._flags = flags

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(
            cafile=self._flags.get("--kubelet-certificate-authority")
            or str(core.path("certs", "ca.crt")))
        context.load_cert_chain(
            self._flags.get("--kubelet-client-certificate"),
            self._flags.get("--kubelet-client-key"))
        return context

    def _address(self, node: dict) -> str:
        known = {a["type"]: a["address"] for a
                 in node.get("status", {}).get("addresses", ())}
        order = (self._flags.get("--kubelet-preferred-address-types")
                 or "Hostname,InternalDNS,InternalIP").split(",")
        for kind in order:
            if kind in known:
                return known[kind]
        raise StoreError(500, "", "no preferred addresses found; known "
                         "addresses: []")

    async def ask(self, store: Store, place: Place, request: Request
                  ) -> Response:
        """Answer a request for a part of a pod."""
        pod = store.get("pods", place.namespace, place.name)
        if pod is None:
            raise StoreError(404, "NotFound", 'pods "%s" not found'
                             % place.name)
        node = store.get("nodes", "", pod.get("spec", {}).get("nodeName", ""))
        if node is None:
            raise StoreError(400, "BadRequest", "pod %s does not have a host "
                             "assigned" % place.name)
        names = [one["name"] for one in pod["spec"].get("containers", ())]
        container = request.query.get("container") or names[0]
        verb, where = self._target(place, request, container)
        address = self._address(node)
        url = "https://%s:%d%s" % (address, PORT, where)
        try:
            status, body = await self._call(address, verb, where,
                                            request.body)
        except Unreachable as error:
            raise StoreError(500, "", '%s "%s": %s' % (
                "Get" if verb == "GET" else "Post", url, error)) from None
        if status != 200:
            raise StoreError(status, {400: "BadRequest", 404: "NotFound"}.get(
                status, ""), body.decode("utf-8", "replace"))
        return (plain(200, body.decode("utf-8", "replace"))
                if place.part == "log" else Response(200, body))

    @staticmethod
    def _target(place: Place, request: Request, container: str
                ) -> tuple[str, str]:
        path = "/".join(map(quote, (place.namespace, place.name, container)))
        if place.part == "exec":
            return "POST", "/exec/" + path
        kept = {key: value for key, value in request.query.items()
                if key in ("tailLines", "timestamps", "follow")}
        return "GET", "/containerLogs/%s%s" % (
            path, "?" + urlencode(kept) if kept else "")

    async def _call(self, address: str, verb: str, where: str, body: bytes
                    ) -> tuple[int, bytes]:
        limit = max(core.scaled(DIAL_SECONDS), DIAL_FLOOR)
        client = Client(address, PORT, self._context())
        try:
            async with asyncio.timeout(limit):
                await client.open()
            return await client.request(verb, where, body,
                                        timeout=EXEC_SECONDS)
        except ssl.SSLCertVerificationError as error:
            der = await self._certificate(address)
            raise Unreachable("tls: failed to verify certificate: "
                              + why(error.verify_code, der, address)
                              ) from None
        except TimeoutError:
            raise Unreachable("dial tcp %s:%d: i/o timeout"
                              % (address, PORT)) from None
        except ConnectionRefusedError:
            raise Unreachable("dial tcp %s:%d: connect: connection refused"
                              % (address, PORT)) from None
        except socket.gaierror:
            raise Unreachable("dial tcp: lookup %s: no such host"
                              % address) from None
        except ssl.SSLError as error:
            raise Unreachable("remote error: tls: %s" % error.reason
                              ) from None
        except (HttpError, ConnectionError):
            raise Unreachable("EOF") from None
        except OSError as error:
            raise Unreachable("dial tcp %s:%d: connect: %s" % (
                address, PORT, os.strerror(error.errno or 0).lower())
                ) from None
        finally:
            client.close()

    async def _certificate(self, address: str) -> bytes:
        """The certificate that was refused."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        _, writer = await asyncio.open_connection(address, PORT, ssl=context)
        try:
            return writer.get_extra_info("ssl_object").getpeercert(True)
        finally:
            writer.close()
