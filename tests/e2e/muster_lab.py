# SPDX-License-Identifier: Apache-2.0
"""A lab with muster as its laptop, and what tests ask of its hosts.

One lab serves a class; its name is that of the module's lab, of the class
and this process.
Files of a host are read through /proc/<its pid 1>/root, so that looking costs
no process and leaves no trace on the host.
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
import time
import unittest

from muster_run import MUSTER, TOP, Done, Process, events_of

LAB = os.path.join(TOP, "tests/lab/lab")
DATA = "/var/snap/microk8s/current"
MICROK8S = "/snap/bin/microk8s"
TOKENS = ("credentials/cluster-tokens.txt",
          "credentials/certs-request-tokens.txt")
#: below SNAP_DATA: what lives while a cluster does, with nobody touching it
LIVING = ("var/kubernetes/backend/",)
_STARTED = re.compile(r"microk8s\.daemon-([a-z0-9-]+): Started\.")


class LabTest(unittest.TestCase):
    """Base of the tests on a lab; subclasses set HOSTS and KNOBS."""

    HOSTS = 3
    TOPOLOGY = ""       # the text of a file instead of HOSTS
    KNOBS: dict[str, object] = {}
    KNOWN_HOSTS = True
    maxDiff = None

    @classmethod
    def setUpClass(cls) -> None:
        if os.geteuid() != 0:
            raise unittest.SkipTest("a lab needs root")
        name = os.environ.get("MUSTER_LAB", "e2e-%d" % os.getpid())
        # Two suites at once on one machine must not end each other's labs.
        cls.name = "%s-%s-%d" % (name[:16], cls.__name__.lower()[:14],
                                 os.getpid())
        cls.folder = tempfile.mkdtemp(prefix="muster-e2e-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.addClassCleanup(cls.lab, "down")
        args = ["up", "--replace", *(
            ["--topology", cls.write("topology.ini", cls.TOPOLOGY)]
            if cls.TOPOLOGY else ["--hosts", str(cls.HOSTS)])]
        for key, value in cls.KNOBS.items():
            args += ["--knob", "%s=%s" % (key, value)]
        if not cls.KNOWN_HOSTS:
            args.append("--no-known-hosts")
        cls.lab_must(*args)
        cls.inventory = cls.lab_must("inventory").out.strip()

    # --- the lab ---

    @classmethod
    def lab(cls, *args: str, seconds: float = 120) -> Done:
        """The lab's own command line."""
        return Process([LAB, *args], {"MUSTER_LAB": cls.name}).wait(seconds)

    @classmethod
    def lab_must(cls, *args: str, seconds: float = 120) -> Done:
        done = cls.lab(*args, seconds=seconds)
        if done.rc != 0:
            raise AssertionError(repr(done))
        return done

    @classmethod
    def on(cls, host: str, *args: str, seconds: float = 60) -> Done:
        """A command on a host, as root."""
        return cls.lab("on", host, "--", *args, seconds=seconds)

    @classmethod
    def sh(cls, host: str, script: str, seconds: float = 60) -> str:
        """A piece of shell on a host that has to succeed; what it says."""
        return cls.lab_must("on", host, "--", "bash", "-ec", script,
                            seconds=seconds).out

    @classmethod
    def knob(cls, host: str, **knobs: object) -> None:
        cls.lab_must("knob", host, *("%s=%s" % item for item
                                     in knobs.items()))

    @classmethod
    def state(cls) -> dict:
        with open("/run/muster-lab/%s/lab.json" % cls.name,
                  encoding="utf-8") as stream:
            return json.load(stream)

    @classmethod
    def root(cls, host: str) -> str:
        """Where a host's files are, seen from here."""
        return "/proc/%d/root" % cls.state()["hosts"][host][0]

    # --- muster ---

    @classmethod
    def argv(cls, *args: str, inventory: str | None = None) -> list[str]:
        return [LAB, "run", "--", MUSTER, *args, "-i",
                inventory or cls.inventory]

    @classmethod
    def start(cls, *args: str, inventory: str | None = None,
              env: dict[str, str] | None = None) -> Process:
        """Muster as the laptop; `lab run` becomes it, so signals reach it."""
        return Process(cls.argv(*args, inventory=inventory),
                       {"MUSTER_LAB": cls.name, **(env or {})},
                       cwd=cls.folder)

    @classmethod
    def muster(cls, *args: str, inventory: str | None = None,
               env: dict[str, str] | None = None,
               seconds: float = 150) -> Done:
        return cls.start(*args, inventory=inventory, env=env).wait(seconds)

    @classmethod
    def assemble(cls, inventory: str | None = None) -> None:
        """`muster up` for a class to begin with.  What the hosts' daemons
        said last is told if it fails: the lab will be gone."""
        try:
            done = cls.muster("up", inventory=inventory)
            why = "" if done.rc == 0 else repr(done)
        except AssertionError as error:
            why = str(error)
        if why:
            tails = ["%s:\n%s" % (host, "\n".join(cls.read(
                host, "/var/log/hostd.log").splitlines()[-12:]))
                for host in cls.state()["hosts"]]
            raise AssertionError("\n".join([why, *tails]))

    def up(self, *args: str, inventory: str | None = None, rc: int = 0
           ) -> dict:
        """`muster up --json` with this exit code; its document."""
        done = self.muster("up", "--json", *args, inventory=inventory)
        self.assertEqual(done.rc, rc, done)
        return done.json()

    @classmethod
    def file(cls, name: str) -> str:
        """A path in the class's own folder."""
        return os.path.join(cls.folder, name)

    @classmethod
    def write(cls, name: str, text: str) -> str:
        with open(cls.file(name), "w", encoding="utf-8") as out:
            out.write(text)
        return cls.file(name)

    @classmethod
    def edited(cls, name: str, *edits: tuple[str, str]) -> str:
        """The lab's inventory with some text replaced, as a new file."""
        with open(cls.inventory, encoding="utf-8") as source:
            text = source.read()
        for old, new in edits:
            assert old in text, (old, text)
            text = text.replace(old, new)
        return cls.write(name, text)

    # --- a host's files ---

    @classmethod
    def read(cls, host: str, path: str) -> str:
        """A file, below SNAP_DATA unless absolute; "" if it is not there."""
        try:
            with open(cls.root(host) + cls.real(host, path),
                      encoding="utf-8") as source:
                return source.read()
        except FileNotFoundError:
            return ""

    @classmethod
    def real(cls, host: str, path: str) -> str:
        """`current` is a link, absolute perhaps: it is followed here."""
        if not path.startswith("/"):
            path = "%s/%s" % (DATA, path)
        if path.startswith(DATA):
            try:
                to = os.readlink(cls.root(host) + DATA)
            except OSError:
                return path
            path = os.path.join(os.path.dirname(DATA), to) + path[len(DATA):]
        return path

    @classmethod
    def has_lock(cls, host: str, name: str) -> bool:
        return os.path.exists(cls.root(host) + cls.real(
            host, "var/lock/" + name))

    @classmethod
    def args(cls, host: str, service: str) -> list[str]:
        return cls.read(host, "args/" + service).splitlines()

    @classmethod
    def disk(cls, host: str) -> str:
        """What was ever written on a host: the upper layer of its disk,
        which only the lab's keeper sees mounted."""
        return "/proc/%d/root/run/muster-lab/%s/disk/%s/upper" % (
            cls.state()["keeper"][0], cls.name, host)

    @classmethod
    def snapshot(cls, host: str, *tops: str) -> dict[str, tuple]:
        """path -> mode, owner and checksum of all that was written below
        `tops`, "" for the whole disk; logs and what lives are left out."""
        root, found = cls.disk(host), {}
        skip = ("/var/log/", *(cls.real(host, name) for name in LIVING))
        for top in tops or ("/snap", "/var/snap"):
            for folder, names, files in os.walk(root + top):
                for name in names + files:
                    path = os.path.join(folder, name)
                    inside = path[len(root):]
                    if not (inside + "/").startswith(skip):
                        found[inside] = _digest(path)
        return found

    @classmethod
    def snapshots(cls, *hosts: str) -> dict[str, dict[str, tuple]]:
        return {host: cls.snapshot(host)
                for host in hosts or cls.state()["hosts"]}

    @classmethod
    def starts(cls, *hosts: str) -> dict[str, list[str]]:
        """The daemons each host has started since its boot, in order."""
        return {host: _STARTED.findall(cls.read(host, "/var/log/hostd.log"))
                for host in hosts or cls.state()["hosts"]}

    # --- the cluster ---

    @classmethod
    def nodes(cls, host: str = "node1") -> dict[str, tuple[bool, str]]:
        """name -> (Ready, InternalIP) as kubectl on this master says."""
        got = cls.on(host, MICROK8S, "kubectl", "--request-timeout=5", "get",
                     "nodes", "-o", "json")
        found = {}
        for item in json.loads(got.out)["items"] if got.rc == 0 else ():
            status = item["status"]
            found[item["metadata"]["name"]] = (
                any(c["type"] == "Ready" and c["status"] == "True"
                    for c in status["conditions"]),
                next((a["address"] for a in status["addresses"]
                      if a["type"] == "InternalIP"), ""))
        return found

    @classmethod
    def well(cls, count: int) -> dict[str, tuple[bool, str]]:
        """What nodes() gives of a healthy cluster of node1 to nodeN."""
        return {"node%d" % n: (True, "10.8.0.%d" % (n + 3))
                for n in range(1, count + 1)}

    @classmethod
    def mint(cls, host: str = "node1", address: str = "10.8.0.4") -> str:
        """A join URL of this master's, by hand."""
        got = cls.sh(host, MICROK8S + " add-node --format token-check")
        return "%s:25000/%s" % (address, got.strip())

    def assert_two_scripts(self, document: dict) -> None:
        """What `muster verify` asked of each host, after its log."""
        folder = os.path.join("/run/muster-lab", self.name, "laptop/home",
                              ".local/state/muster", document["run_id"])
        for host in self.state()["hosts"]:
            with open(os.path.join(folder, host + ".log"),
                      encoding="utf-8") as log:
                asked = re.findall(r"(?m)^\S+ \S+ (?!connect)(.*): status "
                                   r"\d+, [\d.]+ s$", log.read())
            # The master hands out the API's credentials besides.
            self.assertEqual(sorted(asked), sorted(
                ["look at the host", "ask for the other hosts"] +
                ["read the admin credentials"] * (host == "node1")), host)

    def assert_no_token(self, host: str = "node1") -> None:
        """No join token is left on this master."""
        for name in TOKENS:
            self.assertEqual(self.read(host, name).split(), [], name)

    # --- waiting ---

    def eventually(self, what: str, probe, seconds: float = 30):
        """Poll until probe() is true; its value, or a failed test."""
        end = time.monotonic() + seconds
        while True:
            value = probe()
            if value:
                return value
            if time.monotonic() > end:
                self.fail("not within %g s: %s (last: %r)"
                          % (seconds, what, value))
            time.sleep(0.05)

    def until_event(self, run: Process, path: str, what: str, probe,
                    seconds: float = 60) -> None:
        """Wait for an event of a run that goes on meanwhile."""
        def look() -> bool:
            return any(probe(e) for e in events_of(path)) or \
                not run.running()
        self.eventually(what, look, seconds)
        self.assertTrue(run.running(), "it ended before: %s: %s" % (
            what, "" if run.running() else run.wait()))


def _digest(path: str) -> tuple:
    """Of a file, a link or a folder; a file that has gone has none."""
    try:
        info = os.lstat(path)
        plain = (stat.filemode(info.st_mode), info.st_uid, info.st_gid)
        if stat.S_ISLNK(info.st_mode):
            return plain + (os.readlink(path),)
        if not stat.S_ISREG(info.st_mode):
            return plain
        with open(path, "rb") as source:
            return plain + (hashlib.sha256(source.read()).hexdigest(),)
    except FileNotFoundError:
        return ()


def changed_paths(before: dict, after: dict) -> list[str]:
    """Paths of a snapshot that came, went or became other."""
    return sorted(path for path in before.keys() | after.keys()
                  if before.get(path) != after.get(path))


def host_steps(document: dict, host: str, status: str = "") -> list[str]:
    """Titles of a host's steps in a --json document, of one status."""
    found = next(h for h in document["hosts"] if h["name"] == host)
    return [s["step"] for s in found["steps"] or ()
            if status in ("", s["status"])]


def of_host(document: dict, host: str) -> dict:
    return next(h for h in document["hosts"] if h["name"] == host)
