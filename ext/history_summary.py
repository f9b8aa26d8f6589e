"""What a user's history says: the value that summarize_history gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class HistorySummary(NamedTuple):
    """User features as declared in server.features.declarations; -1 where a value is missing.

    counters: float32[4], total_views_7d, total_purchases_30d, avg_session_duration (s), days_since_last_visit.
    viewed_categories, bought_brands: int32, ascending, each once.
    """

    counters: NDArray[np.float32]
    preferred_categories: NDArray[np.int32]
    price_range: NDArray[np.float32]
    preferred_brands: NDArray[np.int32]
    user_embedding: NDArray[np.float32]
    history_vector: NDArray[np.float32]
    viewed_categories: NDArray[np.int32]
    bought_brands: NDArray[np.int32]
