"""Items as the item tower sees them: the catalogue's attributes with the features of a day."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from server.features.declarations import VECTOR_DIMS
from server.features.encoding import ITEM_HASH_BUCKETS, ItemFeatures, bucket_table, encode_items

Codes = NDArray[np.int32]
Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

DAY_S = 86_400
_CACHE_BYTES_MAX = 256 << 20


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Item attributes as they stand at the build, in row order.

    category, brand: codes into categories and brands, -1 = none. price: -1 = unknown. added_time_s: epoch
    seconds. title_embeddings: [I, TITLE_DIMS]. image_embeddings: [I, image_dims].
    """

    category: Codes
    brand: Codes
    categories: Sequence[str]
    brands: Sequence[str]
    price: Floats
    added_time_s: Longs
    in_stock: Floats
    promoted: Floats
    title_embeddings: Floats
    image_embeddings: Floats

    @property
    def item_count(self) -> int:
        """I."""
        return len(self.price)


class DayFeatures(Protocol):
    """Item features that change with time, as offline.features.item_days.ItemDays gives them."""

    def at(self, day: int) -> dict[str, Floats]:
        """Returns float32[I] by feature name, as of the start of a day since 1970."""
        ...


class DailyItemSnapshots:
    """training_data.ItemSnapshots. Keeps the features of the days that were last asked for."""

    def __init__(self, catalogue: Catalogue, days: DayFeatures) -> None:
        self._catalogue = catalogue
        self._source = days
        self._category_buckets = bucket_table(catalogue.categories, ITEM_HASH_BUCKETS)
        self._brand_buckets = bucket_table(catalogue.brands, ITEM_HASH_BUCKETS)
        self._days: OrderedDict[int, dict[str, Floats]] = OrderedDict()
        self._days_max = max(2, _CACHE_BYTES_MAX // max(catalogue.item_count * 20, 1))

    def inputs_at(self, day: int, rows: Longs) -> Floats:
        """Returns the encoded items as of the start of a day; id_embedding is zero."""
        features = item_features(self._catalogue, self.values_at(day), day * DAY_S, rows)
        return encode_items(features, self._category_buckets, self._brand_buckets)

    def values_at(self, day: int) -> dict[str, Floats]:
        """Returns the day's features of all items, float32[I] by name."""
        if day not in self._days:
            self._days[day] = self._source.at(day)
            if len(self._days) > self._days_max:
                self._days.popitem(last=False)
        return self._days[day]


def item_features(catalogue: Catalogue, values: dict[str, Floats], time_s: int, rows: Longs) -> ItemFeatures:
    """Returns the features of some items as of a time, id_embedding zero. values: float32[I] by feature name."""
    age_days = np.maximum(time_s - catalogue.added_time_s[rows], 0) / DAY_S
    return ItemFeatures(
        category=catalogue.category[rows],
        brand=catalogue.brand[rows],
        price=catalogue.price[rows],
        view_count_7d=values["view_count_7d"][rows],
        purchase_count_7d=values["purchase_count_7d"][rows],
        avg_rating=values["avg_rating"][rows],
        num_ratings=values["num_ratings"][rows],
        days_since_added=age_days.astype(np.float32),
        trending_score=values["trending_score"][rows],
        in_stock=catalogue.in_stock[rows],
        is_promoted=catalogue.promoted[rows],
        title_embedding=catalogue.title_embeddings[rows],
        image_embedding=catalogue.image_embeddings[rows],
        id_embedding=np.zeros((len(rows), VECTOR_DIMS), np.float32),
    )
