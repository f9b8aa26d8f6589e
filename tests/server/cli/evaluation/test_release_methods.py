"""Methods that ask a release, on the small release whose model knows categories."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from offline.evaluation.protocol import Split, evaluate_methods, make_split
from server.cli.evaluation.release_methods import ReleaseMethods
from server.cli.evaluation.train_users import TrainUsers
from server.engine import EngineValues
from server.errors import ContractBroken
from server.features.event_types import EventType
from server.features.identity import item_key, storage_key
from server.releases.mapped_release import MappedRelease
from tests.support.recommending import BUDGET, NOW_S, RETRIEVAL
from tests.support.small_release import SmallRelease, build_small_release

K = 10
VALUES = EngineValues(BUDGET, RETRIEVAL)


def events(rows: list[tuple[str, str, int]], kind: EventType = EventType.PURCHASE) -> pa.Table:
    users, items, times = zip(*rows, strict=True)
    return pa.table(
        {
            "user_id": pa.array(users, pa.string()),
            "item_id": pa.array(items, pa.string()),
            "event_type": pa.array(np.full(len(rows), kind), pa.uint8()),
            "event_time_s": pa.array(times, pa.int64()),
        }
    )


@pytest.fixture
def small(tmp_path: Path) -> SmallRelease:
    return build_small_release(tmp_path)


@pytest.fixture
def release(small: SmallRelease) -> MappedRelease:
    return MappedRelease.open(small.path, prefault_pages=False)


def split_of(small: SmallRelease, *, allow_repeats: bool = False) -> Split:
    """Ann bought three items of category-02, Bob three of category-03; somebody bought everything."""
    everything = [("zoe", item_id, NOW_S - 900) for item_id in small.item_ids]
    train = [(user, f"item-{number:04d}", NOW_S - ago) for user, number, ago in TASTES] + everything
    test = [("ann", "item-0027", NOW_S), ("bob", "item-0028", NOW_S), ("ann", "item-0002", NOW_S)]
    return make_split(events(train), events(test), allow_repeats=allow_repeats)


TASTES = (
    ("ann", 2, 300),
    ("ann", 7, 200),
    ("ann", 12, 100),
    ("bob", 3, 300),
    ("bob", 8, 200),
    ("bob", 13, 100),
)


def lists(split: Split, release: MappedRelease, name: str) -> dict[str, list[str]]:
    method = ReleaseMethods(split, release, VALUES, K).all()[name]
    return {
        split.user_ids[user]: [split.item_ids[row] for row in rows if row >= 0]
        for user, rows in zip(split.test_users, method(split.test_users), strict=True)
    }


def share_of_category(item_ids: list[str], number: int) -> float:
    return float(np.mean([int(item_id[-4:]) % 5 == number for item_id in item_ids]))


@pytest.mark.parametrize("name", ["embedding", "blend", "ranked"])
def test_each_method_fills_lists_with_unseen_items(
    small: SmallRelease, release: MappedRelease, name: str
) -> None:
    found = lists(split_of(small), release, name)

    assert [len(items) for items in found.values()] == [K, K]
    assert not {"item-0002", "item-0007", "item-0012"} & set(found["ann"])
    assert len(set(found["ann"])) == K


@pytest.mark.parametrize("name", ["embedding", "blend", "ranked"])
def test_each_method_asks_for_the_user_at_hand(
    small: SmallRelease, release: MappedRelease, name: str
) -> None:
    found = lists(split_of(small), release, name)

    assert share_of_category(found["ann"], 2) > share_of_category(found["bob"], 2)
    assert share_of_category(found["bob"], 3) > share_of_category(found["ann"], 3)


def test_the_embedding_ranks_all_items_exactly(small: SmallRelease, release: MappedRelease) -> None:
    found = lists(split_of(small), release, "embedding")

    assert share_of_category(found["ann"], 2) == 1.0


def test_with_repeats_allowed_bought_items_come_back(small: SmallRelease, release: MappedRelease) -> None:
    found = lists(split_of(small, allow_repeats=True), release, "blend")

    assert {"item-0002", "item-0007", "item-0012"} & set(found["ann"])


def test_items_that_the_train_file_does_not_have_are_never_ranked(
    small: SmallRelease, release: MappedRelease
) -> None:
    train = events([("ann", "item-0002", 1), ("bob", "item-0003", 2)])
    split = make_split(train, events([("ann", "item-0003", 3)]))

    assert lists(split, release, "blend") == {"ann": ["item-0003"]}


def test_a_release_of_another_train_file_is_refused(small: SmallRelease, release: MappedRelease) -> None:
    train = events([("ann", "item-0002", 1), ("bob", "elsewhere", 2)])
    split = make_split(train, events([("ann", "elsewhere", 3)]))

    with pytest.raises(ContractBroken, match="another train file"):
        ReleaseMethods(split, release, VALUES, K)


def test_the_methods_are_measured_like_any_other(small: SmallRelease, release: MappedRelease) -> None:
    split = split_of(small)

    results = evaluate_methods(split, ReleaseMethods(split, release, VALUES, K).all())

    assert list(results) == ["embedding", "blend", "ranked"]
    assert all(0 <= value <= 1 for metrics in results.values() for value in metrics.as_dict().values())


def test_a_train_user_is_known_by_the_latest_events_and_all_purchases(small: SmallRelease) -> None:
    split = split_of(small)
    users = TrainUsers(split.train, split.user_ids, split.item_ids)

    record = users.read(storage_key("ann", ""))

    assert record is not None
    keys = [item_key(f"item-{number:04d}") for number in (2, 7, 12)]
    assert record.events["item_key"].tolist() == keys
    assert record.bought.tolist() == keys
    assert record.events["time_s"].tolist() == sorted(record.events["time_s"].tolist())
    assert (record.created_time_s, record.updated_time_s) == (NOW_S - 300, NOW_S - 100)


def test_what_was_only_viewed_is_history_but_not_bought(small: SmallRelease) -> None:
    train = events([("ann", "item-0002", 1), ("bob", "item-0003", 2)], EventType.VIEW)
    split = make_split(train, events([("ann", "item-0003", 3)]))

    record = TrainUsers(split.train, split.user_ids, split.item_ids).read(storage_key("ann", ""))

    assert record is not None
    assert len(record.events) == 1
    assert not record.bought.size


def test_a_stranger_has_no_record(small: SmallRelease) -> None:
    split = split_of(small)

    assert TrainUsers(split.train, split.user_ids, split.item_ids).read(storage_key("carl", "")) is None
