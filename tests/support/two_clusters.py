"""A shop of two kinds of customer: garden people buy garden things, kitchen people kitchen things, never the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from offline.model.dataset import ExampleOptions, training_data
from offline.model.item_snapshots import Catalogue, DailyItemSnapshots
from offline.model.training_data import DAY_S, TrainingData
from offline.text import fit_text_encoder
from server.features.declarations import TITLE_DIMS

START_DAY = 18_500
DAYS = 60
ITEMS_PER_CLUSTER = 20
USERS_PER_CLUSTER = 15
BASKETS = 8
CLUSTERS = ("garden", "kitchen")


@dataclass(frozen=True)
class TwoClusters:
    """Items 0..19 are of cluster 0, 20..39 of cluster 1. unsold: the last of each, which nobody ever bought."""

    data: TrainingData
    catalogue: Catalogue
    item_cluster: NDArray[np.int64]
    query_cluster: NDArray[np.int64]
    unsold: tuple[int, int] = (ITEMS_PER_CLUSTER - 1, 2 * ITEMS_PER_CLUSTER - 1)


class QuietDays:
    """Item features that never change, so that content and ids are all there is to learn from."""

    def at(self, day: int) -> dict[str, NDArray[np.float32]]:
        """Returns zeros."""
        names = ("view_count_7d", "purchase_count_7d", "avg_rating", "num_ratings", "trending_score")
        return {name: np.zeros(2 * ITEMS_PER_CLUSTER, np.float32) for name in names}


def build_two_clusters(seed: int = 0) -> TwoClusters:
    """Returns the shop: each user buys three items on each of eight days, at noon; even users are of cluster 0."""
    rng = np.random.default_rng(seed)
    history: list[tuple[int, int]] = []
    requests: list[dict[str, object]] = []
    examples: list[dict[str, object]] = []
    for user in range(2 * USERS_PER_CLUSTER):
        start = len(history)
        for day in sorted(rng.choice(DAYS, BASKETS, replace=False).tolist()):
            time_s = (START_DAY + day) * DAY_S + DAY_S // 2
            basket = np.sort(rng.choice(ITEMS_PER_CLUSTER - 1, 3, replace=False)) + ITEMS_PER_CLUSTER * (
                user % 2
            )
            request = {"request_id": len(requests), "as_of_s": time_s, "history_start": start}
            examples += [
                {"request_id": len(requests), "item_row": int(row), "weight": 5.0, "position": -1}
                for row in basket
            ]
            requests.append({**request, **REQUEST_FEATURES, "history_stop": len(history)})
            history += [(int(row), time_s) for row in basket]
    catalogue = _catalogue()
    events = {
        "item_row": [r for r, _ in history],
        "time_s": [t for _, t in history],
        "event_type": [5] * len(history),
    }
    data = training_data(
        pa.table(events),
        pa.Table.from_pylist(requests),
        pa.Table.from_pylist(examples),
        catalogue,
        DailyItemSnapshots(catalogue, QuietDays()),
        ExampleOptions(),
    )
    cluster = np.arange(2 * ITEMS_PER_CLUSTER) // ITEMS_PER_CLUSTER
    return TwoClusters(data, catalogue, cluster, np.arange(len(requests)) // BASKETS % 2)


REQUEST_FEATURES: dict[str, object] = {
    **dict.fromkeys(("age_bucket", "gender"), 0),
    "location_cluster": -1,
    **dict.fromkeys(("total_views_7d", "total_purchases_30d", "avg_session_duration"), 0.0),
    "days_since_last_visit": -1.0,
    **{f"preferred_{kind}_{place}": -1 for kind in ("categories", "brands") for place in (1, 2, 3)},
    **dict.fromkeys(("price_low", "price_high"), -1.0),
    **dict.fromkeys(("is_weekend", "device_mobile"), 0.0),
    "hour_of_day": 12.0,
    "page_type": 0,
}


def _catalogue() -> Catalogue:
    count = 2 * ITEMS_PER_CLUSTER
    clusters = np.arange(count) // ITEMS_PER_CLUSTER
    titles = [f"{CLUSTERS[c]} thing {n % ITEMS_PER_CLUSTER}" for n, c in enumerate(clusters)]
    categories, brands = [CLUSTERS[c] for c in clusters], [""] * count
    encoder = fit_text_encoder(titles, categories, brands, buckets=512, dims=TITLE_DIMS)
    return Catalogue(
        category=clusters.astype(np.int32),
        brand=np.full(count, -1, np.int32),
        categories=CLUSTERS,
        brands=(),
        price=np.full(count, 10, np.float32),
        added_time_s=np.full(count, (START_DAY - 1) * DAY_S, np.int64),
        in_stock=np.ones(count, np.float32),
        promoted=np.zeros(count, np.float32),
        title_embeddings=encoder.encode(titles, categories, brands),
        image_embeddings=np.zeros((count, 0), np.float32),
    )
