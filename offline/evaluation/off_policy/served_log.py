"""The log of a running system: what its recommendation log says was shown, and what its event log says came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import scipy.sparse as sp
from numpy.typing import NDArray

from offline.evaluation.off_policy.log_files import codes, numbers, read_columns, refuse_lines, wrong
from offline.evaluation.off_policy.logged_choices import LoggedChoices
from offline.evaluation.off_policy.target_policies import TargetPolicy
from server.features.event_types import EventType
from server.stores.entry_codec import unpack_recommendation
from server.stores.event_log import EVENT_LOG_SCHEMA, EventLog
from server.stores.protocols import LoggedRecommendation

JOIN_COLUMNS = ("recommendation_id", "item_id", "event_type")


def read_recommendations(paths: Sequence[Path]) -> Iterator[LoggedRecommendation]:
    """Yields the recommendations of log files (JSONL) that carry propensities; degraded answers are left out.

    A fallback is not the policy that the propensities describe. Raises InvalidRequest with file and line.
    """
    for path in paths:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                try:
                    entry = unpack_recommendation(line)
                except (ValueError, TypeError, KeyError):
                    raise wrong(f"{path}:{number}", "BAD_JSON", "is no logged recommendation") from None
                if entry.propensities and not entry.degraded:
                    yield entry


def served_choices(entries: Sequence[LoggedRecommendation], events: EventLog) -> LoggedChoices:
    """Returns the shown items of recommendations, with reward 1 where an event says that the item was clicked.

    Where a recommendation has impressions, only the items in them were shown; where it has none, all of it counts.
    Raises InvalidRequest where no recommendation carries propensities.
    """
    if not entries:
        raise wrong(
            "recommendation log", "NO_PROPENSITIES", "holds none; serve with exploration_share above 0"
        )
    seen, clicked = _joined(events, {entry.recommendation_id for entry in entries})
    items: list[str] = []
    columns: list[tuple[int, int, float, float]] = []
    for group, entry in enumerate(entries):
        shown = seen.get(entry.recommendation_id)
        for position, (item_id, propensity) in enumerate(
            zip(entry.item_ids, entry.propensities, strict=True)
        ):
            if shown is None or item_id in shown:
                reward = float(item_id in clicked.get(entry.recommendation_id, ()))
                items.append(item_id)
                columns.append((position, group, reward, propensity))
    item_ids, item_codes = codes(pa.chunked_array([pa.array(items, pa.string())]))
    positions, groups, rewards, propensities = np.array(columns, np.float64).reshape(-1, 4).T
    return LoggedChoices(
        item_ids,
        item_codes,
        positions.astype(np.int64),
        rewards,
        propensities,
        groups.astype(np.int64),
        [entry.recommendation_id for entry in entries],
    )


def list_policy(log: LoggedChoices, lists: Sequence[Sequence[str]]) -> TargetPolicy:
    """Returns the policy that answers each of the log's requests with one fixed list, by group."""
    rows = [
        (group, position, item_id, 1.0)
        for group, item_ids in enumerate(lists)
        for position, item_id in enumerate(item_ids)
    ]
    if not rows:
        return _policy(log, np.empty((0, 2), np.int64), [], np.empty(0))
    groups, positions, items, shares = zip(*rows, strict=True)
    return _policy(log, np.array([groups, positions]).T, items, np.array(shares))


def read_policy(path: Path, log: LoggedChoices) -> TargetPolicy:
    """Returns the policy of a CSV or Parquet file: recommendation_id, position (from 0), item_id, probability.

    What the file does not name has probability 0. Raises InvalidRequest with file, line and field.
    """
    table = read_columns(path, ("recommendation_id", "position", "item_id", "probability"))
    group_of = {request_id: group for group, request_id in enumerate(log.request_ids)}
    groups = np.array([group_of.get(name, -1) for name in table.column("recommendation_id").to_pylist()])
    shares = numbers(table, "probability", path)
    refuse_lines((shares < 0) | (shares > 1), path, "probability", "is not in 0..1")
    places = np.stack([groups, numbers(table, "position", path).astype(np.int64)], axis=1)
    known = (groups >= 0) & (places[:, 1] >= 0) & (places[:, 1] < log.position_count)
    items = np.array(table.column("item_id").to_pylist(), object)
    return _policy(log, places[known], items[known].tolist(), shares[known])


def _policy(
    log: LoggedChoices, places: NDArray[np.int64], items: Sequence[str], shares: NDArray[np.float64]
) -> TargetPolicy:
    """Returns the policy with a context a group and position."""
    width = max(log.position_count, int(places[:, 1].max(initial=-1)) + 1)
    code_of = {item_id: code for code, item_id in enumerate(log.item_ids)}
    codes_of_items = np.array([code_of.get(item_id, -1) for item_id in items], np.int64)
    known = codes_of_items >= 0
    contexts = (places[:, 0] * width + places[:, 1])[known]
    shape = (max(len(log.request_ids), 1) * width, len(log.item_ids))
    probabilities = sp.csr_matrix((shares[known], (contexts, codes_of_items[known])), shape=shape)
    return TargetPolicy(log.groups * width + log.positions, probabilities)


def _joined(
    events: EventLog, recommendation_ids: set[str]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Returns (items shown, items clicked) by recommendation."""
    seen: dict[str, set[str]] = {}
    clicked: dict[str, set[str]] = {}
    wanted = ds.field("recommendation_id").isin(pa.array(sorted(recommendation_ids), pa.string()))
    with events.reading():
        data = ds.dataset(events.files(), schema=EVENT_LOG_SCHEMA)
        for batch in data.to_batches(columns=list(JOIN_COLUMNS), filter=wanted):
            for recommendation_id, item_id, kind in zip(
                *(batch.column(name).to_pylist() for name in JOIN_COLUMNS), strict=True
            ):
                into = {EventType.IMPRESSION: seen, EventType.CLICK: clicked}.get(EventType(kind))
                if into is not None:
                    into.setdefault(recommendation_id, set()).add(item_id)
    return seen, clicked
