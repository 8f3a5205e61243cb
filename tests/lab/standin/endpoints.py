# SPDX-License-Identifier: Apache-2.0
"""The controllers of services and of what is left over.

Endpoints and EndpointSlices of services with a selector; pods whose owner is
gone, and the address blocks of nodes that are.
"""
from __future__ import annotations

from .store import Store

SELECTED = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"


def _ready(pod: dict) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True"
               for c in pod.get("status", {}).get("conditions", ()))


def _selected(store: Store, service: dict) -> list[dict]:
    """The pods of a service that have an address, by name."""
    wanted = service["spec"]["selector"].items()
    return [pod for pod in store.list("pods",
                                      service["metadata"]["namespace"])
            if pod.get("status", {}).get("podIP") and all(
                pod["metadata"].get("labels", {}).get(key) == value
                for key, value in wanted)]


def _ports(service: dict) -> list[dict]:
    """A service's ports as its endpoints have them; a named target port is
    not known to the lab and counts as the service's own number."""
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        entry = {"port": target if isinstance(target, int) else port["port"],
                 "protocol": port.get("protocol", "TCP")}
        if port.get("name"):
            entry["name"] = port["name"]
        found.append(entry)
    return found


async def _put(store: Store, plural: str, space: str, item: dict) -> None:
    """Only when it differs: watchers and the disk notice writes."""
    found = store.get(plural, space, item["metadata"]["name"])
    if found is None or any(found.get(key) != item.get(key) for key in
                            ("subsets", "endpoints", "ports")):
        await store.put(plural, space, item)


async def publish(store: Store) -> None:
    """Endpoints and one EndpointSlice of every service with a selector."""
    for service in store.list("services"):
        if not service.get("spec", {}).get("selector"):
            continue
        meta, ports = service["metadata"], _ports(service)
        pods = _selected(store, service)
        ready = [{"ip": pod["status"]["podIP"]} for pod in pods
                 if _ready(pod)]
        await _put(store, "endpoints", meta["namespace"], {
            "metadata": {"name": meta["name"]},
            **({"subsets": [{"addresses": ready, "ports": ports}]} if ready
               else {})})
        await _put(store, "endpointslices", meta["namespace"], {
            "metadata": {"name": meta["name"] + "-s", "labels": {
                "kubernetes.io/service-name": meta["name"],
                SELECTED: CONTROLLER}},
            "addressType": "IPv4", "ports": ports, "endpoints": [
                {"addresses": [pod["status"]["podIP"]],
                 "conditions": {"ready": _ready(pod)},
                 "nodeName": pod["spec"].get("nodeName", "")}
                for pod in pods]})


async def tidy(store: Store, nodes: dict[str, dict]) -> None:
    """Delete what belonged to something that is no more."""
    owners = {item["metadata"]["uid"] for plural in ("daemonsets",
                                                     "deployments")
              for item in store.list(plural)}
    for pod in store.list("pods"):
        meta = pod["metadata"]
        mine = meta.get("ownerReferences") or ()
        if mine and not any(owner["uid"] in owners for owner in mine):
            await store.delete("pods", meta["namespace"], meta["name"])
    for block in store.list("ipamblocks"):
        if block["spec"]["affinity"].partition(":")[2] not in nodes:
            await store.delete("ipamblocks", "", block["metadata"]["name"])
    alive = {(item["metadata"]["namespace"], item["metadata"]["name"])
             for item in store.list("services")}
    for part in store.list("endpointslices"):
        meta = part["metadata"]
        labels = meta.get("labels", {})
        if labels.get(SELECTED) == CONTROLLER and (
                meta["namespace"], labels.get("kubernetes.io/service-name")
                ) not in alive:
            await store.delete("endpointslices", meta["namespace"],
                               meta["name"])
            await _drop_endpoints(store, meta["namespace"], labels.get(
                "kubernetes.io/service-name", ""))


async def _drop_endpoints(store: Store, space: str, name: str) -> None:
    if store.get("endpoints", space, name) is not None:
        await store.delete("endpoints", space, name)
