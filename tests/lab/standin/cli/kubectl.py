# SPDX-License-Identifier: Apache-2.0
"""`microk8s kubectl`: arguments, `get`, `version`, and errors.

Commands that change something are in kube_change.py.  There is no request
timeout unless --request-timeout asks for one, as with the real one.
"""
from __future__ import annotations

import json
import sys

from .. import core
from . import kube, kube_print
from .kube import ApiDown, ApiError

#: names people use -> (plural, API prefix, lives in a namespace, singular)
RESOURCES = (
    (("nodes", "node", "no"), "/api/v1", False),
    (("pods", "pod", "po"), "/api/v1", True),
    (("poddisruptionbudgets", "poddisruptionbudget", "pdb"),
     "/apis/policy/v1", True),
    (("endpoints", "endpoint", "ep"), "/api/v1", True),
    (("services", "service", "svc"), "/api/v1", True),
    (("namespaces", "namespace", "ns"), "/api/v1", False),
    (("configmaps", "configmap", "cm"), "/api/v1", True),
    (("events", "event", "ev"), "/api/v1", True),
    (("endpointslices", "endpointslice"), "/apis/discovery.k8s.io/v1", True),
    (("daemonsets", "daemonset", "ds"), "/apis/apps/v1", True),
    (("deployments", "deployment", "deploy"), "/apis/apps/v1", True),
    (("leases", "lease"), "/apis/coordination.k8s.io/v1", True),
)

VALUED = {
    "-n": "namespace", "--namespace": "namespace", "-o": "output",
    "--output": "output", "-l": "selector", "--selector": "selector",
    "-f": "filename", "--filename": "filename", "--raw": "raw",
    "--request-timeout": "request-timeout", "--kubeconfig": "kubeconfig",
    "--context": "context", "-p": "patch", "--patch": "patch",
    "--type": "type", "--timeout": "timeout", "--for": "for",
    "--field-selector": "field-selector", "--grace-period": "grace",
    "--sort-by": "sort-by", "-c": "container", "--container": "container",
    "--tail": "tail",
}

SWITCHES = {
    "-A": "all", "--all-namespaces": "all", "--no-headers": "no-headers",
    "--overwrite": "overwrite", "--force": "force", "--client": "client",
    "--ignore-daemonsets": "ignore-daemonsets", "--all": "every",
    "--delete-emptydir-data": "delete-data", "--wait": "wait",
    "--ignore-not-found": "ignore-not-found", "--server-side": "ss",
    "--show-labels": "show-labels", "--now": "now", "-w": "watch",
    "--disable-eviction": "disable-eviction", "--short": "short",
    "-i": "stdin", "--stdin": "stdin", "-t": "tty", "--tty": "tty",
}

SPOILED = "error: unknown flag: %s\nSee 'kubectl %s--help' for usage."


class Failed(Exception):
    """End with this line on stderr and exit code 1."""


class Line:
    """A parsed command line: words in order and options by name."""

    def __init__(self, args: list[str]) -> None:
        self.words: list[str] = []
        self.options: dict[str, str] = {}
        rest = list(args)
        while rest:
            self.take(rest)

    def take(self, rest: list[str]) -> None:
        """Consume one word or one option with its value."""
        arg = rest.pop(0)
        name, equals, value = arg.partition("=")
        if not arg.startswith("-") or arg == "-":
            self.words.append(arg)
        elif name in SWITCHES:
            self.options[SWITCHES[name]] = value if equals else "true"
        elif name in VALUED:
            if not equals and not rest:
                raise Failed("error: flag needs an argument: %s" % arg)
            self.options[VALUED[name]] = value if equals else rest.pop(0)
        elif arg[:2] in VALUED and not arg.startswith("--"):
            self.options[VALUED[arg[:2]]] = arg[2:]
        else:
            raise Failed(SPOILED % (name, "".join(
                word + " " for word in self.words[:1])))

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.options.get(name, "false") != "false"

    def timeout(self) -> float | None:
        """--request-timeout in seconds; none when absent or 0."""
        text = self.options.get("request-timeout", "0")
        return duration(text) or None

    def namespace(self) -> str:
        """-n, or default."""
        return self.options.get("namespace", "default")


