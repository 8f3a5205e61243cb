# SPDX-License-Identifier: Apache-2.0
"""What the API server answers: health, version, objects, watches.

As much of Kubernetes' REST as kubectl, muster and the kubelets here use.
"""
from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from . import core, disruption, tables
from .apiserver_nodes import PARTS, Kubelets
from .httpio import Request, Response, answer, plain
from .resources import (GROUPS, KINDS, Place, fields_match, labels_match,
                        locate, merge, strategic_merge)
from .store import Key, Slot, Store, StoreError

OPEN_PATHS = ("/livez", "/readyz", "/healthz", "/version")
#: names /readyz?verbose lists, in its order
CHECKS = ("ping", "log", "etcd", "etcd-readiness", "informer-sync",
          "poststarthook/start-apiserver-admission-initializer",
          "poststarthook/bootstrap-controller",
          "poststarthook/apiservice-registration-controller", "shutdown")
#: life's seconds after which a request to a dead datastore is given up
DATASTORE_SECONDS = 60
_PATCHES = {"application/merge-patch+json": merge,
            "application/strategic-merge-patch+json": strategic_merge,
            "application/json": strategic_merge}


def status(code: int, reason: str, message: str) -> Response:
    """A Status object."""
    return answer(code, {
        "kind": "Status", "apiVersion": "v1", "metadata": {},
        "status": "Failure" if code >= 400 else "Success",
        "message": message, "reason": reason, "code": code})


