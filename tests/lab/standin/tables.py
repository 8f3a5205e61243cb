# SPDX-License-Identifier: Apache-2.0
"""Objects as a Table of meta.k8s.io, which is what kubectl asks for when it
prints for people: the server decides on the columns.
"""
from __future__ import annotations

from .cli.kube_print import TABLES, plain_row

_WANTED = "as=table;v=v1;g=meta.k8s.io"
#: columns that only `-o wide` shows have a priority
_WIDE = 1


def is_wanted(accept: str) -> bool:
    """Whether a request's Accept asks for a Table first."""
    first = accept.partition(",")[0].replace(" ", "").lower()
    return first == "application/json;" + _WANTED


def _column(name: str, priority: int) -> dict:
    return {"name": name.title(), "type": "string", "priority": priority,
            "format": "name" if name == "NAME" else "", "description": ""}


def table(plural: str, items: list[dict], revision: int) -> dict:
    """The Table of these objects."""
    narrow, wide, row = TABLES.get(plural, (["NAME", "AGE"], [], plain_row))
    return {
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": str(revision)},
        "columnDefinitions": [_column(name, 0) for name in narrow]
        + [_column(name, _WIDE) for name in wide],
        "rows": [{"cells": row(item, bool(wide)), "object": {
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": item["metadata"]}} for item in items]}
