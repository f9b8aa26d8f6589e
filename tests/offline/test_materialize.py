"""User records from the event log equal those that a store makes of the same events one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from offline import materialize
from offline.engine import Engine, opened_engine
from offline.features.histories import numbered_history
from offline.features.owners import owned_events
from server.features.event_types import DeviceType, EventType, PageType
from server.features.history_batch import HistoryBatch
from server.features.record_codec import RecordLimits, apply_event, new_record
from server.features.user_event import UserEvent
from server.features.user_record import UserRecord
from tests.support.random_log import links, owner_of, random_events, random_items

PROFILES = pa.table(
    {
        "owner": ["u:u1", "u:without-events"],
        "age_bucket": pa.array([3, 4], pa.int8()),
        "gender": pa.array([1, 2], pa.int8()),
        "location_cluster": pa.array([7, -1], pa.int16()),
    }
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with opened_engine(tmp_path_factory.mktemp("spill"), threads=1) as made:
        yield made


def batches_of(engine: Engine, events: pa.Table) -> list[HistoryBatch]:
    owned = engine.keep(owned_events(engine.from_arrow(events), engine.from_arrow(links())))
    numbered = engine.keep(numbered_history(owned, engine.from_arrow(random_items(1))))
    profiles = engine.from_arrow(PROFILES)
    return list(materialize.history_batches(engine, owned, numbered, profiles, lambda done, of: None))


def records_by_hand(events: pa.Table) -> dict[str, UserRecord]:
    rows = sorted(events.to_pylist(), key=lambda r: (r["event_time_us"], r["event_id"]))
    records: dict[str, UserRecord] = {}
    for row in rows:
        owner = owner_of(row)
        kinds = {
            "event_type": EventType(row["event_type"]),
            "device_type": DeviceType(row["device_type"]),
            "page_type": PageType(row["page_type"]),
        }
        before = records.get(owner) or new_record(owner)
        records[owner] = apply_event(before, UserEvent(**{**row, **kinds}), RecordLimits())
    return records


@pytest.mark.parametrize(
    ("count", "users"), [(400, 6), (2_000, 2)], ids=["usual", "beyond the history limit"]
)
def test_histories_equal_records_made_event_by_event(engine: Engine, count: int, users: int) -> None:
    events = random_events(4, count, users=users)
    expected = records_by_hand(events)
    found = 0
    for batch in batches_of(engine, events):
        for place, key in enumerate(batch.keys):
            if key == "u:without-events":
                continue
            record = expected[key]
            np.testing.assert_array_equal(batch.events_of(place), record.events)
            assert set(batch.bought_by(place)) == set(record.bought)
            assert set(batch.hidden_by(place)) == set(record.hidden)
            assert batch.total_events[place] == record.total_events
            assert batch.created_time_s[place] == record.created_time_s
            assert batch.updated_time_s[place] == record.updated_time_s
            found += 1
    assert found == len(expected)


def test_profiles_come_along_and_need_no_events(engine: Engine) -> None:
    (batch,) = batches_of(engine, random_events(4, 200))
    assert list(batch.keys) == sorted(batch.keys)
    u1, nobody = batch.keys.index("u:u1"), batch.keys.index("u:without-events")
    assert (batch.age_bucket[u1], batch.gender[u1], batch.location_cluster[u1]) == (3, 1, 7)
    assert (batch.age_bucket[nobody], batch.gender[nobody], batch.total_events[nobody]) == (4, 2, 0)
    assert len(batch.events_of(nobody)) == 0
    other = batch.keys.index("u:u2")
    assert (batch.age_bucket[other], batch.location_cluster[other]) == (0, -1)


def test_users_come_in_bounded_batches(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    events = random_events(4, 300)
    (whole,) = batches_of(engine, events)
    monkeypatch.setattr(materialize, "BATCH_OWNERS", 4)
    parts = batches_of(engine, events)
    assert max(len(part) for part in parts) == 4
    assert sum((part.keys for part in parts), ()) == whole.keys
    np.testing.assert_array_equal(np.concatenate([part.events for part in parts]), whole.events)
    np.testing.assert_array_equal(np.concatenate([part.bought for part in parts]), whole.bought)


def test_bought_items_are_in_order_of_first_purchase(engine: Engine) -> None:
    events = random_events(8, 400)
    (batch,) = batches_of(engine, events)
    for place, key in enumerate(batch.keys):
        if key in (hand := records_by_hand(events)):
            assert batch.bought_by(place)[:1].tolist() == hand[key].bought[:1].tolist()


def test_a_log_without_events_gives_profiles_only(engine: Engine, tmp_path: Path) -> None:
    (batch,) = batches_of(engine, random_events(4, 1).slice(0, 0))
    assert batch.keys == ("u:u1", "u:without-events")
    assert len(batch.events) == 0