def duration(text: str) -> float:
    """Go's durations as far as flags use them: 30, 30s, 2m, 500ms, 1h."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    for unit, factor in units.items():
        if text.endswith(unit) and text[:-len(unit)].replace(
                ".", "", 1).isdigit():
            return float(text[:-len(unit)]) * factor
    try:
        return float(text)
    except ValueError:
        raise Failed('error: invalid argument "%s" for "--request-timeout" '
                     'flag' % text) from None


class Kind:
    """A resource: its names, and where the API has it."""

    def __init__(self, names: tuple, prefix: str, spaced: bool) -> None:
        self.plural, self.singular = names[0], names[1]
        self.prefix, self.spaced = prefix, spaced
        parts = prefix.split("/")
        self.group = parts[2] if parts[1] == "apis" else ""

    def path(self, namespace: str | None, name: str | None = None) -> str:
        """The URL path of the list or of one object."""
        path = self.prefix
        if self.spaced and namespace:
            path += "/namespaces/" + namespace
        path += "/" + self.plural
        return path + "/" + name if name else path

    def label(self, name: str) -> str:
        """kind.group/name as kubectl prints it after a change."""
        group = "." + self.group if self.group else ""
        return "%s%s/%s" % (self.singular, group, name)


def find_kind(word: str) -> Kind:
    """The resource of one of its names, with or without the group."""
    plain = word.lower().split(".")[0]
    for names, prefix, spaced in RESOURCES:
        if plain in names:
            return Kind(names, prefix, spaced)
    raise Failed('error: the server doesn\'t have a resource type "%s"'
                 % word)


def split_targets(words: list[str]) -> list[tuple[Kind, list[str]]]:
    """(kind, names) of `nodes a b`, `node/a pod/b` or `nodes,pods`."""
    if not words:
        raise Failed("error: You must specify the type of resource to get. "
                     "Use \"kubectl api-resources\" for a complete list of "
                     "supported resources.")
    if "/" in words[0]:
        pairs = [word.partition("/") for word in words]
        return [(find_kind(kind), [name]) for kind, _, name in pairs]
    names = words[0]
    if names == "all":
        names = "pods,services,daemonsets,deployments"
    return [(find_kind(one), words[1:]) for one in names.split(",")]


def matches(item: dict, selector: str) -> bool:
    """Whether an item's labels satisfy k, k=v, k!=v, !k joined by commas."""
    labels = item.get("metadata", {}).get("labels") or {}
    for term in filter(None, selector.split(",")):
        if "!=" in term:
            key, value = term.split("!=", 1)
            good = labels.get(key) != value
        elif "=" in term:
            key, value = term.replace("==", "=").split("=", 1)
            good = labels.get(key) == value
        elif term.startswith("!"):
            good = term[1:] not in labels
        else:
            good = term in labels
        if not good:
            return False
    return True


def field_matches(item: dict, selector: str) -> bool:
    """--field-selector with = only."""
    from . import kube_jsonpath
    for term in filter(None, selector.split(",")):
        path, _, value = term.replace("==", "=").partition("=")
        if kube_jsonpath.walk(item, "." + path) != [value]:
            return False
    return True


def fetch(kind: Kind, names: list[str], line: Line) -> list[dict]:
    """The objects asked for, from one namespace or all."""
    space = None if line.has("all") else line.namespace()
    if names:
        return [kube.call("GET", kind.path(space or "default", name),
                          timeout=line.timeout()) for name in names]
    found = kube.items(kind.path(space), line.timeout())
    return [item for item in found
            if matches(item, line.options.get("selector", ""))
            and field_matches(item, line.options.get("field-selector", ""))]


def add_kind(kind: Kind, item: dict) -> dict:
    """Items of a list may come without apiVersion and kind; put them in."""
    names = {"endpointslices": "EndpointSlice", "daemonsets": "DaemonSet",
             "configmaps": "ConfigMap", "endpoints": "Endpoints"}
    version = kind.prefix.removeprefix("/apis/").removeprefix("/api/")
    return {"apiVersion": version,
            "kind": names.get(kind.plural, kind.singular.capitalize())} | item


def get_raw(line: Line) -> int:
    """`get --raw PATH`: the body as the server sent it."""
    answer = kube.call("GET", line.options["raw"], timeout=line.timeout())
    print(answer if isinstance(answer, str) else json.dumps(answer),
          end="" if isinstance(answer, str) else "\n")
    return 0


