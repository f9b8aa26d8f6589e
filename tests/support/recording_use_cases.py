"""Use cases that record what they are called with, answer with what a test sets, or raise what it sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.features.user_event import UserEvent
from server.handlers.messages import (
    CatalogItem,
    RankCommand,
    RecommendCommand,
    RecommendReply,
    ReleaseSummary,
    ServedBy,
    UserProfile,
    WorkerStatus,
    WriteEventsResult,
)

EMPTY_REPLY = RecommendReply(
    recommendation_id="r1",
    items=(),
    served_by=ServedBy.POPULARITY,
    release_version="v1",
    model_version="m1",
    scenario="HOME",
)


@dataclass
class RecordingUseCases:
    """All five use cases at once.

    calls: (method, arguments) in order. error: raised by every method. before: called first by every method.
    """

    calls: list[tuple[str, tuple[Any, ...]]] = field(default_factory=list)
    error: Exception | None = None
    before: Callable[[], object] | None = None
    reply: RecommendReply = EMPTY_REPLY
    item: CatalogItem = field(default_factory=lambda: CatalogItem("i1"))
    profile: UserProfile = field(default_factory=lambda: UserProfile("u1"))
    releases: list[ReleaseSummary] = field(default_factory=list)
    workers: list[WorkerStatus] = field(default_factory=list)

    def _record(self, method: str, *arguments: Any) -> None:
        self.calls.append((method, arguments))
        if self.before is not None:
            self.before()
        if self.error is not None:
            raise self.error

    def only_call(self) -> tuple[Any, ...]:
        """Returns the arguments of the one call that was made."""
        ((_, arguments),) = self.calls
        return arguments

    def recommend(self, command: RecommendCommand) -> RecommendReply:
        self._record("recommend", command)
        return self.reply

    def similar(self, item_id: str, command: RecommendCommand) -> RecommendReply:
        self._record("similar", item_id, command)
        return self.reply

    def rank(self, command: RankCommand) -> RecommendReply:
        self._record("rank", command)
        return self.reply

    def batch(self, commands: Sequence[RecommendCommand]) -> list[RecommendReply]:
        self._record("batch", commands)
        return [self.reply for _ in commands]

    def write_events(self, events: Sequence[UserEvent]) -> WriteEventsResult:
        self._record("write_events", events)
        return WriteEventsResult(stored=len(events), duplicates=0)

    def write_impressions(
        self, recommendation_id: str, positions: Sequence[int], event_time_us: int
    ) -> WriteEventsResult:
        self._record("write_impressions", recommendation_id, positions, event_time_us)
        return WriteEventsResult(stored=1, duplicates=len(positions) - 1)

    def upsert_items(self, items: Sequence[CatalogItem]) -> int:
        self._record("upsert_items", items)
        return 41 + len(items)

    def delete_items(self, item_ids: Sequence[str]) -> list[str]:
        self._record("delete_items", item_ids)
        return list(item_ids[1:])

    def get_item(self, item_id: str) -> CatalogItem:
        self._record("get_item", item_id)
        return self.item

    def upsert_profile(self, profile: UserProfile) -> None:
        self._record("upsert_profile", profile)

    def get_profile(self, user_id: str) -> UserProfile:
        self._record("get_profile", user_id)
        return self.profile

    def delete_user(self, user_id: str) -> bool:
        self._record("delete_user", user_id)
        return True

    def link_session(self, session_id: str, user_id: str) -> int:
        self._record("link_session", session_id, user_id)
        return 3

    def list_releases(self) -> list[ReleaseSummary]:
        self._record("list_releases")
        return self.releases

    def activate(self, version: str) -> list[WorkerStatus]:
        self._record("activate", version)
        return self.workers

    def roll_back(self) -> list[WorkerStatus]:
        self._record("roll_back")
        return self.workers

    def status(self) -> tuple[str, list[WorkerStatus]]:
        self._record("status")
        return "v1", self.workers
