"""Who is a test user, what is relevant, and what may be ranked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from offline.candidates.collaborative import CollaborativeOptions
from offline.candidates.neighbours import NeighbourOptions
from offline.candidates.popularity import PopularityOptions
from offline.evaluation.methods import by_item_scores, collaborative_method, popularity_method
from offline.evaluation.protocol import Split, evaluate_methods, make_split, read_split
from server.errors import InvalidRequest
from server.features.event_types import EventType


def events(pairs: Sequence[tuple[str, str]], kind: EventType = EventType.PURCHASE) -> pa.Table:
    return pa.table(
        {
            "user_id": pa.array([user for user, _ in pairs], pa.string()),
            "item_id": pa.array([item for _, item in pairs], pa.string()),
            "event_type": pa.array(np.full(len(pairs), kind), pa.uint8()),
            "event_time_s": pa.array(range(len(pairs)), pa.int64()),
        }
    )


TRAIN = [("ann", "a"), ("ann", "b"), ("bob", "b"), ("bob", "c"), ("cat", "d"), ("cat", "b")]


def relevant_ids(split: Split) -> dict[str, set[str]]:
    return {
        split.user_ids[user]: {split.item_ids[row] for row in split.relevant[n].indices}
        for n, user in enumerate(split.test_users)
    }


def test_pairs_of_unknown_items_and_users_are_dropped() -> None:
    test = [("ann", "c"), ("ann", "new"), ("bob", "new"), ("stranger", "a")]

    assert relevant_ids(make_split(events(TRAIN), events(test))) == {"ann": {"c"}}


def test_seen_pairs_are_dropped_unless_repeats_are_allowed() -> None:
    test = [("ann", "a"), ("ann", "c"), ("bob", "b")]

    assert relevant_ids(make_split(events(TRAIN), events(test))) == {"ann": {"c"}}
    repeats = make_split(events(TRAIN), events(test), allow_repeats=True)
    assert relevant_ids(repeats) == {"ann": {"a", "c"}, "bob": {"b"}}


def test_a_pair_that_occurs_twice_is_relevant_once() -> None:
    split = make_split(events(TRAIN), events([("ann", "c"), ("ann", "c")]))

    assert split.relevant.nnz == 1
    assert split.relevant.data.tolist() == [1.0]


def test_impressions_are_neither_train_nor_test() -> None:
    shown = events([("ann", "z"), ("bob", "a")], EventType.IMPRESSION)
    train = pa.concat_tables([events(TRAIN), shown])

    split = make_split(train, pa.concat_tables([events([("ann", "c")]), shown]))

    assert "z" not in split.item_ids
    assert relevant_ids(split) == {"ann": {"c"}}


def test_a_test_with_nobody_left_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="test"):
        make_split(events(TRAIN), events([("stranger", "a")]))


def test_rows_ascend_by_item_id() -> None:
    split = make_split(events([("u", "10"), ("u", "9"), ("u", "a"), ("v", "9")]), events([("v", "a")]))

    assert split.item_ids == ("10", "9", "a")


def test_popularity_ranks_all_unseen_items_with_ties_by_id() -> None:
    split = make_split(events(TRAIN), events([("ann", "c"), ("cat", "a")]))

    ranked = popularity_method(split, 3, PopularityOptions(half_life_days=None))(split.test_users)

    names = [[split.item_ids[row] for row in rows if row >= 0] for rows in ranked]
    assert names == [["c", "d"], ["a", "c"]]


def test_repeats_keep_seen_items_in_the_list() -> None:
    split = make_split(events(TRAIN), events([("ann", "b")]), allow_repeats=True)

    ranked = popularity_method(split, 1)(split.test_users)

    assert [split.item_ids[row] for row in ranked[0]] == ["b"]


def test_collaborative_ranks_what_like_minded_users_had() -> None:
    train = [("ann", "a"), ("ann", "b"), ("bob", "a"), ("bob", "b"), ("bob", "c"), ("cat", "d"), ("cat", "e")]
    split = make_split(events(train), events([("ann", "c")]))

    ranked = collaborative_method(
        split, 1, NeighbourOptions(collaborative=CollaborativeOptions(half_life_days=None))
    )(split.test_users)

    assert split.item_ids[ranked[0, 0]] == "c"


def test_methods_are_measured_over_all_test_users() -> None:
    split = make_split(events(TRAIN), events([("ann", "c"), ("cat", "a")]))
    done: list[tuple[str, int]] = []
    best_c = by_item_scores(split, 1, np.array([0.0, 0.0, 1.0, 0.0]))

    results = evaluate_methods(split, {"best_c": best_c}, lambda name, users: done.append((name, users)))

    assert done == [("best_c", 2)]
    assert results["best_c"].as_dict() == {
        "recall": 0.5,
        "ndcg": 0.5,
        "precision": 0.5,
        "map": 0.5,
        "hit_rate": 0.5,
        "coverage": 0.25,
        "mrr": 0.5,
    }


def test_a_split_is_read_from_files(tmp_path: Path) -> None:
    for name, pairs in (("train", TRAIN), ("test", [("ann", "c")])):
        lines = ["user_id,item_id", *(f"{user},{item}" for user, item in pairs)]
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))

    split = read_split(tmp_path / "train.csv", tmp_path / "test.csv")

    assert relevant_ids(split) == {"ann": {"c"}}
    assert split.now_s == len(TRAIN)
