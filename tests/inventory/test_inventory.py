# SPDX-License-Identifier: Apache-2.0
"""The same inventories read by Ansible and by muster."""

import json
import subprocess
import tempfile
import unittest
from pathlib import Path

from answers import Answer, ansible_environment, ask_ansible, ask_muster
from inventory_case import Case, read_cases
from inventory_compare import (graph_differences, is_typed,
                               list_differences)

VIEWS = (("--list",), ("--graph", "--vars"), ("--graph",))
MUSTER_VIEWS = (("list", "--json"), ("graph", "--vars"), ("graph",))
LEAST_CASES = 100
SAMPLE_EVERY = 20
EX_DATAERR = 65


def count_views(case: Case) -> int:
    """How many of the views to ask for: the last shows little that the one
    before does not."""
    if case.refuses:
        return 1
    return 3 if case.name.startswith("real-") else 2


class InventoryTest(unittest.TestCase):
    """Every case, both readers, all views; asked once for all tests."""

    cases: list[Case]
    ansible: dict[str, list[Answer]]
    muster: dict[str, list[Answer]]

    @classmethod
    def setUpClass(cls) -> None:
        folder = tempfile.TemporaryDirectory(prefix="muster-inventory-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.cases = read_cases()
        for case in cls.cases:
            path = cls.path(case)
            path.write_bytes(case.text)
            path.chmod(0o600)
        wanted = [(case, view) for case in cls.cases
                  for view in range(count_views(case))]
        ansible = ask_ansible([["cli", str(cls.path(case)), *VIEWS[view]]
                               for case, view in wanted], cls.folder)
        muster = ask_muster([["inventory", *MUSTER_VIEWS[view], "-i",
                              str(cls.path(case))] for case, view in wanted])
        cls.ansible, cls.muster = {}, {}
        for (case, _), left, right in zip(wanted, ansible, muster):
            cls.ansible.setdefault(case.name, []).append(left)
            cls.muster.setdefault(case.name, []).append(right)

    @classmethod
    def path(cls, case: Case) -> Path:
        """Where the inventory of a case stands."""
        return cls.folder / f"{case.name}.ini"

    def accepted(self) -> list[Case]:
        """Cases that both should take, and do."""
        return [case for case in self.cases if not case.refuses and
                self.ansible[case.name][0].ok and
                self.muster[case.name][0].ok]

    def test_there_are_enough_cases(self) -> None:
        self.assertGreaterEqual(len(self.cases), LEAST_CASES)

    def test_each_refuses_what_the_case_says(self) -> None:
        for case in self.cases:
            ansible, muster = (self.ansible[case.name][0],
                               self.muster[case.name][0])
            refuses = {name for name, answer in
                       (("ansible", ansible), ("muster", muster))
                       if not answer.ok}
            with self.subTest(case.name):
                self.assertEqual(
                    refuses, case.refuses,
                    f"\nansible: {ansible.text}\nmuster: {muster.messages}"
                    f"{muster.text}")
                self.assertIn(muster.status,
                              [EX_DATAERR] if "muster" in refuses else [0])

    def test_muster_says_what_the_case_says(self) -> None:
        for case in self.cases:
            for text in case.says:
                with self.subTest(case.name):
                    self.assertIn(text, self.muster[case.name][0].messages)

    def test_listings_differ_as_declared_and_no_more(self) -> None:
        for case in self.accepted():
            found = list_differences(
                json.loads(self.ansible[case.name][0].text),
                json.loads(self.muster[case.name][0].text))
            with self.subTest(case.name):
                self.assertEqual(found, case.differs)

    def test_the_rule_on_types_is_needed(self) -> None:
        """It is declared for all cases at once: so it must not be gone."""
        self.assertTrue(is_typed(22, "22"))
        self.assertFalse(is_typed("22", 22))
        typed = [case.name for case in self.accepted()
                 if json.loads(self.ansible[case.name][0].text) !=
                 json.loads(self.muster[case.name][0].text)
                 and not case.differs]
        self.assertGreater(len(typed), 10)

    def test_graphs_are_the_same(self) -> None:
        for case in self.accepted():
            if any(not at.startswith("_meta/") for at in case.differs):
                continue  # the listing has shown that the groups differ
            ignored = case.variables()
            for view in range(1, count_views(case)):
                with self.subTest(case.name, view=MUSTER_VIEWS[view]):
                    self.assertEqual(graph_differences(
                        self.ansible[case.name][view].text,
                        self.muster[case.name][view].text, ignored), [])

    def test_the_command_says_what_its_code_said(self) -> None:
        """ansible_answers.py asks Ansible's code, not its command: see on a
        sample that it is the same."""
        for n, case in enumerate(self.cases[::SAMPLE_EVERY]):
            view = n % len(self.ansible[case.name])
            environment = ansible_environment(self.folder)
            environment["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = "1"
            done = subprocess.run(
                ["ansible-inventory", "-i", self.path(case), *VIEWS[view]],
                env=environment, text=True, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL)
            answer = self.ansible[case.name][view]
            with self.subTest(case.name):
                self.assertEqual(done.returncode == 0, answer.ok)
                if answer.ok:
                    self.assertEqual(done.stdout, answer.text)


if __name__ == "__main__":
    unittest.main()
