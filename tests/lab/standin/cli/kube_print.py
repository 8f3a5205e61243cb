# SPDX-License-Identifier: Apache-2.0
"""What kubectl prints for objects: tables, JSON, YAML and names.

Columns are kubectl's, three blanks apart, the last one unpadded.
"""
from __future__ import annotations

import calendar
import json
import time

from . import kube, kube_jsonpath

NONE = "<none>"
ROLE = "node-role.kubernetes.io/"


def age_of(item: dict) -> str:
    """metadata.creationTimestamp as kubectl's two coarse units."""
    stamp = item.get("metadata", {}).get("creationTimestamp")
    if not stamp:
        return "<unknown>"
    born = calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
    seconds = max(0, int(time.time() - born))
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return "%ds" % seconds
    if minutes < 10:
        rest = seconds % 60
        return "%dm%ds" % (minutes, rest) if rest else "%dm" % minutes
    if minutes < 180:
        return "%dm" % minutes
    if hours < 8:
        rest = minutes % 60
        return "%dh%dm" % (hours, rest) if rest else "%dh" % hours
    return "%dh" % hours if hours < 48 else "%dd" % days


def node_status(node: dict) -> str:
    """Ready or NotReady, and whether it is cordoned."""
    text = "Ready" if kube.condition(node) == "True" else "NotReady"
    if node.get("spec", {}).get("unschedulable"):
        text += ",SchedulingDisabled"
    return text


def node_roles(node: dict) -> str:
    """The role labels; MicroK8s sets none of Kubernetes' own."""
    labels = node.get("metadata", {}).get("labels", {})
    roles = sorted(label[len(ROLE):] for label in labels
                   if label.startswith(ROLE))
    return ",".join(roles) or NONE


def node_address(node: dict, kind: str) -> str:
    """The first address of this kind."""
    for entry in node.get("status", {}).get("addresses", []):
        if entry.get("type") == kind:
            return entry["address"]
    return NONE


def node_row(node: dict, wide: bool) -> list[str]:
    """One row of `get nodes`."""
    info = node.get("status", {}).get("nodeInfo", {})
    row = [node["metadata"]["name"], node_status(node), node_roles(node),
           age_of(node), info.get("kubeletVersion", "")]
    if wide:
        row += [node_address(node, "InternalIP"),
                node_address(node, "ExternalIP"),
                info.get("osImage", "<unknown>"),
                info.get("kernelVersion", "<unknown>"),
                info.get("containerRuntimeVersion", "<unknown>")]
    return row


def pod_row(pod: dict, wide: bool) -> list[str]:
    """One row of `get pods`."""
    status = pod.get("status", {})
    states = status.get("containerStatuses", [])
    total = len(states) or len(pod.get("spec", {}).get("containers", [])) or 1
    row = [pod["metadata"]["name"],
           "%d/%d" % (sum(1 for s in states if s.get("ready")), total),
           status.get("phase", "Unknown"),
           str(sum(s.get("restartCount", 0) for s in states)), age_of(pod)]
    if wide:
        row += [status.get("podIP") or NONE,
                pod.get("spec", {}).get("nodeName") or NONE, NONE, NONE]
    return row


def endpoints_text(item: dict) -> str:
    """addr:port of an Endpoints object's subsets."""
    found = ["%s:%s" % (address["ip"], port["port"])
             for subset in item.get("subsets") or []
             for port in subset.get("ports") or []
             for address in subset.get("addresses") or []]
    if len(found) > 3:
        return "%s + %d more..." % (",".join(found[:3]), len(found) - 3)
    return ",".join(found) or NONE


def endpoints_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get endpoints`."""
    return [item["metadata"]["name"], endpoints_text(item), age_of(item)]


def slice_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get endpointslices`."""
    ports = [str(p.get("port")) for p in item.get("ports") or []]
    places = [a for e in item.get("endpoints") or []
              for a in e.get("addresses") or []]
    return [item["metadata"]["name"], item.get("addressType", ""),
            ",".join(ports) or "<unset>", ",".join(places) or "<unset>",
            age_of(item)]


def service_row(item: dict, wide: bool) -> list[str]:
    """One row of `get services`."""
    spec = item.get("spec", {})
    ports = ["%s/%s" % (p.get("port"), p.get("protocol", "TCP"))
             for p in spec.get("ports") or []]
    row = [item["metadata"]["name"], spec.get("type", "ClusterIP"),
           spec.get("clusterIP") or NONE, NONE, ",".join(ports) or NONE,
           age_of(item)]
    if wide:
        row.append(labels_text(spec.get("selector")))
    return row


def labels_text(labels: dict | None) -> str:
    """k=v,k=v"""
    return ",".join("%s=%s" % pair for pair in sorted(
        (labels or {}).items())) or NONE


def daemonset_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get daemonsets`."""
    status = item.get("status", {})
    selector = item.get("spec", {}).get("template", {}).get(
        "spec", {}).get("nodeSelector")
    return [item["metadata"]["name"]] + [
        str(status.get(key, 0)) for key in (
            "desiredNumberScheduled", "currentNumberScheduled",
            "numberReady", "updatedNumberScheduled", "numberAvailable")
    ] + [labels_text(selector), age_of(item)]


