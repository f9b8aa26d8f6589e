"""What the user may want to buy again."""

from __future__ import annotations

import numpy as np

from ext import top_k
from server.features.event_types import EventType
from server.features.history_weights import SECONDS_PER_DAY
from server.pipeline.query import Retrieved
from server.pipeline.stages import Source
from server.query import Floats, History, RecommendQuery, Rows
from server.sources.category_restriction import inside

_DAY_S = int(SECONDS_PER_DAY)


class RepeatSource(Source[RecommendQuery]):
    """Proposes what the user bought, where the scenario lets bought items in.

    limit: length of the list. half_life_days: a purchase so much older than another counts half.
    """

    def __init__(self, limit: int, half_life_days: float) -> None:
        self._limit = limit
        self._half_life_days = half_life_days

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether bought items may be shown, and the user's own events count and hold any."""
        return (
            self._limit > 0
            and query.own_history
            and not query.scenario.exclude_bought
            and query.history is not None
            and len(query.history.bought_rows) > 0
        )

    def retrieve(self, query: RecommendQuery) -> Retrieved:
        """Returns the bought items by habit and recency; because = the item itself."""
        assert query.history is not None
        rows, scores = repeat_scores(query.history, query.now_s, self._half_life_days)
        if query.restricted:
            kept = inside(query, rows)
            rows, scores = rows[kept], scores[kept]
        best = top_k(scores, min(self._limit, len(scores)))
        return Retrieved(rows[best], scores[best], rows[best])


def repeat_scores(history: History, now_s: int, half_life_days: float) -> tuple[Rows, Floats]:
    """Returns the bought rows, ascending, and log2(1 + UTC days bought on) * .5^(age of the latest / half-life).

    Days and not events, because an order may list an item twice. A purchase that has left the history, which is
    short, counts as one of the history's oldest event.
    """
    bought = (history.types == EventType.PURCHASE) & (history.rows >= 0)
    rows = np.union1d(history.bought_rows, history.rows[bought])
    pairs = np.unique(np.stack((history.rows[bought], history.times_s[bought] // _DAY_S)), axis=1)
    days = np.bincount(np.searchsorted(rows, pairs[0]), minlength=len(rows))
    latest_s = np.full(len(rows), history.times_s.min(initial=now_s))
    np.maximum.at(latest_s, np.searchsorted(rows, history.rows[bought]), history.times_s[bought])
    age_days = np.maximum(now_s - latest_s, 0) / SECONDS_PER_DAY
    scores = np.log2(1 + np.maximum(days, 1)) * np.exp2(-age_days / half_life_days)
    return rows, scores.astype(np.float32)
