"""`shortlist build`: from events and catalogue to everything that training and publishing start from.

work/items.parquet                    the next release's rows, with item features as of the build
work/build.json                       as_of_s and counts
work/features/user_features.parquet   every user as of the build
work/features/item_days.parquet       item features by day
work/features/{history,requests,examples}.parquet   the training set
work/examination.json                 how likely each place of a list is looked at, where clicks tell
work/candidates/                      neighbours and popularity lists
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from ibis.expr.types import Table

from offline.candidates.build import CandidatesSummary, build_candidates
from offline.candidates.neighbour_choice import NeighbourSearch
from offline.candidates.neighbours import NeighbourOptions
from offline.engine import Engine
from offline.features.histories import count_history, history_before, numbered_history
from offline.features.item_days import write_item_days
from offline.features.item_windows import ItemWindows
from offline.features.items import item_events
from offline.features.items_file import engine_items, release_rows, write_items_file
from offline.features.owners import MICROSECONDS, owned_events
from offline.features.training_set import TrainingSetOptions, TrainingSetSummary, write_training_set
from offline.features.users import user_features
from offline.importing.catalog import read_items, read_users
from offline.materialize import history_batches
from offline.model.position_bias import write_examination
from server.errors import Refused
from server.features.history_batch import HistoryBatch
from server.features.identity import USER_PREFIX
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog

BUILD_FILE = "build.json"
FEATURES_DIR = "features"
USER_FEATURES_FILE = "user_features.parquet"
USER_BATCH = 50_000

Advance = Callable[[str, int, int], None]
"""Takes (step, done, of)."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """as_of_s: the build's "now"; None = one second after the newest event. threads: of the engine; None = all cores.

    neighbours, search: where the choice of neighbours begins, and what may be chosen.
    """

    as_of_s: int | None = None
    threads: int | None = None
    training_set: TrainingSetOptions = field(default_factory=TrainingSetOptions)
    neighbours: NeighbourOptions = field(default_factory=NeighbourOptions)
    search: NeighbourSearch = field(default_factory=NeighbourSearch)


@dataclass(frozen=True, slots=True)
class BuildSummary:
    """What was built. records: user records that the store changed."""

    as_of_s: int
    events: int
    items: int
    users: int
    records: int
    training_set: TrainingSetSummary
    candidates: CandidatesSummary


@dataclass(frozen=True, slots=True)
class _Inputs:
    """Kept tables that every step reads."""

    owned: Table
    numbered: Table
    item_events: Table
    profiles: Table
    items: pa.Table


def run_build(
    data_dir: Path, merge: Callable[[HistoryBatch], int], options: BuildOptions, advance: Advance
) -> BuildSummary:
    """Builds from data_dir/events and data_dir/catalog into data_dir/work, and gives user histories to merge.

    Raises Refused when there are no events or no items.
    """
    work_dir, log = data_dir / "work", EventLog(data_dir / "events")
    features_dir = work_dir / FEATURES_DIR
    features_dir.mkdir(parents=True, exist_ok=True)
    engine = Engine(work_dir / "spill", threads=options.threads)
    try:
        with log.reading():
            inputs, as_of_s, events = _inputs(engine, data_dir, log, options.as_of_s)
        advance("items", 0, 2)
        windows = ItemWindows.read(engine, inputs.item_events)
        write_items_file(windows, inputs.items, as_of_s, work_dir)
        advance("items", 1, 2)
        write_item_days(windows, features_dir)
        del windows
        advance("items", 2, 2)
        users = _write_user_features(engine, inputs, as_of_s, features_dir, advance)
        training_set = write_training_set(
            engine,
            inputs.numbered,
            inputs.item_events,
            inputs.profiles,
            features_dir,
            options.training_set,
            lambda done, of: advance("training set", done, of),
        )
        with log.reading():
            events_before = engine.from_files(log.files(), EVENT_LOG_SCHEMA)
            events_before = events_before.filter(events_before.event_time_us < as_of_s * MICROSECONDS)
            write_examination(engine, events_before, work_dir)
        records = _materialize(engine, inputs, merge, advance)
    finally:
        engine.close()
    advance("candidates", 0, 1)
    candidates = build_candidates(
        work_dir, log, as_of_s, neighbours=options.neighbours, search=options.search
    )
    advance("candidates", 1, 1)
    summary = BuildSummary(as_of_s, events, inputs.items.num_rows, users, records, training_set, candidates)
    _write_summary(work_dir, summary)
    return summary


def load_records(
    data_dir: Path, merge: Callable[[HistoryBatch], int], options: BuildOptions, advance: Advance
) -> int:
    """Gives user histories to merge and builds nothing else: for a store that is new or has lost its records.

    Returns how many records the store changed. Raises Refused as run_build does.
    """
    log = EventLog(data_dir / "events")
    engine = Engine(data_dir / "work" / "spill", threads=options.threads)
    try:
        with log.reading():
            inputs, _, _ = _inputs(engine, data_dir, log, options.as_of_s)
        return _materialize(engine, inputs, merge, advance)
    finally:
        engine.close()


def _inputs(engine: Engine, data_dir: Path, log: EventLog, as_of_s: int | None) -> tuple[_Inputs, int, int]:
    """Returns the kept tables, the build's time and the number of events, which all are from before that time."""
    catalogue, users = read_items(data_dir), read_users(data_dir)
    files = log.files()
    if not files or not catalogue.num_rows:
        missing = "events" if not files else "items"
        raise Refused(f"there are no {missing} in {data_dir}: import some first", reason="NOTHING_TO_BUILD")
    items = release_rows(catalogue)
    known = engine.from_arrow(engine_items(items))
    links = engine.from_arrow(log.link_intervals())
    owned = owned_events(engine.from_files(files, EVENT_LOG_SCHEMA), links)
    if as_of_s is not None:
        owned = owned.filter(owned.time_s < as_of_s)
    kept = engine.keep(owned)
    newest = engine.to_arrow(kept.aggregate(newest=kept.event_time_us.max())).column("newest")[0].as_py()
    if newest is None:
        raise Refused(f"there are no events before {as_of_s}", reason="NOTHING_TO_BUILD")
    now_s = newest // MICROSECONDS + 1 if as_of_s is None else as_of_s
    inputs = _Inputs(
        owned=kept,
        numbered=engine.keep(numbered_history(kept, known)),
        item_events=engine.keep(item_events(kept, known)),
        profiles=engine.from_arrow(_profiles(users)),
        items=items,
    )
    return inputs, now_s, engine.row_count(kept)