class Rest:
    """The answers of one API server; `failing` names its failing checks."""

    def __init__(self, slot: Slot, kubelets: Kubelets | None = None) -> None:
        self._slot, self._kubelets = slot, kubelets
        self.failing: set[str] = set()
        #: the last change that was told: kind, object, line
        self._event: tuple[str, dict, bytes] = ("", {}, b"")

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        first = "/" + request.path.split("/")[1]
        if not request.user and first not in OPEN_PATHS:
            return status(401, "Unauthorized", "Unauthorized")
        if first in ("/livez", "/readyz", "/healthz"):
            return self._health(first[1:], request)
        if first == "/version":
            return answer(200, version())
        if request.path.rstrip("/") in _DISCOVERY:
            return answer(200, _DISCOVERY[request.path.rstrip("/")]())
        place = locate(request.path)
        if place is None:
            return status(404, "NotFound",
                          "the server could not find the requested resource")
        try:
            store = await self._slot.wait(core.scaled(DATASTORE_SECONDS))
            return await self._object(store, place, request)
        except StoreError as error:
            return status(error.status, error.reason, error.message)
        except TimeoutError:
            return status(500, "InternalError",
                          "etcdserver: request timed out")

    # --- health ---

    def _health(self, what: str, request: Request) -> Response:
        failing = set(self.failing)
        if what == "livez":
            failing.discard("shutdown")
        if self._slot.store is None:
            failing |= {"etcd", "etcd-readiness"} - (
                {"etcd-readiness"} if what == "livez" else set())
        if not failing and "verbose" not in request.query:
            return plain(200, "ok")
        lines = [("[-]%s failed: reason withheld" if name in failing
                  else "[+]%s ok") % name for name in CHECKS]
        lines.append("%s check %s" % (what, "failed" if failing
                                      else "passed"))
        return plain(500 if failing else 200, "\n".join(lines) + "\n")

    # --- objects ---

    async def _object(self, store: Store, place: Place, request: Request
                      ) -> Response:
        verb = request.method
        if (place.kind.plural == "pods" and place.part in PARTS
                and self._kubelets is not None):
            return await self._kubelets.ask(store, place, request)
        if verb in ("GET", "HEAD"):
            return self._read(store, place, request)
        if verb == "POST" and place.part == "eviction":
            no = disruption.refusal(store, place.namespace, place.name)
            if no:
                return status(429, "TooManyRequests", no)
            await store.delete(place.kind.plural, place.namespace, place.name)
            return status(201, "", "")
        if verb == "POST" and not place.name:
            item = _body(request)
            if not item["metadata"].get("name"):
                raise StoreError(422, "Invalid", "name or generateName is "
                                 "required")
            if place.kind.plural == "services":
                _give_address(store, item)
            made = await store.create(place.kind.plural, place.namespace,
                                      item)
            return answer(201, typed(place, made))
        if verb == "DELETE":
            return await self._delete(store, place, request)
        if verb == "PUT" and place.name:
            item = _body(request)
            if place.part == "status":
                old = _need(store, place)
                item = {**old, "status": item.get("status", {})}
            item["metadata"]["name"] = place.name
            done = await store.update(place.kind.plural, place.namespace,
                                      item)
            return answer(200, typed(place, done))
        if verb == "PATCH" and place.name:
            return await self._patch(store, place, request)
        return status(405, "MethodNotAllowed", "the server does not allow "
                      "this method on the requested resource")

    def _read(self, store: Store, place: Place, request: Request
              ) -> Response:
        as_table = tables.is_wanted(request.headers.get("accept", ""))
        if place.name:
            item = _need(store, place)
            return answer(200, tables.table(
                place.kind.plural, [item], store.revision) if as_table
                else typed(place, item))
        query = request.query
        if query.get("watch") in ("1", "true"):
            return Response(200, stream=self._watch(store, place, query))
        found = [typed(place, item) for item
                 in store.list(place.kind.plural, place.namespace)
                 if wanted(item, query)]
        if as_table:
            return answer(200, tables.table(place.kind.plural, found,
                                            store.revision))
        return answer(200, {
            "kind": place.kind.name + "List",
            "apiVersion": place.kind.version,
            "metadata": {"resourceVersion": str(store.revision)},
            "items": found})

    async def _watch(self, store: Store, place: Place, query: dict[str, str]
                     ) -> AsyncIterator[bytes]:
        """What there is, then every change, until the datastore ends."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()

        def line(kind: str, item: dict) -> bytes:
            return json.dumps({"type": kind, "object": typed(place, item)},
                              separators=(",", ":")).encode() + b"\n"

        def event(kind: str, item: dict) -> bytes:
            # Hundreds of watches hear of the same change, one after another.
            if self._event[0] != kind or self._event[1] is not item:
                self._event = kind, item, line(kind, item)
            return self._event[2]

        def changed(kind: str, key: Key, item: dict) -> None:
            if (key[0] == place.kind.plural
                    and place.namespace in ("", key[1])
                    and wanted(item, query)):
                queue.put_nowait(event(kind, item))

        async def end() -> None:
            await self._slot.closed()
            queue.put_nowait(None)

        store.watchers.append(changed)
        ending = asyncio.create_task(end())
        try:
            if query.get("resourceVersion", "0") in ("", "0"):
                for item in store.list(place.kind.plural, place.namespace):
                    if wanted(item, query):
                        yield line("ADDED", item)
            if query.get("sendInitialEvents") == "true":
                yield line("BOOKMARK", {"metadata": {"annotations": {
                    "k8s.io/initial-events-end": "true"}}})
            while (chunk := await queue.get()) is not None:
                yield chunk
        finally:
            ending.cancel()
            store.watchers.remove(changed)

    async def _patch(self, store: Store, place: Place, request: Request
                     ) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0]
        patch = _PATCHES.get(kind)
        if patch is None:
            return status(415, "UnsupportedMediaType", "the body of the "
                          "request was in an unknown format - accepted media "
                          "types include: " + ", ".join(list(_PATCHES)[:2]))
        change = _body(request, whole=False)
        if place.part == "status":
            change = {key: value for key, value in change.items()
                      if key in ("status", "metadata")}
        for attempt in range(5):
            item = patch(_need(store, place), change)
            try:
                done = await store.update(place.kind.plural, place.namespace,
                                          item)
                return answer(200, typed(place, done))
            except StoreError as error:
                if error.status != 409 or attempt == 4:
                    raise
        raise AssertionError

    async def _delete(self, store: Store, place: Place, request: Request
                      ) -> Response:
        if place.name:
            gone = await store.delete(place.kind.plural, place.namespace,
                                      place.name)
            if place.kind.plural == "namespaces":
                for plural, space, name in list(store.objects):
                    if space == place.name:
                        await store.delete(plural, space, name)
            return answer(200, {
                "kind": "Status", "apiVersion": "v1", "metadata": {},
                "status": "Success", "details": {
                    "name": place.name, "kind": place.kind.plural,
                    "uid": gone["metadata"]["uid"]}})
        for item in store.list(place.kind.plural, place.namespace):
            if wanted(item, request.query):
                meta = item["metadata"]
                await store.delete(place.kind.plural,
                                   meta.get("namespace", ""), meta["name"])
        return status(200, "", "")


def _give_address(store: Store, item: dict) -> None:
    """The first free clusterIP, for a service that asks for none itself."""
    spec = item.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    taken = {one.get("spec", {}).get("clusterIP")
             for one in store.list("services")}
    if not spec.get("clusterIP") and spec["type"] != "ExternalName":
        spec["clusterIP"] = next(
            address for address in ("10.152.183.%d" % low
                                    for low in range(20, 255))
            if address not in taken)


def wanted(item: dict, query: dict[str, str]) -> bool:
    """Whether a list's selectors select an object."""
    return (labels_match(item, query.get("labelSelector", ""))
            and fields_match(item, query.get("fieldSelector", "")))


