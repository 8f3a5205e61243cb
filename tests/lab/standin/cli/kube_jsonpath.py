# SPDX-License-Identifier: Apache-2.0
"""kubectl's -o jsonpath for the templates people write.

Paths of fields, [N], [*] and [?(@.key=="value")], quoted text, and
{range ...}{end}; nothing more of the Kubernetes JSONPath reference.
"""
from __future__ import annotations

import json
import re

STEP = re.compile(
    r"\.?\[\?\(@((?:\.[\w/\\.-]+?)+)\s*==\s*[\"']([^\"']*)[\"']\)\]"
    r"|\[(\*|-?\d+|'[^']*')\]"
    r"|\.((?:\\.|[\w/-])+)"
    r"|\.(\*)")


class BadTemplate(Exception):
    """The template has something this reader does not know."""


def step_into(values: list, match: re.Match) -> list:
    """The values one step of a path further down."""
    field, wanted, index, name, star = match.groups()
    out: list = []
    for value in values:
        if field is not None:
            for one in value if isinstance(value, list) else []:
                if [str(x) for x in walk(one, field)] == [wanted]:
                    out.append(one)
        elif index == "*" or star:
            if isinstance(value, dict):
                out.extend(value.values())
            elif isinstance(value, list):
                out.extend(value)
        elif index is not None and not index.startswith("'"):
            if isinstance(value, list) and -len(value) <= int(index) < len(
                    value):
                out.append(value[int(index)])
        else:
            key = index.strip("'") if index else name.replace("\\", "")
            if isinstance(value, dict) and key in value:
                out.append(value[key])
    return out


def walk(value: object, path: str) -> list:
    """All values a path leads to."""
    values, at = [value], 0
    path = path.strip().removeprefix("$").removeprefix("@")
    while at < len(path):
        match = STEP.match(path, at)
        if match is None:
            if path[at:] == ".":
                break
            raise BadTemplate("unrecognized identifier %s" % path[at:])
        values = step_into(values, match)
        at = match.end()
    return values


def show(value: object) -> str:
    """A value as kubectl prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, separators=(",", ":"))


def split(template: str) -> list[tuple[str, str]]:
    """('text', literal) and ('expr', inside of braces), in order."""
    parts, at = [], 0
    while at < len(template):
        start = template.find("{", at)
        if start < 0:
            parts.append(("text", template[at:]))
            break
        if start > at:
            parts.append(("text", template[at:start]))
        end = template.find("}", start)
        if end < 0:
            raise BadTemplate("unclosed action")
        parts.append(("expr", template[start + 1:end].strip()))
        at = end + 1
    return parts


def unquote(text: str) -> str:
    """A quoted literal of an expression, escapes resolved."""
    return text[1:-1].encode().decode("unicode_escape")


def render(parts: list[tuple[str, str]], root: object, at: int,
           out: list[str]) -> int:
    """Append the output of parts[at:] up to {end}; where that was."""
    while at < len(parts):
        kind, text = parts[at]
        if kind == "text":
            out.append(text)
        elif text == "end":
            return at
        elif text.startswith("range "):
            inside = at + 1
            values = walk(root, text[len("range "):])
            at = render(parts, None, inside, [])
            for value in values:
                render(parts, value, inside, out)
        elif text[:1] in "\"'" and text[:1]:
            out.append(unquote(text))
        else:
            out.append(" ".join(show(v) for v in walk(root, text)))
        at += 1
    return at


def evaluate(template: str, root: object) -> str:
    """The template's output for one object or list."""
    if "{" not in template:
        template = "{%s}" % template
    out: list[str] = []
    render(split(template), root, 0, out)
    return "".join(out)
