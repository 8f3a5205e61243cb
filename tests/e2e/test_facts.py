# SPDX-License-Identifier: Apache-2.0
"""What muster reads of a host by one script: how many processes that costs
there, which tools may be missing, and what becomes of a file that is written
while it is read.

The script runs here by itself where its own answer is the matter.
"""
from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

from muster_lab import DATA, LabTest
from muster_run import TOP

SCRIPT = os.path.join(TOP, "playbooks/actions/facts.sh")
PROCESSES_MAX = 20


class FactsTest(LabTest):
    HOSTS = 2
    KNOBS = {"installed": 1}

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.assemble()
        with open(SCRIPT, encoding="utf-8") as source, \
             open(cls.root("node2") + "/root/facts.sh", "w",
                  encoding="utf-8") as script:
            script.write(source.read())

    def setUp(self) -> None:
        self.eventually("pods come and go no more",
                        lambda: self.facts() == self.facts())

    def facts(self, shell: str = "sh") -> list[str]:
        """The answer of node2 but for its clocks."""
        lines = self.sh("node2", shell + " -s -- worker </root/facts.sh")
        self.assertTrue(lines.endswith("\nend=1\n"), lines)
        return [line for line in lines.splitlines()
                if not line.startswith(("epoch=", "uptime="))]

    @contextlib.contextmanager
    def without(self, tool: str) -> Iterator[None]:
        self.sh("node2", "mv /usr/bin/%s /root/%s" % (tool, tool))
        try:
            yield
        finally:
            self.sh("node2", "mv /root/%s /usr/bin/%s" % (tool, tool))

    def test_few_processes_are_all_it_takes(self) -> None:
        # The host's own daemons start some now and then.
        taken = [int(self.sh(
            "node2", "last() { read -r a b c d last </proc/loadavg; }; "
            "last; before=$last; sh -s -- worker </root/facts.sh >/dev/null; "
            "last; echo $((last - before))")) for _ in range(5)]
        self.assertTrue(4 < min(taken) <= PROCESSES_MAX, taken)

    def test_any_shell_gives_the_same_answer(self) -> None:
        self.assertEqual(self.facts(), self.facts("bash --posix"))

    def test_tools_that_are_missing_cost_no_more_than_they_tell(self) -> None:
        whole = self.facts()
        with self.without("base64"):
            self.assertEqual(self.facts(), whole)
        with self.without("openssl"):
            self.assertEqual(self.facts(), [line for line in whole
                                            if line != "openssl=1"])
        with self.without("stat"):
            self.assertEqual(self.facts(), [
                re.sub(r"^(file=.*) \d+$", r"\1 -", line) for line in whole])
        with self.without("ss"):
            self.assertEqual(self.facts(), [
                re.sub(r"^(check\.listen=\d+) .*", r"\1 ?", line)
                for line in whole])

    def test_values_stay_on_their_lines(self) -> None:
        path = self.root("node2") + "/etc/"
        os.rename(path + "os-release", path + "os-release.old")
        with open(path + "os-release", "w", encoding="utf-8") as release:
            release.write("PRETTY_NAME='Odd \"Linux\"\x01\x7f\t1\r'\n"
                          "PRETTY_NAME=second")
        with open(path + "environment", "w", encoding="utf-8") as variables:
            variables.write("\texport  Https_Proxy='http://p:1'\r\n"
                            "NO_PROXY=\"10.0.0.0/8,node2\"\nno_proxy=x")
        try:
            facts = self.facts()
        finally:
            os.rename(path + "os-release.old", path + "os-release")
            os.truncate(path + "environment", 0)
        self.assertIn("os=Odd Linux   1 ", facts)
        self.assertIn("proxy_environment=1", facts)
        self.assertIn("check.no_proxy=10.0.0.0/8,node2", facts)

    def test_file_that_is_too_large_is_told_alone(self) -> None:
        before = self.facts()
        self.sh("node2", "cd %s/args; cp -p kube-proxy /root/kept; head -c "
                "131073 /dev/zero >kube-proxy; touch -r /root/kept kube-proxy"
                % DATA)
        after = self.facts()
        self.sh("node2", "cp -p /root/kept %s/args/kube-proxy" % DATA)
        told = [line for line in after if line not in before]
        self.assertRegex(told[0], r"^file=args/kube-proxy too_large \d+$")
        self.assertRegex(told[1], r"^contents=")
        self.assertEqual(len(told), 2)

    def test_file_that_is_written_meanwhile_is_not_misread(self) -> None:
        grow = ("#!/bin/sh\ncase $* in *kube-proxy*)\n%secho --v=1 >>" +
                DATA + "/args/kube-proxy\n: >/root/done\nesac\n"
                "exec /root/cat \"$@\"\n")
        with self.without("cat"):
            # Once: it is read again.
            self.install_cat(grow % "[ -e /root/done ] || ")
            once = self.look()
            # At every time: nothing of it is taken.
            self.install_cat(grow % "")
            always = self.look()
        self.assertTrue(once["reached"], once)
        self.assertEqual(self.args("node2", "kube-proxy").count("--v=1"), 4)
        self.assertFalse(always["reached"], always)
        self.assertRegex(always["error"], r"written while they were read: "
                         r"\d+ bytes of \d+ came")

    def look(self) -> dict:
        """What `muster status` has to say of node2."""
        document = self.muster("status", "--json").json()
        return next(host for host in document["hosts"]
                    if host["name"] == "node2")

    def install_cat(self, text: str) -> None:
        path = self.root("node2") + "/usr/bin/cat"
        with open(path, "w", encoding="utf-8") as script:
            script.write(text)
        os.chmod(path, 0o755)
