# SPDX-License-Identifier: Apache-2.0
"""cluster-agent: TLS on 25000, joins and the signing of certificates.

The certificate is loaded at the start only, so the fingerprint that add-node
reads from the disk may be another.  Requests run side by side; two signings
at once meet in certs/ca.srl, as they do in life.
"""
from __future__ import annotations

import asyncio
import os
import random
import ssl
import tempfile

from .. import agent_tokens, core, dqlite, kubeargs
from ..agent_join import Joins, Refused
from ..host import Host
from ..httpio import Request, Response, Server, answer

NAME = "cluster-agent"
V1, V2 = "/cluster/api/v1.0/", "/cluster/api/v2.0/"
SIGN_FAILED = "Failed to sign certificate: sign_certificate failed: exit " \
    "status 1"
HA_ONLY = ("Failed to join the cluster. This is an HA MicroK8s cluster.\n"
           "Please retry after enabling HA on this joining node with "
           "'microk8s enable ha-cluster'.")


def body_of(request: Request) -> dict:
    """The JSON object of a request; Refused."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "Failed to unmarshal JSON")
    return body


class Agent:
    """One start of the agent."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.joins = Joins(host)
        self._signing = 0
        #: (method, path) -> what answers with a JSON object
        self._routes = {
            ("GET", "/health"): self._health,
            ("POST", V2 + "join"): self._join,
            ("POST", V2 + "dqlite/remove"): self._remove,
            ("POST", V2 + "image/import"): self._trusted,
            ("POST", V1 + "join"): self._old_join,
            ("POST", V1 + "sign-cert"): self._sign,
            ("POST", V1 + "configure"): self._configure,
            ("POST", V1 + "upgrade"): self._trusted,
        }

    async def handle(self, request: Request) -> Response:
        """Answer one request; a Refused's first letter is a capital."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            if any(path == request.path for _, path in self._routes):
                return Response(404)
            return answer(404, {"error": "Not found"})
        try:
            return answer(200, await route(request))
        except Refused as refused:
            text = str(refused)
            self._host.log(NAME, "%s %s: %d %s" % (
                request.peer, request.path, refused.status, text))
            return answer(refused.status,
                          {"error": text[:1].upper() + text[1:]})

    async def _health(self, _request: Request) -> dict:
        return {"status": "OK"}

    async def _join(self, request: Request) -> dict:
        if self._host.knob_bool("join_hang"):
            await asyncio.Event().wait()
        body_of(request)
        return await self.joins.join(request)

    async def _old_join(self, request: Request) -> dict:
        body = body_of(request)
        if not await agent_tokens.consume_cluster(
                self._host, str(body.get("token", ""))):
            raise Refused(500, "Invalid token")
        raise Refused(500, HA_ONLY)

    async def _trusted(self, request: Request) -> dict:
        """What other hosts of the cluster may ask, with the secret."""
        body = body_of(request)
        token = body.get("callback") or request.headers.get(
            "x-callback-token") or request.headers.get("callback-token")
        if not agent_tokens.is_callback(token):
            raise Refused(500, "Invalid token")
        return body

    async def _configure(self, request: Request) -> dict:
        """Change args files and restart what they belong to."""
        body = await self._trusted(request)
        for service in body.get("service", ()):
            for update in service.get("arguments_update", ()):
                for key, value in update.items():
                    core.set_arg(service["name"], key, str(value))
            for key in service.get("arguments_remove", ()):
                core.set_arg(service["name"], key, None)
            if service.get("restart"):
                await self._host.ctl("restart", _daemon(service["name"]))
        return {"result": "ok"}

    async def _remove(self, request: Request) -> dict:
        body = body_of(request)
        token = request.headers.get("capi-auth-token", "")
        if not agent_tokens.is_callback(token):
            raise Refused(500, "Invalid token")
        gone = str(body.get("remove_endpoint", ""))
        dqlite.write_cluster([m for m in dqlite.read_cluster()
                              if m.address != gone])
        return {}

    # --- certificates ---

    async def _sign(self, request: Request) -> dict:
        body = body_of(request)
        if not agent_tokens.consume_request(str(body.get("token", ""))):
            raise Refused(500, "Invalid token")
        self._signing += 1
        try:
            # openssl's own window is some microseconds here and was found
            # to be some per cent in life, where signing takes longer.
            chance = self._host.knob_float("sign_fail_percent") + (
                self._host.knob_float("sign_race_percent")
                if self._signing > 1 else 0)
            if random.random() * 100 < chance:
                raise Refused(500, SIGN_FAILED)
            return {"certificate": await self._openssl(
                str(body.get("request", "")))}
        finally:
            self._signing -= 1

    async def _openssl(self, text: str) -> str:
        """utils.sh sign_certificate; certs/ca.srl has no lock."""
        with tempfile.NamedTemporaryFile("w", suffix=".csr") as request:
            request.write(text)
            request.flush()
            certs = str(core.path("certs"))
            process = await asyncio.create_subprocess_exec(
                "openssl", "x509", "-req", "-sha256", "-in", request.name,
                "-CA", certs + "/ca.crt", "-CAkey", certs + "/ca.key",
                "-CAcreateserial", "-days", "3650", "-copy_extensions",
                "copy", stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE, cwd=certs,
                env=dict(os.environ, HOME="/root"))
            out, err = await process.communicate()
        if process.returncode != 0:
            self._host.log(NAME, err.decode("utf-8", "replace"))
            raise Refused(500, SIGN_FAILED)
        return out.decode()


def _daemon(args_file: str) -> str:
    """Which daemon reads args/NAME."""
    return "kubelite" if args_file.startswith("kube") else args_file


async def run(host: Host) -> None:
    """Serve until stopped."""
    flags = kubeargs.bash_flags("cluster-agent")
    bind = flags.get("--bind", "0.0.0.0:25000")
    address, _, port = bind.rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certs = str(core.path("certs"))
    agent = Agent(host)
    server = Server(agent.handle)
    try:
        context.load_cert_chain(
            flags.get("--certfile") or certs + "/server.crt",
            flags.get("--keyfile") or certs + "/server.key")
        server.listen(address or "0.0.0.0", int(port), context)
    except (OSError, ValueError, ssl.SSLError) as error:
        raise core.ServiceFailed("failed to listen on %s: %s"
                                 % (bind, error)) from None
    host.log(NAME, "Starting cluster agent on https://" + bind)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        agent.joins.close()