def _profiles(users: pa.Table) -> pa.Table:
    owners = pc.binary_join_element_wise(USER_PREFIX, users.column("user_id"), "")
    return users.drop_columns(["user_id"]).append_column("owner", owners)


def _write_user_features(
    engine: Engine, inputs: _Inputs, as_of_s: int, directory: Path, advance: Advance
) -> int:
    """Writes USER_FEATURES_FILE: owner and user_features as of the build; returns the number of users."""
    numbered = inputs.numbered
    owners = engine.to_arrow(numbered.select("owner").distinct().order_by("owner"))
    count: int = owners.num_rows
    writer: pq.ParquetWriter | None = None
    for first in range(0, count, USER_BATCH):
        names = owners.column("owner").slice(first, USER_BATCH)
        asked = pa.table(
            {
                "request_id": pa.array(range(first, first + len(names)), pa.int64()),
                "owner": names,
                "as_of_s": pa.array([as_of_s] * len(names), pa.int64()),
            }
        )
        requests = engine.from_arrow(asked)
        history = engine.keep(history_before(count_history(requests, numbered), numbered))
        features = requests.join(user_features(requests, history), "request_id").order_by("request_id")
        table = engine.to_arrow(features.drop("request_id"))
        writer = writer or pq.ParquetWriter(directory / USER_FEATURES_FILE, table.schema, compression="zstd")
        writer.write_table(table)
        engine.drop(history)
        engine.drop(requests)
        advance("users", min(first + USER_BATCH, count), count)
    if writer is not None:
        writer.close()
    return count


def _materialize(
    engine: Engine, inputs: _Inputs, merge: Callable[[HistoryBatch], int], advance: Advance
) -> int:
    batches = history_batches(
        engine,
        inputs.owned,
        inputs.numbered,
        inputs.profiles,
        lambda done, of: advance("user records", done, of),
    )
    return sum(merge(batch) for batch in batches)


def _write_summary(work_dir: Path, summary: BuildSummary) -> None:
    content = {"as_of_s": summary.as_of_s, "events": summary.events, "items": summary.items}
    (work_dir / BUILD_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
