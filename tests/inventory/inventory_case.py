# SPDX-License-Identifier: Apache-2.0
"""The cases of cases/: what each asks, and which differences it declares.
README.md tells their form."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

CASES = Path(__file__).resolve().parent / "cases"


@dataclass
class Case:
    """One inventory and what is known of it."""

    name: str
    text: bytes
    refuses: set[str] = field(default_factory=set)  # "ansible", "muster"
    says: list[str] = field(default_factory=list)  # in muster's messages
    # where: what Ansible has and what muster has, as JSON, "-" for nothing
    differs: dict[str, tuple[str, str]] = field(default_factory=dict)
    why: str = ""

    def is_different(self) -> bool:
        """Whether the two do not agree about it."""
        return len(self.refuses) == 1 or bool(self.differs)

    def variables(self) -> set[str]:
        """Names of the variables that differ."""
        found = {at.split("/")[-1] for at in self.differs}
        for text in (text for pair in self.differs.values() for text in pair):
            value = None if text == "-" else json.loads(text)
            found |= value.keys() if isinstance(value, dict) else set()
        return found


def unescape(text: bytes) -> bytes:
    r"""\xNN is a byte, \uNNNN a character in UTF-8, the rest as in C."""
    def as_bytes(match: re.Match[bytes]) -> bytes:
        character = chr(int(match[1], 16)).encode()
        return b"".join(b"\\x%02x" % byte for byte in character)

    plain = re.sub(rb"\\u([0-9a-f]{4})", as_bytes, text)
    return plain.decode("unicode_escape").encode("latin-1")


def direct(case: Case, directive: str) -> None:
    """Notes one directive in its case."""
    word, _, rest = directive.partition(":")
    rest = rest.strip()
    if directive == "escaped":
        case.text = unescape(case.text.removesuffix(b"\n"))
    elif directive == "both refuse":
        case.refuses = {"ansible", "muster"}
    elif directive == "ansible refuses":
        case.refuses = {"ansible"}
    elif word == "muster refuses" and rest:
        case.refuses = {"muster"}
        case.says.append(rest)
    elif word == "muster warns" and rest:
        case.says.append(rest)
    elif word == "differs" and len(rest.split()) == 3:
        at, ansible, muster = rest.split()
        case.differs[at] = (canonical(ansible), canonical(muster))
    elif word == "why":
        case.why = rest
    else:
        raise ValueError(f"{case.name}: no directive '{directive}'")


def canonical(text: str) -> str:
    """JSON in the one form in which values are compared."""
    return text if text == "-" else json.dumps(json.loads(text),
                                               sort_keys=True)


def make_case(name: str, text: bytes, directives: list[str]) -> Case:
    """A case, checked: a difference without a reason is none."""
    case = Case(name, text)
    for directive in directives:
        direct(case, directive)
    if case.is_different() != bool(case.why):
        raise ValueError(f"{name}: a difference has a reason, and only it")
    return case


def read_many(path: Path) -> list[Case]:
    """The cases of one *.cases file."""
    found = []
    for part in re.split(rb"^=== ", path.read_bytes(), flags=re.M)[1:]:
        name, _, text = part.partition(b"\n")
        directives = []
        while text.startswith(b"! "):
            line, _, text = text.partition(b"\n")
            directives.append(line[2:].decode())
        found.append(make_case(name.decode(), text, directives))
    return found


def read_one(path: Path) -> Case:
    """The case of a file of its own."""
    text = path.read_bytes()
    directives = [line[3:].decode() for line in text.splitlines()
                  if line.startswith(b";! ")]
    return make_case(f"real-{path.stem}", text, directives)


def read_cases() -> list[Case]:
    """All of them; no two of one name."""
    cases = [case for path in sorted(CASES.glob("*.cases"))
             for case in read_many(path)]
    cases += [read_one(path) for path in sorted(CASES.glob("real/*.ini"))]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases of one name: {sorted(twice)}")
    return cases
