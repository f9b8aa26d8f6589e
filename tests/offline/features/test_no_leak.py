"""No value of a training example comes from its own time or later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from offline.engine import Engine, opened_engine
from offline.features.histories import numbered_history
from offline.features.item_days import ItemDays, write_item_days
from offline.features.item_windows import FEATURES, ItemWindows
from offline.features.items import item_events
from offline.features.owners import owned_events
from offline.features.training_set import (
    EXAMPLES_FILE,
    HISTORY_FILE,
    REQUESTS_FILE,
    TrainingSetOptions,
    write_training_set,
)
from server.features.event_types import EVENT_WEIGHTS, HISTORY_EVENT_TYPES, EventType
from tests.support.random_log import DAY_S, START_S, links, owner_of, random_events, random_items

CUT_S = START_S + 25 * DAY_S + 40_000
PLACES = {"request_id", "history_start", "history_stop"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with opened_engine(tmp_path_factory.mktemp("spill"), threads=1) as made:
        yield made


def training_set(engine: Engine, events: pa.Table, directory: Path, requests_max: int = 10_000) -> Path:
    directory.mkdir()
    known = engine.from_arrow(random_items(1))
    owned = engine.keep(owned_events(engine.from_arrow(events), engine.from_arrow(links())))
    profiles = pa.table(
        {
            "owner": ["u:u1"],
            "age_bucket": pa.array([3], pa.int8()),
            "gender": pa.array([2], pa.int8()),
            "location_cluster": pa.array([77], pa.int16()),
        }
    )
    item_log = engine.keep(item_events(owned, known))
    numbered = engine.keep(numbered_history(owned, known))
    options = TrainingSetOptions(requests_max=requests_max, batch_requests=150)
    progress: list[tuple[int, int]] = []
    summary = write_training_set(
        engine,
        numbered,
        item_log,
        engine.from_arrow(profiles),
        directory,
        options,
        lambda *at: progress.append(at),
    )
    assert progress[-1] == (summary.requests, summary.requests)
    write_item_days(ItemWindows.read(engine, item_log), directory)
    return directory


@pytest.fixture(scope="module")
def events() -> pa.Table:
    return random_events(1, 900)


@pytest.fixture(scope="module")
def written(engine: Engine, events: pa.Table, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_set(engine, events, tmp_path_factory.mktemp("all") / "features")


def requests_until(directory: Path, time_s: int) -> dict[tuple[str, int], dict[str, object]]:
    """Returns requests up to a time, by (owner, time), without what only places them in the files."""
    rows = pq.read_table(directory / REQUESTS_FILE).to_pylist()
    return {
        (r["owner"], r["as_of_s"]): {k: v for k, v in r.items() if k not in PLACES}
        | {"past": r["history_stop"] - r["history_start"]}
        for r in rows
        if r["as_of_s"] <= time_s
    }


def examples_until(directory: Path, time_s: int) -> dict[tuple[str, int, int], dict[str, object]]:
    requests = {r["request_id"]: r for r in pq.read_table(directory / REQUESTS_FILE).to_pylist()}
    found = {}
    for row in pq.read_table(directory / EXAMPLES_FILE).to_pylist():
        request = requests[row.pop("request_id")]
        if request["as_of_s"] <= time_s:
            found[(request["owner"], request["as_of_s"], row["item_row"])] = row
    return found


def test_events_after_an_example_change_none_of_its_values(
    engine: Engine, events: pa.Table, written: Path, tmp_path: Path
) -> None:
    seconds = pc.divide(events.column("event_time_us"), 1_000_000)
    before = events.filter(pc.less_equal(seconds, CUT_S))
    noise = random_events(99, 900, first_id=5_000)
    later = noise.filter(pc.greater(pc.divide(noise.column("event_time_us"), 1_000_000), CUT_S))
    other_future = training_set(engine, pa.concat_tables([before, later]), tmp_path / "features")
    assert len(requests_until(written, CUT_S)) > 100
    assert requests_until(other_future, CUT_S) == requests_until(written, CUT_S)
    assert examples_until(other_future, CUT_S) == examples_until(written, CUT_S)


def test_what_happens_in_the_same_second_is_not_known_to_the_request(
    engine: Engine, events: pa.Table, written: Path, tmp_path: Path
) -> None:
    times = events.column("event_time_us").to_numpy() // 1_000_000
    second = int(times[np.argmin(np.abs(times - CUT_S))])
    doubled = events.filter(pa.array(times == second))
    ids = pa.array([f"again-{n}" for n in range(doubled.num_rows)])
    doubled = doubled.set_column(0, events.schema.field(0), ids)
    more = training_set(engine, pa.concat_tables([events, doubled]), tmp_path / "features")
    assert requests_until(more, second) == requests_until(written, second)


def test_history_before_a_request_is_what_a_brute_force_search_finds(events: pa.Table, written: Path) -> None:
    history = pq.read_table(written / HISTORY_FILE).to_pylist()
    rows = events.to_pylist()
    requests = pq.read_table(written / REQUESTS_FILE).to_pylist()
    sample = np.random.default_rng(3).choice(len(requests), 60, replace=False)
    for request in (requests[place] for place in sample):
        own = [r for r in rows if owner_of(r) == request["owner"] and r["event_type"] in HISTORY_EVENT_TYPES]
        own = [r for r in own if r["event_time_us"] // 1_000_000 < request["as_of_s"]]
        own.sort(key=lambda r: (r["event_time_us"], r["event_id"]))
        found = history[request["history_start"] : request["history_stop"]]
        expected = [(r["event_type"], r["event_time_us"] // 1_000_000, row_of(r)) for r in own]
        assert [(r["event_type"], r["time_s"], r["item_row"]) for r in found] == expected


def row_of(event: dict[str, object]) -> int:
    row = int(str(event["item_id"])[1:])
    return row if row < 12 else -1


def test_each_example_is_what_its_user_did_in_that_second(events: pa.Table, written: Path) -> None:
    expected: dict[tuple[str, int, int], float] = {}
    for r in events.to_pylist():
        weight = EVENT_WEIGHTS.get(EventType(r["event_type"]), 0)
        key = (owner_of(r), r["event_time_us"] // 1_000_000, row_of(r))
        if weight and key[2] >= 0:
            expected[key] = max(weight, expected.get(key, 0))
    found = examples_until(written, START_S + 100 * DAY_S)
    assert {key: row["weight"] for key, row in found.items()} == expected


def test_requests_carry_the_profile(written: Path) -> None:
    for row in pq.read_table(written / REQUESTS_FILE).to_pylist():
        profile = (row["age_bucket"], row["gender"], row["location_cluster"])
        assert profile == ((3, 2, 77) if row["owner"] == "u:u1" else (0, 0, -1))


def test_a_sample_is_the_same_each_time_and_a_part_of_the_whole(
    engine: Engine, events: pa.Table, written: Path, tmp_path: Path
) -> None:
    forever = START_S + 100 * DAY_S
    first = training_set(engine, events, tmp_path / "first", requests_max=50)
    second = training_set(
        engine, events.take(pa.array(range(900)[::-1])), tmp_path / "second", requests_max=50
    )
    sample = requests_until(first, forever)
    assert len(sample) == 50
    assert requests_until(second, forever) == sample
    assert sample.items() <= requests_until(written, forever).items()


def test_item_days_give_the_values_that_the_examples_have(written: Path) -> None:
    days = ItemDays.load(written, 12)
    for (_, time_s, row), example in examples_until(written, START_S + 100 * DAY_S).items():
        values = days.at(time_s // DAY_S)
        for name in FEATURES:
            assert values[name][row] == pytest.approx(example[name]), (row, time_s, name)


def test_items_without_events_before_a_day_have_zeros(written: Path) -> None:
    values = ItemDays.load(written, 12).at(START_S // DAY_S - 1)
    assert not any(column.any() for column in values.values())
