"""One set of stores, whatever its form: what app composes and the command line opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from server.features.history_batch import HistoryBatch
from server.features.record_codec import RecordLimits
from server.features.user_event import UserEvent
from server.stores.protocols import (
    EventStore,
    OverlayLog,
    RecommendationLog,
    SessionLink,
    UserStore,
)


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """How much is kept and how hard. Times in seconds, sizes in bytes."""

    record: RecordLimits = field(default_factory=RecordLimits)
    map_bytes_max: int = 8 << 30
    durable_writes: bool = True
    event_id_retention_s: float = 7 * 86_400
    recommendation_retention_s: float = 48 * 3_600
    queued_events_max: int = 10_000_000


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What one bounded sweep removed; more: whether it stopped at its bound with work left."""

    event_ids: int = 0
    recommendations: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True)
class DrainResult:
    """What one drain moved into the event log."""

    events: int = 0
    links: int = 0
    erasures: int = 0


class EventLogSink(Protocol):
    """The part of server.stores.event_log.EventLog that a drain calls. Every call is idempotent."""

    def append_events(self, events: Sequence[UserEvent], batch_name: str) -> object:
        """Stores events under a batch's name."""
        ...

    def append_links(self, links: Sequence[SessionLink], batch_name: str) -> None:
        """Stores session links under a batch's name."""
        ...

    def erase_user(self, user_id: str, erased_time_us: int | None = None) -> int:
        """Removes a user's events up to a time."""
        ...


class SequencedOverlayLog(OverlayLog, Protocol):
    """An overlay log that can be trimmed and moved on."""

    def trim(self, sequence: int) -> int:
        """Removes entries up to a sequence number; returns how many. Numbers are never given again."""
        ...

    def raise_sequence(self, sequence: int) -> None:
        """Makes the next entry's number larger than this one.

        For a server whose store was lost or replaced: its releases hold changes up to a number, and changes
        that were given smaller numbers again would be taken for old.
        """
        ...


class Store(Protocol):
    """Everything that a server remembers beside its releases and the event log.

    in_process: whether reading a user takes no more than this process, so that a fallback may do it too.
    """

    in_process: bool

    @property
    def users(self) -> UserStore:
        """User records."""
        ...

    @property
    def events(self) -> EventStore:
        """Events in."""
        ...

    @property
    def overlay(self) -> SequencedOverlayLog:
        """Item changes."""
        ...

    @property
    def recommendations(self) -> RecommendationLog:
        """What was shown."""
        ...

    def watch_overlay(self, tell: Callable[[int], None]) -> None:
        """Calls tell with the newest item change's number when another machine may have made it.

        A store of one machine has nothing to tell: its processes have the control block.
        """
        ...

    def worst_breaker(self) -> int:
        """Returns the BreakerState of the server that is worst off; 0 (closed) where there is none."""
        ...

    def merge_histories(self, batch: HistoryBatch) -> int:
        """Unites histories of the event log with the records; returns how many records were written.

        Idempotent. What a user did before an erasure is not brought back.
        """
        ...

    def drain(self, event_log: EventLogSink, *, batch_size: int = 50_000) -> DrainResult:
        """Moves all queued entries into the event log, in order.

        After a crash at any point the next drain goes on, and nothing is lost or doubled. One at a time over all
        processes; a second one returns at once, having moved nothing.
        """
        ...

    def sweep(self, *, limit: int = 10_000) -> SweepResult:
        """Removes what has expired, at most ``limit`` of each kind."""
        ...

    def copy_to(self, directory: Path) -> None:
        """Writes a consistent copy that can be opened as a store, while others read and write."""
        ...

    def close(self) -> None:
        """Releases files and memory. No other call may follow or be under way."""
        ...
