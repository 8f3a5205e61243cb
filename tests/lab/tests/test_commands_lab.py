# SPDX-License-Identifier: Apache-2.0
"""A lab for the command tests: bring it up, run on hosts, poll, take down.

Each test class shares one lab of its own name, so classes and other labs on
the machine never meet.  Waiting is always polling with a deadline.
"""
from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import unittest

LAB = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "lab")
DATA = "/var/snap/microk8s/current"
MICROK8S = "/snap/bin/microk8s"


class Result:
    """Exit code, stdout and stderr of a command on a host."""

    def __init__(self, done: subprocess.CompletedProcess) -> None:
        self.rc, self.out, self.err = (done.returncode, done.stdout,
                                       done.stderr)

    def __repr__(self) -> str:
        return "rc=%d\nstdout:\n%s\nstderr:\n%s" % (self.rc, self.out,
                                                    self.err)


class LabTest(unittest.TestCase):
    """Base of the tests on a lab; subclasses set HOSTS and KNOBS."""

    HOSTS = 2
    KNOBS: dict[str, str] = {}
    INSTALLED = True
    maxDiff = None

    @classmethod
    def lab(cls, *args: str, timeout: float = 60) -> Result:
        """Run the lab's own command line."""
        return Result(subprocess.run(
            [LAB] + list(args), env=cls.environment, text=True,
            capture_output=True, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL))

    @classmethod
    def setUpClass(cls) -> None:
        if os.geteuid() != 0:
            raise unittest.SkipTest("a lab needs root")
        cls.environment = dict(os.environ, MUSTER_LAB="t%d-%s" % (
            os.getpid() % 10000, cls.__name__.lower()[:12]))
        args = ["up", "--hosts", str(cls.HOSTS)]
        knobs = dict(cls.KNOBS)
        if cls.INSTALLED:
            knobs["installed"] = "1"
        for key, value in knobs.items():
            args += ["--knob", "%s=%s" % (key, value)]
        cls.addClassCleanup(cls.lab, "down")
        came = cls.lab(*args)
        if came.rc != 0:
            raise AssertionError("lab up: %r" % came)
        if cls.INSTALLED:
            for number in range(1, cls.HOSTS + 1):
                ready = cls.on("node%d" % number, MICROK8S, "status",
                               "--wait-ready", "--timeout", "600")
                if ready.rc != 0:
                    raise AssertionError("node%d: %r" % (number, ready))

    @classmethod
    def on(cls, host: str, *args: str, timeout: float = 60) -> Result:
        """Run a command on a host as root."""
        return cls.lab("on", host, "--", *args, timeout=timeout)

    @classmethod
    def mk(cls, host: str, *args: str, timeout: float = 60) -> Result:
        """Run a microk8s command on a host as root."""
        return cls.on(host, MICROK8S, *args, timeout=timeout)

    @classmethod
    def sh(cls, host: str, script: str, timeout: float = 60) -> Result:
        """Run a piece of shell on a host as root."""
        return cls.on(host, "bash", "-c", script, timeout=timeout)

    @classmethod
    def knob(cls, host: str, **knobs: str) -> None:
        """Turn knobs of a running host."""
        for key, value in knobs.items():
            done = cls.lab("knob", host, "%s=%s" % (key, value))
            assert done.rc == 0, done

    @classmethod
    def read(cls, host: str, path: str) -> str:
        """A file below SNAP_DATA, empty when it is not there."""
        return cls.on(host, "cat", "%s/%s" % (DATA, path)).out

    @classmethod
    def locks(cls, host: str) -> set[str]:
        """The marker files of a host."""
        return set(cls.on(host, "ls", DATA + "/var/lock").out.split())

    @classmethod
    def mint(cls, host: str = "node1", address: str = "10.8.0.4",
             *flags: str) -> str:
        """A join URL through this address."""
        got = cls.mk(host, "add-node", "--format", "token-check", *flags)
        assert got.rc == 0, got
        return "%s:25000/%s" % (address, got.out.strip())

    @classmethod
    def nodes(cls) -> dict[str, tuple[bool, str]]:
        """name -> (Ready, InternalIP) as the master's API has it."""
        got = cls.mk("node1", "kubectl", "--request-timeout=5", "get",
                     "nodes", "-o", "json")
        if got.rc != 0:
            return {}
        found = {}
        for item in json.loads(got.out)["items"]:
            status = item["status"]
            ready = any(c["type"] == "Ready" and c["status"] == "True"
                        for c in status["conditions"])
            address = next((a["address"] for a in status["addresses"]
                            if a["type"] == "InternalIP"), "")
            found[item["metadata"]["name"]] = (ready, address)
        return found

    @classmethod
    def endpoints(cls) -> str:
        """The addresses of the kubernetes endpoint, blanks between."""
        return cls.mk("node1", "kubectl", "--request-timeout=5", "get",
                      "endpoints", "kubernetes", "-o",
                      "jsonpath={.subsets[*].addresses[*].ip}").out.strip()

    def eventually(self, what: str, probe, seconds: float = 20):
        """Poll until probe() is true; its value, or a failed test."""
        end = time.monotonic() + seconds
        while True:
            value = probe()
            if value:
                return value
            if time.monotonic() > end:
                self.fail("not within %g s: %s (last: %r)"
                          % (seconds, what, value))
            time.sleep(0.1)

    def steadily(self, what: str, probe, seconds: float) -> None:
        """Poll for this long; probe() must never be false."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = probe()
            self.assertTrue(value, "did not stay: %s" % what)
            time.sleep(0.1)


def quoted(text: str) -> str:
    """A shell word."""
    return shlex.quote(text)