def typed(place: Place, item: dict) -> dict:
    """An object with its kind, which the store does not keep."""
    return {"kind": place.kind.name, "apiVersion": place.kind.version,
            **item}


def _need(store: Store, place: Place) -> dict:
    item = store.get(place.kind.plural, place.namespace, place.name)
    if item is None:
        group = place.kind.group
        raise StoreError(404, "NotFound", '%s%s "%s" not found' % (
            place.kind.plural, "." + group if group else "", place.name))
    return item


def _body(request: Request, whole: bool = True) -> dict:
    try:
        item = request.json()
    except ValueError as error:
        raise StoreError(400, "BadRequest", "the object provided is "
                         "unrecognized: %s" % error) from None
    if not isinstance(item, dict):
        raise StoreError(400, "BadRequest", "the object provided is no "
                         "object")
    item.pop("kind", None)
    item.pop("apiVersion", None)
    if whole and not isinstance(item.get("metadata"), dict):
        item["metadata"] = {}
    return item


def version() -> dict:
    """/version."""
    text = core.knob("version")
    major, _, rest = text.lstrip("v").partition(".")
    return {"major": major, "minor": rest.partition(".")[0],
            "gitVersion": text, "gitTreeState": "clean",
            "goVersion": "go1.23.4", "compiler": "gc",
            "platform": "linux/amd64"}


def _resources(group: str) -> dict:
    return {"kind": "APIResourceList", "groupVersion":
            group + "/v1" if group else "v1", "resources": [
                {"name": k.plural, "singularName": k.name.lower(),
                 "kind": k.name, "namespaced": k.namespaced,
                 "verbs": ["create", "delete", "get", "list", "patch",
                           "update", "watch"]}
                for k in KINDS.values() if k.group == group]}


def _groups() -> dict:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [
        {"name": group, "versions": [
            {"groupVersion": group + "/v1", "version": "v1"}],
         "preferredVersion": {"groupVersion": group + "/v1",
                              "version": "v1"}} for group in GROUPS]}


_DISCOVERY = {
    "/api": lambda: {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": _groups,
    "/api/v1": lambda: _resources(""),
    **{"/apis/%s/v1" % group: (lambda group=group: _resources(group))
       for group in GROUPS},
}
