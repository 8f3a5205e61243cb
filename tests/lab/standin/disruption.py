# SPDX-License-Identifier: Apache-2.0
"""PodDisruptionBudgets: whether a pod may be evicted just now.

Budgets count the Ready pods that their matchLabels select; minAvailable and
maxUnavailable are numbers here, as they mostly are in life.
"""
from __future__ import annotations

from .controllers import is_ready
from .store import Store

REFUSAL = ("Cannot evict pod as it would violate the pod's disruption "
           "budget.")


def selects(budget: dict, pod: dict) -> bool:
    """Whether a budget is about this pod."""
    wanted = budget["spec"].get("selector", {}).get("matchLabels") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(wanted) and all(
        labels.get(key) == value for key, value in wanted.items())


def spare(budget: dict, pods: list[dict]) -> int:
    """How many of its pods may go now."""
    spec, ready = budget["spec"], sum(map(is_ready, pods))
    if "maxUnavailable" in spec:
        return int(spec["maxUnavailable"]) - (len(pods) - ready)
    return ready - int(spec.get("minAvailable", 1))


def refusal(store: Store, namespace: str, name: str) -> str:
    """The API server's words for no, "" for yes."""
    pods = store.list("pods", namespace)
    pod = next((one for one in pods if one["metadata"]["name"] == name), None)
    if pod is None:
        return ""
    for budget in store.list("poddisruptionbudgets", namespace):
        if selects(budget, pod) and spare(
                budget, [one for one in pods if selects(budget, one)]) < 1:
            return REFUSAL
    return ""
