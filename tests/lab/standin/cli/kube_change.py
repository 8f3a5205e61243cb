# SPDX-License-Identifier: Apache-2.0
"""The commands of kubectl that change something, or wait for a change.

`apply` understands as much YAML as args/cni-network/cni.yaml needs: which
objects a file has, and the environment of each DaemonSet's containers.
"""
from __future__ import annotations

import json
import re
import sys
import time
from typing import Callable

from .. import core
from . import kube
from .kube import ApiError
from .kubectl import (Failed, Kind, Line, duration, find_kind,
                      split_targets)

ENVIRONMENT = re.compile(
    r"^ *- name: *\"?([A-Z][A-Z0-9_]*)\"? *\n +value: *(.*?) *$", re.M)


def run(verb: str, line: Line) -> int:
    """Dispatch to the function of the verb."""
    return {"apply": apply, "create": apply, "annotate": label,
            "cordon": cordon, "uncordon": cordon, "drain": drain,
            "delete": delete, "describe": describe, "label": label,
            "patch": patch, "rollout": rollout, "wait": wait}[verb](line)


def yaml_value(document: str, key: str, indent: int = 0) -> str | None:
    """The scalar of `key:` at this depth of a YAML document."""
    found = re.search(r"^%s%s: *(\S.*?) *$" % (" " * indent, re.escape(key)),
                      document, re.M)
    return found.group(1).strip("\"'") if found else None


def documents(text: str) -> list[str]:
    """The YAML documents of a file that are objects."""
    return [one for one in re.split(r"^---.*$", text, flags=re.M)
            if yaml_value(one, "kind")]


def name_of(document: str) -> tuple[str, str]:
    """metadata.name and metadata.namespace of a document."""
    block = re.search(r"^metadata:\n((?: +.*\n?)+)", document, re.M)
    inside = block.group(1) if block else ""
    return (yaml_value(inside, "name", 2) or "",
            yaml_value(inside, "namespace", 2) or "default")


def environment(document: str) -> dict[str, str]:
    """NAME -> value of every literal environment entry."""
    return {name: value.strip("\"'")
            for name, value in ENVIRONMENT.findall(document)}


def merge_environment(daemonset: dict, wanted: dict[str, str]) -> bool:
    """Put the wanted values into the live object; whether any changed."""
    changed = False
    pod = daemonset["spec"]["template"]["spec"]
    for container in pod.get("containers", []):
        for entry in container.get("env", []):
            value = wanted.get(entry["name"])
            if value is not None and entry.get("value") != value:
                entry["value"] = value
                changed = True
    return changed


def bring(kind: Kind, space: str, fresh: dict, line: Line,
          merge: Callable[[dict], dict | None]) -> str:
    """Create this object, or put what merge() makes of the live one, which
    is None where nothing has to change; kubectl's word for what was done."""
    path = kind.path(space, fresh["metadata"]["name"])
    try:
        live = kube.call("GET", path, timeout=line.timeout())
    except ApiError as error:
        if error.status != 404:
            raise
        kube.call("POST", kind.path(space), fresh, timeout=line.timeout())
        return "created"
    wanted = merge(live)
    if wanted is None:
        return "unchanged"
    kube.call("PUT", path, wanted, timeout=line.timeout())
    return "configured"


