"""Counts of what was served."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

from server.pipeline.side_effect_runner import SideEffect
from server.stores.protocols import LoggedRecommendation


class ServingCountersEffect(SideEffect[LoggedRecommendation]):
    """Counts recommendations by (scenario, served_by number, degraded), since the start of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, int, bool]] = Counter()

    def apply(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Counts the entries."""
        with self._lock:
            self._counts.update((entry.scenario, entry.served_by, entry.degraded) for entry in entries)

    def counts(self) -> dict[tuple[str, int, bool], int]:
        """Returns a copy of the counts."""
        with self._lock:
            return dict(self._counts)
