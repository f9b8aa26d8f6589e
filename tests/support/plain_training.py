"""Training data of ids alone: what `build` makes of a user-item file without times, prices and titles."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from offline.evaluation.plain_pairs import draw_pairs
from offline.model.dataset import ExampleOptions, training_data
from offline.model.item_snapshots import Catalogue, DailyItemSnapshots
from offline.model.training_data import TrainingData
from server.features.declarations import TITLE_DIMS
from tests.support.two_clusters import REQUEST_FEATURES

ITEMS = 1_000
"""The last one is in the catalogue only: nobody ever took it."""


class _NoCounts:
    def at(self, day: int) -> dict[str, NDArray[np.float32]]:
        names = ("view_count_7d", "purchase_count_7d", "avg_rating", "num_ratings", "trending_score")
        return {name: np.zeros(ITEMS, np.float32) for name in names}


def plain_training_data(users: int = 800, pairs: int = 16_000, groups: int = 50) -> TrainingData:
    """Returns one request a pair, lines a second apart in random order."""
    lines = draw_pairs(users, ITEMS - 1, pairs, groups)
    order = np.argsort(lines[:, 0], kind="stable")
    owners, rows = lines[order].T
    starts = np.searchsorted(owners, owners)
    count = len(order)
    history = {"item_row": rows, "time_s": order, "event_type": np.full(count, 5)}
    requests = {
        "request_id": np.arange(count),
        "as_of_s": order,
        "history_start": starts,
        "history_stop": np.arange(count),
        **{name: np.full(count, value) for name, value in REQUEST_FEATURES.items()},
    }
    examples = {
        "request_id": np.arange(count),
        "item_row": rows,
        "weight": np.full(count, 5.0),
        "position": np.full(count, -1),
    }
    catalogue = Catalogue(
        category=np.full(ITEMS, -1, np.int32),
        brand=np.full(ITEMS, -1, np.int32),
        categories=(),
        brands=(),
        price=np.full(ITEMS, -1, np.float32),
        added_time_s=np.zeros(ITEMS, np.int64),
        in_stock=np.ones(ITEMS, np.float32),
        promoted=np.zeros(ITEMS, np.float32),
        title_embeddings=np.zeros((ITEMS, TITLE_DIMS), np.float32),
        image_embeddings=np.zeros((ITEMS, 0), np.float32),
    )
    snapshots = DailyItemSnapshots(catalogue, _NoCounts())
    tables = (pa.table(columns) for columns in (history, requests, examples))
    return training_data(*tables, catalogue, snapshots, ExampleOptions())