def apply_daemonset(document: str, line: Line) -> str:
    """Bring a live DaemonSet's environment in line with the document."""
    name, namespace = name_of(document)
    wanted = environment(document)
    container = {"name": name, "env": [{"name": key, "value": value}
                                       for key, value in wanted.items()]}
    return bring(find_kind("daemonsets"), namespace, {
        "apiVersion": "apps/v1", "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"template": {"spec": {"containers": [container]}}}}, line,
        lambda live: live if merge_environment(live, wanted) else None)


def apply_configmap(document: str, line: Line) -> str:
    """Bring a live ConfigMap's data in line with the document."""
    name, namespace = name_of(document)
    block = re.search(r"^data:\n((?: +.*\n?)+)", document, re.M)
    data = {key: value.strip("\"'") for key, value in re.findall(
        r"^  (\w+): *(\S.*?) *$", block.group(1) if block else "", re.M)}
    return bring(find_kind("configmaps"), namespace, {
        "metadata": {"name": name, "namespace": namespace}, "data": data},
        line, lambda live: None if live.get("data") == data
        else {**live, "data": data})


def apply_yaml(text: str, line: Line) -> int:
    """Apply every document; only DaemonSets and ConfigMaps are real here."""
    kube.call("GET", "/version", timeout=line.timeout())
    for document in documents(text):
        kind = yaml_value(document, "kind") or ""
        version = yaml_value(document, "apiVersion") or "v1"
        group = version.split("/")[0] if "/" in version else ""
        outcome = "unchanged"
        if kind == "DaemonSet":
            outcome = apply_daemonset(document, line)
        elif kind == "ConfigMap":
            outcome = apply_configmap(document, line)
        print("%s%s/%s %s" % (kind.lower(), "." + group if group else "",
                              name_of(document)[0], outcome))
    return 0


def apply_json(body: dict, line: Line) -> int:
    """Apply one object written as JSON: create it or replace it."""
    kind = find_kind(body["kind"].lower())
    space = body["metadata"].get("namespace", line.namespace())
    outcome = bring(kind, space, body, line, lambda live: body)
    print("%s %s" % (kind.label(body["metadata"]["name"]), outcome))
    return 0


def apply(line: Line) -> int:
    """`apply -f FILE` (or -): YAML as above, or one JSON object."""
    where = line.options.get("filename")
    if where is None:
        raise Failed("error: must specify one of -f and -k")
    try:
        if where == "-":
            text = sys.stdin.read()
        else:
            with open(where, encoding="utf-8") as source:
                text = source.read()
    except FileNotFoundError:
        raise Failed('error: the path "%s" does not exist' % where) from None
    if core.knob_bool("apply_fail"):
        raise Failed("error: error validating \"%s\": failed to download "
                     "openapi: the server is currently unable to handle the "
                     "request" % where)
    if text.lstrip().startswith("{"):
        return apply_json(json.loads(text), line)
    return apply_yaml(text, line)


def patch_object(path: str, body: dict, line: Line) -> dict:
    """PATCH, as a merge."""
    answer = kube.call("PATCH", path, body, timeout=line.timeout())
    return answer if isinstance(answer, dict) else {}


def cordon(line: Line) -> int:
    """`cordon` and `uncordon NODE...`."""
    wanted = line.words[0] == "cordon"
    kind = find_kind("nodes")
    for name in line.words[1:]:
        name = name.removeprefix("node/")
        path = kind.path(None, name)
        node = kube.call("GET", path, timeout=line.timeout())
        word = line.words[0] + "ed"
        if bool(node.get("spec", {}).get("unschedulable")) == wanted:
            print("node/%s already %s" % (name, word))
            continue
        patch_object(path, {"spec": {"unschedulable": wanted or None}}, line)
        print("node/%s %s" % (name, word))
    return 0


def pods_to_drain(name: str, line: Line) -> list[dict]:
    """The pods of a node that have to go, or kubectl's refusal."""
    pods = [pod for pod in kube.items("/api/v1/pods", line.timeout())
            if pod.get("spec", {}).get("nodeName") == name]
    owned, free, lone = [], [], []
    for pod in pods:
        kinds = [owner.get("kind") for owner
                 in pod["metadata"].get("ownerReferences") or []]
        (owned if "DaemonSet" in kinds or pod["metadata"]["name"].startswith(
            "calico-node-") else free if kinds else lone).append(pod)

    def names(some: list[dict]) -> str:
        return ", ".join("%s/%s" % (
            p["metadata"].get("namespace", "default"), p["metadata"]["name"])
            for p in some)

    why = ""
    if owned and not line.has("ignore-daemonsets"):
        why = ("cannot delete DaemonSet-managed Pods (use "
               "--ignore-daemonsets to ignore): " + names(owned))
    elif lone and not line.has("force"):
        why = ("cannot delete Pods that declare no controller (use --force "
               "to override): " + names(lone))
    if why:
        sys.stderr.write('error: unable to drain node "%s" due to error: %s, '
                         'continuing command...\nThere are pending nodes to '
                         'be drained:\n %s\n' % (name, why, name))
        raise Failed("error: " + why)
    if owned:
        sys.stderr.write("Warning: ignoring DaemonSet-managed Pods: %s\n"
                         % names(owned))
    if lone:
        sys.stderr.write("Warning: deleting Pods that declare no controller: "
                         "%s\n" % names(lone))
    return free + lone


def evict(pod: dict, end: float | None, line: Line) -> None:
    """Ask for an eviction until a disruption budget lets it be."""
    space = pod["metadata"].get("namespace", "default")
    name = pod["metadata"]["name"]
    print("evicting pod %s/%s" % (space, name), flush=True)
    while True:
        try:
            kube.call("POST", find_kind("pods").path(space, name)
                      + "/eviction", {"apiVersion": "policy/v1",
                                      "kind": "Eviction", "metadata": {
                                          "name": name, "namespace": space}},
                      timeout=line.timeout())
            return
        except ApiError as error:
            if error.status == 404:
                return
            if error.status != 429:
                raise
            what = 'error when evicting pods/"%s" -n "%s"' % (name, space)
            sys.stderr.write("%s (will retry after 5s): %s\n"
                             % (what, error.message))
        if end and time.monotonic() > end:
            raise Failed("error: %s: global timeout reached: %s"
                         % (what, line.options["timeout"]))
        core.sleep(5)


def drain(line: Line) -> int:
    """`drain NODE`: cordon, then evict what no DaemonSet owns."""
    name = line.words[1].removeprefix("node/")
    limit = duration(line.options.get("timeout", "0"))
    end = time.monotonic() + core.scaled(limit) if limit else None
    cordon(Line(["cordon", name]))
    for pod in pods_to_drain(name, line):
        evict(pod, end, line)
    print("node/%s drained" % name)
    return 0


def delete(line: Line) -> int:
    """`delete KIND NAME...`, or all that a selector finds."""
    code = 0
    for kind, names in split_targets(line.words[1:]):
        if not names:
            from .kubectl import fetch
            names = [i["metadata"]["name"] for i in fetch(kind, [], line)]
        for name in names:
            try:
                kube.call("DELETE", kind.path(line.namespace(), name),
                          timeout=line.timeout())
            except ApiError as error:
                if error.status != 404 or not line.has("ignore-not-found"):
                    sys.stderr.write(error.text() + "\n")
                    code = 1
                continue
            group = "." + kind.group if kind.group else ""
            print('%s%s "%s" deleted' % (kind.singular, group, name))
    return code


def label(line: Line) -> int:
    """`label` and `annotate KIND NAME k=v k-`."""
    verb = line.words[0]
    field = "labels" if verb == "label" else "annotations"
    pairs = [w for w in line.words[1:] if "=" in w or w.endswith("-")]
    words = [w for w in line.words[1:] if w not in pairs]
    change = {w.rstrip("-") if "=" not in w else w.split("=", 1)[0]:
              w.split("=", 1)[1] if "=" in w else None for w in pairs}
    for kind, names in split_targets(words):
        for name in names:
            patch_object(kind.path(line.namespace(), name),
                         {"metadata": {field: change}}, line)
            print("%s %s" % (kind.label(name), "labeled"
                             if verb == "label" else "annotated"))
    return 0


def patch(line: Line) -> int:
    """`patch KIND NAME -p JSON`."""
    body = json.loads(line.options.get("patch", "{}"))
    for kind, names in split_targets(line.words[1:]):
        for name in names:
            patch_object(kind.path(line.namespace(), name), body, line)
            print(kind.label(name) + " patched")
    return 0


def describe(line: Line) -> int:
    """`describe KIND NAME`: the object, without kubectl's prose."""
    from . import kube_print
    for kind, names in split_targets(line.words[1:]):
        for name in names:
            print(kube_print.yaml(kube.call(
                "GET", kind.path(line.namespace(), name),
                timeout=line.timeout())), end="")
    return 0


def rolled_out(status: dict) -> tuple[bool, str]:
    """Whether a DaemonSet is done, and kubectl's words for how far it is."""
    desired = status.get("desiredNumberScheduled", 0)
    updated = status.get("updatedNumberScheduled", 0)
    available = status.get("numberAvailable", status.get("numberReady", 0))
    if updated < desired:
        return False, "%d out of %d new pods have been updated" % (
            updated, desired)
    if available < desired:
        return False, "%d of %d updated pods are available" % (
            available, desired)
    return True, ""


def rollout(line: Line) -> int:
    """`rollout status ds/X [--timeout]` and `rollout restart ds/X`."""
    if len(line.words) < 3:
        raise Failed("error: required resource not specified")
    (kind, names), *_ = split_targets(line.words[2:])
    path = kind.path(line.namespace(), names[0])
    if line.words[1] == "restart":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        patch_object(path, {"spec": {"template": {"metadata": {
            "annotations": {"kubectl.kubernetes.io/restartedAt": stamp}}}}},
            line)
        print(kind.label(names[0]) + " restarted")
        return 0
    limit = duration(line.options.get("timeout", "0"))
    end = time.monotonic() + limit if limit else None
    said = ""
    while True:
        live = kube.call("GET", path, timeout=line.timeout())
        done, words = rolled_out(live.get("status", {}))
        if done:
            print('daemon set "%s" successfully rolled out' % names[0])
            return 0
        if words != said:
            print('Waiting for daemon set "%s" rollout to finish: %s...'
                  % (names[0], words))
            said = words
        if end and time.monotonic() > end:
            raise Failed("error: timed out waiting for the condition")
        core.sleep(2)


def wait(line: Line) -> int:
    """`wait --for=condition=X KIND NAME... [--timeout=30s]`."""
    wanted = line.options.get("for", "").removeprefix("condition=")
    end = time.monotonic() + duration(line.options.get("timeout", "30s"))
    from .kubectl import fetch
    for kind, names in split_targets(line.words[1:]):
        if not names:
            names = [i["metadata"]["name"] for i in fetch(kind, [], line)]
        for name in names:
            while kube.condition(kube.call("GET", kind.path(
                    line.namespace(), name)), wanted) != "True":
                if time.monotonic() > end:
                    raise Failed("error: timed out waiting for the condition "
                                 "on %s/%s" % (kind.plural, name))
                core.sleep(2)
            print("%s condition met" % kind.label(name))
    return 0
