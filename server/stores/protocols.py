"""What the server asks of its stores. Each form (embedded LMDB first) passes the same contract suite.

All calls are synchronous, thread-safe and bounded in time; they raise StoreUnavailable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.features.user_event import UserEvent
from server.features.user_record import UserRecord


@dataclass(frozen=True, slots=True)
class AppendResult:
    """stored + duplicates = events given."""

    stored: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One entry of the overlay log. patch: CatalogItem's fields that are set, JSON-able; deleted items have none."""

    sequence: int
    item_id: str
    deleted: bool
    patch: dict[str, object]


@dataclass(frozen=True, slots=True)
class LoggedRecommendation:
    """What the server showed: enough to join events to it.

    propensities: by item, the probability with which it was shown at its place; empty where nothing was left to chance.
    """

    recommendation_id: str
    user_id: str
    session_id: str
    page_type: int
    scenario: str
    time_us: int
    item_ids: Sequence[str]
    scores: Sequence[float]
    source_bits: Sequence[int]
    served_by: int
    degraded: bool
    release_version: str
    model_version: str
    latency_ms: float
    propensities: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class SessionLink:
    """A session's events belong to this user, from link_time_us on and backwards."""

    session_id: str
    user_id: str
    link_time_us: int


class UserStore(Protocol):
    """User records by storage key (features.identity.storage_key)."""

    def read(self, key: str) -> UserRecord | None:
        """Returns the record, or None for an unknown user. A session that is linked reads its user's record."""
        ...

    def write_profile(self, user_id: str, age_bucket: int, gender: int, location_cluster: int) -> None:
        """Creates or changes a user's profile, keeping the events."""
        ...

    def delete(self, user_id: str) -> bool:
        """Erases a user: record, links, queued events and logged recommendations. Returns whether anything was there.

        The erasure is queued for the event log as well, and survives a replay of old events by event_id.
        """
        ...


class EventStore(Protocol):
    """Events in: deduplicated by event_id, applied to the user's record and queued for the event log, as one
    transaction that is durable before the call returns."""

    def append(self, events: Sequence[UserEvent]) -> AppendResult:
        """Stores all of the events or none of them."""
        ...

    def link_session(self, session_id: str, user_id: str, link_time_us: int) -> int:
        """Gives a session's events, past and future, to a user. Returns how many history events moved."""
        ...

    def queued(self) -> int:
        """Returns how many entries wait to be moved into the Parquet event log."""
        ...


class OverlayLog(Protocol):
    """Item changes in order, numbered from 1 without gaps."""

    def append(self, changes: Sequence[tuple[str, bool, dict[str, object]]]) -> int:
        """Appends (item_id, deleted, patch) entries atomically; returns the last sequence number."""
        ...

    def read_after(self, sequence: int) -> Iterator[ItemChange]:
        """Yields entries with a larger sequence number, in order."""
        ...

    def last_sequence(self) -> int:
        """Returns the newest entry's number, 0 when empty. Cheap enough for every request."""
        ...


class RecommendationLog(Protocol):
    """What was shown, by recommendation_id, for a limited time."""

    def append(self, entries: Sequence[LoggedRecommendation]) -> None:
        """Stores entries."""
        ...

    def get(self, recommendation_id: str) -> LoggedRecommendation | None:
        """Returns an entry, or None when it is unknown or expired."""
        ...
