# SPDX-License-Identifier: Apache-2.0
"""The bench's arithmetic, and that what it draws is a picture."""
from __future__ import annotations

import sys
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from measure import Cost  # noqa: E402
from paired import figure, ratio, rounds, turns  # noqa: E402
from report import Bars, Curve, Report, Table  # noqa: E402
from svg import draw  # noqa: E402


def cost(wall_s: float) -> Cost:
    return Cost(wall_s, cpu_s=0, server_s=0, status=0)


class PairedTest(unittest.TestCase):
    def test_ratio_is_of_each_round_and_not_of_the_medians(self) -> None:
        found = ratio([10, 2, 30], [5, 4, 10])
        self.assertEqual((found.median, found.least, found.largest),
                         (2, 0.5, 3))
        self.assertEqual(str(found), "2.00 (0.500 to 3.00)")

    def test_ratio_of_unequal_rounds_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            ratio([1, 2], [1])

    def test_everybody_runs_once_a_round_in_other_orders(self) -> None:
        orders = list(turns(["a", "b", "c"], 4))
        for order in orders:
            self.assertEqual(sorted(order), ["a", "b", "c"])
        self.assertGreater(len({order[0] for order in orders}), 1)

    def test_rounds_keep_each_tools_own_costs(self) -> None:
        walls = iter(range(1, 100))
        order: list[str] = []

        def run(name: str):
            def once() -> Cost:
                order.append(name)
                return cost(next(walls))
            return once

        costs = rounds({"a": run("a"), "b": run("b")}, 2)
        for name in "ab":
            self.assertEqual([c.wall_s for c in costs[name]],
                             [at + 1 for at, who in enumerate(order)
                              if who == name])

    def test_figures_have_three_digits_that_count(self) -> None:
        for value, text in ((0, "0.0000"), (0.01234, "0.0123"),
                            (0.1234, "0.123"), (1.234, "1.23"),
                            (12.34, "12.3"), (123.4, "123")):
            self.assertEqual(figure(value), text)


class ReportTest(unittest.TestCase):
    def test_goals_are_met_or_not_as_they_say(self) -> None:
        report = Report()
        report.at_most("a", 1.15, 1.15)
        report.at_most("b", 1.15, 1.16)
        report.at_least("c", 7, 7)
        report.at_least("d", 7, 6.9)
        self.assertEqual([goal.is_met for goal in report.goals],
                         [True, False, True, False])
        self.assertEqual([row[-1] for row in report.goals_table().rows],
                         ["yes", "**no**", "yes", "**no**"])

    def test_table_has_a_cell_for_each_column(self) -> None:
        table = Table("t", ["one", "two"])
        table.add(1, "b")
        self.assertEqual(table.markdown().splitlines()[2:5],
                         ["| one | two |", "| --- | --- |", "| 1 | b |"])

    def test_what_cannot_run_is_told_once(self) -> None:
        report = Report()
        report.cannot("pdsh")
        report.cannot("pdsh")
        self.assertIn("Not run: pdsh.", report.markdown("run"))


class PictureTest(unittest.TestCase):
    def test_bars_are_longer_for_more(self) -> None:
        text = draw([Bars("<t>", "ms", [("muster", 1), ("a & b", 100)])], "c")
        rects = [float(node.get("width", "0")) for node in
                 ElementTree.fromstring(text).iter()
                 if node.tag.endswith("rect")]
        self.assertEqual(len(rects), 2)
        self.assertGreater(rects[1], rects[0])

    def test_curve_stays_inside_the_picture(self) -> None:
        text = draw([Curve("t", "hosts", "s", {
            "muster": [(10, 0.1), (1000, 9)], "bare": [(10, 0.2),
                                                       (1000, 8.9)]})], "c")
        root = ElementTree.fromstring(text)
        lines = [node for node in root.iter()
                 if node.tag.endswith("polyline")]
        self.assertEqual(len(lines), 2)
        for line in lines:
            for point in line.get("points", "").split():
                x, y = map(float, point.split(","))
                self.assertTrue(0 <= x <= float(root.get("width", "0")))
                self.assertTrue(0 <= y <= float(root.get("height", "0")))


if __name__ == "__main__":
    unittest.main()
