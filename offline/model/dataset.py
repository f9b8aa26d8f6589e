"""From the files that `build` wrote (offline/features) to what the model is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.features.embeddings import pooled_means
from offline.features.item_days import ItemDays
from offline.features.training_set import EXAMPLES_FILE, HISTORY_FILE, REQUESTS_FILE
from offline.model.item_snapshots import Catalogue, DailyItemSnapshots
from offline.model.training_data import ContextColumns, HistoryEvents, TrainingData
from server.features.declarations import PREFERENCES_MAX, VECTOR_DIMS
from server.features.encoding import PREFERENCE_BUCKETS, UserFeatures, bucket_table
from server.features.event_types import EVENT_WEIGHTS

Codes = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float32]

FEATURES_DIR = "features"

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class ExampleOptions:
    """How much each example weighs.

    repeat_weight: factor on an item that is in the user's history already; small, because bought items are left
    out where lists are served. position_exponent: an item shown at position p (from 0) is taken to have been
    looked at with probability (p + 1)^-exponent, and weighs the inverse (Joachims et al., "Unbiased
    Learning-to-Rank with Biased Feedback", WSDM 2017); TowerOptions.clip_weight bounds it. Where the log has clicks on
    lists enough, `build` estimates the exponent (position_bias.py) and this is not used.
    """

    repeat_weight: float = 0.2
    position_exponent: float = 0.5


def load_training_data(work_dir: Path, catalogue: Catalogue, options: ExampleOptions) -> TrainingData:
    """Returns the requests, examples and item days of a work directory. catalogue: in the same row order."""
    directory = work_dir / FEATURES_DIR
    history = pq.read_table(directory / HISTORY_FILE).combine_chunks()
    requests = pq.read_table(directory / REQUESTS_FILE).combine_chunks()
    examples = pq.read_table(
        directory / EXAMPLES_FILE, columns=["request_id", "item_row", "weight", "position"]
    )
    days = ItemDays.load(directory, catalogue.item_count)
    return training_data(
        history, requests, examples.combine_chunks(), catalogue, DailyItemSnapshots(catalogue, days), options
    )


def training_data(
    history: pa.Table,
    requests: pa.Table,
    examples: pa.Table,
    catalogue: Catalogue,
    snapshots: DailyItemSnapshots,
    options: ExampleOptions,
) -> TrainingData:
    """Returns the same from tables, as offline.features.training_set describes them."""
    events = HistoryEvents(
        rows=_column(history, "item_row", np.int32),
        times_s=_column(history, "time_s", np.int64),
        types=_column(history, "event_type", np.uint8),
    )
    starts = _column(requests, "history_start", np.int64)
    stops = _column(requests, "history_stop", np.int64)
    # Requests are numbered in order, and examples come by request.
    offsets = np.searchsorted(_column(examples, "request_id", np.int64), np.arange(len(starts) + 1))
    rows = _column(examples, "item_row", np.int32)
    weights = _column(examples, "weight", np.float32) / np.float32(max(EVENT_WEIGHTS.values()))
    position = np.maximum(_column(examples, "position", np.int64), 0)
    weights = weights * (position + 1.0) ** options.position_exponent
    query = np.repeat(np.arange(len(starts)), np.diff(offsets))
    repeat = is_repeat(events.rows, starts[query], stops[query], rows, catalogue.item_count)
    weights[repeat] *= options.repeat_weight
    return TrainingData(
        item_count=catalogue.item_count,
        image_dims=catalogue.image_embeddings.shape[1],
        users=_user_features(requests, pooled_means(events.rows, starts, stops, catalogue.title_embeddings)),
        contexts=ContextColumns(
            is_weekend=_column(requests, "is_weekend", np.float32),
            hour_of_day=_column(requests, "hour_of_day", np.float32),
            device_mobile=_column(requests, "device_mobile", np.float32),
            page_type=_column(requests, "page_type", np.int64),
        ),
        times_s=_column(requests, "as_of_s", np.int64),
        history=events,
        history_start=starts,
        history_stop=stops,
        example_offsets=offsets.astype(np.int64),
        example_rows=rows,
        example_weights=weights.astype(np.float32),
        category_buckets=bucket_table(catalogue.categories, PREFERENCE_BUCKETS),
        brand_buckets=bucket_table(catalogue.brands, PREFERENCE_BUCKETS),
        items=snapshots,
    )


def is_repeat(
    history_rows: Codes, starts: Longs, stops: Longs, rows: Codes, item_count: int
) -> NDArray[np.bool_]:
    """Returns bool[X]: whether example x's row is in history_rows[starts[x]:stops[x]].

    starts: where the user's whole history begins, so that it names the user.
    """
    users = np.unique(starts)
    owners = np.searchsorted(users, np.arange(len(history_rows)), "right") - 1
    known = np.flatnonzero((history_rows >= 0) & (owners >= 0))
    keys, first = np.unique(owners[known] * item_count + history_rows[known], return_index=True)
    wanted = np.searchsorted(users, starts) * item_count + rows
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    if not len(keys):
        return np.zeros(len(rows), bool)
    return np.asarray((keys[place] == wanted) & (known[first[place]] < stops))


def _user_features(requests: pa.Table, user_embedding: Floats) -> UserFeatures:
    count = requests.num_rows
    places = range(1, PREFERENCES_MAX + 1)
    preferences = {
        name: np.stack([_column(requests, f"{name}_{place}", np.int32) for place in places], axis=1)
        for name in ("preferred_categories", "preferred_brands")
    }
    price_range = [_column(requests, name, np.float32) for name in ("price_low", "price_high")]
    return UserFeatures(
        age_bucket=_column(requests, "age_bucket", np.int8),
        gender=_column(requests, "gender", np.int8),
        location_cluster=_column(requests, "location_cluster", np.int16),
        total_views_7d=_column(requests, "total_views_7d", np.float32),
        total_purchases_30d=_column(requests, "total_purchases_30d", np.float32),
        avg_session_duration=_column(requests, "avg_session_duration", np.float32),
        days_since_last_visit=_column(requests, "days_since_last_visit", np.float32),
        preferred_categories=preferences["preferred_categories"],
        preferred_price_range=np.stack(price_range, axis=1),
        preferred_brands=preferences["preferred_brands"],
        user_embedding=user_embedding,
        history_vector=np.broadcast_to(np.zeros(VECTOR_DIMS, np.float32), (count, VECTOR_DIMS)),
    )


def _column(table: pa.Table, name: str, dtype: type[_T]) -> NDArray[_T]:
    values: NDArray[_T] = table.column(name).to_numpy().astype(dtype)
    return values
