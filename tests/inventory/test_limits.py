# SPDX-License-Identifier: Apache-2.0
"""Host patterns of --limit and --exclude, as Ansible and muster read them."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from answers import MUSTER, ask_ansible, ask_muster
from inventory_case import CASES, Case, read_many

INVENTORY = "limits.ini"
EX_USAGE, EX_NOINPUT = 64, 66


def listed_hosts(text: str) -> set[str]:
    """The hosts of a JSON listing."""
    listing = json.loads(text)
    return {host for name, group in listing.items() if name != "_meta"
            for host in group.get("hosts", [])}


class LimitsTest(unittest.TestCase):
    """Every pattern against one inventory."""

    cases: list[Case]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="muster-limits-")
        cls.addClassCleanup(folder.cleanup)
        cls.cases = read_many(CASES / "limits.patterns")
        patterns = [case.text.decode().removesuffix("\n")
                    for case in cls.cases]
        cls.ansible = ask_ansible([["hosts", INVENTORY, pattern]
                                   for pattern in patterns],
                                  Path(folder.name), CASES)
        cls.limit = ask_muster(
            [["inventory", "list", "--json", "-i", INVENTORY, "-l", pattern]
             for pattern in patterns], CASES)
        cls.exclude = ask_muster(
            [["inventory", "list", "--json", "-i", INVENTORY, "-x", pattern]
             for pattern in patterns], CASES)

    def test_limit_leaves_the_hosts_that_ansible_leaves(self) -> None:
        for case, ansible, muster in zip(self.cases, self.ansible,
                                         self.limit):
            # Ansible's command fails too where no host is left.
            taken = ansible.ok and bool(ansible.text)
            refuses = {name for name, ok in (("ansible", taken),
                                             ("muster", muster.ok)) if not ok}
            with self.subTest(case.name):
                self.assertEqual(refuses, case.refuses,
                                 f"{ansible.text}\n{muster.messages}")
                for text in case.says:
                    self.assertIn(text, muster.messages)
                if not muster.ok:
                    self.assertIn(muster.status, (EX_USAGE, EX_NOINPUT))
                    self.assertEqual(muster.text, "")
                elif taken:
                    self.assertEqual(listed_hosts(muster.text),
                                     set(ansible.text.split()))

    def test_exclude_leaves_all_others(self) -> None:
        everybody = listed_hosts(ask_muster(
            [["inventory", "list", "--json", "-i", INVENTORY]],
            CASES)[0].text)
        for case, limit, exclude in zip(self.cases, self.limit,
                                        self.exclude):
            with self.subTest(case.name):
                if limit.ok and listed_hosts(limit.text) == everybody:
                    self.assertEqual(exclude.status, EX_USAGE)
                elif limit.ok:
                    self.assertEqual(listed_hosts(exclude.text),
                                     everybody - listed_hosts(limit.text))

    def test_limit_and_exclude_together(self) -> None:
        for limit, exclude, hosts in (
                ("workers", "odd", "w02 w04 w06 w07 w08 w09 w10 w11 w12 x-1"),
                ("eu", "workers:!w03", "m1 m2.example.net w03"),
                ("m1,w01", "@limits-list", None)):
            answer = ask_muster([["inventory", "list", "--json", "-i",
                                  INVENTORY, "-l", limit, "-x", exclude]],
                                CASES)[0]
            with self.subTest(limit=limit, exclude=exclude):
                if hosts is None:
                    self.assertEqual(answer.status, EX_USAGE)
                    self.assertIn("no host is left", answer.messages)
                else:
                    self.assertEqual(listed_hosts(answer.text),
                                     set(hosts.split()))

    def test_a_missing_file_is_no_input(self) -> None:
        done = subprocess.run(
            [MUSTER, "inventory", "list", "-i", INVENTORY, "-l", "@nowhere"],
            cwd=CASES, capture_output=True, text=True)
        self.assertEqual(done.returncode, EX_NOINPUT)
        self.assertIn("@nowhere", done.stderr)


if __name__ == "__main__":
    unittest.main()
