"""The embedded store: everything in LMDB files of one directory, shared by all processes of a server.

<directory>/state/             records, links, event ids, queue, overlay log: durable before a call returns
<directory>/recommendations/   what was shown
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from server.features.history_batch import HistoryBatch
from server.stores import embedded_drain
from server.stores.embedded_events import EmbeddedEventStore, EmbeddedOverlayLog
from server.stores.embedded_recommendations import RECOMMENDATION_DATABASES, EmbeddedRecommendationLog
from server.stores.embedded_records import STATE_DATABASES
from server.stores.embedded_users import EmbeddedUserStore
from server.stores.lmdb_environment import LmdbEnvironment
from server.stores.store import DrainResult, EventLogSink, StoreLimits, SweepResult

STATE, RECOMMENDATIONS = "state", "recommendations"


class EmbeddedStore:
    """store.Store in LMDB. Thread-safe; any number of processes may open the directory, each once.

    Opening raises StoreUnavailable. clock: epoch seconds, for expiry and erasures.
    """

    in_process = True

    def __init__(
        self,
        directory: Path,
        limits: StoreLimits | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limits = limits or StoreLimits()
        self.directory = directory
        self._state = LmdbEnvironment(
            directory / STATE,
            STATE_DATABASES,
            map_bytes_max=limits.map_bytes_max,
            sync=limits.durable_writes,
        )
        self._shown = LmdbEnvironment(
            directory / RECOMMENDATIONS,
            RECOMMENDATION_DATABASES,
            map_bytes_max=limits.map_bytes_max,
            sync=False,
        )
        self.recommendations = EmbeddedRecommendationLog(
            self._shown, limits.recommendation_retention_s, clock
        )
        self.users = EmbeddedUserStore(self._state, self.recommendations, limits.record, clock)
        self.events = EmbeddedEventStore(
            self._state,
            limits.record,
            retention_s=limits.event_id_retention_s,
            queued_events_max=limits.queued_events_max,
            clock=clock,
        )
        self.overlay = EmbeddedOverlayLog(self._state)

    def watch_overlay(self, tell: Callable[[int], None]) -> None:
        """Does nothing: no other machine uses this store."""

    def worst_breaker(self) -> int:
        """Returns 0: nothing remote is asked."""
        return 0

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories of the event log with the records; returns how many records changed."""
        return self.users.merge_histories(batch)

    def drain(self, event_log: EventLogSink, *, batch_size: int = 50_000) -> DrainResult:
        """Moves all queued entries into the event log, in order; see store.Store."""
        return embedded_drain.drain(self._state, event_log, batch_size)

    def sweep(self, *, limit: int = 10_000) -> SweepResult:
        """Removes what has expired, at most ``limit`` of each kind, and frees the slots of dead readers."""
        for environment in (self._state, self._shown):
            environment.clear_stale_readers()
        event_ids = self.events.sweep(limit)
        shown = self.recommendations.sweep(limit)
        return SweepResult(event_ids, shown, more=limit in (event_ids, shown))

    def copy_to(self, directory: Path) -> None:
        """Writes a consistent copy that can be opened as a store, while others read and write."""
        self._state.copy_to(directory / STATE)
        self._shown.copy_to(directory / RECOMMENDATIONS)

    def close(self) -> None:
        """Closes the files. No other call may follow or be under way."""
        self._state.close()
        self._shown.close()
