# SPDX-License-Identifier: Apache-2.0
"""The controller manager and the scheduler, on the datastore itself.

They run on the control plane that leads the datastore, so that there is one
of each.  Everything but the nodes' heartbeats is driven by changes: an idle
cluster costs one look at the leases every five seconds of life.
"""
from __future__ import annotations

import asyncio
import random

from . import core, endpoints
from .host import Host
from .kubeclient import first_failure
from .store import Key, Slot, Store, StoreError, slot, stamp

MONITOR_SECONDS = 5
GRACE_SECONDS = 40
NODE_LEASES = "kube-node-lease"
CONDITIONS = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
UNREACHABLE = "node.kubernetes.io/unreachable"
SYSTEM = "kube-system"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def is_ready(node: dict) -> bool:
    """Whether a node's (or a pod's) Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True"
               for c in node.get("status", {}).get("conditions", ()))


def random_name(prefix: str) -> str:
    """prefix-xxxxx."""
    return prefix + "-" + "".join(random.choices(_LETTERS, k=5))


async def bootstrap(store: Store) -> None:
    """The objects that every new cluster has.

    An empty datastore also has no Calico, whatever was applied to the one
    before it (`leave`): the marker goes and the kicker applies it again.
    """
    if store.get("namespaces", "", "default") is None:
        core.drop_lock("cni-loaded")
    for name in ("default", SYSTEM, "kube-public", NODE_LEASES):
        if store.get("namespaces", "", name) is None:
            await store.create("namespaces", "", {
                "metadata": {"name": name},
                "status": {"phase": "Active"}})
    for space, name, address, ports in (
            ("default", "kubernetes", "10.152.183.1",
             [{"name": "https", "port": 443, "protocol": "TCP"}]),
            (SYSTEM, "kube-dns", "10.152.183.10",
             [{"name": "dns", "port": 53, "protocol": "UDP"},
              {"name": "dns-tcp", "port": 53, "protocol": "TCP"}])):
        if store.get("services", space, name) is None:
            await store.create("services", space, {
                "metadata": {"name": name},
                "spec": {"clusterIP": address, "type": "ClusterIP",
                         "ports": ports, **({"selector": {
                             "k8s-app": "kube-dns"}} if space == SYSTEM
                                            else {})}})
    for name in ("calico-kube-controllers", "coredns"):
        if store.get("deployments", SYSTEM, name) is None:
            await store.create("deployments", SYSTEM, _deployment(name))


def _deployment(name: str) -> dict:
    labels = {"k8s-app": "kube-dns" if name == "coredns" else name}
    return {"metadata": {"name": name, "labels": labels},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels}, "spec": {
                         "containers": [{"name": name}]}}}}


class NodeMonitor:
    """Nodes whose kubelet is silent for 40 s become Unknown.

    Silence is counted in this monitor's own rounds and not by the clock: on
    a machine that stalls as a whole nobody has been silent.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._seen: dict[str, tuple[str, int]] = {}

    async def round(self, store: Store) -> None:
        """One look at all leases."""
        for node in store.list("nodes"):
            name = node["metadata"]["name"]
            lease = store.get("leases", NODE_LEASES, name) or {}
            mark = lease.get("metadata", {}).get("resourceVersion", "")
            last, silent = self._seen.get(name, ("", 0))
            silent = silent + MONITOR_SECONDS if mark == last else 0
            self._seen[name] = (mark, silent)
            if silent > GRACE_SECONDS:
                await self._lost(store, node)
            elif is_ready(node):
                await self._found(store, node)

    async def _lost(self, store: Store, node: dict) -> None:
        found = {c["type"]: c for c in node["status"].get("conditions", ())}
        if found and all(c["status"] == "Unknown" for c in found.values()):
            return
        name = node["metadata"]["name"]
        self._host.log("kubelite", "node %s stopped posting its status"
                       % name)
        conditions = [{
            "type": kind, "status": "Unknown",
            "lastHeartbeatTime": found.get(kind, {}).get(
                "lastHeartbeatTime", stamp()),
            "lastTransitionTime": stamp(), "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status."}
            for kind in CONDITIONS]
        taints = [taint for taint in node.get("spec", {}).get("taints") or ()
                  if taint["key"] != UNREACHABLE]
        taints.append({"key": UNREACHABLE, "effect": "NoExecute",
                       "timeAdded": stamp()})
        await store.update("nodes", "", {
            **node, "spec": {**node.get("spec", {}), "taints": taints},
            "status": {**node["status"], "conditions": conditions}})
        for pod in store.list("pods"):
            if pod.get("spec", {}).get("nodeName") == name and is_ready(pod):
                await store.update("pods", pod["metadata"]["namespace"],
                                   with_ready(pod, False))

    async def _found(self, store: Store, node: dict) -> None:
        taints = node.get("spec", {}).get("taints") or []
        kept = [t for t in taints if t["key"] != UNREACHABLE]
        if len(kept) != len(taints):
            spec = {k: v for k, v in node["spec"].items() if k != "taints"}
            await store.update("nodes", "", {
                **node, "spec": {**spec, **({"taints": kept} if kept
                                            else {})}})