def deployment_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get deployments`."""
    status = item.get("status", {})
    return [item["metadata"]["name"],
            "%d/%d" % (status.get("readyReplicas", 0),
                       item.get("spec", {}).get("replicas", 1)),
            str(status.get("updatedReplicas", 0)),
            str(status.get("availableReplicas", 0)), age_of(item)]


def lease_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get leases`."""
    return [item["metadata"]["name"],
            item.get("spec", {}).get("holderIdentity", ""), age_of(item)]


def plain_row(item: dict, _wide: bool) -> list[str]:
    """One row of a resource without columns of its own."""
    return [item["metadata"]["name"], age_of(item)]


def namespace_row(item: dict, _wide: bool) -> list[str]:
    """One row of `get namespaces`."""
    return [item["metadata"]["name"],
            item.get("status", {}).get("phase", "Active"), age_of(item)]


#: plural -> (columns, columns only of -o wide, row)
TABLES = {
    "nodes": (["NAME", "STATUS", "ROLES", "AGE", "VERSION"],
              ["INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION",
               "CONTAINER-RUNTIME"], node_row),
    "pods": (["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
             ["IP", "NODE", "NOMINATED NODE", "READINESS GATES"], pod_row),
    "endpoints": (["NAME", "ENDPOINTS", "AGE"], [], endpoints_row),
    "endpointslices": (["NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"],
                       [], slice_row),
    "services": (["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)",
                  "AGE"], ["SELECTOR"], service_row),
    "daemonsets": (["NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE",
                    "AVAILABLE", "NODE SELECTOR", "AGE"], [],
                   daemonset_row),
    "deployments": (["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], [],
                    deployment_row),
    "leases": (["NAME", "HOLDER", "AGE"], [], lease_row),
    "namespaces": (["NAME", "STATUS", "AGE"], [], namespace_row),
}


def layout(rows: list[list[str]]) -> str:
    """Rows as text, columns padded, the last one not."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "".join(
        "   ".join(cell.ljust(widths[i]) if i + 1 < len(row) else cell
                   for i, cell in enumerate(row)) + "\n" for row in rows)


def table(plural: str, items: list[dict], wide: bool, spaces: bool,
          header: bool, labels: bool, prefix: str = "") -> str:
    """The table of these items; `spaces` puts NAMESPACE first."""
    heads, more, row_of = TABLES.get(plural, (["NAME", "AGE"], [],
                                              plain_row))
    rows = []
    if header:
        rows.append((["NAMESPACE"] if spaces else []) + heads
                    + (more if wide else [])
                    + (["LABELS"] if labels else []))
    for item in items:
        row = row_of(item, wide)
        row[0] = prefix + row[0]
        if spaces:
            row.insert(0, item["metadata"].get("namespace", "default"))
        if labels:
            row.append(labels_text(item["metadata"].get("labels")))
        rows.append(row)
    return layout(rows) if rows else ""


def scalar(value: object) -> str:
    """A YAML scalar; JSON's form wherever the plain one is unsafe."""
    if isinstance(value, str):
        safe = value and value[0] not in "-?:,[]{}#&*!|>'\"%@` " and all(
            part not in value for part in (": ", " #", "\n"))
        looks = value.lower() in ("true", "false", "null", "yes", "no", "on",
                                  "off", "~") or value.replace(
            ".", "", 1).replace("-", "", 1).isdigit()
        if safe and not looks and not value.endswith(":"):
            return value
    return json.dumps(value)


def yaml(value: object, indent: int = 0) -> str:
    """Block-style YAML of a JSON value."""
    pad = "  " * indent
    out = []
    if isinstance(value, dict):
        for key, inner in sorted(value.items()):
            if isinstance(inner, dict) and inner:
                out.append("%s%s:\n%s" % (pad, key, yaml(inner, indent + 1)))
            elif isinstance(inner, list) and inner:
                out.append("%s%s:\n%s" % (pad, key, yaml(inner, indent)))
            else:
                out.append("%s%s: %s\n" % (pad, key, scalar(inner)))
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)) and inner:
                body = yaml(inner, indent + 1)
                out.append(pad + "- " + body[len(pad) + 2:])
            else:
                out.append("%s- %s\n" % (pad, scalar(inner)))
    return "".join(out)


def as_list(items: list[dict]) -> dict:
    """The list object kubectl makes of several items."""
    return {"apiVersion": "v1", "items": items, "kind": "List",
            "metadata": {"resourceVersion": ""}}


def structured(form: str, root: object) -> str:
    """-o json, yaml or jsonpath=... of one object or a list."""
    if form == "json":
        return json.dumps(root, indent=4, sort_keys=True) + "\n"
    if form == "yaml":
        return yaml(root)
    return kube_jsonpath.evaluate(form.partition("=")[2], root)
