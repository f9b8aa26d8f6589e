"""What the servicers call. The handlers package implements these; tests put recording fakes in their place.

All raise the errors of server.errors, and nothing else on purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from server.features.user_event import UserEvent
from server.handlers.messages import (
    CatalogItem,
    RankCommand,
    RecommendCommand,
    RecommendReply,
    ReleaseSummary,
    UserProfile,
    WorkerStatus,
    WriteEventsResult,
)


class RecommendUseCases(Protocol):
    """Ranked lists."""

    def recommend(self, command: RecommendCommand) -> RecommendReply:
        """Returns the list for one request."""
        ...

    def similar(self, item_id: str, command: RecommendCommand) -> RecommendReply:
        """Returns items like item_id. Raises NotFound where the catalogue does not hold it."""
        ...

    def rank(self, command: RankCommand) -> RecommendReply:
        """Returns the caller's own items in order."""
        ...

    def batch(self, commands: Sequence[RecommendCommand]) -> list[RecommendReply]:
        """Returns one reply a command, in order."""
        ...


class EventUseCases(Protocol):
    """Events in."""

    def write_events(self, events: Sequence[UserEvent]) -> WriteEventsResult:
        """Stores all of the events or none."""
        ...

    def write_impressions(
        self, recommendation_id: str, positions: Sequence[int], event_time_us: int
    ) -> WriteEventsResult:
        """Stores impressions of a logged answer. Raises NotFound where the answer is unknown or expired."""
        ...


class CatalogUseCases(Protocol):
    """The catalogue."""

    def upsert_items(self, items: Sequence[CatalogItem]) -> int:
        """Applies the changes; returns the overlay sequence of the last."""
        ...

    def delete_items(self, item_ids: Sequence[str]) -> list[str]:
        """Deletes items; returns the ids that were not there."""
        ...

    def get_item(self, item_id: str) -> CatalogItem:
        """Returns an item. Raises NotFound."""
        ...


class ProfileUseCases(Protocol):
    """Users."""

    def upsert_profile(self, profile: UserProfile) -> None:
        """Sets a user's profile."""
        ...

    def get_profile(self, user_id: str) -> UserProfile:
        """Returns a user's profile. Raises NotFound."""
        ...

    def delete_user(self, user_id: str) -> bool:
        """Erases a user; returns whether anything was known."""
        ...

    def link_session(self, session_id: str, user_id: str) -> int:
        """Gives a session's events to a user; returns how many moved."""
        ...


class ReleaseUseCases(Protocol):
    """Releases."""

    def list_releases(self) -> list[ReleaseSummary]:
        """Returns the releases on disk, newest first."""
        ...

    def activate(self, version: str) -> list[WorkerStatus]:
        """Switches all workers to a release. Raises NotFound and ReleaseRefused."""
        ...

    def roll_back(self) -> list[WorkerStatus]:
        """Switches all workers to the release before. Raises Refused where there is none."""
        ...

    def status(self) -> tuple[str, list[WorkerStatus]]:
        """Returns the version that is to be served, and every worker's state."""
        ...
