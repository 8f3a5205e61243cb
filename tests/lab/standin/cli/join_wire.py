# SPDX-License-Identifier: Apache-2.0
"""The joiner's side of the exchange with a master's agent on port 25000.

Facts from microk8s join.py.  Nothing here has a timeout, as there: an agent
that accepts and never answers holds the joiner for good.  Errors of the
socket are left to end the program with a traceback, as they do there.
"""
from __future__ import annotations

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import subprocess

from .. import core
from . import common


class JoinFailed(Exception):
    """The join ended with a sentence on stdout and this exit code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def open_context() -> ssl.SSLContext:
    """TLS that trusts any certificate: only the fingerprint is compared."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def error_text(body: bytes) -> str:
    """The agent's own sentence, or all it said."""
    text = body.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    if isinstance(answer, dict) and "error" in answer:
        return str(answer["error"])
    return text


def connect(address: str, port: str, fingerprint: str | None
            ) -> http.client.HTTPSConnection:
    """Connect and compare the fingerprint before a token is on the wire."""
    server = http.client.HTTPSConnection(address, int(port),
                                         context=open_context())
    try:
        server.connect()
    except http.client.HTTPException as error:
        raise JoinFailed(5, "Connecting to cluster failed with %s."
                         % error) from None
    except ssl.SSLError as error:
        raise JoinFailed(4, "Peer node verification failed with %s."
                         % error) from None
    if fingerprint is not None:
        seen = hashlib.sha256(
            server.sock.getpeercert(binary_form=True)).hexdigest()
        if not seen.startswith(fingerprint.lower()):
            raise JoinFailed(
                4, "Joining cluster failed. Could not verify the identity "
                "of %s. Use '--skip-verify' to skip server certificate "
                "check." % address)
    return server


def exchange(address: str, port: str, fingerprint: str | None, path: str,
             request: dict) -> dict:
    """Send the token and the joiner's facts; the cluster's answer."""
    server = connect(address, port, fingerprint)
    try:
        server.request("POST", path, json.dumps(request),
                       {"Content-Type": "application/json"})
        response = server.getresponse()
        body = response.read()
        if response.status != 200:
            raise JoinFailed(6, "Connection failed. %s (%d)."
                             % (error_text(body), response.status))
    except http.client.HTTPException as error:
        raise JoinFailed(1, "Please ensure the master node is reachable. %s"
                         % error) from None
    except ssl.SSLError as error:
        raise JoinFailed(4, "Peer node verification failed (%s)."
                         % error) from None
    finally:
        server.close()
    return json.loads(body)


class ProxyError(Exception):
    """What the requests library raises when a proxy does not co-operate."""


ProxyError.__module__ = "requests.exceptions"


class ConnectionError_(Exception):
    """What the requests library raises when the peer cannot be reached."""


ConnectionError_.__module__ = "requests.exceptions"
ConnectionError_.__qualname__ = ConnectionError_.__name__ = "ConnectionError"


def https_proxy_for(address: str) -> str | None:
    """host:port of the environment's proxy, unless no_proxy names address.

    Only certificate signing asks the environment; the join request itself
    does not, so a proxy breaks a join half-way.
    """
    import urllib.parse
    import urllib.request
    url = urllib.request.getproxies_environment().get("https")
    if not url or urllib.request.proxy_bypass_environment(address):
        return None
    if "//" not in url:
        url = "http://" + url
    parts = urllib.parse.urlsplit(url)
    return "%s:%d" % (parts.hostname, parts.port or 80)


def post_signing(address: str, port: str, request: dict
                 ) -> tuple[int, bytes]:
    """POST to sign-cert, through the environment's proxy if it has one."""
    path = "/cluster/api/v1.0/sign-cert"
    pool = ("HTTPSConnectionPool(host='%s', port=%s): Max retries exceeded "
            "with url: %s" % (address, port, path))
    proxy = https_proxy_for(address)
    if proxy is not None:
        server = http.client.HTTPSConnection(proxy, context=open_context())
        server.set_tunnel(address, int(port))
    else:
        server = http.client.HTTPSConnection(address, int(port),
                                             context=open_context())
    try:
        server.request("POST", path, json.dumps(request),
                       {"Content-Type": "application/json"})
        response = server.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        if proxy is not None:
            raise ProxyError("%s (Caused by ProxyError('Cannot connect to "
                             "proxy.', %r))" % (pool, error)) from error
        raise ConnectionError_("%s (Caused by NewConnectionError(%r))"
                               % (pool, error)) from error
    finally:
        server.close()


def sign(address: str, port: str, what: str, token: str, request: str
         ) -> str:
    """Have the cluster's CA sign a request; `what` is proxy or kubelet."""
    status, body = post_signing(
        address, port, {"token": token, "request": request})
    if status == 200:
        return json.loads(body)["certificate"]
    text = "Failed to sign %s certificate (%d)." % (what, status)
    try:
        answer = json.loads(body)
        if "error" in answer:
            text += " %s" % answer["error"]
    except ValueError:
        text = ("Make sure the cluster you connect to supports joining "
                "worker nodes.\n" + text)
    raise JoinFailed(1, text)


def make_request(name: str, subject: str, sans: list[str]) -> str:
    """A new key certs/NAME.key and its signing request, as PEM text."""
    key = str(core.path("certs", name + ".key"))
    request = str(core.path("certs", name + ".csr"))
    command = ["openssl", "req", "-new", "-sha256", "-nodes",
               "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-keyout", key, "-out", request, "-subj", subject]
    if sans:
        command += ["-addext", "subjectAltName=" + ",".join(sans)]
    subprocess.run(command, check=True, capture_output=True)
    for made in (key, request):
        os.chmod(made, 0o660)
        common.give_to_group(made)
    with open(request, encoding="ascii") as source:
        return source.read()


def worker_sans() -> list[str]:
    """The host's name and the addresses it has at this very moment."""
    return (["DNS:" + socket.gethostname()]
            + ["IP:" + address for address in core.all_ips()])


def kubeconfig(user: str, certificate: str, key: str, authority: str,
               server: str = "https://127.0.0.1:16443") -> str:
    """The text of a kubeconfig with x509 credentials kept in files."""
    with open(authority, "rb") as source:
        data = base64.b64encode(source.read()).decode("ascii")
    return ("apiVersion: v1\n"
            "clusters:\n"
            "- cluster:\n"
            "    certificate-authority-data: %s\n"
            "    server: %s\n"
            "  name: microk8s-cluster\n"
            "contexts:\n"
            "- context:\n"
            "    cluster: microk8s-cluster\n"
            "    user: %s\n"
            "  name: microk8s\n"
            "current-context: microk8s\n"
            "kind: Config\n"
            "preferences: {}\n"
            "users:\n"
            "- name: %s\n"
            "  user:\n"
            "    client-certificate: %s\n"
            "    client-key: %s\n"
            % (data, server, user, user, certificate, key))
