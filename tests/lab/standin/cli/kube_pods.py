# SPDX-License-Identifier: Apache-2.0
"""`kubectl logs` and `kubectl exec`: through the API server to the kubelet."""
from __future__ import annotations

import json
import sys
from urllib.parse import quote, urlencode

from . import kube
from .kubectl import Failed, Line, find_kind


def pod_path(words: list[str], line: Line, verb: str) -> str:
    """The URL path of the pod of NAME, pod/NAME or ds|deploy/NAME."""
    if not words:
        raise Failed("error: expected '%s [-p] (POD | TYPE/NAME) "
                     "[-c CONTAINER]'.\nPOD or TYPE/NAME is a required "
                     "argument for the %s command" % (verb, verb))
    kind, slash, name = words[0].rpartition("/")
    where = find_kind("pods")
    if slash and find_kind(kind).plural != "pods":
        owner = kube.call("GET", find_kind(kind).path(line.namespace(), name),
                          timeout=line.timeout())
        name = _first_of(owner, where, line)  # type: ignore[arg-type]
    return where.path(line.namespace(), name)


def _first_of(owner: dict, where, line: Line) -> str:
    for pod in kube.items(where.path(line.namespace()), line.timeout()):
        if any(one["uid"] == owner["metadata"]["uid"] for one
               in pod["metadata"].get("ownerReferences", ())):
            return pod["metadata"]["name"]
    raise Failed("error: timed out waiting for the condition")


def logs(line: Line) -> int:
    """`logs POD`: what the kubelet of its node has."""
    query = {}
    if "container" in line.options:
        query["container"] = line.options["container"]
    if line.options.get("tail", "-1") != "-1":
        query["tailLines"] = line.options["tail"]
    path = pod_path(line.words[1:], line, "logs") + "/log"
    answer = kube.call("GET", path + ("?" + urlencode(query) if query
                                      else ""), timeout=line.timeout())
    sys.stdout.write(answer if isinstance(answer, str)
                     else json.dumps(answer) + "\n")
    return 0


def execute(line: Line, argv: list[str]) -> int:
    """`exec POD -- COMMAND`: its output and its exit code."""
    if line.words[:1] != ["exec"] or not argv:
        raise Failed("error: you must specify at least one command for the "
                     "container")
    container = line.options.get("container", "")
    path = pod_path(line.words[1:], line, "exec") + "/exec"
    answer = kube.call(
        "POST", path + ("?container=" + quote(container) if container
                        else ""), {"command": argv}, timeout=line.timeout())
    assert isinstance(answer, dict)
    sys.stdout.write(answer["stdout"])
    sys.stdout.flush()
    sys.stderr.write(answer["stderr"])
    if answer["rc"]:
        sys.stderr.write("command terminated with exit code %d\n"
                         % answer["rc"])
    return answer["rc"]
