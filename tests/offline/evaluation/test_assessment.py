"""What is said about some lists, worked by hand on two users and five items."""

from __future__ import annotations

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from offline.evaluation.assessment import METRICS, Assessment, assess
from offline.evaluation.assessment_json import assessment_json
from offline.evaluation.item_facts import item_facts
from tests.support.small_evaluation import ITEMS, small_split

SPLIT = small_split()
LAMP_1, LAMP_2, MUG_1, MUG_2, VASE = range(5)

# ann wants mug-1 and the vase, bob wants lamp-2.
GOOD = np.array([[MUG_1, VASE], [LAMP_2, MUG_2]], np.int32)
SAME = np.array([[MUG_1, MUG_2], [VASE, LAMP_2]], np.int32)


def assessed(*, resamples: int = 50, known: bool = True) -> Assessment:
    facts = item_facts(SPLIT.item_ids, ITEMS if known else None)
    return assess(SPLIT, facts, {"popularity": SAME, "ranked": GOOD}, SAME, resamples=resamples)


def test_an_item_is_called_by_its_title_or_else_its_id() -> None:
    facts = item_facts(SPLIT.item_ids, ITEMS)

    assert facts.names == ("Tall <lamp>", "lamp-2", "Red mug", "Blue mug", "vase")
    assert facts.category_names == ("lamps", "mugs")
    assert facts.categories.tolist() == [0, 0, 1, 1, -1]


def test_a_category_may_be_a_number() -> None:
    facts = item_facts(("a", "b"), pa.table({"item_id": ["b", "a"], "category": [7, None]}))

    assert facts.category_names == ("7",)
    assert facts.categories.tolist() == [-1, 0]


def test_without_an_items_file_there_are_ids_and_no_categories() -> None:
    facts = item_facts(SPLIT.item_ids, None)

    assert facts.names == SPLIT.item_ids
    assert facts.category_names == ()
    assert facts.categories.tolist() == [-1] * 5


def test_means_are_over_the_test_users() -> None:
    found = assessed()

    assert found.mean("ranked", "recall") == 1.0
    assert found.mean("ranked", "precision") == pytest.approx((1 + 0.5) / 2)
    assert found.mean("popularity", "ndcg") < found.mean("ranked", "ndcg") == 1.0
    assert found.coverage == {"popularity": 4 / 5, "ranked": 4 / 5}


def test_serendipity_is_what_the_popularity_lists_lack() -> None:
    # Of ranked's three hits, only the vase for ann is not in her popularity list.
    assert assessed().mean("ranked", "serendipity") == pytest.approx(0.5 / 2)
    assert assessed().mean("popularity", "serendipity") == 0.0


def test_novelty_counts_the_share_of_all_train_users() -> None:
    # mug-1, vase, lamp-2 and mug-2 were each had by one of three.
    assert assessed().mean("ranked", "novelty") == pytest.approx(math.log2(3))


def test_every_method_is_held_against_the_baselines_but_itself() -> None:
    found = assessed()

    assert found.differences["popularity"] == {}
    gain = found.differences["ranked"]["popularity"]["recall"]
    assert gain.mean == pytest.approx(0.25)
    assert 0 <= gain.low <= gain.high <= 0.5


def test_intervals_can_be_left_out() -> None:
    found = assessed(resamples=0)

    assert (found.intervals, found.differences) == ({}, {})
    assert found.mean("ranked", "recall") == 1.0


def test_segments_hold_all_users() -> None:
    new, light, heavy = assessed().segments

    assert (new.users, light.users, heavy.users) == (2, 0, 0)
    assert new.means["ranked"]["recall"] == 1.0
    assert math.isnan(light.means["ranked"]["recall"])


def test_categories_are_those_that_somebody_wants() -> None:
    assert [group.name for group in assessed().categories] == ["lamps", "mugs"]


def test_deciles_hold_every_place_of_the_lists() -> None:
    assert sum(group.shown["ranked"] for group in assessed().deciles) == GOOD.size


def test_nothing_is_said_of_categories_where_no_item_has_one() -> None:
    found = assessed(known=False)

    assert math.isnan(found.mean("ranked", "diversity"))
    assert math.isnan(found.mean("ranked", "miscalibration"))
    assert found.categories == ()


@pytest.mark.parametrize("known", [True, False])
def test_the_json_holds_everything_and_null_for_what_is_not_known(known: bool) -> None:
    written = json.loads(json.dumps(assessment_json(SPLIT, assessed(known=known), 2), allow_nan=False))

    assert (written["k"], written["users"]) == (2, 2)
    ranked = written["methods"]["ranked"]
    assert set(ranked) == {*METRICS, "coverage"}
    assert (ranked["miscalibration"] is None) == (not known)
    assert set(written["intervals"]["ranked"]["recall"]) == {"mean", "low", "high"}
    assert written["differences"]["ranked"]["popularity"]["recall"]["mean"] == pytest.approx(0.25)
    assert written["segments"]["light"] == {
        "users": 0,
        "methods": {name: dict.fromkeys(METRICS) for name in ("popularity", "ranked")},
    }
    assert len(written["popularity_deciles"]) == 10
