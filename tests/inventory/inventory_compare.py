# SPDX-License-Identifier: Apache-2.0
"""What is the same in two listings of an inventory.

One rule holds for all cases, so none declares it: Ansible reads a value as a
Python literal where it is one (22, 1.10, True, [1, 2]); to muster it is text
until something uses it. So muster's text is right if it is Ansible's text, or
if Python reads Ansible's value in it.
"""

import ast
import json
import re

VARIABLE = re.compile(r"^((?:  \|)*--)\{(.*?) = (.*)\}$")


def literal(text: str) -> object:
    """The value that Python reads in a text, unless it is a text again."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return text if isinstance(value, (str, bytes)) else value


def show(value: object) -> str:
    """A value in the form in which a case declares it."""
    return json.dumps(value, sort_keys=True)


def is_typed(ansible: object, muster: object) -> bool:
    """Whether the two differ by the rule on types alone."""
    if isinstance(ansible, str) or not isinstance(muster, str):
        return False
    value = literal(muster)
    return not isinstance(value, str) and show(value) == show(ansible)


def list_differences(ansible: object, muster: object, at: str = "",
                     depth: int = 4) -> dict[str, tuple[str, str]]:
    """Where the two differ, down to a single variable of a host."""
    if ansible == muster or is_typed(ansible, muster):
        return {}
    if not (depth and isinstance(ansible, dict) and isinstance(muster, dict)):
        return {at: (show(ansible), show(muster))}
    found = {}
    for key in sorted(ansible.keys() | muster.keys()):
        here = f"{at}/{key}" if at else key
        if key not in ansible:
            found[here] = ("-", show(muster[key]))
        elif key not in muster:
            found[here] = (show(ansible[key]), "-")
        else:
            found.update(list_differences(ansible[key], muster[key], here,
                                          depth - 1))
    return found


def is_same_line(ansible: str, muster: str) -> bool:
    """Whether two lines of a graph say the same."""
    left, right = VARIABLE.match(ansible), VARIABLE.match(muster)
    if ansible == muster:
        return True
    return bool(left and right and left[1] == right[1] and
                left[2] == right[2] and left[3] == str(literal(right[3])))


def graph_differences(ansible: str, muster: str,
                      ignored: set[str]) -> list[str]:
    """Lines that differ. `ignored` names variables that do so rightly."""
    def lines(text: str) -> list[str]:
        return [line for line in text.splitlines()
                if not (found := VARIABLE.match(line)) or
                found[2] not in ignored]

    left, right = lines(ansible), lines(muster)
    found = [f"ansible: {a}\n  muster: {m}" for a, m in zip(left, right)
             if not is_same_line(a, m)]
    if len(left) != len(right):
        found.append(f"ansible has {len(left)} lines, muster {len(right)}")
    return found
