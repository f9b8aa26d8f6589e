"""The store on Redis: one server or a cluster, shared by all processes and machines of a deployment."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from server.circuit_breaker import BreakerState
from server.errors import StoreUnavailable
from server.features.history_batch import HistoryBatch
from server.stores import redis_drain
from server.stores.redis_connection import RedisTimes
from server.stores.redis_events import RedisEventStore
from server.stores.redis_keys import RedisKeys
from server.stores.redis_link import RedisLink
from server.stores.redis_node import PoolValues
from server.stores.redis_overlay import RedisOverlayLog
from server.stores.redis_recommendations import RedisRecommendationLog
from server.stores.redis_users import RedisUserStore
from server.stores.store import DrainResult, EventLogSink, StoreLimits, SweepResult

log = logging.getLogger(__name__)

_STOP_S = 2.0
_COUNT_INTERVAL_S = 5.0
"""How often a worker counts what a cluster's partitions have queued together."""


@dataclass(frozen=True, slots=True)
class RedisValues:
    """The client's knobs. poll_s: how often the number of the newest item change is asked for beside requests."""

    prefix: str = "shortlist"
    times: RedisTimes = field(default_factory=RedisTimes)
    pool: PoolValues = field(default_factory=PoolValues)
    poll_s: float = 0.25


class RedisStore:
    """store.Store in Redis. Thread-safe.

    Opening it does not fail when no server answers: requests are served without user records until one does.
    clock: epoch seconds, for expiry and erasures.
    """

    in_process = False

    def __init__(
        self,
        link: RedisLink,
        limits: StoreLimits | None = None,
        values: RedisValues | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limits, values = limits or StoreLimits(), values or RedisValues()
        keys = RedisKeys(values.prefix, link.partitions)
        self.link = link
        self._keys = keys
        self._values = values
        self._tell: Callable[[int], None] | None = None
        self._told = 0
        self._stopped = threading.Event()
        self._poller: threading.Thread | None = None
        self.overlay = RedisOverlayLog(link, keys)
        self.recommendations = RedisRecommendationLog(link, keys, limits.recommendation_retention_s, clock)
        self.users = RedisUserStore(
            link, keys, self.recommendations, limits.record, self._saw_sequence, clock
        )
        self.events = RedisEventStore(
            link,
            keys,
            limits.record,
            retention_s=limits.event_id_retention_s,
            queued_events_max=limits.queued_events_max,
            clock=clock,
        )

    def watch_overlay(self, tell: Callable[[int], None]) -> None:
        """Calls tell with the newest item change's number whenever it grew: as a read brings it along, or by a look
        now and then, for a worker that reads no user of partition 0."""
        self._tell = tell
        self._poller = threading.Thread(target=self._poll, name="redis-overlay", daemon=True)
        self._poller.start()

    def worst_breaker(self) -> int:
        """Returns the state of the worst of the servers' breakers: of a cluster, one lost master shows."""
        return max((int(node.breaker.state) for node in self.link.nodes()), default=int(BreakerState.OPEN))

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories of the event log with the records; returns how many records changed."""
        return self.users.merge_histories(batch)

    def drain(self, event_log: EventLogSink, *, batch_size: int = 50_000) -> DrainResult:
        """Moves all queued entries into the event log, in order; see store.Store."""
        try:
            return redis_drain.drain(self.link, self._keys, event_log, batch_size)
        finally:
            self.events.known_queued = 0

    def sweep(self, *, limit: int = 10_000) -> SweepResult:
        """Forgets expired event ids, at most ``limit``; recommendations expire by themselves and are not counted."""
        event_ids = self.events.sweep(limit)
        return SweepResult(event_ids, 0, more=event_ids == limit)

    def copy_to(self, directory: Path) -> None:
        """Raises StoreUnavailable: Redis makes copies of its own."""
        raise StoreUnavailable(
            "the store is on Redis, which `shortlist backup` does not copy; let Redis do it (BGSAVE, then copy its "
            "dump file; docs/stores.md)",
            reason="STORE_NOT_ON_DISK",
        )

    def close(self) -> None:
        """Closes the connections. No other call may follow or be under way."""
        self._stopped.set()
        if self._poller is not None:
            self._poller.join(_STOP_S)
        self.link.close()

    def _saw_sequence(self, sequence: int) -> None:
        if sequence <= self._told:
            return
        self.overlay.saw(sequence)
        self._told = sequence
        if self._tell is not None:
            self._tell(sequence)

    def _poll(self) -> None:
        count_after_s = 0.0
        while not self._stopped.wait(self._values.poll_s):
            try:
                self._saw_sequence(self.overlay.last_sequence())
                if self._keys.partitions > 1 and time.monotonic() >= count_after_s:
                    count_after_s = time.monotonic() + _COUNT_INTERVAL_S
                    self.events.queued()
            except StoreUnavailable:
                continue
            except Exception:
                log.exception("the newest item change cannot be looked up")
                self._stopped.wait(_STOP_S)
