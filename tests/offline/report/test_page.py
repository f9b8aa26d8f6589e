"""The page holds what was measured, needs nothing from elsewhere, and can be read without seeing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from offline.evaluation.assessment import METRICS, assess
from offline.evaluation.bootstrap import Interval
from offline.evaluation.item_facts import item_facts
from offline.report.content import Effect, ReportContent, TradeOffPoint, category_mixes, examples
from offline.report.page import TITLES, render, verdict
from tests.support.small_evaluation import ITEMS, small_split

SPLIT = small_split()
LISTS = {
    "popularity": np.array([[2, 3], [4, 1]], np.int32),
    "ranked": np.array([[2, 4], [1, 3]], np.int32),
}
LOSS = Effect("text similarity", Interval(-0.0123, -0.02, -0.001))


def content(*, known: bool = True) -> ReportContent:
    facts = item_facts(SPLIT.item_ids, ITEMS if known else None)
    return ReportContent(
        split=SPLIT,
        assessment=assess(SPLIT, facts, LISTS, LISTS["popularity"], resamples=20),
        k=2,
        version="1.2.3",
        mixes=category_mixes(SPLIT, facts, LISTS) if known else (),
        examples=examples(SPLIT, facts, LISTS, seed=0),
    )


@cache
def full_page() -> str:
    points = [TradeOffPoint(w, w == 0.3, 0.2 - w / 100, 0.5 + w / 10, 3.0 + w, 0.2) for w in (0.0, 0.3, 1.0)]
    return render(
        replace(content(), studied_users=2, trade_off=points, sources=[LOSS], features=[LOSS], inputs=[LOSS])
    )


class Elements(HTMLParser):
    """Collects start tags and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_every_metric_has_a_title() -> None:
    assert set(TITLES) == set(METRICS)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    for tag, attributes in Elements(full_page()).tags:
        assert tag not in ("script", "link", "img", "iframe", "object")
        assert not {"src", "srcset", "data", "style"} & set(attributes)
        assert attributes.get("href", "#").startswith("#")
    assert "url(" not in full_page()
    assert "@import" not in full_page()


def test_every_plot_has_a_text_and_every_table_headers() -> None:
    page = Elements(full_page())
    kinds = Counter(tag for tag, _ in page.tags)

    assert kinds["svg"] == kinds["figcaption"] == kinds["desc"] > 10
    assert kinds["caption"] == kinds["table"] == kinds["thead"]
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_links_lead_somewhere() -> None:
    page = Elements(full_page())
    ids = {attributes.get("id") for _, attributes in page.tags}

    targets = [(attributes["href"] or "")[1:] for tag, attributes in page.tags if tag == "a"]
    assert targets
    assert set(targets) <= ids


def test_lists_show_names_not_ids_and_mark_the_hits() -> None:
    page = Elements(full_page())

    assert "Tall <lamp>" in page.texts
    assert "Blue mug" in page.texts
    assert "lamp-1" not in page.texts
    assert "✓ Red mug" in page.texts


def test_studies_stand_in_tables_with_their_intervals() -> None:
    texts = Elements(full_page()).texts

    assert "-0.0123" in texts
    assert "-0.0200 to -0.0010" in texts
    assert "worse" in texts


def test_what_was_not_measured_is_said() -> None:
    page = render(content(known=False))

    assert "No item has a category" in page
    assert page.count("it needs the method <code>ranked</code>") == 2


@pytest.mark.parametrize(
    ("low", "high", "word"), [(0.1, 0.2, "better"), (-0.2, -0.1, "worse"), (-0.1, 0.1, "not told apart")]
)
def test_a_difference_in_a_word(low: float, high: float, word: str) -> None:
    assert verdict(Interval(0.0, low, high)) == word


def test_examples_are_the_same_for_a_seed_and_show_the_latest_first() -> None:
    facts = item_facts(SPLIT.item_ids, ITEMS)

    drawn = examples(SPLIT, facts, LISTS, seed=3)

    assert drawn == examples(SPLIT, facts, LISTS, seed=3)
    ann = next(each for each in drawn if each.user_id == "ann")
    assert (ann.segment, ann.history_items, ann.history) == ("new", 2, ("lamp-2", "Tall <lamp>"))
    assert ann.lists["ranked"] == (("Red mug", True), ("vase", True))


def test_mixes_are_shares_of_what_has_a_category() -> None:
    lamps, mugs = category_mixes(SPLIT, item_facts(SPLIT.item_ids, ITEMS), LISTS)

    # ann and bob had three lamps and a mug; ranked shows them two mugs and a lamp, and a vase of no category.
    assert (lamps.name, lamps.history, lamps.shown["ranked"]) == ("lamps", 3 / 4, 1 / 3)
    assert (mugs.history, mugs.shown["ranked"]) == (1 / 4, 2 / 3)
