"""Item features of many (item, time) pairs at once: as items.item_features, by sums up to each event.

The expression there asks an engine for a dozen windows over each row, which took minutes at ten million events. Here the
events stand by item and time, and a window is the difference of two running sums at places found by bisection.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from ibis.expr.types import Table
from numpy.typing import NDArray

from offline.engine import Engine
from offline.features.items import DAY_S, ITEM_FEATURE_SCHEMA, MEAN_RATE_DAYS, TREND_DAYS
from offline.features.owners import event_weight
from server.features.event_types import EventType

Longs = NDArray[np.int64]

FEATURES = tuple(name for name in ITEM_FEATURE_SCHEMA if name != "pair_id")
_TIME_BITS = 40


def windowed_events(events: Table) -> Table:
    """Returns item_row, time_s, event_type, rating and weight, by item and time. events: items.item_events."""
    columns = events.select(
        item_row=events.item_row.cast("int32"),
        time_s=events.time_s.cast("int64"),
        event_type=events.event_type.cast("int8"),
        rating=events.rating.cast("float64"),
        weight=event_weight(events.event_type),
    )
    return columns.order_by(["item_row", "time_s"])


class ItemWindows:
    """Events by item and time, with running sums."""

    def __init__(self, events: pa.Table) -> None:
        """events: of windowed_events."""
        self.rows = events.column("item_row").to_numpy().astype(np.int64)
        self.times_s = events.column("time_s").to_numpy()
        types = events.column("event_type").to_numpy()
        rating = events.column("rating").to_numpy()
        rated = (types == int(EventType.RATING)) & (rating >= 0)
        self._keys = (self.rows << _TIME_BITS) | self.times_s
        self._views = _running(types == int(EventType.VIEW))
        self._purchases = _running(types == int(EventType.PURCHASE))
        self._ratings = _running(rated)
        self._rating_sums = _running(np.where(rated, rating, 0.0))
        self._weights = _running(events.column("weight").to_numpy())

    @classmethod
    def read(cls, engine: Engine, events: Table) -> ItemWindows:
        """Returns the windows over items.item_events."""
        return cls(engine.to_arrow(windowed_events(events)))

    def values(self, rows: Longs, as_of_s: Longs) -> Mapping[str, NDArray[np.float32]]:
        """Returns FEATURES of n pairs, float32[n] each, from events before as_of_s."""
        first = np.searchsorted(self._keys, rows << _TIME_BITS)
        places = {
            days: np.searchsorted(self._keys, (rows << _TIME_BITS) | (as_of_s - days * DAY_S))
            for days in (*range(TREND_DAYS + 1), MEAN_RATE_DAYS)
        }
        short_rate, norm = np.zeros(len(rows)), 0.0
        for age in range(TREND_DAYS):
            short_rate += (self._weights[places[age]] - self._weights[places[age + 1]]) * 0.5**age
            norm += 0.5**age
        long_rate = (self._weights[places[0]] - self._weights[places[MEAN_RATE_DAYS]]) / MEAN_RATE_DAYS
        ratings = self._ratings[places[0]] - self._ratings[first]
        rating_sums = self._rating_sums[places[0]] - self._rating_sums[first]
        found = {
            "view_count_7d": self._views[places[0]] - self._views[places[7]],
            "purchase_count_7d": self._purchases[places[0]] - self._purchases[places[7]],
            "avg_rating": np.where(ratings > 0, rating_sums / np.maximum(ratings, 1), 0.0),
            "num_ratings": ratings,
            "trending_score": (short_rate / norm) / (long_rate + 1.0),
        }
        return {name: found[name].astype(np.float32) for name in FEATURES}


def _running(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Returns the sums before each place, float64[n + 1]."""
    return np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