def with_ready(pod: dict, ready: bool) -> dict:
    """A pod with this Ready condition; its containers are left alone."""
    others = [c for c in pod.get("status", {}).get("conditions", ())
              if c["type"] != "Ready"]
    return {**pod, "status": {**pod.get("status", {}), "conditions": [
        *others, {"type": "Ready", "status": "True" if ready else "False",
                  "lastTransitionTime": stamp()}]}}


class Workloads:
    """DaemonSets, Deployments, the scheduler, and pods of lost nodes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reconcile(self) -> None:
        """Bring everything one step on; a change calls for the next."""
        nodes = {n["metadata"]["name"]: n for n in self._store.list("nodes")}
        for pod in self._store.list("pods"):
            node = pod.get("spec", {}).get("nodeName")
            if node and node not in nodes:
                await self._drop(pod)
        await endpoints.tidy(self._store, nodes)
        for item in self._store.list("daemonsets"):
            await self._daemonset(item, nodes)
        for item in self._store.list("deployments"):
            await self._deployment(item)
        await self._schedule(nodes)
        await endpoints.publish(self._store)

    async def _drop(self, pod: dict) -> None:
        await self._store.delete("pods", pod["metadata"]["namespace"],
                                 pod["metadata"]["name"])

    def _owned(self, item: dict) -> list[dict]:
        meta = item["metadata"]
        return [pod for pod in self._store.list("pods", meta["namespace"])
                if any(owner["uid"] == meta["uid"] for owner
                       in pod["metadata"].get("ownerReferences", ()))]

    async def _make(self, item: dict, kind: str, node: str = "") -> None:
        meta, template = item["metadata"], item["spec"].get("template", {})
        labels = {**template.get("metadata", {}).get("labels", {}),
                  "pod-template-generation": str(meta["generation"])}
        labels.setdefault("k8s-app", meta["name"])
        spec = dict(template.get("spec", {}))
        if node:
            spec["nodeName"] = node
        await self._store.create("pods", meta["namespace"], {
            "metadata": {
                "name": random_name(meta["name"]), "labels": labels,
                "ownerReferences": [{
                    "apiVersion": "apps/v1", "kind": kind,
                    "name": meta["name"], "uid": meta["uid"],
                    "controller": True}]},
            "spec": spec, "status": {"phase": "Pending"}})

    async def _daemonset(self, item: dict, nodes: dict[str, dict]) -> None:
        """One pod a node; a new template replaces them one at a time, and a
        node that does not answer holds up all that come after it."""
        current = str(item["metadata"]["generation"])
        pods = {p["spec"].get("nodeName"): p for p in self._owned(item)}
        for name in nodes:
            if name not in pods:
                await self._make(item, "DaemonSet", name)
        fresh = [p for p in pods.values() if _generation(p) == current]
        old = [p for p in pods.values() if _generation(p) != current]
        await self._count(item, nodes, fresh, list(pods.values()))
        away = sum(not is_ready(p) for p in pods.values()) + (
            len(nodes) - len(pods))
        for pod in sorted(old, key=is_ready):
            answers = is_ready(nodes[pod["spec"]["nodeName"]])
            if answers and (not is_ready(pod) or away == 0):
                away += is_ready(pod)
                await self._drop(pod)

    async def _count(self, item: dict, nodes: dict, fresh: list[dict],
                     pods: list[dict]) -> None:
        ready = sum(map(is_ready, pods))
        status = {
            "desiredNumberScheduled": len(nodes),
            "currentNumberScheduled": len(pods), "numberMisscheduled": 0,
            "numberReady": ready, "numberAvailable": ready,
            "updatedNumberScheduled": len(fresh),
            "observedGeneration": item["metadata"]["generation"]}
        if len(nodes) > ready:
            status["numberUnavailable"] = len(nodes) - ready
        if item.get("status") != status:
            live = self._store.get("daemonsets",
                                   item["metadata"]["namespace"],
                                   item["metadata"]["name"])
            await self._store.update(
                "daemonsets", item["metadata"]["namespace"],
                {**(live or item), "status": status})

    async def _deployment(self, item: dict) -> None:
        pods = self._owned(item)
        wanted = item.get("spec", {}).get("replicas", 1)
        for _ in range(wanted - len(pods)):
            await self._make(item, "ReplicaSet")
        for pod in pods[wanted:]:
            await self._drop(pod)
        ready = sum(map(is_ready, pods[:wanted]))
        status = {"replicas": wanted, "updatedReplicas": len(pods[:wanted]),
                  "readyReplicas": ready, "availableReplicas": ready,
                  "observedGeneration": item["metadata"]["generation"]}
        if item.get("status") != status:
            await self._store.update(
                "deployments", item["metadata"]["namespace"],
                {**item, "status": status})

    async def _schedule(self, nodes: dict[str, dict]) -> None:
        fit = [name for name, node in nodes.items() if is_ready(node)
               and not node.get("spec", {}).get("unschedulable")
               and not any(taint["effect"] != "PreferNoSchedule" for taint
                           in node.get("spec", {}).get("taints") or ())]
        if not fit:
            return
        pods = self._store.list("pods")
        load = {name: sum(p.get("spec", {}).get("nodeName") == name
                          for p in pods) for name in fit}
        for pod in pods:
            if pod.get("spec", {}).get("nodeName"):
                continue
            node = min(fit, key=lambda name: load[name])
            load[node] += 1
            await self._store.update("pods", pod["metadata"]["namespace"], {
                **pod, "spec": {**pod.get("spec", {}), "nodeName": node}})


def _generation(pod: dict) -> str:
    return pod["metadata"].get("labels", {}).get("pod-template-generation",
                                                 "")


class Controllers:
    """All of the above, from the start of the API server to its end."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._slot: Slot = slot(host)
        self._changed = asyncio.Event()

    def _notice(self, _kind: str, key: Key, _item: dict) -> None:
        if key[0] in ("nodes", "pods", "daemonsets", "deployments",
                      "services"):
            self._changed.set()

    async def run(self) -> None:
        """For ever; a datastore that is away longer than the leader
        election's renew deadline ends the whole of kubelite."""
        while True:
            try:
                store = await self._slot.wait(self._host.scaled(30))
            except TimeoutError:
                raise core.ServiceFailed("leaderelection lost") from None
            if store.forward is None:
                await self._lead(store)
            else:
                await self._slot.closed()

    async def _lead(self, store: Store) -> None:
        store.watchers.append(self._notice)
        tasks = [asyncio.create_task(self._guard(store, work)) for work in
                 (self._monitor, self._workloads)]
        try:
            await first_failure(asyncio.create_task(self._slot.closed()),
                                *tasks)
        finally:
            store.watchers.remove(self._notice)

    async def _guard(self, store: Store, work) -> None:
        """An operation that lost a race is tried again in the next round."""
        await bootstrap(store)
        while True:
            try:
                await work(store)
            except (StoreError, OSError) as error:
                self._host.log("kubelite", "controller: %s" % error)
                await self._host.sleep(5)

    async def _monitor(self, store: Store) -> None:
        monitor = NodeMonitor(self._host)
        while True:
            await monitor.round(store)
            await self._host.sleep(MONITOR_SECONDS)

    async def _workloads(self, store: Store) -> None:
        workloads = Workloads(store)
        while True:
            self._changed.clear()
            await workloads.reconcile()
            await self._changed.wait()
            # A burst of changes is worked off once.
            await self._host.sleep(0.5)
