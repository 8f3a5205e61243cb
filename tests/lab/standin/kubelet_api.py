# SPDX-License-Identifier: Apache-2.0
"""What the kubelet answers on 10250 to those its client CA vouches for.

/containerLogs/NAMESPACE/POD/CONTAINER, /pods, /healthz, and /exec/... as a
POST of {"command": [...]}, which is the stand-in's own way: the real one
upgrades the connection.
"""
from __future__ import annotations

from .httpio import Request, Response, answer, plain
from .pods import Pods, Running

UNAUTHORIZED = "Unauthorized"


def _tail(lines: list[str], text: str) -> list[str]:
    """The last so many lines; all without a number."""
    if not text.isdigit():
        return lines
    return lines[-int(text):] if int(text) else []


class KubeletApi:
    """The handler of one kubelet's server."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        if not request.user:
            return plain(401, UNAUTHORIZED)
        words = request.path.strip("/").split("/")
        if request.path == "/healthz":
            return plain(200, "ok")
        if request.path == "/pods":
            return answer(200, {"kind": "PodList", "apiVersion": "v1",
                                "items": self._pods.objects()})
        if words[0] in ("containerLogs", "exec") and len(words) == 4:
            running = self._pods.find(words[1], words[2])
            if running is None:
                return plain(404, 'pod "%s/%s" not found'
                             % (words[1], words[2]))
            names = [one["name"] for one
                     in running.pod.get("spec", {}).get("containers", ())]
            if words[3] not in names:
                return plain(400, "container %s is not valid for pod %s"
                             % (words[3], words[2]))
            if words[0] == "exec":
                return await self._execute(running, request)
            lines = _tail(list(running.log), request.query.get("tailLines",
                                                               ""))
            return plain(200, "".join(line + "\n" for line in lines))
        return plain(404, "404 page not found")

    @staticmethod
    async def _execute(running: Running, request: Request) -> Response:
        try:
            body = request.json()
            argv = [str(word) for word in body["command"]]  # type: ignore
        except (ValueError, KeyError, TypeError):
            return plain(400, "you must specify at least 1 command")
        if running.sandbox is None:
            return plain(500, "exec into a pod on the host's network is not "
                         "to be had in the lab")
        code, out, err = await running.sandbox.execute(argv)
        return answer(200, {"rc": code, "stdout": out, "stderr": err})
