# SPDX-License-Identifier: Apache-2.0
"""The kinds of objects this API server has, and what their URLs mean."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of object; `group` is empty for the core's."""
    plural: str
    name: str
    group: str
    namespaced: bool

    @property
    def version(self) -> str:
        """The apiVersion of such objects; everything here is v1."""
        return self.group + "/v1" if self.group else "v1"


KINDS = {kind.plural: kind for kind in (
    Kind("nodes", "Node", "", False),
    Kind("namespaces", "Namespace", "", False),
    Kind("pods", "Pod", "", True),
    Kind("services", "Service", "", True),
    Kind("endpoints", "Endpoints", "", True),
    Kind("configmaps", "ConfigMap", "", True),
    Kind("secrets", "Secret", "", True),
    Kind("events", "Event", "", True),
    Kind("endpointslices", "EndpointSlice", "discovery.k8s.io", True),
    Kind("daemonsets", "DaemonSet", "apps", True),
    Kind("deployments", "Deployment", "apps", True),
    Kind("poddisruptionbudgets", "PodDisruptionBudget", "policy", True),
    Kind("leases", "Lease", "coordination.k8s.io", True),
    Kind("ipamblocks", "IPAMBlock", "crd.projectcalico.org", False),
)}
GROUPS = tuple(sorted({kind.group for kind in KINDS.values() if kind.group}))


@dataclass(frozen=True)
class Place:
    """What a URL names: a collection, an object or a part of one."""
    kind: Kind
    namespace: str = ""
    name: str = ""
    part: str = ""


def locate(path: str) -> Place | None:
    """The place of a URL path, or None if there is no such resource."""
    words = path.strip("/").split("/")
    if words[:2] == ["api", "v1"]:
        group, words = "", words[2:]
    elif words[0] == "apis" and len(words) > 3 and words[2] == "v1":
        group, words = words[1], words[3:]
    else:
        return None
    namespace = ""
    if words[:1] == ["namespaces"] and len(words) > 2:
        namespace, words = words[1], words[2:]
    if not 1 <= len(words) <= 3 or not all(words):
        return None
    kind = KINDS.get(words[0])
    if kind is None or kind.group != group:
        return None
    words += ["", ""]
    if kind.namespaced and words[1] and not namespace:
        return None
    return Place(kind, namespace if kind.namespaced else "", words[1],
                 words[2])


def labels_match(item: dict, selector: str) -> bool:
    """k, !k, k=v, k==v, k!=v joined by commas."""
    labels = item["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        if "!=" in term:
            key, value = term.split("!=", 1)
            good = labels.get(key.strip()) != value.strip()
        elif "=" in term:
            key, value = term.replace("==", "=").split("=", 1)
            good = labels.get(key.strip()) == value.strip()
        elif term.startswith("!"):
            good = term[1:] not in labels
        else:
            good = term.strip() in labels
        if not good:
            return False
    return True


def fields_match(item: dict, selector: str) -> bool:
    """a.b=v and a.b!=v joined by commas; an absent field is empty."""
    for term in filter(None, selector.split(",")):
        unequal = "!=" in term
        path, _, value = term.replace("!=", "=").replace("==", "=").partition(
            "=")
        found: object = item
        for word in path.split("."):
            found = found.get(word) if isinstance(found, dict) else None
        if (str(found or "") == value) == unequal:
            return False
    return True


def merge(into: object, change: object) -> object:
    """RFC 7396: a merge of JSON values; null removes."""
    if not isinstance(change, dict):
        return change
    result = dict(into) if isinstance(into, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


#: the keys by which Kubernetes merges the entries of a list
_LIST_KEYS = {"conditions": "type", "addresses": "type", "containers": "name",
              "env": "name", "taints": "key", "ports": "port",
              "containerStatuses": "name"}


def strategic_merge(into: object, change: object) -> object:
    """Like `merge`, but lists with a key are merged by it, as the API does
    for application/strategic-merge-patch+json."""
    if not isinstance(change, dict):
        return change
    result = dict(into) if isinstance(into, dict) else {}
    for key, value in change.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and key in _LIST_KEYS and isinstance(
                result.get(key), list):
            result[key] = _merge_list(result[key], value, _LIST_KEYS[key])
        else:
            result[key] = strategic_merge(result.get(key), value)
    return result


def _merge_list(into: list, change: list, by: str) -> list:
    result = {entry.get(by): entry for entry in into}
    for entry in change:
        if entry.get("$patch") == "delete":
            result.pop(entry.get(by), None)
        else:
            result[entry.get(by)] = strategic_merge(result.get(entry.get(by)),
                                                    entry)
    return list(result.values())
