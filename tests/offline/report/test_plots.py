"""Plots are well-formed, say in words what they show, and stay inside their frame."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from offline.evaluation.bootstrap import Interval
from offline.report.plots import Plot, bars, curve, dots, figure

NAN = math.nan


def drawn(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(str(plot.drawing))


def words(plot: Plot) -> str:
    return drawn(plot).findtext("desc") or ""


def test_dots_say_the_means_and_intervals() -> None:
    plot = dots("NDCG", {"one": Interval(0.2, 0.1, 0.3), "two": Interval(0.25, NAN, NAN)})

    assert words(plot) == "one 0.200 (0.100 to 0.300); two 0.250"
    assert len(drawn(plot).findall("circle")) == 2
    assert len(drawn(plot).findall("line[@class='whisker']")) == 1


def test_what_is_not_known_is_not_drawn() -> None:
    plot = dots("NDCG", {"one": Interval(NAN, NAN, NAN), "two": Interval(0.25, 0.2, 0.3)})

    assert "one" not in words(plot)
    assert len(drawn(plot).findall("circle")) == 1


def test_effects_show_where_zero_is() -> None:
    plot = dots("Change", {"group": Interval(-0.2, -0.3, -0.1)}, zero=True)

    (zero,) = drawn(plot).findall("line[@class='zero']")
    (dot,) = drawn(plot).findall("circle")
    assert float(zero.get("x1", "0")) > float(dot.get("cx", "0"))


def test_bars_are_as_tall_as_their_values() -> None:
    plot = bars("Recall", ["new", "heavy"], {"one": [0.1, 0.4], "two": [NAN, 0.2]})

    tall = [float(bar.get("height", "0")) for bar in drawn(plot).findall("rect")][2:]
    assert len(tall) == 3
    assert tall[1] == pytest.approx(4 * tall[0], rel=0.01)
    assert words(plot) == "one: new 0.100, heavy 0.400; two: new –, heavy 0.200"


def test_a_curve_does_not_blow_up_noise() -> None:
    plot = curve("NDCG against coverage", "coverage", [(0.1, 0.500, "0"), (0.2, 0.501, "1")], 1)

    first, second = (float(dot.get("cy", "0")) for dot in drawn(plot).findall("circle"))
    assert abs(first - second) < 5
    assert words(plot) == "0: coverage 0.100, NDCG 0.500; 1: coverage 0.200, NDCG 0.501"


@pytest.mark.parametrize(
    "plot",
    [
        dots("a", {"one": Interval(0.0, 0.0, 0.0)}),
        bars("b", ["group"], {"one": [0.0]}),
        curve("c", "x", [(1.0, 1.0, "only")], 0),
        dots("d", {"one": Interval(-5.0, -9.0, 3.0), "two": Interval(40.0, 1.0, 50.0)}, zero=True),
    ],
    ids=lambda plot: plot.title,
)
def test_everything_is_inside_the_frame(plot: Plot) -> None:
    root = drawn(plot)
    width, height = (float(number) for number in (root.get("viewBox") or "").split()[2:])
    for element in root.iter():
        for name, value in element.attrib.items():
            if re.fullmatch(r"c?x[12]?", name):
                assert 0 <= float(value) <= width
            if re.fullmatch(r"c?y[12]?", name):
                assert 0 <= float(value) <= height


def test_names_are_escaped() -> None:
    plot = bars("<Mugs & co>", ["<b>"], {'"one"': [1.0]})

    assert drawn(plot).findtext("title") == "<Mugs & co>"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.5, "-0.500"), (-0.0001, "0.000"), (12.345, "12.3"), (NAN, "–")],
)
def test_figures_are_short(value: float, text: str) -> None:
    assert figure(value) == text
