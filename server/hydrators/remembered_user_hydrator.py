"""Where what earlier requests have found out about the same user is kept."""

from __future__ import annotations

import threading

from server.features.record_codec import content_digest
from server.pipeline.remembered import Remembered
from server.pipeline.stages import QueryHydrator
from server.pipeline.two_queues import TwoQueues
from server.query import RecommendQuery


class RememberedUserHydrator(QueryHydrator[RecommendQuery, Remembered]):
    """Hands out the place of the ranking that the user's last request has left, while nothing that it was made of has
    changed: the record's every byte, the release, the page, the scenario, the device and the hour.

    Only requests that come to the user's record and page alone share it; those that carry events, items,
    exclusions or categories of their own compute everything anew, and those that are to be explained as well.
    users_max: users remembered, those asked for often before those asked for last; 0 turns it off. age_max_s: how old
    what is remembered may be, because features count days and weeks, and prices change.
    """

    produces = "remembered"

    def __init__(self, users_max: int, age_max_s: float) -> None:
        self._users_max = users_max
        self._age_max_s = age_max_s
        self._lock = threading.Lock()
        self._users = TwoQueues[str, Remembered](users_max)
        self.hits = 0
        self.misses = 0

    def enabled(self, query: RecommendQuery) -> bool:
        """Returns whether the answer follows from the user's record and the page."""
        return (
            self._users_max > 0
            and query.record is not None
            and query.own_history
            and not query.explain
            and not len(query.session.types)
            and not (
                query.context_item_ids
                or query.excluded_item_ids
                or query.category_ids
                or query.caller_item_ids
            )
        )

    def hydrate(self, query: RecommendQuery) -> Remembered:
        """Returns the user's place, empty where there was none that holds still."""
        assert query.record is not None
        basis = (query.release.identity, query.context, query.scenario_name, content_digest(query.record))
        now_s = query.budget.clock()
        with self._lock:
            known = self._users.get(query.user_key)
            if known is not None and known.basis == basis and now_s - known.since_s < self._age_max_s:
                if known.ranking is None:
                    self.misses += 1
                else:
                    self.hits += 1
                return known
            self.misses += 1
            known = Remembered(basis, now_s)
            if query.quality < 1:
                return known  # Its ranking will be shorter than what a calmer moment must find.
            self._users.put(query.user_key, known)
        return known