def get(line: Line) -> int:
    """`get`: tables, or json, yaml, name, jsonpath."""
    if "raw" in line.options:
        return get_raw(line)
    form = line.options.get("output", "")
    targets = split_targets(line.words[1:])
    found, code = [], 0
    for kind, names in targets:
        try:
            found += [(kind, item) for item in fetch(kind, names, line)]
        except ApiError as error:
            if error.status != 404 or not line.has("ignore-not-found"):
                sys.stderr.write(not_found(kind, names, error) + "\n")
                code = 1
    if code and not found:
        return code
    single = (len(targets) == 1 and len(targets[0][1]) == 1) or (
        "/" in line.words[1] and len(line.words) == 2)
    if form in ("", "wide"):
        print_tables(found, targets, line, form == "wide")
    elif form == "name":
        for kind, item in found:
            print(kind.label(item["metadata"]["name"]))
    elif form in ("json", "yaml") or form.startswith("jsonpath"):
        whole = [add_kind(kind, item) for kind, item in found]
        root = whole[0] if single and whole else kube_print.as_list(whole)
        print(kube_print.structured(form, root), end="")
    else:
        raise Failed('error: unable to match a printer suitable for the '
                     'output format "%s"' % form)
    return code


def not_found(kind: Kind, names: list[str], error: ApiError) -> str:
    """kubectl's line for an object or a resource that is not there."""
    if error.status == 404 and not names:
        return ('error: the server doesn\'t have a resource type "%s"'
                % kind.plural)
    return error.text()


def print_tables(found: list, targets: list, line: Line,
                 wide: bool) -> None:
    """A table per resource, or the words for nothing at all."""
    if not found:
        if line.has("ignore-not-found"):
            return
        spaced = targets[0][0].spaced and not line.has("all")
        sys.stderr.write("No resources found%s\n" % (
            " in %s namespace." % line.namespace() if spaced else ""))
        return
    first = True
    for plural in dict.fromkeys(kind.plural for kind, _ in found):
        kind = next(k for k, _ in found if k.plural == plural)
        rows = [item for k, item in found if k.plural == plural]
        if not first:
            print()
        first = False
        print(kube_print.table(
            plural, rows, wide, line.has("all") and kind.spaced,
            not line.has("no-headers"), line.has("show-labels"),
            kind.singular + "/" if len(targets) > 1 else ""), end="")


def version(line: Line) -> int:
    """`version`: this client, and the server unless it is away."""
    client = core.knob("version")
    if line.options.get("output") == "json":
        answer = {"clientVersion": {"gitVersion": client}}
        if not line.has("client"):
            answer["serverVersion"] = kube.call("GET", "/version",
                                                timeout=line.timeout())
        print(json.dumps(answer, indent=2))
        return 0
    print("Client Version: " + client)
    print("Kustomize Version: v5.4.2")
    if not line.has("client"):
        answer = kube.call("GET", "/version", timeout=line.timeout())
        print("Server Version: " + answer["gitVersion"])
    return 0


CHANGES = ("apply", "annotate", "cordon", "create", "delete", "describe",
           "drain", "label", "patch", "rollout", "uncordon", "wait")


def run(line: Line) -> int:
    """One kubectl command."""
    verb = line.words[0] if line.words else ""
    if verb == "get":
        return get(line)
    if verb == "version":
        return version(line)
    if verb == "cluster-info":
        kube.call("GET", "/version", timeout=line.timeout())
        print("Kubernetes control plane is running at "
              "https://127.0.0.1:16443")
        return 0
    if verb == "logs":
        from . import kube_pods
        return kube_pods.logs(line)
    if verb in CHANGES:
        from . import kube_change
        return kube_change.run(verb, line)
    raise Failed('error: unknown command "%s" for "kubectl"' % verb)


def main(_name: str, args: list[str]) -> int:
    """Parse, run, and turn errors into kubectl's words on stderr."""
    try:
        if "--" in args:
            from . import kube_pods
            at = args.index("--")
            return kube_pods.execute(Line(args[:at]), args[at + 1:])
        return run(Line(args))
    except (Failed, ApiDown) as error:
        sys.stdout.flush()
        sys.stderr.write("%s\n" % error)
    except ApiError as error:
        sys.stdout.flush()
        sys.stderr.write(error.text() + "\n")
    return 1
